/* A slot: one begun job.
 *
 *   free --take (l_job.c)--> runs a job --its outcome is told--> free
 *
 * The job's Lua runs in the slot's main fiber and in those that it spawned (fiber.h). The
 * time limit counts from the job's begin and rests while another job's Lua stands still.
 * When it is up, every wait of the job raises; a job that waits again after that is
 * dropped.
 */
#ifndef CANDY_LUA_SLOT_H
#define CANDY_LUA_SLOT_H

#include "lua/fiber.h"
#include "lua/resource.h"

#define SLOT_MAX PAGE_CELLS

struct folder;

struct slot {
  struct worker *worker;
  struct slot *next; /* in the list of free ones */
  uint32_t index;
  struct fiber main;
  struct fiber *spawned; /* by the job, not ended yet */
  uint32_t spawned_count;
  int strands_ref; /* what candy/fiber.lua keeps for the job, or LUA_NOREF */
  struct resource *resources;
  struct folder *folder; /* the job's, or NULL */

  struct job *job;
  const void *object; /* the address of its job object in Lua */
  int64_t timeout_ms;
  int64_t began_ns;
  int64_t stalled0_ns, own_stall_ns; /* worker's stalled_ns at begin; own share since */
  bool timed_out;                    /* the limit is up: its waits raise */
  bool refused;                      /* it ran into the memory cap */
  int64_t snooze_ms;
  struct buf writes, children; /* its effects, as elements of JSON arrays */
  uv_timer_t limit;
};

void slot_init(struct slot *s, struct worker *w, uint32_t index);
void slot_fini(struct slot *s);

/* Runs one fiber until it waits or has nothing more to do. */
void slot_run(struct fiber *f);

/* The job begins in this slot, within its main fiber. */
void slot_begin(struct slot *s, struct job *job, int64_t timeout_ms);
/* The job is over: its fibers end, and what it left open is closed. */
void slot_close(struct slot *s);
/* And told: the slot forgets it. */
void slot_end(struct slot *s);

/* A fiber of the job begins to wait. */
void slot_watch_limit(struct slot *s);

struct slot *slot_pop_free(struct worker *w);

#endif
