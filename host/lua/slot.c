/* One begun job at a time: see slot.h. */
#include "lua/slot.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
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

void slot_begin(struct slot *s, struct job *job, int64_t timeout_ms)
{
  struct worker *w = s->worker;
  s->job = job;
  s->timeout_ms = timeout_ms;
  s->began_ns = w->now_ns;
  s->stalled0_ns = w->stalled_ns;
  s->own_stall_ns = 0;
  s->timed_out = s->refused = false;
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
  s->writes.len = s->children.len = 0;
  free(s->job);
  s->job = NULL;
  s->object = NULL;
  w->busy_slots--;
}

/* ---- its time ---- */

static void on_limit(uv_timer_t *timer);

/* What is left of the job's time; while others stand still its clock rests. */
static int64_t left_ms(const struct slot *s)
{
  int64_t others = s->worker->stalled_ns - s->stalled0_ns - s->own_stall_ns;
  int64_t ran = clock_mono_ns() - s->began_ns - others;
  return s->timeout_ms - ran / CLOCK_MS;
}

static void set_limit(struct slot *s)
{
  int64_t left = left_ms(s);
  uv_timer_start(&s->limit, on_limit, left > 0 ? (uint64_t)left : 0, 0);
}

void slot_watch_limit(struct slot *s)
{
  if (!uv_is_active((uv_handle_t *)&s->limit) && !s->timed_out)
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
  if (!is_waiting(s))
    return; /* the next wait looks again */
  if (left_ms(s) > 0) {
    set_limit(s);
    return;
  }
  s->timed_out = true;
  fiber_interrupt_all(s);
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

/* A job that was told that its time is up, or that ran into the memory cap, and waits
 * again all the same: it is never resumed. */
static void drop_job(struct slot *s)
{
  char duration[32];
  if (s->refused)
    entry_describe_memory(s->worker);
  else
    failure_set(&s->worker->failure, "timeout",
                "timed out after %s, and waited again when it was told",
                duration_format(s->timeout_ms, duration));
  abandon(s);
}

static void main_yielded(struct slot *s)
{
  lua_settop(s->main.co, 0);
  if (!s->job)
    push_free(s);
  else if (s->timed_out || s->refused)
    drop_job(s);
}

static void spawned_yielded(struct fiber *f)
{
  struct slot *s = f->slot;
  lua_settop(f->co, 0);
  if (s->refused)
    drop_job(s);
  else if (s->timed_out || f->cancelled)
    fiber_give_up(f);
}

void slot_run(struct fiber *f)
{
  struct slot *s = f->slot;
  struct worker *w = s->worker;
  if (!f->begun && (f->cancelled || s->timed_out)) {
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
