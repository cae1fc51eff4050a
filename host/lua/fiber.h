/* A fiber: one coroutine of a job, and what it waits for.
 *
 *   RUNNING --fiber_wait--> WAITING --fiber_wake--> READY --turn--> RUNNING
 *
 * A job begins with the main fiber of its slot, whose coroutine goes on from job to job;
 * candy.spawn adds others, which end with the job at the latest. A fiber that has used up
 * its job's time, or is cancelled, is woken and told at once: its wait raises. When it
 * waits again after that it is dropped, and never resumed.
 *
 * Whatever takes time follows one pattern. A function of candy.core starts it or looks at
 * it, and where there is nothing yet calls gate_wait; the library yields (candy/wait.lua)
 * and asks again. When something comes, C calls gate_open.
 */
#ifndef CANDY_LUA_FIBER_H
#define CANDY_LUA_FIBER_H

#include "lua/worker.h"

#define FIBER_PLACES_BITS 16 /* of a fiber's and of a request's number: the place */
#define FIBERS_MAX        (1 << FIBER_PLACES_BITS)
#define FIBERS_OF_JOB     (FIBERS_MAX / 4) /* so that one leaves some to others */

enum fiber_state {
  FIBER_IDLE, /* a main fiber without a job */
  FIBER_RUNNING,
  FIBER_WAITING,
  FIBER_READY,
};

struct fiber {
  struct slot *slot;
  struct fiber *next, *before;         /* in the line of ready ones, or of askers */
  struct fiber *sibling, **sibling_at; /* among those that the job spawned */
  struct fiber *child;                 /* that it spawned last; cancelled along with it */
  struct fiber *twin, **twin_at;       /* of the same parent; twin_at: NULL without one */
  uint64_t number;                     /* never used twice; its last bits are its place */
  enum fiber_state state;
  bool begun;

  lua_State *co; /* NULL: a main fiber that needs one yet */
  int co_ref;

  void (*forget)(void *arg); /* who must know that it waits no more, or NULL */
  void *arg;
  uint32_t request; /* number of the request it waits for; 0: none */
  bool answered, answer_ok;
  struct buf answer;
  bool for_channel;    /* it waits until the channel has sent what it holds */
  bool parked;         /* it waits for fiber_unpark, or its alarm */
  uint64_t awaits;     /* number of the one whose end it is parked for; 0: none */
  uint32_t awaited;    /* how many are parked for the end of this one */
  bool asking;         /* it waits until it may ask the host */
  bool joining;        /* it waits until the job's other fibers have ended */
  bool cancelled;      /* it has been told, or will be when it runs again */
  int64_t transaction; /* whose queries alone may make it wait; 0: none */
  uv_timer_t alarm;
};

/* The main fiber of a slot. */
void fiber_init(struct fiber *f, struct slot *s);
void fiber_fini(struct fiber *f);

/* Adds a fiber to the job that runs; it will run the function at the top of L's stack,
 * which is popped. NULL when the job has FIBERS_OF_JOB, or the worker FIBERS_MAX. May
 * raise. */
struct fiber *fiber_spawn(lua_State *L);
struct fiber *fiber_find(struct worker *w, uint64_t number); /* or NULL: it has ended */

/* Runs its coroutine until it waits or ends; returns what lua_resume does. */
int fiber_run(struct fiber *f);

/* The coroutine is of no use any more: whatever the fiber waited for is forgotten. A main
 * fiber gets a new coroutine when it runs again; another one is gone after this. */
void fiber_drop(struct fiber *f);
void fiber_drop_spawned(struct slot *s);
/* Drops a cancelled one that cannot tell of its end: who is parked for it is woken. */
void fiber_give_up(struct fiber *f);

/* It is not wanted any more, nor are those that it spawned: they are told. */
void fiber_cancel(struct fiber *f);

/* Wakes the fibers of a slot that wait, before what they wait for has come. */
void fiber_interrupt_all(struct slot *s);

/* The first of the line of ready ones, or NULL. */
struct fiber *fiber_pop_ready(struct worker *w);

/* ---- waiting: called by the fiber's Lua just before it yields ---- */

/* forget (may be NULL) is called when the fiber stops waiting before fiber_wake. */
void fiber_wait(struct fiber *f, void (*forget)(void *arg), void *arg);
void fiber_wait_alarm(struct fiber *f, int64_t ms);
uint32_t fiber_wait_answer(struct fiber *f); /* the number that the request must carry */
void fiber_wait_channel(struct fiber *f);
/* ms < 0: for as long as it takes; `other`: whose end it waits for, or NULL */
void fiber_park(struct fiber *f, int64_t ms, struct fiber *other);
void fiber_join(struct fiber *f);
void fiber_wait_to_ask(struct fiber *f);

/* ---- what they waited for has come ---- */

void fiber_wake(struct fiber *f);
void fiber_unpark(struct fiber *f); /* nothing happens unless it is parked */
void fiber_answer(struct worker *w, const struct message_answer *answer);
void fiber_channel_drained(struct worker *w);
void fiber_wake_asker(struct worker *w); /* the first one; it looks whether it may now */

/* ---- gates: one fiber waits for one thing ---- */

struct gate { /* {0} is one where nobody waits */
  struct fiber *waiting;
};

void gate_wait(struct gate *g, struct fiber *f);
void gate_open(struct gate *g); /* wakes who waits, if anybody does */

#endif
