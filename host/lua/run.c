/* The life of a worker process: start, what the host says, the end. See worker.h.
 *
 * It is alone with three descriptors: 3 the channel, 4 the page, 5 the scripts. It dies
 * with its host, and only its host ends it: signals of a terminal are for the host.
 */
#include <fcntl.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "lua/child.h"
#include "lua/http.h"
#include "lua/l_log.h"
#include "lua/slot.h"
#include "lua/tasks.h"

enum { FD_CHANNEL = 3, FD_PAGE = 4, FD_BUNDLE = 5 };

#define EXIT_NO_MEMORY 70
#define EXIT_BROKEN    71
#define EXIT_BAD_HOST  72

/* Machine code, JSON trees and buffers live outside of Lua's cap. */
#define DATA_HEADROOM ((size_t)256 * 1024 * 1024)
#define HARD_LEAST    ((size_t)32 * 1024 * 1024)

/* ---- ends ---- */

void run_out_of_memory(void *worker)
{
  struct worker *w = worker;
  atomic_store(&w->page->out_of_memory, 1);
  _exit(EXIT_NO_MEMORY);
}

void run_broken(struct worker *w)
{
  fprintf(stderr, "candy-worker: a defect in the Lua library: %s\n%s\n",
          w->failure.message.data,
          w->failure.traceback.len ? w->failure.traceback.data : "");
  _exit(EXIT_BROKEN);
}

void run_end(struct worker *w, const char *why)
{
  (void)w;
  fprintf(stderr, "candy-worker: %s\n", why);
  _exit(EXIT_BAD_HOST);
}

void run_leave(struct worker *w)
{
  w->leaving = true;
  if (channel_pending(w->channel) == 0)
    uv_stop(&w->loop);
}

static int on_panic(lua_State *L)
{
  run_out_of_memory(worker_of(L));
}

/* ---- limits of the process ---- */

/* What Lua may reach for a moment, on its way to a clean error (memory.h). */
static size_t hard_max(const struct worker *w)
{
  size_t more = w->settings.memory_max / 2;
  return w->settings.memory_max + (more > HARD_LEAST ? more : HARD_LEAST);
}

static void limit_data(const struct worker *w)
{
#ifndef __SANITIZE_ADDRESS__
  rlim_t max = hard_max(w) + DATA_HEADROOM;
  struct rlimit limit = {0};
  getrlimit(RLIMIT_DATA, &limit);
  limit.rlim_cur = max < limit.rlim_max ? max : limit.rlim_max; /* not for our children */
  setrlimit(RLIMIT_DATA, &limit);
#else
  (void)w;
#endif
}

/* As many as are allowed: programs get the usual number (launch.c). */
static void raise_open_files(void)
{
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int die_with_host(const char *host_pid)
{
  struct rlimit no_core = {0, 0};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != (pid_t)strtol(host_pid, NULL, 10))
    return -1;
  setrlimit(RLIMIT_CORE, &no_core);
  raise_open_files();
  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  for (int fd = FD_CHANNEL; fd <= FD_BUNDLE; fd++)
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  return 0;
}

/* ---- what the host says ---- */

static void read_process_settings(struct settings *s, const json_t *init)
{
  const json_t *allow = json_object_get(init, "process_allow");
  size_t n = json_array_size(allow);
  s->tmp = mem_strdup(jx_str(init, "tmp", "/tmp/candy"));
  s->file_job_max = jx_int(init, "file_job_max", INT64_C(1) << 30);
  s->process_memory = jx_int(init, "process_memory", INT64_C(1) << 30);
  s->process_max = (uint32_t)jx_int(init, "process_max", 32);
  snprintf(s->mark, sizeof s->mark, "%s", jx_str(init, "mark", ""));
  s->process_allow = mem_alloc((n + 1) * sizeof *s->process_allow);
  for (size_t i = 0; i < n; i++)
    s->process_allow[i] = mem_strdup(jx_text(json_array_get(allow, i), ""));
}

static void read_settings(struct worker *w, const json_t *init)
{
  struct settings *s = &w->settings;
  int64_t slots = jx_int(init, "slots", 64);
  snprintf(s->worker, sizeof s->worker, "%s", jx_str(init, "worker", "worker"));
  s->slots = slots < 1 ? 1 : slots > SLOT_MAX ? SLOT_MAX : (uint32_t)slots;
  s->memory_max = (size_t)jx_int(init, "memory_max", INT64_C(256) << 20);
  s->result_max = (size_t)jx_int(init, "result_max", INT64_C(1) << 20);
  s->timeout_ms = jx_int(init, "timeout_ms", 300000);
  s->log_level = log_level(jx_str(init, "log_level", "info"));
  s->is_test = jx_int(init, "is_test", 0) != 0;
  s->outgoing = json_incref(json_object_get(init, "outgoing"));
  read_process_settings(s, init);
  size_t i;
  json_t *path;
  json_array_foreach(json_object_get(init, "exclude"), i, path)
    scripts_exclude(w, json_string_value(path));
}

