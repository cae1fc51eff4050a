/* Inside the SQLite backend: what its files share.
 *
 * Three kinds of threads. The loop's submits operations and gets them back. The writer
 * alone changes the database, a turn at a time (sqlite_turn.c). Readers answer what only
 * looks (sqlite_read.c). Each has a connection of its own; nothing but the lists under
 * `lock` is shared.
 *
 * Functions return 0 or -1 with err, unless they say otherwise.
 */
#ifndef CANDY_STORE_SQLITE_H
#define CANDY_STORE_SQLITE_H

#include "base/buf.h"
#include "base/err.h"
#include "store/sqlite_conn.h"
#include "store/store.h"

/* ---- what the writer knows: sqlite_names.c, sqlite_turn.c ---- */

enum sqlite_kind { NAME_TYPE, NAME_QUEUE, NAME_WORKSPACE };

/* Names as small numbers, all of them in memory; ids begin at 1 and have no gaps. */
struct sqlite_names {
  char **texts;   /* by id - 1; each lives until close */
  uint8_t *kinds; /* enum sqlite_kind */
  size_t n, cap;
  uint32_t *slots; /* a hash table of ids; 0: free */
  size_t slots_n;
};

int sqlite__names_load(struct sqlite_conn *c, struct sqlite_names *names,
                       struct err *err);
void sqlite__names_fini(struct sqlite_names *names);
void sqlite__names_cut(struct sqlite_names *names, size_t n); /* forgets the newest */
const char *sqlite__name(const struct sqlite_names *names, int64_t id);

/* The id of a name, which is added when it is new; or -1. */
int64_t sqlite__name_id(struct sqlite_conn *c, struct sqlite_names *names,
                        enum sqlite_kind kind, const char *text, struct err *err);

/* What this host can run: a flag for each name. */
enum { TYPE_UNKNOWN, TYPE_KNOWN, TYPE_ONCE };

struct sqlite_types {
  size_t n;
  uint8_t flags[]; /* by id of the type's name */
};

/* What the last STORE_TYPES left to claims: jobs that it makes ready again. */
enum sqlite_settling {
  SETTLED,
  SETTLING_TYPES, /* of types that had been unknown: others may be claimed meanwhile */
  SETTLING_GATES, /* behind gates: nothing may */
};

/* What the writer keeps in memory beside the database. It is changed while a turn runs
 * and put back when the turn is rolled back. */
struct sqlite_memory {
  int64_t next;          /* of the sequence */
  int64_t next_due;      /* the earliest run_at in candy_scheduled; 0: none */
  int64_t last_queue;    /* claims go on behind this one */
  int64_t look_at;       /* when to look behind jobs that wait for slots; 0: never */
  int64_t swept;         /* expiry goes on behind this id */
  int64_t logs_last;     /* the newest line's id */
  int64_t logs_indexed;  /* how far the words of lines are in their index */
  int64_t asked;         /* rows of candy_cancel */
  int64_t next_deadline; /* the earliest of candy_deadline; 0: none */
  bool after;            /* candy_after has rows */
  bool fans;             /* candy_batch has rows with a parent */
  bool left;             /* what was over left more to do than one turn takes */
  enum sqlite_settling settling;
  struct sqlite_types *types; /* NULL: nobody has named any */
  struct sqlite_gates *gates; /* NULL: there are no policies */
  size_t names;
};

/* What those who watch are told of a turn (sqlite_cancel.c): running jobs that were asked
 * to end, and waiting ones that have ended. */
struct sqlite_told {
  struct sqlite_tell {
    int64_t id, lease;
    char *reason;
    bool ended;             /* it waited; from here on only of such a job */
    enum store_state state; /* what it is now */
    int retry_count;
    char *type, *workspace, *trace; /* trace: or NULL */
  } * all;

  size_t n, cap;
};

/* What rests: a flag for each name. */
struct sqlite_pauses {
  bool known;  /* else they are to be read again */
  bool queues; /* some queue does */
  size_t n;
  uint8_t *flags; /* by id of the name - 1 */
};

/* What is to be done because something is over. */
struct sqlite_todo {
  enum {
    TODO_OVER,   /* a job: those that wait for it */
    TODO_CANCEL, /* a batch: its jobs behind `from` */
  } kind;

  enum store_state state; /* OVER: what became of the job */
  int64_t id, from;
};

