/* The life of a job: it is enqueued, claimed, and finished by the claim that holds it.
 * See store.h; store_batch.h for what it waits for, store_policy.h for what it may. */
#ifndef CANDY_STORE_STORE_JOB_H
#define CANDY_STORE_STORE_JOB_H

#include "store/store_op.h"

/* Jobs with the same hash are the same to their task. Of them the store knows the newest
 * one, for as long as it knows that job, and what becomes of one more is decided in the
 * order in which they come, also between those of one operation. */
enum store_same {
  STORE_SAME_KEEP,             /* the known one is the answer, if it is in `states` */
  STORE_SAME_DEBOUNCE,         /* one that never began is the answer: it takes the newer
                                  payload, and waits anew */
  STORE_SAME_SUPERSEDE,        /* known ones that are not finished are cancelled */
  STORE_SAME_SUPERSEDE_QUEUED, /* the same, but for one that runs */
};

struct store_unique {
  unsigned char hash[16];
  enum store_same same;
  unsigned states;     /* KEEP: bits 1 << enum store_state */
  int64_t window_ms;   /* KEEP: only if it was created less than so long ago; 0: ever */
  int64_t wait_ms;     /* DEBOUNCE: from the newest one on */
  int64_t max_wait_ms; /* DEBOUNCE: no longer than this from the first one on; 0: ever */
};

/* What superseded jobs have for a reason. */
#define STORE_SUPERSEDED                                                                 \
  "{\"code\":\"superseded\",\"message\":\"a newer job has taken its place\"}"

/* A job to be. Strings are UTF-8; NULL where a default is named. */
struct store_new {
  const char *type;
  const char *queue;     /* NULL: "default" */
  const char *workspace; /* NULL: "default" */
  const char *key;       /* NULL: none; the partition for limits and order */
  const char *tags;      /* JSON array of strings, NULL: none */
  const char *trace;     /* base/trace.h; NULL: trace_of_job(id) */
  const char *payload;   /* JSON text, kept byte for byte */
  size_t payload_len;
  int64_t delay_ms;    /* from the store's now; 0: none */
  int64_t run_at;      /* absolute; 0: none; the later of the two counts */
  int64_t deadline_ms; /* from the store's now; 0: none */
  int64_t deadline;    /* absolute; 0: none; the earlier of the two counts */
  int64_t parent;      /* the job that enqueued it, or 0 */
  int priority;        /* smaller runs first */
  int max_retries;
  /* What must end before it may run: ids of jobs, and -k for the k-th job in front of it
   * in the same list. When one of them ends otherwise than completed it is cancelled with
   * code "dependency_failed", unless it runs `after_any` end. delay_ms counts from then
   * on. Children wait for each other only. Errors: "no_such_job", "circular_wait". */
  const int64_t *after;
  size_t n_after;

  /* The batch that it joins, or 0: to one that is cancelled it comes cancelled. Errors:
   * "no_such_batch", "batch_ended". */
  int64_t batch;

  const struct store_unique *unique; /* NULL: there is no other like it */

  int64_t id;     /* out */
  bool after_any; /* see `after` */
  bool duplicate; /* out: the id is that of a job that was there */
  bool refused;   /* out: this one is why the operation failed */
};

struct store_enqueue {
  struct store_op op;
  struct store_new *jobs;
  size_t n; /* all of them or none */
};

/* A job as it is claimed. Strings live as long as the operation. */
struct store_job {
  int64_t id;
  int64_t lease;   /* the fencing token: larger at each claim of this job */
  int retry_count; /* failures that counted so far */
  int rescues;
  int max_retries;
  int priority;
  int64_t created_at;
  const char *type, *queue, *workspace;
  const char *key;        /* or NULL */
  const char *tags;       /* JSON array, or NULL */
  const char *checkpoint; /* JSON, or NULL */
  const char *trace;      /* or NULL: trace_of_job(id) */
  const char *payload;
  size_t payload_len;
  int64_t batch; /* that it belongs to or follows, or 0 */
};

/* Takes up to max jobs, and about 8 MB of them, in the order of each queue, queues in
 * turn, and only types that STORE_TYPES named and that their limits and their order let
 * run. Others met on the way are set aside at no further cost. */
struct store_claim {
  struct store_op op;
  size_t max;
  struct store_job *jobs; /* out */
  size_t n;               /* out */
  bool more;              /* out: jobs were left behind that could be claimed now */
  struct buf memory;      /* out: what the strings live in */
};

enum store_outcome {
  STORE_OK,      /* completed, with result and effects */
  STORE_RETRY,   /* a failure that counts; comes back after delay_ms */
  STORE_FAIL,    /* a failure that counts; dead */
  STORE_SNOOZE,  /* comes back after delay_ms; nothing is counted */
  STORE_RELEASE, /* nobody is to blame, and nothing is counted: back to its old place */
  STORE_RESCUE,  /* lost through no fault of its own: back to its place, rescues + 1 */
  STORE_FAN_OUT, /* with effects: pending, and back in its place when its fan has ended */
};

/* The children that a job waits for. They are a batch; so is what they fan out in turn.
 * With the job that waits they are cancelled. Error: "fan_out_too_deep". */
#define STORE_FAN_DEPTH 16

struct store_fan {
  struct store_new *jobs;
  size_t n;
  size_t at_most;     /* as of a batch */
  bool fail_on_death; /* with the first that is dead, the others are cancelled */
};

/* A claim that was told to end (STORE_CANCEL) ends the job as it was asked, whatever its
 * outcome is; but what was completed all the same is completed. */

struct store_write {
  const char *sql;
  const char *params; /* JSON array */
};

enum store_verdict {
  STORE_DONE,
  STORE_STALE,  /* the lease did not match: nothing has happened */
  STORE_REFUSED /* an effect failed (op.err says why): the job is still running */
};

struct store_finish {
  struct store_op op;
  int64_t id, lease;
  enum store_outcome outcome;
  enum store_verdict verdict; /* out; status is -1 only if the whole turn failed */
  enum store_state became;    /* out: DONE: what the job is now */
  struct buf reason;          /* out: DONE, of one that was told to end: why; or len 0 */
  int64_t delay_ms;           /* RETRY, SNOOZE */
  int64_t began_at;           /* 0: unknown; RELEASE: never, and it counts for no rate */
  const char *worker;         /* who ran it, for the history; NULL: nobody */
  const char *result;         /* OK: JSON text */
  const char *error;          /* RETRY, FAIL, RESCUE: JSON object {code,message,...} */
  struct store_write *writes; /* OK, FAN_OUT: run as the scripts' SQL, in order */
  size_t n_writes;
  struct store_new *children; /* OK, FAN_OUT: enqueued with the finish */
  size_t n_children;
  const struct store_fan *fan; /* FAN_OUT */
};

/* At start: what this host ran before it died goes back to its place, uncounted; jobs
 * that were told to end have ended, others of a `once` type are dead with code
 * "outcome_unknown". Its locks are free. */
struct store_recover {
  struct store_op op;
  int64_t released, lost, cancelled; /* out */
};

struct store_progress {
  struct store_op op;
  int64_t id, lease;
  double percent;         /* 0 to 100, or < 0 to leave it as it is */
  const char *message;    /* or NULL */
  const char *checkpoint; /* JSON, or NULL to leave it as it is */
  bool stale;             /* out */
};

#endif
