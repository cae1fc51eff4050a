/* The store: everything durable, behind one seam.
 *
 * The loop submits operations; a backend gathers them into turns, one transaction each
 * (progress and finishes first, then the rest in order, then what carries SQL of scripts,
 * claims last), and calls `done` on the loop after the commit is on disk, in the order of
 * submission. Nothing is promised to anyone before. Reads run apart from the writer and
 * see what was committed when they begin. What makes a turn too long is left for the next
 * one.
 *
 * Who owns what: the caller allocates an operation and all that it points to, keeps it
 * until `done`, and releases it there. What the store hands out hangs on the operation
 * (marked "out") and goes with store_op_fini, which `done` must call.
 *
 * A turn that cannot be committed (disk full, I/O error) fails every operation in it
 * with the same error, and nothing of it has happened. An operation that fails by itself
 * fails alone.
 *
 * Time is the store's clock, in milliseconds since 1970 UTC.
 */
#ifndef CANDY_STORE_STORE_H
#define CANDY_STORE_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct store;

enum store_kind {
  /* writes: joined into turns */
  STORE_ENQUEUE,
  STORE_FINISH,
  STORE_CLAIM,
  STORE_TYPES,
  STORE_RECOVER,
  STORE_PROGRESS,
  STORE_REQUEUE,
  STORE_PURGE,
  STORE_EXPIRE,
  STORE_EXEC,
  STORE_SCHEMA,
  STORE_KV_WRITE,
  STORE_KEY_ADD,
  STORE_LOCK,
  STORE_LOG_WRITE,
  STORE_LOG_EXPIRE,
  STORE_VACUUM,
  STORE_CANCEL,
  STORE_DEADLINES,
  STORE_PAUSE,
  STORE_EDIT,
  STORE_BATCH,
  STORE_BATCH_CANCEL,
  /* a transaction of a script */
  STORE_TX_BEGIN,
  STORE_TX_SQL,
  STORE_TX_END,
  /* reads: anything from here on */
  STORE_JOB,
  STORE_JOBS,
  STORE_STATS,
  STORE_COUNT,
  STORE_QUEUES,
  STORE_AUDIT,
  STORE_QUERY,
  STORE_KV_READ,
  STORE_KEYS,
  STORE_LOG,
  STORE_LOGS,
  STORE_SPACE,
  STORE_BATCHES,
  STORE_CHILDREN,
  /* reads that take long */
  STORE_CHECK,
  STORE_CHECKPOINT,
};

enum store_state {
  STORE_SCHEDULED,
  STORE_AVAILABLE,
  STORE_RUNNING,
  STORE_RETRYABLE,
  STORE_PENDING, /* waits for other jobs */
  STORE_COMPLETED,
  STORE_CANCELLED,
  STORE_DEAD,
  STORE_STATES
};

extern const char *const store_state_names[STORE_STATES];

struct store_op {
  enum store_kind kind;
  void (*done)(struct store_op *op); /* on the loop, exactly once */
  void *arg;                         /* the caller's */
  int status;                        /* out: 0, or -1 and err */
  struct err *err;                   /* out: NULL when status is 0 (but see REFUSED) */
  struct store_op *next;             /* the store's, until done */
};

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

/* ---- batches: jobs that are looked at as one ---- */

enum store_batch_event {
  STORE_BATCH_SUCCESS,  /* all are completed */
  STORE_BATCH_COMPLETE, /* all have ended in whatever way */
  STORE_BATCH_DEATH,    /* the first one is dead */
  STORE_BATCH_EVENTS
};

/* All of the jobs or none. At each event the job that follows it is enqueued, once; it
 * knows its batch, and is no part of it. A dead job that is retried is one that has not
 * ended: then the batch goes on. */
struct store_batch {
  struct store_op op;
  const char *name;      /* or NULL */
  const char *workspace; /* NULL: "default" */
  struct store_new *jobs;
  size_t n;
  const struct store_new *followers[STORE_BATCH_EVENTS]; /* NULL: none */
  size_t at_most; /* so many are let go at a time, the others are pending; 0: no bound */
  int64_t id;     /* out */
};

/* Jobs of it that wait are cancelled (code "batch_cancelled"), in this turn or in those
 * that follow. One that has ended stays as it is. */
struct store_batch_cancel {
  struct store_op op;
  int64_t id;
  bool found;   /* out */
  bool running; /* out: it had not ended */
};