/* What a job changes in the counts of its batch. */
struct sqlite_tally {
  int64_t batch, job;
  int8_t total, completed, dead, cancelled;
};

#define SQLITE_AWAITED 65536

/* What operations leave for the end of the turn: see sqlite_graph.c. */
struct sqlite_graph {
  struct sqlite_todo *todo;
  size_t n, cap;
  size_t next;  /* those in front of it are done */
  size_t begun; /* how many there were when the turn began */
  struct sqlite_tally *tallies;
  size_t tallies_n, tallies_cap;
  size_t touched; /* jobs that came back or were cancelled in this turn */
  bool loosened;  /* rows of candy_after went in this turn */
  bool stuck;     /* the last turn failed: what is left waits for the next operation */

  struct { /* the batch that a job joined last in this turn; id 0: none */
    int64_t id;
    bool bounded, cancelling;
    bool children; /* some job waits for it */
  } joined;

  /* A bit each id modulo SQLITE_AWAITED: set where somebody may wait for such a job. */
  uint8_t awaited[SQLITE_AWAITED / 8];
};

struct sqlite_writer {
  struct sqlite_conn conn;
  struct sqlite_pauses pauses;
  struct sqlite_told told;
  struct sqlite_names names;
  struct sqlite_memory memory;
  struct sqlite_graph graph;
  int64_t now;                       /* of the turn, on the store's clock */
  struct sqlite_types *types_before; /* as they were when the turn began */
  struct sqlite_gates *gates_before; /* the same */
  int64_t tx_last;                   /* the number of the last transaction of a script */
  int64_t *found_at; /* by id of a queue's name - 1: when a claim found something there */
  size_t found_n;
  bool log_index_failed; /* the last step did: the next one waits longer */
  struct err broken; /* why the file cannot be trusted any more; code is empty: it can */
};

/* Operations of a turn. They return 0, -1, or TURN_AGAIN when they have done a part and
 * want to go on in the next turn. */
enum { TURN_AGAIN = 1 };

