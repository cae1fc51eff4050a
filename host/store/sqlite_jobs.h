/* Jobs on their way in a turn, as the files of the writer share them: waiting, ended,
 * waiting for others, behind gates, in order, changed. See sqlite.h.
 *
 * Functions return 0 or -1 with err, unless they say otherwise.
 */
#ifndef CANDY_STORE_SQLITE_JOBS_H
#define CANDY_STORE_SQLITE_JOBS_H

#include "store/sqlite_writer.h"

/* ---- one job that waits: sqlite_waiting.c ---- */

struct sqlite_waiting {
  struct sqlite_place place;
  enum store_state state;
  int64_t run_at; /* SCHEDULED, RETRYABLE, PENDING */
  int64_t delay;  /* PENDING */
  int64_t unmet;  /* PENDING: for how many things it waits; they stay in candy_after */
};

/* The columns that the queries waiting_* and pending_* begin with. */
struct sqlite_place sqlite__read_place(sqlite3_stmt *s, int64_t id);

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
 * completion, then cancels it. Only the first of several reasons counts: after it the
 * answer is ASKED_AGAIN. Returns one of these, or -1. */
enum { ASKED_NONE, ASKED_ENDED, ASKED_TOLD, ASKED_AGAIN };

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

/* Those who watch are told of an end behind which there is no finish: that of a job which
 * waited, or whose host died. */
int sqlite__tell_ended(struct sqlite_writer *w, const struct sqlite_place *p,
                       const struct sqlite_ending *ending, struct err *err);

/* All that were told end now, since no claim lives any more; adds how many to *n. */
int sqlite__end_asked(struct sqlite_writer *w, int64_t *n, struct err *err);

void sqlite__told_cut(struct sqlite_told *told, size_t n); /* forgets the last ones */
/* What would be told of the job's end since `from` is told no more: the finish of its
 * claim tells it. Returns whether there was something. */
bool sqlite__told_take(struct sqlite_told *told, size_t from, int64_t id,
                       enum store_state *state, struct buf *reason);
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
                        GATE_FULL,            /* in no row: its queue is full */
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

#define SQLITE_HELD_ALL 6

/* Without any, nothing of the rest needs to be called. */
bool sqlite__has_policy(const struct sqlite_writer *w, int64_t type, int64_t queue);

/* A ready job that has left candy_ready for running. Returns true when it may run, and
 * has all its slots; false when it must wait behind the gate `shut`, with place.held as
 * it is then. */
bool sqlite__pass_gates(struct sqlite_writer *w, const struct sqlite_subject *s,
                        struct sqlite_place *p, struct sqlite_gate_id *shut);

/* Whether a ready job whose task rests is to pass its gates all the same: it waits in its
 * line of strict order, and keeps its turn in it. The line is opened when the task goes
 * on. */
bool sqlite__rests_in_line(struct sqlite_writer *w, const struct sqlite_subject *s,
                           const struct sqlite_place *p);
/* One that does not gives up its slots; but who is the first of such a line stays it. */
void sqlite__rest_task(struct sqlite_writer *w, const struct sqlite_subject *s,
                       struct sqlite_place *p);
void sqlite__open_lines(struct sqlite_writer *w, int64_t type);

/* How many of this queue may begin now. */
int64_t sqlite__queue_room(struct sqlite_writer *w, int64_t queue);
/* Of a limit: its jobs stay in candy_ready, and no row says so. */
bool sqlite__queue_is_full(struct sqlite_writer *w, int64_t queue);

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

#endif
