/* Locks of jobs: who is told when the turn has come, and what is given back at the end.
 *
 * The lines are the store's (store.h). Here is what this host has to know of them: which
 * of its jobs stands in which line, and who waits for the answer. Nobody polls: the store
 * says who comes next when somebody leaves, and a timer looks when a lease or somebody's
 * patience ends.
 *
 * All that a job holds and waits for is its lock_holder. It goes with the job, from its
 * flight to the end of its attempt, and ends when that end is on disk: so what the job
 * wrote is there before the next one holds the lock.
 */
#ifndef CANDY_QUEUE_LOCKS_H
#define CANDY_QUEUE_LOCKS_H

#include "store/store.h"

#define LOCKS_OF_JOB 100 /* that it holds or waits for */

struct locks;
struct lock_holder;

struct locks *locks_new(uv_loop_t *loop, struct store *store);
void locks_free(struct locks **locks); /* before the loop's last run */

/* One lock of a job, by a number that is the asker's choice. */
struct lock_wish {
  uint32_t number;
  const char *name;
  int64_t job;
  int64_t wait_ms, ttl_ms;
};

struct lock_lease {
  int64_t token;
  int64_t until; /* on the store's clock */
};

/* The lease, or err; once for each call below that takes it, on the loop, and maybe
 * before that call returns. Errors: "locked", "lock_lost", "lock_reentered",
 * "too_many_locks", "lock_crowded", "cancelled", those of the store. */
typedef void (*lock_answered)(void *arg, const struct lock_lease *lease,
                              const struct err *err);

/* `holder` is the job's, and NULL before its first lock. */
void locks_take(struct locks *locks, struct lock_holder **holder,
                const struct lock_wish *wish, lock_answered answered, void *arg);

/* Of the wish its number, its name (for errors) and, to extend, ttl_ms. What a job is not
 * known to hold, or waits for, is lost ("lock_lost"). */
void locks_extend(struct locks *locks, struct lock_holder *holder,
                  const struct lock_wish *wish, lock_answered answered, void *arg);
void locks_leave(struct locks *locks, struct lock_holder *holder,
                 const struct lock_wish *wish, lock_answered answered, void *arg);

/* The job is over: whatever it holds is given back, whatever it waits for given up. */
void locks_end(struct lock_holder **holder);

#endif