/* One batch, or a page of them, newest first, as JSON in the shape of the API. Children
 * of a job (STORE_FAN_OUT) are a batch that is given by its id only. */
struct store_batches {
  struct store_op op;
  int64_t id;       /* 0: a page */
  int64_t before;   /* of a page: ids below this one; 0: from the newest */
  int64_t limit;    /* 1 to 1000 */
  struct buf items; /* out: a JSON array, or the object of the one; len 0: not there */
  int64_t next;     /* out: `before` of the next page, 0 at the end */
};

/* What a job's last fan-out came to: [{id,type,state,result,error}], in order. */
struct store_children {
  struct store_op op;
  int64_t id;         /* of the parent */
  int64_t after;      /* children behind this one; 0: from the first */
  bool found;         /* out: it has fanned out */
  bool failed;        /* out: one is dead, which is to be the parent's failure */
  int64_t first_dead; /* out: which, or 0 when none is any more */
  struct buf items;   /* out: a JSON array, of about 1 MB at most */
  int64_t next;       /* out: `after` of the next part, 0 at the end */
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

/* ---- policies: how many may run, and in which order ----
 *
 * A running job takes a slot of its type, of its type and key, of its queue, and of its
 * queue and key, wherever there is a limit or an order; a job that finds no slot waits
 * for one, at no cost to others. Slots come with the claim and go with the end of it, so
 * none is left behind by whatever dies. A job that goes back to its place (RELEASE,
 * RESCUE, recovery) keeps its turn for them. */

/* Up to `concurrency` run at a time, and up to `rate` begin within any window_ms; 0: any
 * number. A start is noted to within a 256th of the window, never too early. */
#define STORE_WINDOW_MAX_MS ((int64_t)31 * 86400 * 1000)

struct store_limit {
  int64_t concurrency;
  int64_t rate, window_ms;
  bool keyless; /* of a key's: jobs without a key are limited as if they had one too */
};

/* Strict order: nothing that came in later runs before a job has ended, nor while it
 * waits for its retry or its snooze is over. Priorities do not count then. Jobs without a
 * key are in no order by key. */
enum store_order { STORE_LOOSE, STORE_BY_KEY, STORE_STRICT };

struct store_type {
  const char *name;
  bool once; /* rerun = false: never run again by itself after it began */
  struct store_limit limit, key_limit;
  enum store_order order; /* LOOSE or BY_KEY */
};

struct store_weight {
  const char *key;
  int weight; /* 1 to STORE_WEIGHT_MAX */
};

#define STORE_WEIGHT_MAX 1000

struct store_queue {
  const char *name;
  struct store_limit limit, key_limit;
  enum store_order order;
  bool fair; /* its keys take turns, each as often as its weight says; 1 by default */
  const struct store_weight *weights;
  size_t n_weights;
  int64_t ageing_ms; /* so long a wait is worth one step of priority; 0: none */
};

/* What this host can run, and by which policies, in place of what it said before. Jobs
 * that were set aside for want of their type come back when it is named. Limits and
 * strict order hold from now on; priorities, fairness and ageing for jobs that come in
 * from now on. Texts are copied. */
struct store_types {
  struct store_op op;
  const struct store_type *types;
  size_t n;
  const struct store_queue *queues; /* those with policies */
  size_t n_queues;
};

enum store_outcome {
  STORE_OK,      /* completed, with result and effects */
  STORE_RETRY,   /* a failure that counts; comes back after delay_ms */
  STORE_FAIL,    /* a failure that counts; dead */
  STORE_SNOOZE,  /* comes back after delay_ms; nothing is counted */
  STORE_RELEASE, /* never began, and counts for no rate: back to its old place */
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
  bool fail_on_death; /* with the first that is dead, those that wait are cancelled */
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
  int64_t began_at;           /* 0: unknown */
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

/* Which jobs: what is set must fit. Lists are newest first. */
struct store_filter {
  unsigned states; /* bits 1 << enum store_state; 0: any */
  const char *const *types;
  size_t n_types;
  const char *const *queues;
  size_t n_queues;
  const int64_t *ids;
  size_t n_ids;
  const char *tag;
  const char *search;   /* part of the payload or of the last error's message */
  int64_t batch;        /* jobs that belong to it; 0: any */
  int64_t parent;       /* jobs that it enqueued; 0: any */
  int64_t since, until; /* created_at in [since, until); 0: open */
};

/* Dead jobs back to available with retry_count 0 (REQUEUE; cancelled ones too where the
 * filter names states or ids), finished jobs forgotten with their history (PURGE; not
 * children that a job waits for), or jobs that wait or run ended (CANCEL), oldest first.
 * Jobs in other states are left alone. Many jobs take several turns, each of which stands
 * for itself.
 *
 * A job that waits is cancelled at once. For one that runs, those who watch the store are
 * told (struct store_watch); it ends with its claim. */
struct store_bulk {
  struct store_op op;
  struct store_filter filter;
  int64_t max;        /* at most so many */
  const char *reason; /* CANCEL: JSON {code,message} */
  const char *by;     /* who, for the audit; NULL: it is not for it */
  const char *asked;  /* for the audit: what was asked for, a JSON object */
  int64_t count;      /* out */
  int64_t told;       /* out: CANCEL: of them, those that run still */
  int64_t cursor;     /* the store's */
};

/* How many jobs a bulk operation would take now, without doing anything. */
struct store_count {
  struct store_op op;
  enum store_kind bulk; /* REQUEUE, PURGE, CANCEL */
  struct store_filter filter;
  int64_t max;   /* counts no further */
  int64_t count; /* out */
  bool more;     /* out: there may be more: max, or the time, was reached */
};

/* Jobs whose deadline has passed: those that wait are dead with the code "deadline",
 * those that run are told to end (as by STORE_CANCEL), and are dead then. Claims see to
 * it as well, before they take any. When to ask: store.next_deadline. */
struct store_deadlines {
  struct store_op op;
};

/* A queue or a task rests: its jobs wait where they are, and what runs goes on. */
struct store_pause {
  struct store_op op;
  bool task;   /* `name` is a task's, else a queue's */
  bool resume; /* it goes on */
  const char *name;
  const char *by;     /* who, for the audit */
  const char *reason; /* for people; NULL: none */
  bool began;         /* the store's */
};

/* Changes a job that waits: what is set. */
struct store_edit {
  struct store_op op;
  int64_t id;
  const char *by;      /* who, for the audit */
  const char *payload; /* JSON text; NULL: as it is */
  size_t payload_len;
  const char *queue; /* NULL: as it is */
  bool sets_priority, sets_time, sets_tags;
  int priority;
  int64_t run_at, delay_ms; /* as of struct store_new; both 0: now */
  const char *tags;         /* JSON array; NULL: none */
  bool done;                /* out; else no such job waits */
};

/* Forgets finished jobs past their time, in small steps: many of them take several turns,
 * each of which stands for itself. */
struct store_expire {
  struct store_op op;
  int64_t completed_ms, dead_ms; /* ages */
  int64_t max;
  int64_t count; /* out, from 0: == max when there may be more */
};

/* SQL of scripts: only tables that scripts own, within budgets of time and rows.
 * Errors: "sql_error", "sql_forbidden", "sql_timeout", "sql_too_many_rows". */
struct store_sql {
  struct store_op op; /* STORE_EXEC or STORE_QUERY */
  const char *sql;    /* one statement */
  const char *params; /* JSON array */
  struct buf
      answer; /* out: QUERY: JSON array of objects; EXEC: {"changes":n,"last_id":n} */
};

/* A transaction of a script is a conversation. BEGIN answers with a number as soon as the
 * store's writer is there for it alone; SQL runs statements in it; END keeps what they
 * did or takes it back. Transactions have their turn in the order of BEGIN, and other
 * writes come between two of them.
 *
 * It is over, and nothing of it is kept, STORE_TX_MS after its BEGIN, with the first
 * statement that fails, and when the host dies. What comes for one that is over fails
 * with "tx_timeout". */
#define STORE_TX_MS 50

struct store_tx_begin {
  struct store_op op;
  int64_t id, lease; /* the job that asks, whose lease must hold ("stale_lease"); 0: none
                      */
  int64_t tx;        /* out: its number, never used twice */
};

struct store_tx_sql {
  struct store_sql sql; /* op.kind is STORE_TX_SQL; budgets and errors as there */
  int64_t tx;
  bool reads; /* the answer is that of QUERY, else that of EXEC */
};

struct store_tx_end {
  struct store_op op;
  int64_t tx;
  bool keep;
};

/* Tables of scripts. Each schema is a list of steps; steps that were applied before must
 * be unchanged (by text), new ones at the end are applied. Error: "schema_changed", or
 * "sql_error" naming schema and step. */
struct store_schema {
  struct store_op op;
  const char *name;
  const char *const *steps;
  size_t n;
};

enum store_kv_verb {
  STORE_KV_GET,
  STORE_KV_LIST,
  STORE_KV_SET,
  STORE_KV_ADD,
  STORE_KV_DELETE
};

struct store_kv {
  struct store_op op; /* STORE_KV_READ for GET and LIST, else STORE_KV_WRITE */
  enum store_kv_verb verb;
  const char *workspace; /* NULL: "default" */
  const char *key;       /* LIST: the prefix */
  const char *after;     /* LIST: only keys behind this one; NULL: from the first */
  const char *value;     /* SET: JSON text */
  double by;             /* ADD: to a number; an absent key counts as 0 */
  int64_t expires_ms;    /* SET, and ADD to an absent key: from now; 0: never */
  int64_t if_version;    /* SET, DELETE: only at this one; 0: when absent; -1: always */
  int64_t limit;         /* LIST: rows; about 4 MB are given in any case */
  bool found;            /* out: GET: there; SET, DELETE: done */
  bool more;             /* out: LIST: there are keys behind the last one given */
  int64_t version;       /* out: SET, DELETE that are not done: the one that is there */
  struct buf answer;     /* out: GET, ADD: JSON value; LIST: [{key,value,version}] */
};

/* Locks. Who wants one joins its line and gets a token; the first of the line holds the
 * lock, and nobody else does. Tokens grow in the order of arrival, so with each holder,
 * and none is ever used twice.
 *
 * A place in the line has an end: a holder's lease, or a waiter's patience. Whoever
 * leaves or has come to the end makes room in the same turn. Each of these operations,
 * whatever else it does, ends what is due and tells what became of other tokens by that:
 * the caller has to look by itself when `next_due` comes. */
#define STORE_LOCK_LINE 2000 /* who may be in one line */

enum store_lock_verb {
  STORE_LOCK_TAKE,
  STORE_LOCK_EXTEND, /* a lease that has not ended: it counts from now */
  STORE_LOCK_LEAVE,  /* the holder, or one who waits */
  STORE_LOCK_LOOK,   /* for what is due, and nothing else */
};

enum store_lock_state {
  STORE_LOCK_HELD,
  STORE_LOCK_WAITS,
  STORE_LOCK_OVER,    /* TAKE: it is not free, and waiting was not wanted; else: the token
                         is in no line any more */
  STORE_LOCK_CROWDED, /* TAKE: STORE_LOCK_LINE are there already */
};

struct store_lock_change { /* of a token that another operation brought into the line */
  int64_t token;
  int64_t until; /* it holds the lock from now on, for so long; 0: its time is over */
};

struct store_lock {
  struct store_op op; /* STORE_LOCK */
  enum store_lock_verb verb;
  const char *workspace; /* TAKE; NULL: "default" */
  const char *name;      /* TAKE */
  int64_t job;           /* TAKE: on whose behalf, for people who look */
  int64_t wait_ms;       /* TAKE: 0: not at all */
  int64_t ttl_ms;        /* TAKE, EXTEND: the lease */
  const int64_t *tokens; /* EXTEND: one; LEAVE */
  size_t n_tokens;
  enum store_lock_state state; /* out: TAKE, EXTEND; LEAVE: HELD if one of them was */
  int64_t token;               /* out: TAKE, when it is in the line now */
  int64_t until;               /* out: when state is HELD: the end of the lease */
  struct store_lock_change *changes; /* out */
  size_t n_changes;
  int64_t next_due; /* out; 0: nobody is in any line */
};

/* API keys: only their hash is kept. A name that is there already gets the new hash. */
struct store_key {
  struct store_op op;
  const char *name;
  unsigned char hash[32];
};

struct store_keys {
  struct store_op op;

