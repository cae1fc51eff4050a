/* A slot: one begun job with its coroutine.
 *
 *   FREE --take--> RUNNING --request, sleep, log--> WAITING --answer, alarm--> READY
 *     ^               |  ^                                                      |
 *     +----finish-----+  +-----------------------resume-------------------------+
 *
 * The time limit counts from the job's begin and rests while another job's Lua stands
 * still. When it is up at a wait, the wait raises; a job that waits again after that is
 * dropped.
 */
#ifndef CANDY_LUA_SLOT_H
#define CANDY_LUA_SLOT_H

#include "lua/worker.h"

#define SLOT_MAX PAGE_CELLS

enum slot_state {
  SLOT_FREE,
  SLOT_RUNNING,
  SLOT_WAITING,
  SLOT_READY,
};

struct slot {
  struct worker *worker;
  struct slot *next; /* in the list of free or ready ones */
  uint32_t index;
  enum slot_state state;

  lua_State *co; /* NULL until one is needed */
  int co_ref;
  struct job *job;
  const void *object; /* the address of its job object in Lua */
  int64_t timeout_ms;
  int64_t began_ns;
  int64_t stalled0_ns, own_stall_ns; /* worker's stalled_ns at begin; own share since */

  uint32_t request; /* number of the request it waits for; 0: none */
  bool answered, answer_ok;
  struct buf answer;
  bool for_channel; /* it waits until the channel has sent what it holds */
  bool timed_out;   /* the limit is up and the job has been told, or will be */
  bool refused;     /* it ran into the memory cap */
  int64_t snooze_ms;
  struct buf writes, children; /* its effects, as elements of JSON arrays */
  uv_timer_t alarm, limit;
};

void slot_init(struct slot *s, struct worker *w, uint32_t index);
void slot_fini(struct slot *s);

/* Runs the slot's coroutine until it waits or has nothing more to do. */
void slot_resume(struct slot *s);

/* The job begins in this slot, within its coroutine. */
void slot_begin(struct slot *s, struct job *job, int64_t timeout_ms);
/* The job is over and told: the slot forgets it. */
void slot_end(struct slot *s);

/* Called by the job's Lua just before it yields. */
void slot_wait_alarm(struct slot *s, int64_t ms);
uint32_t slot_wait_answer(struct slot *s); /* the number that the request must carry */
void slot_wait_channel(struct slot *s);

void slot_answer(struct worker *w, const struct message_answer *answer);
void slot_channel_drained(struct worker *w);

/* Lists. */
struct slot *slot_pop_free(struct worker *w);
struct slot *slot_pop_ready(struct worker *w);

#endif
