/* Coroutines and what they wait for: see fiber.h. */
#include "lua/fiber.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "lua/asking.h"
#include "lua/slot.h"

#define PLACE_MASK ((uint32_t)FIBERS_MAX - 1)

/* ---- places: the way back from a number ---- */

static uint32_t place_in(uint64_t number)
{
  return (uint32_t)number & PLACE_MASK;
}

/* Who is at the place that a number names, or NULL. */
static struct fiber *find_at(const struct worker *w, uint64_t number)
{
  uint32_t place = place_in(number);
  return place < w->place_count ? w->places[place].fiber : NULL;
}

static void grow_places(struct worker *w)
{
  uint32_t more = w->place_count ? w->place_count : 64;
  if (w->place_count + more > FIBERS_MAX)
    more = FIBERS_MAX - w->place_count;
  w->places = mem_grow(w->places, (w->place_count + more) * sizeof *w->places);
  for (uint32_t i = w->place_count + more; i-- > w->place_count;) {
    w->places[i] = (struct fiber_place){.next_free = w->free_place};
    w->free_place = i + 1;
  }
  w->place_count += more;
}

/* Whether there was a place left. */
static bool take_place(struct worker *w, struct fiber *f)
{
  if (w->free_place == 0 && w->place_count < FIBERS_MAX)
    grow_places(w);
  if (w->free_place == 0 || !w->places)
    return false;
  uint32_t place = w->free_place - 1;
  w->free_place = w->places[place].next_free;
  w->places[place].fiber = f;
  f->number = ++w->last_fiber << FIBER_PLACES_BITS | place;
  return true;
}

static void leave_place(struct fiber *f)
{
  struct worker *w = f->slot->worker;
  struct fiber_place *place = &w->places[place_in(f->number)];
  place->fiber = NULL;
  place->next_free = w->free_place;
  w->free_place = place_in(f->number) + 1;
}

struct fiber *fiber_find(struct worker *w, uint64_t number)
{
  struct fiber *f = find_at(w, number);
  return f && f->number == number ? f : NULL;
}

/* ---- life ---- */

static bool is_main(const struct fiber *f)
{
  return f == &f->slot->main;
}

void fiber_init(struct fiber *f, struct slot *s)
{
  struct worker *w = s->worker;
  f->slot = s;
  f->co_ref = LUA_NOREF;
  f->begun = true;
  take_place(w, f); /* the slots of a worker are far less than FIBERS_MAX */
  uv_timer_init(&w->loop, &f->alarm);
  f->alarm.data = f;
}

void fiber_fini(struct fiber *f)
{
  uv_close((uv_handle_t *)&f->alarm, NULL);
  buf_fini(&f->answer);
}

static void join_family(struct fiber *f, struct fiber *parent)
{
  struct slot *s = f->slot;
  f->sibling = s->spawned;
  f->sibling_at = &s->spawned;
  if (f->sibling)
    f->sibling->sibling_at = &f->sibling;
  s->spawned = f;
  s->spawned_count++;
  f->twin = parent->child;
  f->twin_at = &parent->child;
  if (f->twin)
    f->twin->twin_at = &f->twin;
  parent->child = f;
}

static void leave_parent(struct fiber *f)
{
  if (f->twin_at)
    *f->twin_at = f->twin;
  if (f->twin)
    f->twin->twin_at = f->twin_at;
  f->twin = NULL;
  f->twin_at = NULL;
}

static void leave_family(struct fiber *f)
{
  struct slot *s = f->slot;
  leave_parent(f);
  while (f->child)
    leave_parent(f->child);
  *f->sibling_at = f->sibling;
  if (f->sibling)
    f->sibling->sibling_at = f->sibling_at;
  s->spawned_count--;
  if (!s->spawned && s->main.joining)
    fiber_wake(&s->main);
}

/* ---- lines ---- */

static void join_line(struct fiber_line *line, struct fiber *f)
{
  f->next = NULL;
  f->before = line->last;
  if (line->first)
    line->last->next = f;
  else
    line->first = f;
  line->last = f;
}

static void leave_line(struct fiber_line *line, struct fiber *f)
{
  if (line->first == f)
    line->first = f->next;
  else
    f->before->next = f->next;
  if (line->last == f)
    line->last = f->before;
  else
    f->next->before = f->before;
}

