/* Starting and ending worker processes: see process.h.
 *
 * A worker gets /dev/null as standard input and output, our standard error, and three
 * descriptors: 3 the channel, 4 the page, 5 the scripts. Everything else we open is
 * close-on-exec. It ends itself when we are gone (its parent-death signal).
 */
#include "worker/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "worker/image.h"

struct process {
  uv_process_t child;
  struct channel *channel;
  struct page *page;
  const struct process_events *events;
  void *arg;
  char how[128];
  char reason[128];
  bool exited, said_all, freed;
};

/* ---- the end ---- */

static void release(uv_handle_t *handle)
{
  struct process *p = handle->data;
  munmap(p->page, sizeof *p->page);
  free(p);
}

static void maybe_gone(struct process *p)
{
  if (p->exited && p->said_all && !p->freed)
    p->events->gone(p->arg, p->reason[0] ? p->reason : p->how);
}

static void on_exit_of(uv_process_t *child, int64_t status, int signal_number)
{
  struct process *p = child->data;
  p->exited = true;
  if (signal_number)
    snprintf(p->how, sizeof p->how, "crashed: SIG%s",
             sigabbrev_np(signal_number) ? sigabbrev_np(signal_number) : "?");
  else
    snprintf(p->how, sizeof p->how, "ended with code %d", (int)status);
  maybe_gone(p);
}

static void on_closed(void *arg, const char *why)
{
  struct process *p = arg;
  p->said_all = true;
  if (why) /* no way to talk to it any more */
    process_kill(p, why);
  maybe_gone(p);
}

static void on_message(void *arg, enum message_kind kind, const char *body, size_t len)
{
  struct process *p = arg;
  if (!p->freed)
    p->events->message(p->arg, kind, body, len);
}

static void on_drained(void *arg)
{
  struct process *p = arg;
  if (!p->freed && p->events->drained)
    p->events->drained(p->arg);
}

static const struct channel_events channel_events = {on_message, on_closed, on_drained};

/* ---- the start ---- */

static int make_page(struct page **page, struct err *err)
{
  int fd = memfd_create("candy-page", MFD_CLOEXEC);
  void *memory = MAP_FAILED;
  if (fd >= 0 && ftruncate(fd, sizeof **page) == 0)
    memory = mmap(NULL, sizeof **page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    err_set(err, "worker_start", "cannot make the page of a worker: %s", strerror(errno));
    if (fd >= 0)
      close(fd);
    return -1;
  }
  *page = memory;
  (*page)->version = PAGE_VERSION;
  atomic_store(&(*page)->wall_ms, clock_standing_ms());
  return fd;
}

/* A clean environment: the time zone, and what the sanitizers of a test build want. */
static void fill_environment(char **env, size_t max)
{
  static const char *const kept[] = {"TZ", "ASAN_OPTIONS", "LSAN_OPTIONS",
                                     "UBSAN_OPTIONS"};
  size_t n = 0;
  env[n++] = mem_strdup("LANG=C.UTF-8");
  for (size_t i = 0; i < sizeof kept / sizeof kept[0] && n + 1 < max; i++) {
    const char *value = getenv(kept[i]);
    if (value)
      env[n++] = mem_printf("%s=%s", kept[i], value);
  }
  env[n] = NULL;
}

static int spawn(struct process *p, uv_loop_t *loop, int socket, int page, int bundle,
                 struct err *err)
{
  char path[64], host[16];
  char *env[8];
  if (worker_image(path, sizeof path, err) < 0)
    return -1;
  snprintf(host, sizeof host, "%d", (int)getpid());
  char *args[] = {mem_strdup("candy-worker"), mem_strdup("run"), host, NULL};
  uv_stdio_container_t stdio[6] = {{.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
  const int fds[] = {2, socket, page, bundle};
  for (int i = 0; i < 4; i++) {
    stdio[i + 2].flags = UV_INHERIT_FD;
    stdio[i + 2].data.fd = fds[i];
  }
  fill_environment(env, sizeof env / sizeof env[0]);
  uv_process_options_t options = {.file = path,
                                  .args = args,
                                  .env = env,
                                  .stdio = stdio,
                                  .stdio_count = 6,
                                  .exit_cb = on_exit_of};
  int status = uv_spawn(loop, &p->child, &options);
  for (char **e = env; *e; e++)
    free(*e);
  free(args[0]);
  free(args[1]);
  return status == 0 ? 0
                     : err_set(err, "worker_start", "cannot start a worker process: %s",
                               uv_strerror(status));
}

struct process *process_start(uv_loop_t *loop, int bundle,
                              const struct process_events *events, void *arg,
                              struct err *err)
{
  int sockets[2] = {-1, -1};
  struct process *p = mem_alloc(sizeof *p);
  p->events = events;
  p->arg = arg;
  p->child.data = p;
  int page = make_page(&p->page, err);
  if (page < 0) {
    free(p);
    return NULL;
  }
  int status = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets);
  if (status < 0)
    err_set(err, "worker_start", "cannot make a socketpair: %s", strerror(errno));
  else
    status = spawn(p, loop, sockets[1], page, bundle, err);
  close(page);
  if (sockets[1] >= 0)
    close(sockets[1]);
  if (status == 0) {
    p->channel = channel_new(loop, sockets[0], &channel_events, p);
    return p;
  }
  if (sockets[0] >= 0)
    close(sockets[0]);
  if (p->child.loop)
    uv_close((uv_handle_t *)&p->child, release);
  else
    release((uv_handle_t *)&p->child);
  return NULL;
}

void process_free(struct process **process)
{
  struct process *p = *process;
  *process = NULL;
  if (!p)
    return;
  p->freed = true;
  if (!p->exited)
    uv_process_kill(&p->child, SIGKILL);
  channel_free(&p->channel);
  uv_close((uv_handle_t *)&p->child, release);
}

/* ---- while it lives ---- */

void process_send(struct process *p, enum message_kind kind, const char *body, size_t len)
{
  channel_send(p->channel, kind, body, len);
}

void process_send_control(struct process *p, enum message_kind kind, const char *body,
                          size_t len)
{
  channel_send_control(p->channel, kind, body, len);
}

void process_flush(struct process *p)
{
  channel_flush(p->channel);
}

size_t process_pending(const struct process *p)
{
  return channel_pending(p->channel);
}

struct page *process_page(struct process *p)
{
  return p->page;
}

int process_pid(const struct process *p)
{
  return p->child.pid;
}

bool process_killed(const struct process *p)
{
  return p->reason[0] != 0;
}

void process_kill(struct process *p, const char *reason)
{
  if (p->reason[0])
    return;
  snprintf(p->reason, sizeof p->reason, "%s", reason);
  if (!p->exited) /* else its pid may be another's by now */
    uv_process_kill(&p->child, SIGKILL);
}
