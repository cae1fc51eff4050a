/* The life of a program that a job runs: see child.h.
 *
 *   IN_LINE --its turn, spawn--> RUNNING --everything below it is gone--> ENDED
 *
 * What the worker starts is the launcher (launch.c). It is asked to end everything by
 * SIGQUIT; should it not answer, which no program of ours does, it is killed, and what
 * it leaves behind is adopted and ended here (loop/orphans.h).
 */
#include "lua/child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lua/beneath.h"

static void close_child(struct resource *resource);

/* ---- new ---- */

void children_init(struct worker *w)
{
  w->children = mem_alloc(sizeof *w->children);
  w->children->line_end = &w->children->line;
}

static void add_timer(struct child *c, uv_timer_t *timer)
{
  uv_timer_init(&c->worker->loop, timer);
  timer->data = c;
  c->handles++;
}

static void join_line(struct child *c)
{
  struct children *all = c->worker->children;
  c->at = all->line_end;
  *all->line_end = c;
  all->line_end = &c->next;
  all->waiting++;
}

static void leave_line(struct child *c)
{
  struct children *all = c->worker->children;
  if (!c->at)
    return;
  *c->at = c->next;
  if (c->next)
    c->next->at = c->at;
  else
    all->line_end = c->at;
  c->at = NULL;
  all->waiting--;
}

/* Tells the first of the line when there is room for it. */
static void call_next(struct worker *w)
{
  struct children *all = w->children;
  if (all->line && all->running < w->settings.process_max)
    gate_open(&all->line->turn);
}

struct child *child_new(struct slot *s, size_t arguments)
{
  struct child *c = mem_alloc(sizeof *c);
  c->worker = s->worker;
  c->slot = s;
  c->folder = folder_of(s);
  c->command = mem_alloc((LAUNCH_NAME + arguments + 1) * sizeof *c->command);
  c->report = -1;
  c->in_lua = true;
  c->pin = LUA_NOREF;
  add_timer(c, &c->limit);
  add_timer(c, &c->grace);
  folder_use(c->folder);
  join_line(c);
  resource_open(&c->resource, s, close_child);
  return c;
}

/* ---- the end ---- */

static void free_list(char **list, size_t begin)
{
  for (size_t i = begin; list && list[i]; i++)
    free(list[i]);
  free(list);
}

static void maybe_free(struct child *c)
{
  if (c->handles > 0 || c->in_lua)
    return;
  for (int i = 0; i < 2; i++)
    buf_fini(&c->outputs[i].bytes);
  for (int i = 0; i < LAUNCH_PATH; i++)
    free(c->command[i]);
  free_list(c->command, LAUNCH_PATH);
  free_list(c->environment, 0);
  free(c->within);
  free(c);
}

void child__closed(uv_handle_t *handle)
{
  struct child *c = handle->data;
  c->handles--;
  maybe_free(c);
}

static void unpin(struct child *c)
{
  if (c->pin != LUA_NOREF)
    luaL_unref(c->worker->L, LUA_REGISTRYINDEX, c->pin);
  c->pin = LUA_NOREF;
}

/* Nothing of it runs any more, or it never ran. */
static void over(struct child *c)
{
  leave_line(c);
  c->state = CHILD_ENDED;
  unpin(c);
  uv_close((uv_handle_t *)&c->limit, child__closed);
  uv_close((uv_handle_t *)&c->grace, child__closed);
  folder_leave(c->folder);
  child_io_end_input(c); /* nobody reads it any more */
  gate_open(&c->ended);
  call_next(c->worker);
}

static void read_report(struct child *c, int64_t status, int signal)
{
  ssize_t n = read(c->report, &c->end, sizeof c->end);
  close(c->report);
  c->report = -1;
  if (n == (ssize_t)sizeof c->end)
    return;
  c->end.end =
      signal ? LAUNCH_SIGNALED : LAUNCH_EXITED; /* somebody killed the launcher */
  c->end.value = signal ? signal : (int32_t)status;
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal)
{
  struct child *c = process->data;
  read_report(c, status, signal);
  c->worker->children->running--;
  uv_close((uv_handle_t *)process, child__closed);
  over(c);
}

static void tell(struct child *c, int signal)
{
  if (c->state == CHILD_RUNNING)
    uv_process_kill(&c->process, signal);
}

static void no_answer(uv_timer_t *timer)
{
  tell(timer->data, SIGKILL);
}

static void end_now(struct child *c)
{
  tell(c, SIGCONT);
  tell(c, SIGQUIT);
  if (c->state == CHILD_RUNNING)
    uv_timer_start(&c->grace, no_answer, CHILD_GRACE, 0);
}

static void grace_is_over(uv_timer_t *timer)
{
  end_now(timer->data);
}

void child_kill(struct child *c, int64_t grace_ms)
{
  if (c->state != CHILD_RUNNING || c->why)
    return;
  uv_update_time(&c->worker->loop);
  if (grace_ms <= 0) {
    end_now(c);
    return;
  }
  tell(c, SIGTERM);
  uv_timer_start(&c->grace, grace_is_over, (uint64_t)grace_ms, 0);
}

