/* The workers of a host: started, fed with jobs, watched, replaced, drained.
 *
 * Workers come in generations, one for each state of the scripts. One is current; at most
 * one is being loaded, and takes its place in one step (load.c) or is dropped whole; at
 * most two old ones finish what they run. reload.c decides what is loaded.
 *
 * The way of a job here: pump (dispatch.c) claims, hand_out gives it a cell of the least
 * busy worker, message DONE (dispatch.c) tells the queue how it ended. watch.c looks at
 * the pages for workers that stand still, blame.c settles what a dead worker held, and
 * request.c serves what Lua asks of the host meanwhile.
 */
#ifndef CANDY_WORKER_POOL_H
#define CANDY_WORKER_POOL_H

#include "queue/queue.h"
#include "worker/sources.h"

struct pool;

/* What the host keeps from its workers: functions that return 0, or -1 with err. */
struct pool_vault {
  int (*secret)(void *arg, const char *name, struct buf *value, struct err *err);
  /* The text and the context of both, and what `open` returns, are base64url. */
  int (*seal)(void *arg, const char *text, const char *context, struct buf *sealed,
              struct err *err);
  int (*open)(void *arg, const char *sealed, const char *context, struct buf *text,
              struct err *err);
  void (*hide)(void *arg, const char *value); /* a secret that no log may show; or NULL */
};

enum pool_level { POOL_DEBUG, POOL_INFO, POOL_WARN, POOL_ERROR };

/* What may change while the host runs. Each generation keeps what it was begun with. */
struct pool_settings {
  int slots;        /* coroutines a worker */
  int64_t stall_ms; /* a loop that stands still for longer is killed */
  struct catalog_defaults defaults;
  struct queue_keep keep;
  json_t *told; /* members of INIT: what else workers go by; never changed once here */
};

struct request;

/* What stands between the pool and the world in a test. */
struct pool_test {
  /* In place of a claim: jobs may be taken, or one has ended. They come by pool_hand. */
  void (*pump)(void *arg);
  /* A job wants something of the outside ("http"), or wants time to pass ("sleep"): to be
   * answered by pool_answer. */
  void (*outside)(void *arg, const char *what, const json_t *body, struct request *ask);
};

struct pool_config {
  int workers;
  struct pool_settings settings; /* `told` stays the caller's */
  const char *env;
  const char *data; /* the folder of the last good copy; NULL: none is kept */
  const char *tmp;  /* the folder of jobs' temporary folders */
  const char *mark; /* "NAME=value" in the environment of all that jobs run */
  /* Once: tasks are known and the first worker runs; or err, when no worker starts. */
  void (*ready)(void *arg, const struct err *err);
  /* All workers are gone after pool_stop. */
  void (*stopped)(void *arg);
  /* The body of a worker's LOG message. */
  void (*message)(void *arg, const char *worker, const char *body, size_t len);
  /* A line for the log. `fields` (may be NULL) is the callee's to release. */
  void (*log)(void *arg, enum pool_level level, json_t *fields, const char *text);
  struct pool_vault vault;
  void (*rotate_logs)(void *arg); /* or NULL */
  /* "scripts.loaded" or "scripts.failed", or NULL. `fields` stays the pool's. */
  void (*event)(void *arg, const char *name, const json_t *fields);
  /* A generation with these settings is the current one from now on; or NULL. */
  void (*taken)(void *arg, const struct pool_settings *settings);
  const struct pool_test *test; /* NULL: this is none. It gets arg, too */
  void *arg;
};

/* Takes over the sources. Nothing runs before the loop does. */
struct pool *pool_new(uv_loop_t *loop, const struct pool_config *config,
                      struct sources *sources);
void pool_free(struct pool **pool);

/* The queue comes after the pool, since each needs the other. */
void pool_start(struct pool *pool, struct queue *queue);

/* The sources as they are now, which the pool takes over. They are loaded as a new
 * generation unless they are what runs, or what failed last. */
void pool_offer(struct pool *pool, struct sources *sources);

/* From the next offer on these settings count; what is loaded with others is loaded
 * again. `told` stays the caller's. */
void pool_configure(struct pool *pool, const struct pool_settings *settings);

/* They can't be read: what runs goes on, and /health says why. */
void pool_unreadable(struct pool *pool, const struct err *err);

/* There may be something to claim. */
void pool_wake(struct pool *pool);

/* No more claims; what runs may finish until the grace is over, then it is killed and
 * goes back to the queue uncounted. */
void pool_stop(struct pool *pool, int64_t grace_ms);

/* ---- for tests ---- */

/* Whether a worker takes a job now; hands one out, or gives it back to the queue. */
bool pool_takes(const struct pool *pool);
void pool_hand(struct pool *pool, const struct store_job *job);

/* Answers what was asked, once: with a value (whose reference it takes over) or with err.
 */
void pool_answer(struct request **ask, json_t *value, const struct err *err);

/* The clock was moved: workers are to see it. */
void pool_tell_time(struct pool *pool);

/* ---- what others ask ---- */

const struct catalog *pool_catalog(const struct pool *pool); /* NULL before ready */

struct pool_health {
  int workers, alive, busy; /* wanted, ready, with jobs */
  int64_t open;             /* jobs handed out */
  int64_t restarts;
  int64_t last_claim_ms; /* when jobs were last claimed (since 1970), or 0 */
};

void pool_health(const struct pool *pool, struct pool_health *health);

/* [{path, error: null | {code, message, line}}]; a new reference. */
json_t *pool_files(const struct pool *pool);

/* {generation, loaded_at, last_good: null | time, problem: null | {generation, file,
 * line, code, message}}: what runs, and why the newest scripts do not; a new reference.
 */
json_t *pool_scripts(const struct pool *pool);

#endif
