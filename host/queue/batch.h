/* A batch as people and scripts ask for it, checked and enqueued:
 *
 *   { name, jobs: [request...], at_most, on_success: request, on_complete, on_death }
 *
 * The requests are those of the door. What follows the batch is no part of it, and waits
 * for nothing else.
 */
#ifndef CANDY_QUEUE_BATCH_H
#define CANDY_QUEUE_BATCH_H

#include "queue/queue.h"

#define BATCH_JOBS_MAX 50000
#define FAN_JOBS_MAX   10000

struct batch_order {      /* {0} is an empty one */
  struct door_batch door; /* its jobs, and behind them what follows */
  size_t n_jobs;
  size_t follower[STORE_BATCH_EVENTS]; /* 1 + index, or 0 */
  const char *name;
  size_t at_most;
};

/* A document as it came by HTTP. Returns 0, or -1 with err for what is no JSON
 * ("bad_json"); problems are in the door's batch. */
int batch_read(struct batch_order *order, const struct catalog *catalog, const char *text,
               size_t len, struct err *err);

/* The same of a script: payloads are strings of JSON text. */
void batch_read_specs(struct batch_order *order, const struct catalog *catalog,
                      const json_t *body);

void batch_fini(struct batch_order *order);

typedef void (*batch_pushed)(void *arg, const struct store_batch *batch,
                             const struct err *err);

/* Takes the order over and empties it; `pushed` comes after the commit. */
void batch_push(struct queue *queue, struct batch_order *order, batch_pushed pushed,
                void *arg);

/* The children of a job that waits for them: {jobs, at_most, fail_on_death}, with
 * payloads as in batch_read_specs. They live in `door`. Returns 0, or -1 with err. */
int batch_read_fan(struct door_batch *door, struct store_fan *fan,
                   const struct catalog *catalog, const json_t *spec, struct err *err);

/* Problems with a pointer for what only the store could see: the job that was refused.
 * The list gets "/after" or "/batch" behind `prefix` and its index; NULL when it is none.
 */
json_t *batch_store_problem(const struct store_new *jobs, size_t n, const char *prefix,
                            const struct err *err);

#endif
