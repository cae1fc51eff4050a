/* The queue: the life of jobs, on top of the store.
 *
 * The dispatcher takes jobs here and says how each one ended; the queue decides what
 * follows (completed, retry with which delay, dead, rescued) and keeps saying so to the
 * store until the store has it on disk. See POLICY in policy.h for the rules.
 */
#ifndef CANDY_QUEUE_QUEUE_H
#define CANDY_QUEUE_QUEUE_H

#include "queue/catalog.h"
#include "queue/door.h"
#include "queue/locks.h"
#include "store/store.h"

struct queue;

/* How long what is done stays. */
struct queue_keep {
  int64_t completed_ms, dead_ms, logs_ms;
  int64_t logs; /* lines */
};

struct queue_config {
  struct queue_keep keep;
  /* Something may be there to claim: new jobs, jobs that came due, jobs come back. */
  void (*wake)(void *arg);
  /* An attempt ended in whatever way, or a job that waited was cancelled or died, and
   * that is on disk; for the log. Of the job there are its numbers and its type. Called
   * for each of them: to be quick. */
  void (*ended)(void *arg, const struct store_job *job, const struct store_finish *end);
  /* The store began to refuse turns as a whole (a full disk), or (NULL) takes them again.
   */
  void (*trouble)(void *arg, const struct err *err);
  void *arg;
};

struct queue *queue_new(uv_loop_t *loop, struct store *store,
                        const struct queue_config *config);
void queue_free(struct queue **queue); /* before the loop's last run; ends its timers */

/* From now on. */
void queue_keep(struct queue *queue, const struct queue_keep *keep);

/* ---- in ---- */

typedef void (*queue_pushed)(void *arg, const struct store_new *jobs, size_t n,
                             const struct err *err);

/* Enqueues the batch (which the queue takes over and empties); `pushed` comes after the
 * commit, with the jobs' ids or with err. */
void queue_push(struct queue *queue, struct door_batch *batch, queue_pushed pushed,
                void *arg);

/* Ended jobs back (STORE_REQUEUE), finished ones forgotten (STORE_PURGE), others ended
 * (STORE_CANCEL). */
void queue_bulk(struct queue *queue, struct store_bulk *op);

/* What changes what may run: STORE_PAUSE, STORE_EDIT. `controlled` is to be called in its
 * `done`: what waits may run, or be due, from then on. */
void queue_control(struct queue *queue, struct store_op *op);
void queue_controlled(struct queue *queue, const struct store_op *op);

struct queue_expired {
  int64_t jobs, lines; /* of the log */
};

/* Forgets all finished jobs and log lines past their time now, in small steps. */
void queue_expire(struct queue *queue,
                  void (*done)(void *arg, const struct queue_expired *count,
                               const struct err *err),
                  void *arg);

/* ---- out ---- */

/* Claims up to max jobs; `done` of the operation is called with them. */
void queue_claim(struct queue *queue, struct store_claim *op);

/* To be called in that `done`. A timer may be early by the clock of the store, and then
 * the claim finds nothing: only now is it known when to look again. */
void queue_claimed(struct queue *queue, const struct store_claim *op);

/* How an attempt ended. Strings are copied. */
struct queue_end {
  const struct store_job *job;
  const char *worker;
  int64_t began_at;              /* ms since 1970, or 0 */
  const char *error;             /* JSON {code,message,...} */
  int64_t delay_ms;              /* asked for by the job; -1: by `backoff` */
  struct policy_backoff backoff; /* the task's */
  const char *result;            /* JSON */
  size_t result_len;
  const json_t *effects;      /* {"writes":[[sql,params]...],"children":[...]}, or NULL */
  int depth;                  /* of events: see event.h */
  struct lock_holder **locks; /* the job's, which the queue takes over; or NULL */
};

void queue_completed(struct queue *queue, const struct catalog *catalog,
                     const struct queue_end *end);
void queue_failed(struct queue *queue, const struct queue_end *end);    /* may retry */
void queue_permanent(struct queue *queue, const struct queue_end *end); /* dead */
/* It waits for what it fanned out into: effects has {"fan":{jobs,at_most,...}} too. */
void queue_fanned_out(struct queue *queue, const struct catalog *catalog,
                      const struct queue_end *end);
void queue_snoozed(struct queue *queue, const struct queue_end *end);
/* It goes back as if nothing had been; one without began_at never began. */
void queue_released(struct queue *queue, const struct queue_end *end);
void queue_rescued(struct queue *queue,
                   const struct queue_end *end); /* lost, not guilty */
/* A job of a task with rerun = false that began and was lost: dead, outcome unknown. */
void queue_lost_once(struct queue *queue, const struct queue_end *end);

/* How many ends are not on disk yet: a graceful stop waits for 0. */
size_t queue_unsettled(const struct queue *queue);

/* The code of what the store refuses turns for now ("store_full"), or "". */
const char *queue_trouble(const struct queue *queue);

struct store *queue_store(struct queue *queue);
struct locks *queue_locks(struct queue *queue);

#endif