static void start_lua(struct worker *w)
{
  w->L = memory_state(&w->memory, w->settings.memory_max, hard_max(w));
  if (!w->L)
    run_out_of_memory(w);
  w->memory.hopeless = run_out_of_memory;
  w->memory.arg = w;
  lua_atpanic(w->L, on_panic);
  library_open(w->L);
}

static void on_init(struct worker *w, const char *body, size_t len)
{
  struct err err;
  json_t *init = jx_parse(body, len, &err);
  if (!init || w->L) {
    run_end(w, init ? "the host sent its settings twice" : err.text);
    return;
  }
  read_settings(w, init);
  json_decref(init);
  limit_data(w);
  children_init(w);
  orphans_init(&w->orphans, &w->loop, NULL, 0);
  turn_init(w);
  start_lua(w);
  if (scripts_load(w) < 0)
    run_broken(w);
}

static void on_answer(struct worker *w, const char *body, size_t len)
{
  struct message_answer answer;
  if (message_get_answer(body, len, &answer) < 0)
    run_end(w, "the host sent an answer that cannot be read");
  else
    fiber_answer(w, &answer);
}

/* A job that has ended meanwhile, or whose cell is another one's by now, is left alone.
 */
static void on_cancel(struct worker *w, const char *body, size_t len)
{
  struct message_cancel m;
  if (message_get_cancel(body, len, &m) < 0) {
    run_end(w, "the host sent a cancellation that cannot be read");
    return;
  }
  for (uint32_t i = 0; i < w->settings.slots; i++) {
    struct slot *s = &w->slots[i];
    if (s->job && s->job->m.id == m.id && s->job->m.lease == m.lease)
      slot_cancel(s, &m);
  }
}

static void on_message(void *arg, enum message_kind kind, const char *body, size_t len)
{
  struct worker *w = arg;
  if (kind == MESSAGE_PING)
    return; /* that the loop turned to read it is the answer: page.turned_ns (turn.c) */
  if (kind == MESSAGE_INIT)
    on_init(w, body, len);
  else if (!w->L && kind == MESSAGE_DRAIN)
    _exit(0); /* it overtook the settings: there is nothing to finish */
  else if (!w->L)
    run_end(w, "the host sent something before its settings");
  else if (kind == MESSAGE_JOB)
    turn_add(w, body, len);
  else if (kind == MESSAGE_ANSWER)
    on_answer(w, body, len);
  else if (kind == MESSAGE_DRAIN)
    turn_drain(w);
  else if (kind == MESSAGE_CANCEL)
    on_cancel(w, body, len);
}

static void on_closed(void *arg, const char *why)
{
  if (why)
    run_end(arg, why);
  _exit(0); /* the host is gone: nothing that we know matters any more */
}

static void on_drained(void *arg)
{
  struct worker *w = arg;
  fiber_channel_drained(w);
  if (w->line)
    turn_wake(w);
  if (w->leaving)
    uv_stop(&w->loop);
}

/* ---- life ---- */

static int map_page(struct worker *w)
{
  void *page =
      mmap(NULL, sizeof *w->page, PROT_READ | PROT_WRITE, MAP_SHARED, FD_PAGE, 0);
  if (page == MAP_FAILED)
    return -1;
  w->page = page;
  if (atomic_load(&w->page->wall_ms))
    clock_stand(&w->page->wall_ms);
  return w->page->version == PAGE_VERSION ? 0 : -1;
}

static int map_bundle(struct worker *w)
{
  struct stat info;
  if (fstat(FD_BUNDLE, &info) < 0)
    return -1;
  size_t len = (size_t)info.st_size;
  if (len == 0)
    return 0;
  void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, FD_BUNDLE, 0);
  if (bytes == MAP_FAILED)
    return -1;
  scripts_map(w, bytes, len);
  return 0;
}

static void free_process_settings(struct settings *s)
{
  for (char **name = s->process_allow; *name; name++)
    free(*name);
  free(s->process_allow);
  free(s->tmp);
}

/* Only after a drain: everything that was made is released. */
static void release(struct worker *w)
{
  lua_close(w->L);
  tasks_free(&w->tasks);
  turn_fini(w);
  http_fini(w);
  orphans_fini(&w->orphans);
  channel_free(&w->channel);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  orphans_end(&w->orphans);
  uv_loop_close(&w->loop);
  json_decref(w->settings.outgoing);
  free(w->slots);
  free(w->places);
  free(w->scripts);
  free(w->children);
  free_process_settings(&w->settings);
  buf_fini(&w->body);
  buf_fini(&w->effects);
  buf_fini(&w->message);
  failure_fini(&w->failure);
}

int run_main(const char *host_pid)
{
  static const struct channel_events events = {on_message, on_closed, on_drained};
  static struct worker worker;
  struct worker *w = &worker;
  if (die_with_host(host_pid) < 0)
    return EXIT_BAD_HOST;
  if (map_page(w) < 0 || map_bundle(w) < 0) {
    fprintf(stderr, "candy-worker: is started by candy, with its descriptors 3 to 5\n");
    return EXIT_BAD_HOST;
  }
  uv_loop_init(&w->loop);
  w->channel = channel_new(&w->loop, FD_CHANNEL, &events, w);
  uv_run(&w->loop, UV_RUN_DEFAULT);
  release(w);
  return 0;
}