static void push_ready(struct fiber *f)
{
  struct worker *w = f->slot->worker;
  f->state = FIBER_READY;
  join_line(&w->ready, f);
  turn_wake(w);
}

struct fiber *fiber_pop_ready(struct worker *w)
{
  struct fiber *f = w->ready.first;
  if (!f)
    return NULL;
  leave_line(&w->ready, f);
  f->state = FIBER_RUNNING;
  return f;
}

/* ---- spawning ---- */

struct fiber *fiber_spawn(lua_State *L)
{
  struct worker *w = worker_of(L);
  if (w->running->spawned_count >= FIBERS_OF_JOB)
    return NULL;
  lua_State *co = lua_newthread(L);
  lua_insert(L, -2); /* stack: coroutine, function */
  lua_xmove(L, co, 1);
  int co_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  struct fiber *f = mem_alloc(sizeof *f);
  f->slot = w->running;
  if (!take_place(w, f)) {
    luaL_unref(L, LUA_REGISTRYINDEX, co_ref);
    free(f);
    return NULL;
  }
  f->co = co;
  f->co_ref = co_ref;
  uv_timer_init(&w->loop, &f->alarm);
  f->alarm.data = f;
  join_family(f, w->fiber);
  push_ready(f);
  return f;
}

/* ---- running ---- */

static void make_coroutine(struct fiber *f)
{
  struct worker *w = f->slot->worker;
  w->memory.telling = true;
  f->co = lua_newthread(w->L);
  f->co_ref = luaL_ref(w->L, LUA_REGISTRYINDEX);
  lua_rawgeti(f->co, LUA_REGISTRYINDEX, w->work_ref);
  w->memory.telling = false;
}

int fiber_run(struct fiber *f)
{
  struct slot *s = f->slot;
  struct worker *w = s->worker;
  if (!f->co)
    make_coroutine(f);
  f->state = FIBER_RUNNING;
  f->begun = true;
  w->running = s;
  w->fiber = f;
  int status = s->job ? entry(w, f->co, 0, PAGE_JOB, s->job->m.cell)
                      : entry(w, f->co, 0, PAGE_IDLE, 0);
  w->running = NULL;
  w->fiber = NULL;
  return status;
}

/* ---- the end ---- */

static void await_no_more(struct fiber *f)
{
  struct fiber *other = f->awaits ? fiber_find(f->slot->worker, f->awaits) : NULL;
  if (other)
    other->awaited--;
  f->awaits = 0;
}

static void stop_waiting(struct fiber *f)
{
  void (*forget)(void *arg) = f->forget;
  f->forget = NULL;
  f->request = 0;
  f->slot->worker->for_channel -= f->for_channel;
  if (f->asking)
    leave_line(&f->slot->worker->askers, f);
  f->for_channel = f->parked = f->joining = f->asking = false;
  await_no_more(f);
  uv_timer_stop(&f->alarm);
  if (forget)
    forget(f->arg);
}

static void release(uv_handle_t *alarm)
{
  struct fiber *f = alarm->data;
  buf_fini(&f->answer);
  free(f);
}

void fiber_drop(struct fiber *f)
{
  struct worker *w = f->slot->worker;
  if (f->state == FIBER_WAITING)
    stop_waiting(f);
  else if (f->state == FIBER_READY)
    leave_line(&w->ready, f);
  f->state = FIBER_IDLE;
  f->cancelled = false;
  f->transaction = 0;
  luaL_unref(w->L, LUA_REGISTRYINDEX, f->co_ref);
  f->co = NULL;
  f->co_ref = LUA_NOREF;
  if (is_main(f))
    return;
  leave_place(f);
  leave_family(f);
  uv_close((uv_handle_t *)&f->alarm, release);
}

void fiber_drop_spawned(struct slot *s)
{
  while (s->spawned)
    fiber_drop(s->spawned);
}

static void interrupt(struct fiber *f)
{
  if (f->state != FIBER_WAITING)
    return;
  stop_waiting(f);
  push_ready(f);
}

