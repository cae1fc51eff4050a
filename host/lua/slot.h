/* A slot: one begun job.
 *
 *   free --take (l_job.c)--> runs a job --its outcome is told--> free
 *
 * The job's Lua runs in the slot's main fiber and in those that it spawned (fiber.h). The
 * time limit counts from the job's begin and rests while another job's Lua stands still.
 * When it is up, or the job was silent for longer than its heartbeat, every wait of the
 * job raises; a job that waits again after that is dropped. One that is cancelled has
 * some time for its last words: until that is over, each further wait raises as well.
 */
#ifndef CANDY_LUA_SLOT_H
#define CANDY_LUA_SLOT_H

#include "lua/fiber.h"
#include "lua/resource.h"
#include "lua/tasks.h"

#define SLOT_MAX PAGE_CELLS

struct folder;

enum slot_stop { /* why a job is to end: its waits raise */
                 SLOT_GOES_ON,
                 SLOT_TIMED_OUT,
                 SLOT_SILENT, /* no heartbeat for too long */
                 SLOT_CANCELLED,
};

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
  enum slot_stop stop;
  int64_t stop_by_ns;   /* CANCELLED: its time for last words ends */
  char stop_code[32];   /* CANCELLED: why, */
  char *stop_text;      /* and in words */
  int64_t heartbeat_ms; /* the longest silence; 0: it may be silent */
  int64_t beat_ns;      /* how long it had run at its last heartbeat */
  bool refused;         /* it ran into the memory cap */
  int64_t snooze_ms;
  struct buf writes, children; /* its effects, as elements of JSON arrays */
  struct buf fan;              /* what it may wait for, as a JSON object */
  uv_timer_t limit;
};

void slot_init(struct slot *s, struct worker *w, uint32_t index);
void slot_fini(struct slot *s);

/* Runs one fiber until it waits or has nothing more to do. */
void slot_run(struct fiber *f);

/* The job begins in this slot, within its main fiber. */
void slot_begin(struct slot *s, struct job *job, const struct task *task);
/* The job is over: its fibers end, and what it left open is closed. */
void slot_close(struct slot *s);
/* And told: the slot forgets it. */
void slot_end(struct slot *s);

/* The job lives. */
void slot_beat(struct slot *s);
/* It is to end: see CANCEL in frame/message.h. */
void slot_cancel(struct slot *s, const struct message_cancel *cancel);
/* Why it is to end, in words; NULL when it may go on. For a cancelled job also before the
 * message is read. */
const char *slot_cancelled(const struct slot *s);
/* Raises what a wait raises in a job that is to end; returns when it may go on. */
void slot_check(lua_State *L, const struct slot *s);

/* A fiber of the job begins to wait. */
void slot_watch_limit(struct slot *s);

struct slot *slot_pop_free(struct worker *w);

#endif
