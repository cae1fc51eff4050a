/* One process for one conf file: see evaluate.h.
 *
 * The file is the process' standard input; JSON comes from its standard output, or one
 * line "PATH:LINE: what is wrong" from its standard error. It gets an empty environment
 * and no other descriptor, and dies with us, with its deadline, or by its own limits.
 */
#include "worker/evaluate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "worker/image.h"

#define DEADLINE_S 5
#define OUTPUT_MAX (1U << 20)
#define REAP_MS    2 /* between two looks whether a process that fell silent has ended */

enum { ANSWER, COMPLAINT, PIPES };

struct run {
  char *path;
  pid_t pid;
  int fds[PIPES]; /* -1 once at their end */
  struct buf said[PIPES];
  int64_t deadline; /* clock_mono_ns */
};

static int fail(struct err *err, const char *path, const char *what)
{
  return err_set(err, "evaluate_failed", "%s: cannot evaluate it: %s: %s", path, what,
                 strerror(errno));
}

/* ---- the file ---- */

/* O_NONBLOCK: a pipe in the place of the file must not hold us up. */
static int open_source(const char *path, struct err *err)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT)
    return err_set(err, "not_found", "%s: there is no such file", path);
  if (fd < 0)
    return err_set(err, "bad_conf", "%s: cannot open it: %s", path, strerror(errno));
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
    return fd;
  close(fd);
  return err_set(err, "bad_conf", "%s: is no regular file", path);
}

/* ---- the child's side ---- */

static void limit(int resource, rlim_t most)
{
  struct rlimit r = {most, most};
  setrlimit(resource, &r);
}

static void take_place(int fd, int place)
{
  if (dup2(fd, place) < 0)
    _exit(126);
}

/* We may be a thread of a host that handles signals: those must not reach its handlers in
 * the child, which would pass them on to the host. */
static void restore_signals(void)
{
  sigset_t none;
  for (int number = 1; number < NSIG; number++)
    signal(number, SIG_DFL); /* fails for the few that cannot be handled */
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between fork and exec. The limits are the last resort, should our own deadline never
 * come because we are stopped. */
static void become_worker(const char *program, char *path, int parent, const int fds[3])
{
  static char name[] = "candy-worker", mode[] = "conf", locale[] = "LANG=C.UTF-8";
  char *args[] = {name, mode, path, NULL};
  char *environment[] = {locale, NULL};
  for (int i = 0; i < 3; i++)
    take_place(fds[i], i);
  close_range(3, ~0U, 0);
  restore_signals();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(126);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, DEADLINE_S + 1);
  execve(program, args, environment);
  _exit(127);
}

/* ---- our side ---- */

/* With all signals held back from before the fork until the child has no handlers. */
static pid_t fork_worker(const char *program, char *path, const int fds[3])
{
  sigset_t all, before;
  int parent = getpid();
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  if (pid == 0)
    become_worker(program, path, parent, fds);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return pid;
}

/* Takes over `source`. Descriptors 0 to 2 are open, so that none of ours is among them.
 */
static int start(struct run *run, const char *program, int source, struct err *err)
{
  int out[2] = {-1, -1}, complaint[2] = {-1, -1};
  int status = -1;
  if (pipe2(out, O_CLOEXEC) < 0 || pipe2(complaint, O_CLOEXEC) < 0) {
    fail(err, run->path, "pipe");
    goto done;
  }
  run->pid = fork_worker(program, run->path, (int[]){source, out[1], complaint[1]});
  if (run->pid < 0) {
    fail(err, run->path, "fork");
    goto done;
  }
  run->fds[ANSWER] = out[0];
  run->fds[COMPLAINT] = complaint[0];
  out[0] = complaint[0] = -1;
  status = 0;
done:
  close(source);
  for (int i = 0; i < 2; i++) {
    if (out[i] >= 0)
      close(out[i]);
    if (complaint[i] >= 0)
      close(complaint[i]);
  }
  return status;
}

static int left_ms(const struct run *run)
{
  int64_t left = (run->deadline - clock_mono_ns()) / CLOCK_MS;
  return left > 0 ? (int)left + 1 : 0;
}