void child_stop(struct child *c, const char *why)
{
  if (c->why || c->state != CHILD_RUNNING)
    return;
  c->why = why;
  end_now(c);
}

static void on_limit(uv_timer_t *timer)
{
  child_stop(timer->data, "program_timeout");
}

/* The job is over, or it has let go of its handle. */
static void close_child(struct resource *resource)
{
  struct child *c = (struct child *)(void *)resource;
  c->slot = NULL;
  unpin(c);
  child_io_close(c);
  gate_open(&c->turn);
  if (c->state == CHILD_IN_LINE)
    over(c);
  else
    end_now(c);
}

bool child_is_over(const struct child *c)
{
  bool whole = c->collect_max == 0 || (!c->outputs[0].open && !c->outputs[1].open);
  return c->state == CHILD_ENDED && whole;
}

void child_free(struct child **at)
{
  struct child *c = *at;
  *at = NULL;
  if (!c)
    return;
  c->in_lua = false;
  resource_close(&c->resource);
  maybe_free(c);
}

/* ---- the start ---- */

/* The ends of its pipes: ours, and the program's. */
struct ends {
  int ours[4], its[4];
};

static void close_ends(int ends[4])
{
  for (int i = 0; i < 4; i++)
    if (ends[i] >= 0)
      close(ends[i]);
}

static int open_ends(const struct child *c, struct ends *e)
{
  for (int i = 0; i < 4; i++)
    e->ours[i] = e->its[i] = -1;
  for (int i = c->has_input ? 0 : 1; i < 4; i++) {
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) < 0)
      return -1;
    e->ours[i] = pipe[i == 0 ? 1 : 0];
    e->its[i] = pipe[i == 0 ? 0 : 1];
  }
  return 0;
}

/* The launcher's part of the command; the rest, from LAUNCH_PATH on, is there. */
static void fill_command(struct child *c)
{
  struct settings *s = &c->worker->settings;
  char **command = c->command;
  command[0] = mem_strdup("candy-worker");
  command[1] = mem_strdup("launch");
  command[LAUNCH_PARENT] = mem_printf("%d", (int)getpid());
  command[LAUNCH_MEMORY] = mem_printf("%" PRId64, c->memory);
  command[LAUNCH_FILE_SIZE] = mem_printf("%" PRId64, s->file_job_max);
}

/* The folder it runs in, as a path that leads nowhere else. */
static int open_cwd(const struct child *c, char path[32])
{
  int fd =
      beneath_open(c->folder->fd, c->within ? c->within : ".", O_RDONLY | O_DIRECTORY, 0);
  snprintf(path, 32, "/proc/self/fd/%d", fd);
  return fd;
}

static int spawn(struct child *c, const struct ends *e, const char *cwd)
{
  static char self[] = "/proc/self/exe";
  uv_stdio_container_t stdio[4];
  for (int i = 0; i < 4; i++) {
    stdio[i].flags = e->its[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
    stdio[i].data.fd = e->its[i];
  }
  uv_process_options_t options = {.file = self,
                                  .args = c->command,
                                  .env = c->environment,
                                  .cwd = cwd,
                                  .flags = UV_PROCESS_DETACHED, /* its own session */
                                  .stdio = stdio,
                                  .stdio_count = 4,
                                  .exit_cb = on_exit_of};
  c->process.data = c;
  c->handles++;
  return uv_spawn(&c->worker->loop, &c->process, &options);
}

static void begin(struct child *c, struct ends *e)
{
  leave_line(c);
  c->state = CHILD_RUNNING;
  c->worker->children->running++;
  c->report = e->ours[3];
  child_io_open(c, e->ours[0], e->ours + 1);
  for (int i = 0; i < 4; i++)
    e->ours[i] = -1;
  if (c->limit_ms > 0) {
    uv_update_time(&c->worker->loop);
    uv_timer_start(&c->limit, on_limit, (uint64_t)c->limit_ms, 0);
  }
}

static int start(struct child *c, struct err *err)
{
  struct ends e;
  char cwd[32];
  int status = -1, folder = -1;
  if (open_ends(c, &e) < 0) {
    err_set(err, "program_start", "cannot make the pipes: %s", strerror(errno));
    goto done;
  }
  folder = open_cwd(c, cwd);
  if (folder < 0) {
    err_set(err, "not_found", "cannot run in the folder \"%.200s\": %s",
            c->within ? c->within : ".", strerror(errno));
    goto done;
  }
  fill_command(c);
  status = spawn(c, &e, cwd);
  if (status == 0) {
    begin(c, &e);
  } else {
    err_set(err, "program_start", "cannot start a process: %s", uv_strerror(status));
    uv_close((uv_handle_t *)&c->process, child__closed);
  }
done:
  close_ends(e.ours);
  close_ends(e.its);
  if (folder >= 0)
    close(folder);
  return status;
}

int child_start(struct child *c, struct err *err)
{
  struct children *all = c->worker->children;
  if (all->line != c || all->running >= c->worker->settings.process_max)
    return 0;
  int status = start(c, err);
  if (status < 0)
    resource_close(&c->resource);
  else
    call_next(c->worker);
  return status < 0 ? -1 : 1;
}