  struct store_key_row {
    char name[64];
    unsigned char hash[32];
    int64_t created_at;
  } * keys; /* out */

  size_t n; /* out */
};

/* ---- the log table: orchestrator_logs ---- */

/* A line to be. Strings are UTF-8; NULL and 0 where there is none. */
struct store_log_line {
  int64_t time; /* ms since 1970 */
  int level;    /* enum log_level: 0 debug, 1 info, 2 warn, 3 error */
  int attempt;
  const char *message; /* something beside white space */
  int64_t job;
  const char *type, *worker, *trace;
  const char *workspace; /* NULL: "default" */
  const char *fields;    /* JSON object */
};

/* Errors: "log_empty" (a message without anything to read), "log_level". */
struct store_log_write {
  struct store_op op;
  const struct store_log_line *lines;
  size_t n; /* all of them or none */
};

/* Which lines: what is set must fit. Times and ids of lines grow together.
 *
 * The search finds lines that hold every one of its terms, in the message or in the
 * fields: words, "several words in a row", and beginnings of words with a star behind
 * them (conn*). Case, accents and what is neither letter nor digit make no difference,
 * so that no text is a mistake; but one without any word is: "log_search". */
struct store_log_filter {
  unsigned levels; /* bits 1 << level; 0: any */
  const char *const *types;
  size_t n_types;
  int64_t job;
  const char *trace, *worker;
  const char *search;
  int64_t since, until; /* time in [since, until); 0: open */
};

/* One line in the shape of the API (view.h), with the lines around it as `before` and
 * `after` when any are asked for. */
struct store_log_get {
  struct store_op op;
  int64_t id;
  int context;     /* lines before and behind it, 0 to 20 */
  struct buf json; /* out: an object; len 0 when there is no such line */
};

/* A page of lines: newest first from `before` down, or with `forward` oldest first behind
 * `after`. A page may be short, or even empty, and not the last one: a search looks at so
 * many lines at a time, and an answer has some megabytes at most. */
struct store_log_list {
  struct store_op op;
  struct store_log_filter filter;
  bool forward;
  int64_t before; /* ids below this one; 0: from the newest */
  int64_t after;  /* forward: ids above this one; < 0: from the end, so nothing yet */
  int64_t limit;  /* hits, 1 to 1000 */
  int context;    /* lines around each hit, 0 to 20, when not forward; those are told by
                     "match": false */
  size_t bytes;   /* the page ends behind the line that goes beyond; 0: some megabytes */
  struct buf items; /* out: a JSON array */
  int64_t next;     /* out: `before` of the next page, 0 at the end; forward: `after` of
                       the next one, always */
  bool more;        /* out: there is a next page by now */
};

/* Forgets lines past their age and the oldest beyond so many rows, in a small step. */
struct store_log_expire {
  struct store_op op;
  int64_t keep_ms, keep_rows;
  int64_t max;
  int64_t count; /* out: == max when there may be more */
};

/* Somebody who wants to know what was committed, on the loop; may unwatch itself
 * meanwhile. What is NULL is not told. The caller's, until unwatched. */
struct store_watch {
  void (*logged)(void *arg); /* lines were written */
  /* A job that was claimed is to end: its claim is `lease`. reason: JSON {code,message}
   */
  void (*cancel)(void *arg, int64_t id, int64_t lease, const char *reason);
  /* A job that waited has ended: cancelled, or dead. Of the job there are its numbers,
   * type, workspace and trace. reason: as above */
  void (*ended)(void *arg, const struct store_job *job, enum store_state became,
                const char *reason);
  void *arg;
  struct store_watch *next; /* the store's */
};

/* One job in full, or a page of summaries, as JSON in the shape of the API (view.h).
 * It is text and not json_t, so that payloads and results go out byte for byte. */
struct store_get {
  struct store_op op;
  int64_t id;
  struct buf json; /* out: an object; len 0 when there is no such job */
};

struct store_list {
  struct store_op op;
  struct store_filter filter;
  int64_t before;   /* ids below this one; 0: from the newest */
  int64_t limit;    /* 1 to 1000 */
  struct buf items; /* out: a JSON array */
  int64_t next;     /* out: `before` of the next page, 0 at the end */
};

struct store_stats {
  struct store_op op;
  int64_t counts[STORE_STATES]; /* out: exact up to 10,000 each, then capped there */
  int64_t oldest_available_ms;  /* out: age, 0 when there is none */
  int64_t set_aside;            /* out: available, but no host has their type */
};

/* Queues by name, each with its counts (up to 10,000), its age and whether it rests; and
 * the tasks that rest. */
struct store_queues {
  struct store_op op;
  struct buf json; /* out: {"items":[...],"paused_tasks":[...]} */
};

/* What people did to jobs, queues and tasks, newest first. */
struct store_audit {
  struct store_op op;
  int64_t before; /* ids below this one; 0: from the newest */
  int64_t limit;
  struct buf items; /* out: a JSON array */
  int64_t next;     /* out: the last one's id; 0: there was none */
};

/* ---- care, on demand; backends without such a thing answer with zeros ---- */

/* Looks whether the store is whole, a table at a time. */
struct store_check {
  struct store_op op;
  int64_t tables;      /* out: that were looked at */
  int64_t n_problems;  /* out */
  struct buf problems; /* out: the first 100 as JSON strings with commas between */
  struct buf skipped;  /* out: tables too large to look at in 5 s, likewise */
};

struct store_space {
  struct store_op op;
  int64_t bytes;      /* out */
  int64_t free_bytes; /* out: of them, for new rows */
  int64_t log_bytes;  /* out: what is not yet in its place (the WAL) */
};

/* Brings what is in the log into its place, beside the writer. */
struct store_checkpoint {
  struct store_op op;
  int64_t pages, moved; /* out: in the log; of them, in their place by now */
  bool busy;            /* out: one is under way already */
};

/* Gives free space back to the file system, a little in each of many turns. */
struct store_vacuum {
  struct store_op op;
  int64_t freed, left; /* out: pages */
  int64_t before;      /* the store's */
  bool began;
};

/* ---- life ---- */

struct store_config {
  const char *folder; /* where embedded backends keep their files */
  bool relaxed;       /* synchronous=NORMAL: a power cut may lose the last moments */
  void (*fatal)(void *arg,
                const struct err *err); /* the store can't be trusted any more */
  void *arg;
};

struct store_backend {
  const char *scheme; /* of the URL: "sqlite" */
  int (*open)(struct store **out, uv_loop_t *loop, const char *url,
              const struct store_config *config, struct err *err);
  void (*submit)(struct store *store, struct store_op *op);
  void (*flush)(struct store *store); /* begin a turn with what was submitted */
  int (*backup)(struct store *store, const char *file,
                void (*done)(void *arg, const struct err *err), void *arg,
                struct err *err);
  void (*close)(struct store *store); /* finishes what was submitted; blocks; frees */
};

/* What every backend's struct begins with. */
struct store {
  const struct store_backend *backend;
  int64_t next_due; /* when the next scheduled job comes due, or a rate lets the next one
                       begin; 0: never. Kept after turns */
  int64_t next_deadline;       /* the same of deadlines */
  int64_t (*now)(void);        /* the store's clock, which does not go back */
  uv_prepare_t *flusher;       /* store.c's */
  struct store_watch *watches; /* the same */
  void (*ready)(void *arg);    /* see store_watch_ready */
  void *ready_arg;
};

extern const struct store_backend store_sqlite;

/* Opens by URL ("sqlite:" keeps candy.db in the folder; "sqlite:/path/file.db"), checks
 * integrity, migrates. Blocking; for the start only. Errors: "store_newer" (written by a
 * newer Candy), "store_corrupt", "store_readonly", "store_full", "store_url",
 * "store_open", "store_log_columns" (the log table is not the one that is written to). */
int store_open(struct store **out, uv_loop_t *loop, const char *url,
               const struct store_config *config, struct err *err);

/* Blocks until all that was submitted is done and has been told. The loop must turn once
 * more to be rid of the store's handles. */
void store_close(struct store **store);

/* Adds an operation to the coming turn. Turns begin by themselves at the end of each
 * iteration of the loop. */
void store_submit(struct store *store, struct store_op *op);

void store_watch(struct store *store, struct store_watch *watch);
void store_unwatch(struct store *store, struct store_watch *watch);

/* Somebody who wants to know when jobs became ready in no operation's turn: what many
 * jobs waited for is over, and they come back step by step. On the loop; NULL: nobody. */
void store_watch_ready(struct store *store, void (*ready)(void *arg), void *arg);

/* For backends: an operation is over, and its submitter is told. */
void store__done(struct store *store, struct store_op *op);
/* For backends: those who watch are told to end a claim; behind the `done` of it. */
void store__cancel(struct store *store, int64_t id, int64_t lease, const char *reason);
/* The same for a job that waited and has ended. */
void store__ended(struct store *store, const struct store_job *job,
                  enum store_state became, const char *reason);

/* Copies the whole store into a new file, a few pages at a time, while it runs. `done`
 * gets NULL when the copy is whole. */
int store_backup(struct store *store, const char *file,
                 void (*done)(void *arg, const struct err *err), void *arg,
                 struct err *err);

/* Releases what the store hung on the operation, not the operation itself. */
void store_op_fini(struct store_op *op);

#endif
