/* links: base
 *
 * What no queue on this machine can do better: floor FILE [COUNT]
 *
 * The way of a job from its client to its handler, with all left out that is not a
 * wake-up or the disk. Every 10 ms a process sends 8 bytes to another one, whose loop
 * wakes up its writer; that writes PAGES pages to a file, as SQLite writes them to its
 * WAL, and syncs it; the loop is woken and sends the bytes to a third process. Prints the
 * milliseconds of each of COUNT such ways, one a line.
 */
#include "base/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVERY_NS (10 * CLOCK_MS)
#define PAGES    6 /* of a job's enqueue and claim in one transaction */
#define HEAD     24
#define PAGE     4096
#define FRAME    ((off_t)(HEAD + PAGE))
#define FILE_END (4000 * FRAME)

static struct writer {
  pthread_mutex_t lock;
  pthread_cond_t wanted;
  bool wants;
  int file, done; /* done: an eventfd */
  off_t at;
} writer = {.lock = PTHREAD_MUTEX_INITIALIZER, .wanted = PTHREAD_COND_INITIALIZER};

static void must(bool good, const char *what)
{
  if (good)
    return;
  perror(what);
  exit(1);
}

/* ---- the file ---- */

static void write_page(int file, off_t at)
{
  static const char bytes[PAGE];
  must(pwrite(file, bytes, HEAD, at) == HEAD, "floor: write");
  must(pwrite(file, bytes, PAGE, at + HEAD) == PAGE, "floor: write");
}

/* One that is written over later, so that no sync writes its length. */
static int make_file(const char *path)
{
  int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(file >= 0, path);
  for (off_t at = 0; at < FILE_END; at += FRAME)
    write_page(file, at);
  must(fdatasync(file) == 0, "floor: sync");
  return file;
}

static void write_and_sync(struct writer *w)
{
  for (int i = 0; i < PAGES; i++, w->at += FRAME)
    write_page(w->file, w->at);
  if (w->at > FILE_END - PAGES * FRAME)
    w->at = 0;
  must(fdatasync(w->file) == 0, "floor: sync");
}

/* ---- the host ---- */

static void *write_for_ever(void *arg)
{
  struct writer *w = arg;
  const uint64_t one = 1;
  for (;;) {
    pthread_mutex_lock(&w->lock);
    while (!w->wants)
      pthread_cond_wait(&w->wanted, &w->lock);
    w->wants = false;
    pthread_mutex_unlock(&w->lock);
    write_and_sync(w);
    must(write(w->done, &one, sizeof one) == sizeof one, "floor: eventfd");
  }
  return NULL;
}

static void ask(struct writer *w)
{
  pthread_mutex_lock(&w->lock);
  w->wants = true;
  pthread_mutex_unlock(&w->lock);
  pthread_cond_signal(&w->wanted);
}

static void run_host(int client, int worker, int file)
{
  pthread_t thread;
  int64_t sent = 0;
  uint64_t times;
  writer.file = file;
  writer.done = eventfd(0, EFD_CLOEXEC);
  must(pthread_create(&thread, NULL, write_for_ever, &writer) == 0, "floor: thread");
  struct pollfd fds[] = {{.fd = client, .events = POLLIN},
                         {.fd = writer.done, .events = POLLIN}};
  while (poll(fds, 2, -1) > 0) {
    if (fds[0].revents && read(client, &sent, sizeof sent) != sizeof sent)
      return; /* the client has ended */
    if (fds[0].revents)
      ask(&writer);
    if (fds[1].revents && read(writer.done, &times, sizeof times) > 0)
      must(write(worker, &sent, sizeof sent) == sizeof sent, "floor: send");
  }
}

/* ---- the other two ---- */

static void run_worker(int host)
{
  int64_t sent;
  while (read(host, &sent, sizeof sent) == sizeof sent)
    printf("%.3f\n", (double)(clock_mono_ns() - sent) / CLOCK_MS);
  fflush(stdout);
}

static void run_client(int host, int count)
{
  struct timespec pause = {.tv_nsec = EVERY_NS};
  for (int i = 0; i <= count; i++) { /* the last pause is for the last answer */
    nanosleep(&pause, NULL);
    int64_t now = clock_mono_ns();
    if (i < count)
      must(write(host, &now, sizeof now) == sizeof now, "floor: send");
  }
}

int main(int argc, char **argv)
{
  int client[2], worker[2];
  if (argc < 2) {
    fprintf(stderr, "usage: floor FILE [COUNT]\n");
    return 2;
  }
  int file = make_file(argv[1]);
  must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, worker) == 0,
       "floor: sockets");
  if (fork() == 0) {
    close(client[0]);
    close(worker[1]);
    run_host(client[1], worker[0], file);
    _exit(0);
  }
  close(worker[0]);
  if (fork() == 0) {
    close(client[0]);
    close(client[1]);
    run_worker(worker[1]);
    _exit(0);
  }
  run_client(client[0], argc > 2 ? atoi(argv[2]) : 1000);
  close(client[0]);
  while (wait(NULL) > 0) {
  }
  return 0;
}