int sqlite__enqueue(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__claim(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__finish(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__progress(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__types(struct sqlite_writer *w, struct store_op *op, struct err *err);
/* A step of what STORE_TYPES left. */
int sqlite__settle_types(struct sqlite_writer *w, struct err *err);
int sqlite__recover(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__requeue(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__purge(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__cancel(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__deadlines(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__pause(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__edit(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__expire(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__exec(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__schema(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__kv_write(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__lock(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__key_add(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__log_write(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__log_expire(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__vacuum(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__batch(struct sqlite_writer *w, struct store_op *op, struct err *err);
int sqlite__batch_cancel(struct sqlite_writer *w, struct store_op *op, struct err *err);

/* A point to go back to inside of a turn; one at a time. */
struct sqlite_mark {
  size_t names, told;
  int64_t next_due, next_deadline, asked;
  size_t todo, tallies; /* of the graph */
  size_t changes;       /* of gates */
};

int sqlite__mark(struct sqlite_writer *w, struct sqlite_mark *mark, struct err *err);
int sqlite__keep(struct sqlite_writer *w, struct err *err);
void sqlite__undo(struct sqlite_writer *w, const struct sqlite_mark *mark);

/* The states in which a bulk operation takes jobs. */
unsigned sqlite__bulk_states(enum store_kind kind, const struct store_filter *filter);

/* Parts of operations that others need. */
void sqlite__set_types(struct sqlite_writer *w, struct sqlite_types *types);
int sqlite__add_job(struct sqlite_writer *w, struct store_new *job, struct err *err);

struct sqlite_place { /* of a job that waits or runs */
  int64_t id, queue, priority, turn, seq, lease, retry_count, rescues;
  int64_t held; /* while it waits: the slots that it holds all the same (sqlite_gate.h) */
};

struct sqlite_subject { /* what policies know a job by */
  int64_t type, queue;
  const char *key; /* or NULL */
};

/* A place that is not the job's first has seq other than id: it gets a new number of the
 * sequence whenever it is brought back to another place than its old one. */
/* As place, or when that lies ahead, among those that wait for run_at. */
int sqlite__add_at(struct sqlite_writer *w, const struct sqlite_place *p, int64_t run_at,
                   struct err *err);
int sqlite__add_ready(struct sqlite_writer *w, const struct sqlite_place *p,
                      struct err *err);
int sqlite__leave_ready(struct sqlite_writer *w, const struct sqlite_place *p,
                        struct err *err); /* but for the row of candy_ready itself */
int sqlite__add_scheduled(struct sqlite_writer *w, const struct sqlite_place *p,
                          enum store_state state, int64_t run_at, struct err *err);
int sqlite__forget(struct sqlite_writer *w, const int64_t *ids, size_t n,
                   struct err *err); /* ids in order */

/* ---- one job that waits: sqlite_waiting.c ---- */

struct sqlite_waiting {
  struct sqlite_place place;
  enum store_state state;
  int64_t run_at; /* SCHEDULED, RETRYABLE, PENDING */
  int64_t delay;  /* PENDING */
  int64_t unmet;  /* PENDING: for how many things it waits; they stay in candy_after */
};

/* Takes it out of where it waits. Returns 1, 0 when it does not wait, or -1. */
int sqlite__take_waiting(struct sqlite_writer *w, int64_t id, struct sqlite_waiting *out,
                         struct err *err);

/* ---- ends that are asked for: sqlite_cancel.c ---- */

struct sqlite_ending {
  enum store_state state; /* CANCELLED, or DEAD */
  const char *reason;     /* JSON {code,message} */
};

/* Takes a job that waits out of there, and it is cancelled. Returns 1, 0 when it does not
 * wait, or -1. */
int sqlite__cancel_waiting(struct sqlite_writer *w, int64_t id, const char *reason,
                           struct err *err);

/* The same, and one that runs is told to end; what its claim ends with, but for a
 * completion, then cancels it. Only the first of several reasons counts. Returns one of
 * these, or -1. */
enum { ASKED_NONE, ASKED_ENDED, ASKED_TOLD };

int sqlite__ask_cancel(struct sqlite_writer *w, int64_t id, const char *reason,
                       struct err *err);
int sqlite__ask_end(struct sqlite_writer *w, int64_t id,
                    const struct sqlite_ending *ending, struct err *err);

/* Whether the claim whose fence was just passed was told to end, and how; it is so no
 * more. The reason is put into `reason`. Returns 1, 0, or -1. */
int sqlite__asked(struct sqlite_writer *w, int64_t id, struct sqlite_ending *ending,
                  struct buf *reason, struct err *err);

/* The job is in no table of waiting or running ones any more, and ends so. */
int sqlite__end_job(struct sqlite_writer *w, const struct sqlite_place *p,
                    int64_t began_at, const char *worker,
                    const struct sqlite_ending *ending, struct err *err);

/* All that were told end now, since no claim lives any more; adds how many to *n. */
int sqlite__end_asked(struct sqlite_writer *w, int64_t *n, struct err *err);

void sqlite__told_cut(struct sqlite_told *told, size_t n); /* forgets the last ones */
void sqlite__told_move(struct sqlite_told *to, struct sqlite_told *from); /* to the end */
void sqlite__told_fini(struct sqlite_told *told);

/* ---- jobs that are the same: sqlite_unique.c ---- */

/* Decides what becomes of a job with `unique`, before it is added with the sequence's
 * next number as its id. Returns 1 when it is to be added, 0 when another one is the
 * answer, which is in id and duplicate, or -1. */
int sqlite__unique(struct sqlite_writer *w, struct store_new *job, struct err *err);
/* One that waited until it was taken out. */
int sqlite__end_waiting(struct sqlite_writer *w, const struct sqlite_waiting *job,
                        const struct sqlite_ending *ending, struct err *err);

/* ---- jobs that wait for others: sqlite_graph.c ---- */

/* Wherever a job ends, this is called behind it. `batch` is that of candy_job. Costs a
 * plain job nothing. */
void sqlite__over(struct sqlite_writer *w, int64_t id, int64_t batch,
                  enum store_state state);

/* A new job that is in a batch or waits for others takes its place, or waits for it. */
int sqlite__add_tied(struct sqlite_writer *w, struct store_new *job,
                     const struct sqlite_place *place, struct err *err);
int sqlite__add_pending(struct sqlite_writer *w, const struct sqlite_waiting *job,
                        struct err *err);
/* Takes a pending job out; what it waits for stays in candy_after. As take_waiting. */
int sqlite__take_pending(struct sqlite_writer *w, int64_t id, struct sqlite_waiting *out,
                         struct err *err);
/* One thing less that it waits for. Returns 1, 0 when it is not pending, or -1. */
int sqlite__met(struct sqlite_writer *w, int64_t id, struct err *err);

/* Around a turn: settle does what the operations left, as far as a turn takes it. */
int sqlite__graph_load(struct sqlite_writer *w, struct err *err);
void sqlite__graph_begin(struct sqlite_writer *w);
int sqlite__graph_settle(struct sqlite_writer *w, struct err *err);
int sqlite__graph_save(struct sqlite_writer *w, struct err *err);
void sqlite__graph_back(struct sqlite_writer *w); /* the turn is rolled back */
void sqlite__graph_fini(struct sqlite_writer *w);
void sqlite__graph_todo(struct sqlite_writer *w, const struct sqlite_todo *todo);

static inline bool sqlite__graph_waits(const struct sqlite_writer *w)
{
  return w->graph.next < w->graph.n && !w->graph.stuck;
}

/* ---- batches: sqlite_batch.c ---- */

/* A job joins a batch. Returns what holds it back: 0 or 1 for its turn, or
 * JOIN_CANCELLED, or -1. */
enum { JOIN_CANCELLED = 2 };

int sqlite__join_batch(struct sqlite_writer *w, int64_t job, int64_t batch,
                       struct err *err);
void sqlite__tally(struct sqlite_writer *w, const struct sqlite_tally *tally);
/* A job of it that had ended so is run again. Returns 1 when it must wait for its turn in
 * the batch, 0, or -1. */
int sqlite__rejoin_batch(struct sqlite_writer *w, int64_t job, int64_t batch,
                         enum store_state state, struct err *err);
/* Writes the turn's tallies, and does what follows from them. */
int sqlite__settle_batches(struct sqlite_writer *w, struct err *err);
/* The children of a job that runs no more, and of the batch that is to be cancelled. */
int sqlite__cancel_children(struct sqlite_writer *w, int64_t parent, struct err *err);
int sqlite__cancel_batch_jobs(struct sqlite_writer *w, const struct sqlite_todo *todo,
                              struct err *err);
/* The job pauses until its fan has ended. */
int sqlite__fan_out(struct sqlite_writer *w, const struct sqlite_place *parent,
                    int64_t batch, const struct store_fan *fan, struct err *err);
/* Whether it is a finished child that must not be forgotten yet: its results stay with
 * those of its siblings and for the job that waits, and when all of these have ended, as
 * long as that was at `since` or later. (The dead: dead_scan.) */
int sqlite__child_kept(struct sqlite_writer *w, int64_t id, int64_t since, bool *kept,
                       struct err *err);
int sqlite__forget_batches(struct sqlite_writer *w, const struct store_expire *expire,
                           int64_t max, struct err *err);

/* ---- what keeps ready jobs back: sqlite_blocked.c ---- */

enum sqlite_gate_kind {                       /* as candy_blocked has it */
                        GATE_TYPE,            /* no host here runs it; scope: the type */
                        GATE_QUEUE,           /* scope: a queue in strict order */
                        GATE_QUEUE_KEY,       /* scope: the queue */
                        GATE_TASK_KEY,        /* scope: the type */
                        GATE_TASK,            /* scope: the type */
                        GATE_QUEUE_KEY_ORDER, /* as QUEUE_KEY, in strict order */
                        GATE_TASK_KEY_ORDER,  /* as TASK_KEY, in strict order */
                        GATE_PAUSED = 10,     /* its type rests; scope: the type */
};

struct sqlite_gate_id {
  enum sqlite_gate_kind kind;
  int64_t scope;
  const char *key; /* "" when there is none */
};

int sqlite__block(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                  const struct sqlite_place *p, struct err *err);
/* The first `max` jobs behind a gate become ready again, in their old places. Returns how
 * many there were, or -1. */
int64_t sqlite__unblock(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                        int64_t max, struct err *err);

/* The first one alone; 1, 0 when there is none, or -1. `take` takes the row that `first`
 * found out of candy_blocked. */
int sqlite__blocked_first(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                          struct sqlite_place *out, struct err *err);
int sqlite__blocked_take(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                         const struct sqlite_place *p, struct err *err);

/* Of a row of (queue, priority, turn, seq, id, lease, retry_count, rescues, held). */
struct sqlite_place sqlite__blocked_place(sqlite3_stmt *s);

/* ---- limits and strict order: sqlite_gate.h tells all of it ---- */

#define SQLITE_HELD_ALL 4

/* Without any, nothing of the rest needs to be called. */
bool sqlite__has_policy(const struct sqlite_writer *w, int64_t type, int64_t queue);

/* A ready job that has left candy_ready for running. True: it may run, and has all its
 * slots; false: it must wait behind the gate `shut`, with place.held as it is then. */
bool sqlite__pass_gates(struct sqlite_writer *w, const struct sqlite_subject *s,
                        struct sqlite_place *p, struct sqlite_gate_id *shut);

/* How many of this queue may begin now. */
int64_t sqlite__queue_room(struct sqlite_writer *w, int64_t queue);

/* A job that ran does no more, and goes where it keeps its slots up to `held`; those who
 * wait for the others are called. began_at: when it began at rates that forget that, 0:
 * they don't. */
int sqlite__leave_gates(struct sqlite_writer *w, const struct sqlite_subject *s,
                        int64_t held, int64_t began_at, struct err *err);

/* What a job keeps that will run again later: for strict order, else 0. */
int64_t sqlite__kept_in_order(struct sqlite_writer *w, const struct sqlite_subject *s);

/* A waiting job goes away for good, to another queue, or to another key: gives up the
 * slots that it holds, and place.held is 0. Whoever takes a job by sqlite__take_waiting
 * does this, or puts it back with its place's `held`. */
int sqlite__give_up_slots(struct sqlite_writer *w, struct sqlite_place *p,
                          struct err *err);

/* The same while its queue rests, but for the slots that strict order keeps. */
int sqlite__rest_slots(struct sqlite_writer *w, struct sqlite_place *p, struct err *err);

/* Calls jobs behind gates that a rate kept shut until now. */
int sqlite__open_gates(struct sqlite_writer *w, struct err *err);

/* When the next of them opens, or claims are to look further; 0: never. */
int64_t sqlite__gates_open_at(const struct sqlite_writer *w);

/* candy_ready has one more of this place, or one less. */
void sqlite__ready_changed(struct sqlite_writer *w, const struct sqlite_place *p, int by);

/* STORE_TYPES: policies in place of those before, and everything counted anew. */
int sqlite__set_policies(struct sqlite_writer *w, const struct store_types *op,
                         struct err *err);
int sqlite__count_again(struct sqlite_writer *w, struct err *err);
/* A step over jobs behind gates that policies have moved; TURN_AGAIN when there may be
 * more. */
int sqlite__free_from_gates(struct sqlite_writer *w, struct err *err);

/* Around a turn: before its commit; back to a mark or to its beginning; behind it. */
int sqlite__gates_save(struct sqlite_writer *w, struct err *err);
void sqlite__gates_undo(struct sqlite_writer *w, size_t changes);
size_t sqlite__gates_mark(const struct sqlite_writer *w);
void sqlite__gates_settle(struct sqlite_writer *w);
void sqlite__gates_free(struct sqlite_gates **gates);

/* ---- the order of a queue: sqlite_order.c ---- */

/* Of a job that comes into its queue now: `priority` as it is in strict order, then the
 * place's priority and turn. Without a policy nothing is changed. */
int sqlite__ordered_priority(const struct sqlite_writer *w,
                             const struct sqlite_subject *s, int priority);
int sqlite__place_in_order(struct sqlite_writer *w, const struct sqlite_subject *s,
                           struct sqlite_place *p, struct err *err);

/* The same for one that came in before and comes into its queue anew. */
int sqlite__place_again(struct sqlite_writer *w, struct sqlite_place *p, struct err *err);

/* A place's priority; where its turn stands for it too, that of its job. */
int sqlite__own_priority(struct sqlite_writer *w, const struct sqlite_place *p,
                         int64_t *priority, struct err *err);

/* A ready job that is to wait for a time instead: without slots, and with its own
 * priority. */
int sqlite__leave_line(struct sqlite_writer *w, struct sqlite_place *p, struct err *err);

/* ---- control: sqlite_deadline.c, sqlite_pause.c, sqlite_edit.c ---- */

int sqlite__set_deadline(struct sqlite_writer *w, int64_t id, int64_t at,
                         struct err *err);
/* A step over those that have passed; TURN_AGAIN when there are more. */
int sqlite__pass_deadlines(struct sqlite_writer *w, struct err *err);

int sqlite__load_pauses(struct sqlite_writer *w, struct err *err);
/* Ready jobs of queues that rest hold no slots but those of strict order. */
int sqlite__rest_queues(struct sqlite_writer *w, struct err *err);

static inline bool sqlite__is_paused(const struct sqlite_writer *w, int64_t name)
{
  return (size_t)name <= w->pauses.n && w->pauses.flags[name - 1];
}

void sqlite__pauses_fini(struct sqlite_pauses *pauses);

/* What somebody did, to a job or (0) to something else. detail: a JSON object */
int sqlite__audit(struct sqlite_writer *w, const char *by, const char *action,
                  int64_t job, const char *detail, struct err *err);

/* ---- the log table: sqlite_logs.c, sqlite_log_index.c ---- */

/* Whether the log table is the one that is written to: `ours` once it must be there. */
int sqlite__logs_check(struct sqlite_conn *c, bool ours, struct err *err);
int sqlite__logs_load(struct sqlite_writer *w, struct err *err);

/* A step over lines ends at so many of them, or at so much text, which takes some 20 ms
 * to cut into words. */
#define LOG_STEP_ROWS  500
#define LOG_STEP_BYTES ((int64_t)256 * 1024)

/* The SQL function log_words. */
void sqlite__log_words_init(struct sqlite_conn *c);

/* How long the writer must have rested before the next step; 0: there is none. */
int64_t sqlite__log_index_rest_ns(const struct sqlite_writer *w);
void sqlite__log_index_step(struct sqlite_writer *w); /* between turns */

/* In a turn: takes the words of lines back, before these are deleted. */
int sqlite__log_unindex(struct sqlite_writer *w, int64_t first, int64_t last,
                        struct err *err);

/* ---- scripts' SQL: sqlite_guard.c, sqlite_functions.c, sqlite_script.c ---- */

void sqlite__functions_init(struct sqlite_conn *c);
void sqlite__guard_init(struct sqlite_conn *c);
void sqlite__guard_enter(struct sqlite_conn *c, enum sqlite_speaker who,
                         int64_t deadline_ns);
void sqlite__guard_leave(struct sqlite_conn *c);

#define SCRIPT_WRITE_MS 250
#define SCRIPT_READ_MS  5000
#define SCHEMA_STEP_MS  5000
#define SCRIPT_VALUE    (8 << 20)     /* bytes of a text or blob */
#define SCRIPT_MEMORY   (64ll << 20)  /* bytes that a statement may take */
#define SCHEMA_MEMORY   (256ll << 20) /* an index is sorted in memory */

/* One statement for its effects; `answer` may be NULL. */
int sqlite__script_exec(struct sqlite_conn *c, const char *sql, const char *params,
                        int64_t deadline_ns, struct buf *answer, struct err *err);
int sqlite__script_query(struct sqlite_conn *c, const char *sql, const char *params,
                         int64_t deadline_ns, struct buf *answer, struct err *err);
/* -1 when rows point to others that are not there, which a commit would refuse. */
int sqlite__script_settled(struct sqlite_conn *c, struct err *err);
int sqlite__script_failed(struct sqlite_conn *c, struct err *err);
void sqlite__scripts_fini(struct sqlite_conn *c);

/* ---- filters: sqlite_filter.c ---- */

#define ALL_STATES ((1u << STORE_STATES) - 1)

struct sqlite_filter {
  unsigned mask;              /* states, of which one must fit */
  char *types, *queues, *ids; /* JSON arrays, or NULL */
  char *search;               /* a pattern for LIKE, or NULL */
  const struct store_filter *from;
};

void sqlite__filter_init(struct sqlite_filter *f, const struct store_filter *from,
                         unsigned allowed);
void sqlite__filter_fini(struct sqlite_filter *f);

/* A statement made of the block `name` ("list", "bulk") for this filter; NULL with err
 * is a failure. To be finalized. */
sqlite3_stmt *sqlite__filter_prepare(struct sqlite_conn *c, const struct sqlite_filter *f,
                                     const char *name, struct err *err);
void sqlite__bind_named(sqlite3_stmt *s, const char *name, struct sqlite_arg arg);

/* Binds the range of ids that are looked at: (above, below), narrowed to the filter's
 * times. */
int sqlite__filter_range(struct sqlite_conn *c, const struct sqlite_filter *f,
                         sqlite3_stmt *s, int64_t above, int64_t below, struct err *err);

/* The first id whose job was created, or whose line was written, at `time` or later, or
 * one past the last: ids and times grow together, but for a clock that was set back,
 * which may have left them out of order by CLOCK_SLACK_MS. */
#define CLOCK_SLACK_MS 3600000
int sqlite__job_at(struct sqlite_conn *c, int64_t time, int64_t *id, struct err *err);
int sqlite__log_at(struct sqlite_conn *c, int64_t time, int64_t *id, struct err *err);

/* Texts as a JSON array, which the caller frees; NULL when there are none. */
char *sqlite__names_json(const char *const *names, size_t n);

/* ---- reads: sqlite_read.c, sqlite_batch_read.c, sqlite_kv.c ---- */

int sqlite__read_job(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_jobs(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_count(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_stats(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_queues(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_audit(struct sqlite_conn *c, struct store_op *op, struct err *err);
/* What was done to one job, as a JSON array. */
int sqlite__put_edits(struct sqlite_conn *c, int64_t id, struct buf *b, struct err *err);
int sqlite__read_batches(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_children(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_kv(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_keys(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_log(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_logs(struct sqlite_conn *c, struct store_op *op, struct err *err);

/* sqlite_care.c; the last two run outside of a transaction */
int sqlite__space(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__check(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__checkpoint(struct sqlite_conn *c, struct store_op *op, struct err *err);

/* ---- the store ---- */

/* The first one never runs SQL of scripts, so that slow queries leave the API alone. */
#define SQLITE_READERS 3

struct sqlite_list {
  struct store_op *first, **last; /* last: where the next one goes */
};

struct sqlite_reader {
  struct sqlite *store;
  struct sqlite_conn conn;
  uv_thread_t thread;
};

struct sqlite_backup; /* one that runs: sqlite_backup.c */

struct sqlite {
  struct store base;
  char *path;
  struct store_config config;
  uv_async_t *wake; /* of the loop; freed when it is closed */
  uv_thread_t writer_thread;
  struct sqlite_writer writer;
  struct sqlite_reader readers[SQLITE_READERS];

  /* the loop's */
  struct sqlite_list submitted; /* writes since the last flush */
  size_t outstanding;           /* operations */
  bool fatal_told;
  size_t holds; /* reasons for the loop to stay alive */

  uv_mutex_t lock; /* for what follows */
  uv_cond_t to_write, to_read, to_deliver;
  struct sqlite_list writes, reads, queries, finished;
  struct sqlite_list begins, statements; /* of scripts' transactions */
  struct sqlite_told told;
  int64_t next_due, next_deadline;
  bool closing;     /* the loop submits nothing more */
  bool stopping;    /* and everything is done: the threads end */
  struct err fatal; /* to be told; code is empty while all is well */
  struct sqlite_backup *backup;
  bool came_back; /* jobs that waited did, in a turn of what was left */
};

void sqlite__list_init(struct sqlite_list *list);
void sqlite__list_add(struct sqlite_list *list, struct store_op *op);
struct store_op *sqlite__list_take(struct sqlite_list *list); /* the first, or NULL */
void sqlite__list_move(struct sqlite_list *to, struct sqlite_list *from); /* to the end */

/* While somebody holds it, the store keeps the loop alive. */
void sqlite__hold(struct sqlite *store);
void sqlite__let_go(struct sqlite *store);

/* sqlite_turn.c */
int sqlite__writer_open(struct sqlite *store, struct err *err);
void sqlite__writer_close(struct sqlite_writer *w);
void sqlite__writer_main(void *store); /* the thread */

/* sqlite_tx.c: runs a script's transaction to its end, if one waits. On the writer,
 * between two turns. */
void sqlite__tx_serve(struct sqlite *store);

void sqlite__reader_main(void *reader); /* sqlite_read.c: the thread */

/* sqlite_migrate.c: checks the file and brings its tables up to date. */
int sqlite__migrate(struct sqlite_conn *c, struct err *err);
int sqlite__mark_clean(struct sqlite_conn *c, bool clean, struct err *err);

/* sqlite_backup.c */
int sqlite__backup_begin(struct store *store, const char *file,
                         void (*done)(void *arg, const struct err *err), void *arg,
                         struct err *err);
bool sqlite__backup_copies(const struct sqlite *store); /* under the lock */
void sqlite__backup_step(struct sqlite *store);         /* on the writer, between turns */
void sqlite__backup_deliver(struct sqlite *store);
void sqlite__backup_stop(struct sqlite *store); /* gives up; the writer has ended */

#endif
