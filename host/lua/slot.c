/* One begun job at a time in its coroutine: see slot.h. */
#include "lua/slot.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lua/outcome.h"

#define NUMBER_BITS 12 /* of a request's number: the slot (SLOT_MAX is 1 << 12) */

static void on_alarm(uv_timer_t *timer);
static void on_limit(uv_timer_t *timer);

/* ---- life ---- */

void slot_init(struct slot *s, struct worker *w, uint32_t index)
{
  s->worker = w;
  s->index = index;
  s->co_ref = LUA_NOREF;
  uv_timer_init(&w->loop, &s->alarm);
  uv_timer_init(&w->loop, &s->limit);
  s->alarm.data = s->limit.data = s;
  s->next = w->free_slots;
  w->free_slots = s;
}

void slot_fini(struct slot *s)
{
  uv_close((uv_handle_t *)&s->alarm, NULL);
  uv_close((uv_handle_t *)&s->limit, NULL);
  buf_fini(&s->answer);
  buf_fini(&s->writes);
  buf_fini(&s->children);
  free(s->job);
}

/* ---- lists ---- */

static void push_free(struct slot *s)
{
  s->state = SLOT_FREE;
  s->next = s->worker->free_slots;
  s->worker->free_slots = s;
}

static void push_ready(struct slot *s)
{
  struct worker *w = s->worker;
  s->state = SLOT_READY;
  s->next = NULL;
  if (w->ready)
    w->ready_end->next = s;
  else
    w->ready = s;
  w->ready_end = s;
  turn_wake(w);
}

struct slot *slot_pop_free(struct worker *w)
{
  struct slot *s = w->free_slots;
  if (s)
    w->free_slots = s->next;
  return s;
}

