/* Adopting and ending: see orphans.h. Every change among our children comes with a
 * SIGCHLD: an orphan is ours before the end of its parent, our child, is told. */
#include "loop/orphans.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST_MS  1000 /* for those who are killed, before we end ourselves */
#define PAUSE_MS 2
#define AT_ONCE                                                                          \
  256 /* the rest is seen at the next signal, which the first ones cause                 \
       */

/* ---- who is there ---- */

size_t orphans_children(pid_t *pids, size_t max)
{
  char path[64], text[12 * AT_ONCE];
  size_t n = 0;
  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  text[len > 0 ? len : 0] = 0;
  char *end;
  for (char *p = text; n < max; p = end) {
    long pid = strtol(p, &end, 10);
    if (end == p || *end != ' ') /* the last number may be cut off */
      break;
    pids[n++] = (pid_t)pid;
  }
  return n;
}

struct search {
  pid_t *pids;
  size_t n;
};

/* Strikes out a child that the loop itself has started. */
static void strike_out(uv_handle_t *handle, void *arg)
{
  struct search *s = arg;
  if (handle->type != UV_PROCESS)
    return;
  pid_t known = uv_process_get_pid((uv_process_t *)handle);
  for (size_t i = 0; i < s->n; i++)
    if (s->pids[i] == known)
      s->pids[i] = 0;
}

static bool has_mark(pid_t pid, const char *mark)
{
  char path[32], text[8192];
  size_t len = strlen(mark);
  snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0)
    close(fd);
  text[n > 0 ? n : 0] = 0;
  for (char *p = text; p < text + n; p += strlen(p) + 1)
    if (strncmp(p, mark, len) == 0 && p[len] == 0)
      return true;
  return false;
}

/* ---- ending ---- */

/* Whether it is still there, and not to be let alone. */
static bool is_left(const struct orphans *o, pid_t pid, int signal)
{
  if (waitpid(pid, NULL, WNOHANG) != 0 || (o->mark && !has_mark(pid, o->mark)))
    return false;
  kill(pid, signal); /* the signal of its end brings us here again */
  return true;
}

/* Returns how many are left. */
static size_t end_all(struct orphans *o, int signal)
{
  pid_t pids[AT_ONCE];
  struct search s = {pids, orphans_children(pids, AT_ONCE)};
  size_t left = 0;
  if (s.n > 0)
    uv_walk(o->loop, strike_out, &s);
  for (size_t i = 0; i < s.n; i++)
    left += s.pids[i] > 0 && is_left(o, s.pids[i], signal);
  return left;
}

static void on_grace(uv_timer_t *timer)
{
  struct orphans *o = timer->data;
  if (end_all(o, SIGKILL) > 0)
    uv_timer_start(timer, on_grace, o->grace_ms, 0);
}

static void look(uv_signal_t *signal, int number)
{
  struct orphans *o = signal->data;
  (void)number;
  size_t left = end_all(o, o->grace_ms ? SIGQUIT : SIGKILL);
  if (left > 0 && o->grace_ms && !uv_is_active((uv_handle_t *)&o->grace))
    uv_timer_start(&o->grace, on_grace, o->grace_ms, 0);
}

/* ---- life ---- */

void orphans_init(struct orphans *o, uv_loop_t *loop, const char *mark, uint64_t grace_ms)
{
  o->loop = loop;
  o->mark = mark;
  o->grace_ms = grace_ms;
  uv_timer_init(loop, &o->grace);
  uv_signal_init(loop, &o->signal);
  o->grace.data = o->signal.data = o;
  uv_signal_start(&o->signal, look, SIGCHLD);
  uv_unref((uv_handle_t *)&o->grace);
  uv_unref((uv_handle_t *)&o->signal);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void orphans_fini(struct orphans *o)
{
  uv_close((uv_handle_t *)&o->grace, NULL);
  uv_close((uv_handle_t *)&o->signal, NULL);
}

void orphans_end(struct orphans *o)
{
  uint64_t waited = 0;
  while (waited < o->grace_ms + LAST_MS &&
         end_all(o, waited < o->grace_ms ? SIGQUIT : SIGKILL) > 0) {
    uv_sleep(PAUSE_MS);
    waited += PAUSE_MS;
  }
}
