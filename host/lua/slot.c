/* One begun job at a time: see slot.h. */
#include "lua/slot.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lua/core.h"
#include "lua/outcome.h"

/* ---- life ---- */

void slot_init(struct slot *s, struct worker *w, uint32_t index)
{
  s->worker = w;
  s->index = index;
  s->strands_ref = LUA_NOREF;
  fiber_init(&s->main, s);
  uv_timer_init(&w->loop, &s->limit);
  s->limit.data = s;
  s->next = w->free_slots;
  w->free_slots = s;
}

void slot_fini(struct slot *s)
{
  fiber_fini(&s->main);
  uv_close((uv_handle_t *)&s->limit, NULL);
  buf_fini(&s->writes);
  buf_fini(&s->children);
  free(s->stop_text);
  buf_fini(&s->fan);
  free(s->job);
}

static void push_free(struct slot *s)
{
  s->main.state = FIBER_IDLE;
  s->next = s->worker->free_slots;
  s->worker->free_slots = s;
}

struct slot *slot_pop_free(struct worker *w)
{
  struct slot *s = w->free_slots;
  if (s)
    w->free_slots = s->next;
  return s;
}

/* ---- its job ---- */

void slot_begin(struct slot *s, struct job *job, const struct task *task)
{
  struct worker *w = s->worker;
  s->job = job;
  s->timeout_ms = task->timeout_ms;
  s->heartbeat_ms = task->heartbeat_ms;
  s->beat_ns = 0;
  s->began_ns = w->now_ns;
  s->stalled0_ns = w->stalled_ns;
  s->own_stall_ns = 0;
  s->stop = SLOT_GOES_ON;
  s->refused = false;
  s->snooze_ms = -1;
  w->busy_slots++;
}

void slot_close(struct slot *s)
{
  fiber_drop_spawned(s);
  resource_close_all(s);
}

void slot_end(struct slot *s)
{
  struct worker *w = s->worker;
  if (uv_is_active((uv_handle_t *)&s->limit))
    uv_timer_stop(&s->limit);
  if (s->strands_ref != LUA_NOREF)
    luaL_unref(w->L, LUA_REGISTRYINDEX, s->strands_ref);
  s->strands_ref = LUA_NOREF;
  s->writes.len = s->children.len = s->fan.len = 0;
  free(s->stop_text);
  s->stop_text = NULL;
  free(s->job);
  s->job = NULL;
  s->object = NULL;
  w->busy_slots--;
}

/* ---- its time ---- */

static void on_limit(uv_timer_t *timer);

/* How long the job has run; while others stand still its clock rests. */
static int64_t ran_ns(const struct slot *s)
{
  int64_t others = s->worker->stalled_ns - s->stalled0_ns - s->own_stall_ns;
  return clock_mono_ns() - s->began_ns - others;
}

static int64_t left_ms(const struct slot *s)
{
  return s->timeout_ms - ran_ns(s) / CLOCK_MS;
}

/* Until it has been silent for too long. */
static int64_t silence_left_ms(const struct slot *s)
{
  if (s->heartbeat_ms == 0)
    return INT64_MAX;
  return s->heartbeat_ms - (ran_ns(s) - s->beat_ns) / CLOCK_MS;
}

void slot_beat(struct slot *s)
{
  if (s->heartbeat_ms == 0)
    return;
  s->beat_ns = ran_ns(s);
  atomic_store_explicit(&s->worker->page->cells[s->job->m.cell].beat_ns, clock_mono_ns(),
                        memory_order_release);
}

static void set_limit(struct slot *s)
{
  int64_t left = left_ms(s), silence = silence_left_ms(s);
  if (silence < left)
    left = silence;
  uv_timer_start(&s->limit, on_limit, left > 0 ? (uint64_t)left : 0, 0);
}

void slot_watch_limit(struct slot *s)
{
  if (!uv_is_active((uv_handle_t *)&s->limit) && s->stop == SLOT_GOES_ON)
    set_limit(s);
}

static bool is_waiting(const struct slot *s)
{
  bool waiting = s->main.state == FIBER_WAITING;
  for (const struct fiber *f = s->spawned; f && !waiting; f = f->sibling)
    waiting = f->state == FIBER_WAITING;
  return waiting;
}

static void on_limit(uv_timer_t *timer)
{
  struct slot *s = timer->data;
  bool timed_out = left_ms(s) <= 0;
  if (!is_waiting(s) || s->stop)
    return; /* the next wait looks again */
  if (!timed_out && silence_left_ms(s) > 0) {
    set_limit(s);
    return;
  }
  s->stop = timed_out ? SLOT_TIMED_OUT : SLOT_SILENT;
  fiber_interrupt_all(s);
}

