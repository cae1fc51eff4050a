/* The page of shared memory between the host and one worker: what a worker that stands
 * still, or is dead, can no longer say in a message.
 *
 * Each job that is handed to a worker gets a cell. Who moves a cell from OFFERED decides
 * what becomes of the job, and both sides move it by compare-and-swap:
 *
 *   FREE --host--> OFFERED --worker--> BEGUN --worker--> ENDED --host--> FREE
 *                     \------host----> REVOKED --worker--> ENDED
 *                      \-----worker (drains, or lacks the task)--> ENDED
 *
 * So a job that a stalled worker had not begun can be given to another one at once, and
 * can never be begun by both.
 */
#ifndef CANDY_FRAME_PAGE_H
#define CANDY_FRAME_PAGE_H

#include <stdatomic.h>
#include <stdint.h>

#define PAGE_CELLS   4096
#define PAGE_VERSION 2

enum page_cell_state {
  PAGE_FREE,
  PAGE_OFFERED,
  PAGE_BEGUN,
  PAGE_REVOKED,
  PAGE_ENDED,
};

enum page_busy { /* what `current` counts in */
                 PAGE_IDLE,
                 PAGE_JOB,  /* current is a cell */
                 PAGE_LOAD, /* current is the number of a file of the bundle, in its order
                             */
};

struct page_cell {
  _Atomic uint32_t state;
  _Atomic uint32_t cancelled; /* set by the host, for Lua that never lets the loop turn */
  _Atomic int64_t began_ns;   /* monotonic; set before the state becomes BEGUN */
  _Atomic int64_t beat_ns;    /* the job's last heartbeat, monotonic; 0: none yet */
};

struct page {
  uint32_t version;
  _Atomic uint32_t busy;          /* enum page_busy: Lua is running right now */
  _Atomic uint32_t current;       /* whose Lua: valid while busy */
  _Atomic uint32_t out_of_memory; /* set before a worker ends for want of memory */
  _Atomic int64_t since_ns;       /* when it was entered, monotonic */
  _Atomic int64_t turned_ns;      /* when the worker's loop last turned, monotonic */
  _Atomic int64_t wall_ms;        /* the wall clock of a test, which stands; 0: it goes */
  struct page_cell cells[PAGE_CELLS];
};

#endif