struct slot *slot_pop_ready(struct worker *w)
{
  struct slot *s = w->ready;
  if (s)
    w->ready = s->next;
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

void slot_end(struct slot *s)
{
  if (uv_is_active((uv_handle_t *)&s->limit))
    uv_timer_stop(&s->limit);
  s->writes.len = s->children.len = 0;
  free(s->job);
  s->job = NULL;
  s->object = NULL;
  s->worker->busy_slots--;
}

/* ---- waiting ---- */

static void stop_waiting(struct slot *s)
{
  uv_timer_stop(&s->alarm);
  s->request = 0;
  s->for_channel = false;
}

/* What is left of the job's time; while others stand still its clock rests. */
static int64_t left_ms(const struct slot *s)
{
  int64_t others = s->worker->stalled_ns - s->stalled0_ns - s->own_stall_ns;
  int64_t ran = clock_mono_ns() - s->began_ns - others;
  return s->timeout_ms - ran / CLOCK_MS;
}

static void watch_limit(struct slot *s)
{
  int64_t left = left_ms(s);
  uv_timer_start(&s->limit, on_limit, left > 0 ? (uint64_t)left : 0, 0);
}

static void start_waiting(struct slot *s)
{
  s->state = SLOT_WAITING;
  s->answered = false;
  if (!uv_is_active((uv_handle_t *)&s->limit))
    watch_limit(s);
}

static void on_limit(uv_timer_t *timer)
{
  struct slot *s = timer->data;
  if (s->state != SLOT_WAITING)
    return; /* the next wait looks again */
  if (left_ms(s) > 0) {
    watch_limit(s);
    return;
  }
  s->timed_out = true;
  stop_waiting(s);
  push_ready(s);
}

static void on_alarm(uv_timer_t *timer)
{
  push_ready(timer->data);
}

void slot_wait_alarm(struct slot *s, int64_t ms)
{
  start_waiting(s);
  uv_update_time(&s->worker->loop);
  uv_timer_start(&s->alarm, on_alarm, (uint64_t)ms, 0);
}

uint32_t slot_wait_answer(struct slot *s)
{
  struct worker *w = s->worker;
  start_waiting(s);
  w->last_request = (w->last_request + 1) & (UINT32_MAX >> NUMBER_BITS);
  if (w->last_request == 0)
    w->last_request = 1;
  s->request = w->last_request << NUMBER_BITS | s->index;
  return s->request;
}

void slot_wait_channel(struct slot *s)
{
  start_waiting(s);
  s->for_channel = true;
}

void slot_answer(struct worker *w, const struct message_answer *answer)
{
  uint32_t index = answer->number % SLOT_MAX;
  struct slot *s = index < w->settings.slots ? &w->slots[index] : NULL;
  if (!s || s->request != answer->number || s->state != SLOT_WAITING)
    return; /* who asked is gone */
  s->request = 0;
  s->answered = true;
  s->answer_ok = answer->ok;
  s->answer.len = 0;
  buf_append(&s->answer, answer->body.data, answer->body.len);
  push_ready(s);
}

void slot_channel_drained(struct worker *w)
{
  for (uint32_t i = 0; i < w->settings.slots; i++)
    if (w->slots[i].state == SLOT_WAITING && w->slots[i].for_channel) {
      w->slots[i].for_channel = false;
      push_ready(&w->slots[i]);
    }
}

/* ---- running ---- */

static void make_coroutine(struct slot *s)
{
  struct worker *w = s->worker;
  w->memory.telling = true;
  s->co = lua_newthread(w->L);
  s->co_ref = luaL_ref(w->L, LUA_REGISTRYINDEX);
  lua_rawgeti(s->co, LUA_REGISTRYINDEX, w->work_ref);
  w->memory.telling = false;
}

static void drop_coroutine(struct slot *s)
{
  luaL_unref(s->worker->L, LUA_REGISTRYINDEX, s->co_ref);
  s->co = NULL;
  s->co_ref = LUA_NOREF;
}

static void collect_garbage(struct worker *w)
{
  w->memory.telling = true;
  lua_gc(w->L, LUA_GCCOLLECT, 0);
  w->memory.telling = false;
}

/* The coroutine ended with an error, and the job with it. */
static void raised(struct slot *s)
{
  struct worker *w = s->worker;
  w->told = s;
  entry_describe(w, s->co, PAGE_JOB, s->job ? s->job->m.cell : 0);
  w->told = NULL;
  bool memory = strstr(w->failure.message.data, MEMORY_MESSAGE) != NULL;
  if (!s->job && memory)
    run_out_of_memory(w);
  if (!s->job)
    run_broken(w);
  if (memory && s->refused)
    entry_describe_memory(w);
  drop_coroutine(s);
  outcome_raised(s);
  if (s->refused)
    collect_garbage(w);
  push_free(s);
}

/* A job that was told that its time is up, or that ran into the memory cap, and waits
 * again all the same: it is never resumed. */
static void drop_job(struct slot *s)
{
  char duration[32];
  stop_waiting(s);
  drop_coroutine(s);
  if (s->refused)
    entry_describe_memory(s->worker);
  else
    failure_set(&s->worker->failure, "timeout",
                "timed out after %s, and waited again when it was told",
                duration_format(s->timeout_ms, duration));
  outcome_raised(s);
  if (s->refused)
    collect_garbage(s->worker);
  push_free(s);
}

static void yielded(struct slot *s)
{
  lua_settop(s->co, 0);
  if (!s->job)
    push_free(s);
  else if (s->timed_out || s->refused)
    drop_job(s);
}

void slot_resume(struct slot *s)
{
  struct worker *w = s->worker;
  if (!s->co)
    make_coroutine(s);
  s->state = SLOT_RUNNING;
  w->running = s;
  int status = s->job ? entry(w, s->co, 0, PAGE_JOB, s->job->m.cell)
                      : entry(w, s->co, 0, PAGE_IDLE, 0);
  w->running = NULL;
  if (status == LUA_YIELD)
    yielded(s);
  else
    raised(s);
  memory_pace(&w->memory);
}