void fiber_give_up(struct fiber *f)
{
  struct slot *s = f->slot;
  for (struct fiber *other = s->spawned; other && f->awaited > 0; other = other->sibling)
    if (other->awaits == f->number)
      interrupt(other);
  if (s->main.awaits == f->number)
    interrupt(&s->main);
  fiber_drop(f);
}

void fiber_interrupt_all(struct slot *s)
{
  for (struct fiber *f = s->spawned; f; f = f->sibling)
    interrupt(f);
  interrupt(&s->main); /* last, for the others end with it */
}

void fiber_cancel(struct fiber *f)
{
  if (f->cancelled)
    return;
  f->cancelled = true;
  interrupt(f);
  for (struct fiber *child = f->child; child; child = child->twin)
    fiber_cancel(child);
}

/* ---- waiting ---- */

void fiber_wait(struct fiber *f, void (*forget)(void *arg), void *arg)
{
  f->state = FIBER_WAITING;
  f->answered = false;
  f->forget = forget;
  f->arg = arg;
  slot_watch_limit(f->slot);
}

static void on_alarm(uv_timer_t *timer)
{
  fiber_wake(timer->data);
}

static void set_alarm(struct fiber *f, int64_t ms)
{
  uv_update_time(&f->slot->worker->loop);
  uv_timer_start(&f->alarm, on_alarm, (uint64_t)ms, 0);
}

void fiber_wait_alarm(struct fiber *f, int64_t ms)
{
  fiber_wait(f, NULL, NULL);
  set_alarm(f, ms);
}

uint32_t fiber_wait_answer(struct fiber *f)
{
  struct fiber_place *place = &f->slot->worker->places[place_in(f->number)];
  fiber_wait(f, NULL, NULL);
  if (++place->serial == 0) /* so that no number is 0 */
    place->serial = 1;
  f->request = (uint32_t)place->serial << FIBER_PLACES_BITS | place_in(f->number);
  return f->request;
}

void fiber_wait_channel(struct fiber *f)
{
  fiber_wait(f, NULL, NULL);
  f->for_channel = true;
  f->slot->worker->for_channel++;
}

void fiber_park(struct fiber *f, int64_t ms, struct fiber *other)
{
  fiber_wait(f, NULL, NULL);
  f->parked = true;
  f->awaits = other ? other->number : 0;
  if (other)
    other->awaited++;
  if (ms >= 0)
    set_alarm(f, ms);
}

void fiber_join(struct fiber *f)
{
  fiber_wait(f, NULL, NULL);
  f->joining = true;
}

void fiber_wait_to_ask(struct fiber *f)
{
  fiber_wait(f, NULL, NULL);
  f->asking = true;
  join_line(&f->slot->worker->askers, f);
}

/* ---- what they waited for ---- */

void fiber_wake(struct fiber *f)
{
  f->forget = NULL;
  interrupt(f);
}

void fiber_unpark(struct fiber *f)
{
  if (f->parked)
    fiber_wake(f);
}

void fiber_answer(struct worker *w, const struct message_answer *answer)
{
  struct fiber *f = find_at(w, answer->number);
  if (answer->number == 0 || place_in(answer->number) >= w->place_count)
    return; /* nobody asked */
  asking_answered(w, answer->number);
  if (!f || f->request != answer->number)
    return; /* who asked is gone */
  f->answer_ok = answer->ok;
  f->answer.len = 0;
  buf_append(&f->answer, answer->body.data, answer->body.len);
  fiber_wake(f);
  f->answered = true;
}

void fiber_channel_drained(struct worker *w)
{
  for (uint32_t i = 0; i < w->place_count && w->for_channel > 0; i++)
    if (w->places[i].fiber && w->places[i].fiber->for_channel)
      fiber_wake(w->places[i].fiber);
}

void fiber_wake_asker(struct worker *w)
{
  if (w->askers.first)
    fiber_wake(w->askers.first);
}

/* ---- gates ---- */

static void forget_gate(void *arg)
{
  struct gate *g = arg;
  g->waiting = NULL;
}

void gate_wait(struct gate *g, struct fiber *f)
{
  g->waiting = f;
  fiber_wait(f, forget_gate, g);
}

void gate_open(struct gate *g)
{
  struct fiber *f = g->waiting;
  g->waiting = NULL;
  if (f)
    fiber_wake(f);
}