static int too_slow(const struct run *run, struct err *err)
{
  return err_set(err, "bad_conf", "%s: stood still for %d s", run->path, DEADLINE_S);
}

static int read_some(struct run *run, int which, struct err *err)
{
  char chunk[16384];
  ssize_t n = read(run->fds[which], chunk, sizeof chunk);
  if (n < 0)
    return errno == EINTR ? 0 : fail(err, run->path, "read");
  if (n == 0) {
    close(run->fds[which]);
    run->fds[which] = -1;
  }
  buf_append(&run->said[which], chunk, (size_t)n);
  if (run->said[which].len > OUTPUT_MAX)
    return err_set(err, "bad_conf", "%s: what it returns is larger than 1 MB", run->path);
  return 0;
}

/* Until both pipes are at their end. */
static int listen_to(struct run *run, struct err *err)
{
  while (run->fds[ANSWER] >= 0 || run->fds[COMPLAINT] >= 0) {
    struct pollfd polls[PIPES] = {{run->fds[ANSWER], POLLIN, 0},
                                  {run->fds[COMPLAINT], POLLIN, 0}};
    int n = poll(polls, PIPES, left_ms(run));
    if (n == 0)
      return too_slow(run, err);
    if (n < 0 && errno != EINTR)
      return fail(err, run->path, "poll");
    for (int i = 0; n > 0 && i < PIPES; i++)
      if (polls[i].revents && read_some(run, i, err) < 0)
        return -1;
  }
  return 0;
}

static int reap(struct run *run, int *how, struct err *err)
{
  pid_t pid;
  while ((pid = waitpid(run->pid, how, WNOHANG)) == 0) {
    if (left_ms(run) == 0)
      return too_slow(run, err);
    poll(NULL, 0, REAP_MS);
  }
  run->pid = 0;
  return pid > 0 ? 0 : fail(err, run->path, "waitpid");
}

/* A failure in the words of the process, which name the place, or in ours. */
static int complain(struct run *run, int how, struct err *err)
{
  const struct buf *said = &run->said[COMPLAINT];
  if (WIFSIGNALED(how)) {
    const char *name = sigabbrev_np(WTERMSIG(how));
    return err_set(err, "bad_conf", "%s: its evaluation crashed: SIG%s", run->path,
                   name ? name : "?");
  }
  if (said->len == 0)
    return err_set(err, "bad_conf", "%s: its evaluation ended with code %d", run->path,
                   WEXITSTATUS(how));
  err_set(err, "bad_conf", "%.*s", (int)strcspn(said->data, "\n"), said->data);
  bool names_place = strncmp(err->text, run->path, strlen(run->path)) == 0;
  return names_place ? -1 : err_wrap(err, "%s", run->path);
}

static int judge(struct run *run, int how, json_t **out, struct err *err)
{
  if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
    return complain(run, how, err);
  *out = jx_parse(run->said[ANSWER].data, run->said[ANSWER].len, err);
  return *out ? 0 : err_wrap(err, "%s: its evaluation answered nonsense", run->path);
}

static void finish(struct run *run)
{
  if (run->pid > 0) {
    kill(run->pid, SIGKILL);
    waitpid(run->pid, NULL, 0);
  }
  for (int i = 0; i < PIPES; i++) {
    if (run->fds[i] >= 0)
      close(run->fds[i]);
    buf_fini(&run->said[i]);
  }
  free(run->path);
}

int evaluate_file(void *arg, const char *path, json_t **out, struct err *err)
{
  char program[64];
  int how = 0;
  int source = open_source(path, err);
  if (source < 0)
    return -1;
  if (!arg && worker_image(program, sizeof program, err) < 0) {
    close(source);
    return -1;
  }
  struct run run = {.path = mem_strdup(path), .fds = {-1, -1}};
  run.deadline = clock_mono_ns() + (int64_t)DEADLINE_S * 1000 * CLOCK_MS;
  int status = start(&run, arg ? arg : program, source, err);
  if (status == 0)
    status = listen_to(&run, err);
  if (status == 0)
    status = reap(&run, &how, err);
  if (status == 0)
    status = judge(&run, how, out, err);
  finish(&run);
  return status;
}