/* ---- its cancellation ---- */

void slot_cancel(struct slot *s, const struct message_cancel *m)
{
  if (s->stop)
    return;
  s->stop = SLOT_CANCELLED;
  s->stop_by_ns = clock_mono_ns() + m->grace_ms * CLOCK_MS;
  snprintf(s->stop_code, sizeof s->stop_code, "%.*s", (int)m->code.len, m->code.data);
  s->stop_text = mem_printf("%.*s", (int)m->message.len, m->message.data);
  fiber_interrupt_all(s);
}

const char *slot_cancelled(const struct slot *s)
{
  if (s->stop == SLOT_CANCELLED)
    return s->stop_text;
  const struct page_cell *cell = &s->worker->page->cells[s->job->m.cell];
  return atomic_load(&cell->cancelled) ? "cancelled" : NULL;
}

static void raise_cancelled(lua_State *L, const struct slot *s)
{
  lua_createtable(L, 0, 2);
  lua_pushstring(L, s->stop_code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, s->stop_text);
  lua_setfield(L, -2, "message");
  luaL_getmetatable(L, OUTCOME_ERROR);
  lua_setmetatable(L, -2);
  lua_error(L);
}

void slot_check(lua_State *L, const struct slot *s)
{
  char duration[32];
  if (s->stop == SLOT_TIMED_OUT)
    core_misuse(L, "timed out after %s", duration_format(s->timeout_ms, duration));
  else if (s->stop == SLOT_SILENT)
    core_misuse(L, "no heartbeat for %s", duration_format(s->heartbeat_ms, duration));
  else if (s->stop == SLOT_CANCELLED)
    raise_cancelled(L, s);
}

/* ---- the ends of its fibers ---- */

static void collect_garbage(struct worker *w)
{
  w->memory.telling = true;
  lua_gc(w->L, LUA_GCCOLLECT, 0);
  w->memory.telling = false;
}

/* The job ends with worker->failure, and no Lua of it runs again. */
static void abandon(struct slot *s)
{
  fiber_drop(&s->main);
  fiber_drop_spawned(s);
  outcome_raised(s);
  if (s->refused)
    collect_garbage(s->worker);
  push_free(s);
}

/* A fiber ended with an error that nothing in it caught, and the job with it. */
static void raised(struct fiber *f)
{
  struct slot *s = f->slot;
  struct worker *w = s->worker;
  w->told = s;
  entry_describe(w, f->co, PAGE_JOB, s->job ? s->job->m.cell : 0);
  w->told = NULL;
  bool memory = strstr(w->failure.message.data, MEMORY_MESSAGE) != NULL;
  if (!s->job && memory)
    run_out_of_memory(w);
  if (!s->job)
    run_broken(w);
  if (memory && s->refused)
    entry_describe_memory(w);
  abandon(s);
}

/* A job that was told to end, or that ran into the memory cap, and waits again all the
 * same: it is never resumed. */
static void drop_job(struct slot *s)
{
  struct failure *f = &s->worker->failure;
  char duration[32];
  if (s->refused)
    entry_describe_memory(s->worker);
  else if (s->stop == SLOT_CANCELLED)
    failure_set(f, s->stop_code, "%s; it went on until its grace was over", s->stop_text);
  else if (s->stop == SLOT_SILENT)
    failure_set(f, "heartbeat_lost",
                "no heartbeat for %s, and it waited again when it was told",
                duration_format(s->heartbeat_ms, duration));
  else
    failure_set(f, "timeout", "timed out after %s, and waited again when it was told",
                duration_format(s->timeout_ms, duration));
  abandon(s);
}

static void main_yielded(struct slot *s)
{
  lua_settop(s->main.co, 0);
  if (!s->job)
    push_free(s);
  else if (s->stop == SLOT_CANCELLED && !s->refused && clock_mono_ns() < s->stop_by_ns)
    fiber_interrupt_all(s);
  else if (s->stop || s->refused)
    drop_job(s);
}

static void spawned_yielded(struct fiber *f)
{
  struct slot *s = f->slot;
  lua_settop(f->co, 0);
  if (s->refused)
    drop_job(s);
  else if (s->stop || f->cancelled)
    fiber_give_up(f);
}

void slot_run(struct fiber *f)
{
  struct slot *s = f->slot;
  struct worker *w = s->worker;
  if (!f->begun && (f->cancelled || s->stop)) {
    fiber_give_up(f);
    return;
  }
  int status = fiber_run(f);
  if (status != 0 && status != LUA_YIELD)
    raised(f);
  else if (f == &s->main)
    main_yielded(s);
  else if (status == LUA_YIELD)
    spawned_yielded(f);
  else
    fiber_drop(f);
  memory_pace(&w->memory);
}
