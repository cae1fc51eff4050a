/* Batches: jobs that are looked at as one, and children that a job waits for, which are a
 * batch too.
 *
 * What becomes of their jobs is noted in memory and written once a turn for each batch,
 * so that a batch costs its jobs next to nothing. From the counts follows all else: which
 * job is enqueued next to it, whether the parent comes back, how many more jobs of a
 * batch with a bound are let go. Those that are held back are pending; they are let go in
 * the order of their ids.
 */
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP 500 /* jobs of a batch, at a time */
#define CANCELLED                                                                        \
  "{\"code\":\"batch_cancelled\",\"message\":\"the batch that it belongs to was "        \
  "cancelled\"}"

struct batch {
  int64_t id, parent, finished_at, total, completed, dead, cancelled;
  int64_t at_most, let_go, active, due;
  bool fail_on_death;

  enum { GOES_ON, CANCELLING, ALL_ASKED } cancelling;
};

/* Returns 1, 0 when there is none, or -1. */
static int read_batch(struct sqlite_writer *w, int64_t id, struct batch *b,
                      struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_BATCH_GET, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  *b = (struct batch){
      .id = id,
      .parent = sqlite3_column_int64(s, 0),
      .finished_at = sqlite3_column_int64(s, 1),
      .total = sqlite3_column_int64(s, 2),
      .completed = sqlite3_column_int64(s, 3),
      .dead = sqlite3_column_int64(s, 4),
      .cancelled = sqlite3_column_int64(s, 5),
      .at_most = sqlite3_column_int64(s, 6),
      .let_go = sqlite3_column_int64(s, 7),
      .active = sqlite3_column_int64(s, 8),
      .due = sqlite3_column_int64(s, 9),
      .fail_on_death = sqlite3_column_int(s, 10),
      .cancelling = sqlite3_column_int(s, 11),
  };
  sqlite__stop(s);
  return 1;
}

static int write_batch(struct sqlite_writer *w, const struct batch *b, struct err *err)
{
  return sqlite__run(&w->conn, SQL_BATCH_SET,
                     ARGS(arg_int(b->id), arg_id(b->finished_at), arg_int(b->total),
                          arg_int(b->completed), arg_int(b->dead), arg_int(b->cancelled),
                          arg_int(b->let_go), arg_int(b->active), arg_int(b->due),
                          arg_int(b->cancelling)),
                     err) < 0
             ? -1
             : 0;
}

/* ---- joining ---- */

void sqlite__tally(struct sqlite_writer *w, const struct sqlite_tally *tally)
{
  struct sqlite_graph *g = &w->graph;
  if (g->tallies_n == g->tallies_cap) {
    g->tallies_cap = g->tallies_cap ? g->tallies_cap * 2 : 256;
    g->tallies = mem_grow(g->tallies, g->tallies_cap * sizeof *g->tallies);
  }
  g->tallies[g->tallies_n++] = *tally;
}

static void note_joined(struct sqlite_writer *w, const struct batch *b)
{
  w->graph.joined.id = b->id;
  w->graph.joined.bounded = b->at_most > 0;
  w->graph.joined.cancelling = b->cancelling;
  w->graph.joined.children = b->parent != 0;
}

/* A batch in which something runs until the turn's end cannot end before it. */
static int look_up(struct sqlite_writer *w, int64_t id, struct err *err)
{
  struct batch b;
  int rc = read_batch(w, id, &b, err);
  if (rc < 0)
    return -1;
  if (rc == 0)
    return err_set(err, "no_such_batch",
                   "there is no batch %lld; finished ones are kept for a while only",
                   (long long)id);
  if (b.finished_at)
    return err_set(err, "batch_ended",
                   "batch %lld has ended: nothing can join it any more; its own jobs can "
                   "add to it while they run",
                   (long long)id);
  note_joined(w, &b);
  return 0;
}

int sqlite__join_batch(struct sqlite_writer *w, int64_t job, int64_t batch,
                       struct err *err)
{
  if (w->graph.joined.id != batch && look_up(w, batch, err) < 0)
    return -1;
  sqlite__tally(w, &(struct sqlite_tally){.batch = batch, .job = job, .total = 1});
  if (w->graph.joined.cancelling)
    return JOIN_CANCELLED;
  return w->graph.joined.bounded;
}

/* ---- jobs that are run again by hand ---- */

/* Once all jobs of a cancelled batch were asked to end, one that is run again makes it go
 * on. Before that it may be asked as well. */
int sqlite__rejoin_batch(struct sqlite_writer *w, int64_t job, int64_t batch,
                         enum store_state state, struct err *err)
{
  struct batch b;
  int rc = batch > 0 ? read_batch(w, batch, &b, err) : 0;
  if (rc <= 0)
    return rc;
  sqlite__tally(w,
                &(struct sqlite_tally){.batch = batch,
                                       .job = job,
                                       .dead = state == STORE_DEAD ? -1 : 0,
                                       .cancelled = state == STORE_CANCELLED ? -1 : 0});
  w->graph.joined.id = 0;
  if (b.cancelling == CANCELLING && !b.finished_at)
    return 0;
  if (b.cancelling != GOES_ON &&
      sqlite__run(&w->conn, SQL_BATCH_GOES_ON, ARGS(arg_int(batch)), err) < 0)
    return -1;
  return b.at_most && job > b.let_go;
}

/* ---- what follows a batch ---- */

static struct store_new read_follower(struct sqlite_writer *w, sqlite3_stmt *s,
                                      int64_t batch)
{
  return (struct store_new){
      .type = sqlite__name(&w->names, sqlite3_column_int64(s, 0)),
      .queue = sqlite__name(&w->names, sqlite3_column_int64(s, 1)),
      .priority = sqlite3_column_int(s, 2),
      .max_retries = sqlite3_column_int(s, 3),
      .delay_ms = sqlite3_column_int64(s, 4),
      .run_at = sqlite3_column_int64(s, 5),
      .parent = sqlite3_column_int64(s, 6),
      .key = sqlite__text(s, 7),
      .tags = sqlite__text(s, 8),
      .trace = sqlite__text(s, 9),
      .payload = sqlite__text(s, 10),
      .payload_len = (size_t)sqlite3_column_bytes(s, 10),
      .batch = -batch,
  };
}

static int enqueue_follower(struct sqlite_writer *w, int64_t batch, int event,
                            struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_FOLLOWER_GET, ARGS(arg_int(batch), arg_int(event)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  struct store_new job = read_follower(w, s, batch);
  rc = sqlite__add_job(w, &job, err);
  sqlite__stop(s);
  if (rc < 0)
    return -1;
  return sqlite__run(c, SQL_FOLLOWER_TOLD,
                     ARGS(arg_int(batch), arg_int(event), arg_int(job.id)), err) < 0
             ? -1
             : 0;
}

static int tell(struct sqlite_writer *w, struct batch *b, enum store_batch_event event,
                struct err *err)
{
  if (!(b->due & 1 << event))
    return 0;
  b->due &= ~(1 << event);
  return b->parent ? sqlite__met(w, b->parent, err)
                   : enqueue_follower(w, b->id, event, err);
}

static int tell_all(struct sqlite_writer *w, struct batch *b, struct err *err)
{
  bool all = b->finished_at != 0;
  if (b->dead > 0 && tell(w, b, STORE_BATCH_DEATH, err) < 0)
    return -1;
  if (all && b->completed == b->total && tell(w, b, STORE_BATCH_SUCCESS, err) < 0)
    return -1;
  return all && tell(w, b, STORE_BATCH_COMPLETE, err) < 0 ? -1 : 0;
}

/* ---- so many at a time ---- */

static int64_t read_jobs(struct sqlite_writer *w, int64_t batch, int64_t from,
                         int64_t max, int64_t ids[STEP], struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t n = 0;
  sqlite3_stmt *s = sqlite__start(
      c, SQL_BATCH_JOBS,
      ARGS(arg_int(batch), arg_int(from), arg_int(max < STEP ? max : STEP)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    ids[n++] = sqlite3_column_int64(s, 0);
  return rc < 0 ? -1 : n;
}

/* One that is not pending any more was cancelled while it was held back. */
static int let_go(struct sqlite_writer *w, struct batch *b, struct err *err)
{
  int64_t ids[STEP];
  while (b->active < b->at_most) {
    int64_t n = read_jobs(w, b->id, b->let_go, b->at_most - b->active, ids, err);
    if (n <= 0)
      return (int)n;
    for (int64_t i = 0; i < n; i++) {
      int rc = sqlite__met(w, ids[i], err);
      if (rc < 0)
        return -1;
      b->let_go = ids[i];
      b->active += rc;
    }
  }
  return 0;
}

/* ---- counting ---- */

static void count(struct batch *b, const struct sqlite_tally *t)
{
  b->total += t->total;
  b->completed += t->completed;
  b->dead += t->dead;
  b->cancelled += t->cancelled;
  if (b->at_most && t->job <= b->let_go)
    b->active -= t->completed + t->dead + t->cancelled;
}

static void cancel(struct sqlite_writer *w, struct batch *b)
{
  b->cancelling = CANCELLING;
  sqlite__graph_todo(w, &(struct sqlite_todo){.kind = TODO_CANCEL, .id = b->id});
}

static int settle_batch(struct sqlite_writer *w, const struct sqlite_tally *tallies,
                        size_t n, struct err *err)
{
  struct batch b;
  int rc = read_batch(w, tallies[0].batch, &b, err);
  if (rc <= 0)
    return rc; /* it was forgotten, and then one of its dead was brought back */
  bool died = false;
  for (size_t i = 0; i < n; i++) {
    count(&b, &tallies[i]);
    died = died || tallies[i].dead > 0;
  }
  bool all = b.completed + b.dead + b.cancelled == b.total;
  if (!all)
    b.finished_at = 0;
  else if (!b.finished_at)
    b.finished_at = w->now;
  if (died && b.fail_on_death && b.cancelling == GOES_ON)
    cancel(w, &b);
  if (tell_all(w, &b, err) < 0 || (!b.cancelling && let_go(w, &b, err) < 0))
    return -1;
  return write_batch(w, &b, err);
}

static int by_batch(const void *a, const void *b)
{
  const struct sqlite_tally *left = a, *right = b;
  return (left->batch > right->batch) - (left->batch < right->batch);
}

static bool is_sorted(const struct sqlite_graph *g)
{
  for (size_t i = 1; i < g->tallies_n; i++)
    if (g->tallies[i].batch < g->tallies[i - 1].batch)
      return false;
  return true;
}

int sqlite__settle_batches(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_graph *g = &w->graph;
  if (!is_sorted(g))
    qsort(g->tallies, g->tallies_n, sizeof *g->tallies, by_batch);
  for (size_t first = 0, i = 1; i <= g->tallies_n; i++) {
    if (i < g->tallies_n && g->tallies[i].batch == g->tallies[first].batch)
      continue;
    if (settle_batch(w, &g->tallies[first], i - first, err) < 0)
      return -1;
    first = i;
  }
  g->tallies_n = 0;
  g->joined.id = 0;
  return 0;
}

/* ---- cancelling ---- */

static int begin_cancel(struct sqlite_writer *w, int64_t id, struct err *err)
{
  int64_t n = sqlite__run(&w->conn, SQL_BATCH_CANCEL, ARGS(arg_int(id)), err);
  if (n > 0)
    sqlite__graph_todo(w, &(struct sqlite_todo){.kind = TODO_CANCEL, .id = id});
  w->graph.joined.id = 0;
  return n < 0 ? -1 : 0;
}

int sqlite__cancel_children(struct sqlite_writer *w, int64_t parent, struct err *err)
{
  int64_t id = 0;
  if (!w->memory.fans)
    return 0;
  if (sqlite__number(&w->conn, SQL_BATCH_OF_PARENT, ARGS(arg_int(parent)), 0, &id, err) <
      0)
    return -1;
  if (id == 0)
    return 0;
  /* Nobody waits for them any more: the job may be run again, and wait for others. */
  if (sqlite__run(&w->conn, SQL_BATCH_LEFT_ALONE, ARGS(arg_int(id)), err) < 0)
    return -1;
  return begin_cancel(w, id, err);
}

int sqlite__cancel_batch_jobs(struct sqlite_writer *w, const struct sqlite_todo *todo,
                              struct err *err)
{
  int64_t ids[STEP];
  int64_t n = read_jobs(w, todo->id, todo->from, STEP, ids, err);
  for (int64_t i = 0; i < n; i++)
    if (sqlite__ask_cancel(w, ids[i], CANCELLED, err) < 0)
      return -1;
  if (n < 0)
    return -1;
  w->graph.touched += (size_t)n;
  if (n < STEP)
    return sqlite__run(&w->conn, SQL_BATCH_ALL_ASKED, ARGS(arg_int(todo->id)), err) < 0
               ? -1
               : 0;
  struct sqlite_todo rest = *todo;
  rest.from = ids[STEP - 1];
  sqlite__graph_todo(w, &rest);
  return 0;
}

static int audit(struct sqlite_writer *w, const struct store_batch_cancel *request,
                 struct err *err)
{
  char detail[48];
  snprintf(detail, sizeof detail, "{\"batch\":\"%lld\"}", (long long)request->id);
  return sqlite__audit(w, request->by, "cancel", 0, detail, err);
}

int sqlite__batch_cancel(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_batch_cancel *request = (struct store_batch_cancel *)op;
  struct batch b;
  int rc = read_batch(w, request->id, &b, err);
  request->found = rc > 0;
  request->running = rc > 0 && !b.finished_at;
  if (rc <= 0)
    return rc;
  if (!request->running)
    return 0;
  return begin_cancel(w, request->id, err) < 0 ? -1 : audit(w, request, err);
}

/* ---- new ones ---- */

static int add_follower(struct sqlite_writer *w, int64_t batch, int event,
                        const struct store_new *job, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  const char *queue = job->queue ? job->queue : "default";
  int64_t type = sqlite__name_id(c, &w->names, NAME_TYPE, job->type, err);
  int64_t queue_id =
      type < 0 ? -1 : sqlite__name_id(c, &w->names, NAME_QUEUE, queue, err);
  if (queue_id < 0)
    return -1;
  return sqlite__run(c, SQL_FOLLOWER_ADD,
                     ARGS(arg_int(batch), arg_int(event), arg_int(type),
                          arg_int(queue_id), arg_int(job->priority),
                          arg_int(job->max_retries), arg_int(job->delay_ms),
                          arg_int(job->run_at), arg_id(job->parent), arg_text(job->key),
                          arg_text(job->tags), arg_text(job->trace),
                          arg_bytes(job->payload, job->payload_len)),
                     err) < 0
             ? -1
             : 0;
}

/* What a new batch is; the rest of its columns begin as nothing. */
struct kind {
  int64_t parent, depth, due;
  const char *name, *workspace;
  size_t at_most;
  bool fail_on_death;
};

/* An empty tally, so that it is looked at though it may have no job at all. */
static int64_t add_batch(struct sqlite_writer *w, const struct kind *kind,
                         struct err *err)
{
  const char *name = kind->workspace ? kind->workspace : "default";
  int64_t workspace = sqlite__name_id(&w->conn, &w->names, NAME_WORKSPACE, name, err);
  int64_t id = w->memory.next++;
  if (workspace < 0 ||
      sqlite__run(&w->conn, SQL_BATCH_ADD,
                  ARGS(arg_int(id), arg_id(kind->parent), arg_int(kind->depth),
                       arg_text(kind->name), arg_int(workspace), arg_int(w->now),
                       arg_int((int64_t)kind->at_most), arg_int(kind->due),
                       arg_int(kind->fail_on_death)),
                  err) < 0)
    return -1;
  note_joined(w, &(struct batch){.id = id,
                                 .parent = kind->parent,
                                 .at_most = (int64_t)kind->at_most});
  sqlite__tally(w, &(struct sqlite_tally){.batch = id});
  return id;
}

static int add_jobs(struct sqlite_writer *w, struct store_new *jobs, size_t n,
                    int64_t batch, int64_t parent, struct err *err)
{
  for (size_t i = 0; i < n; i++) {
    jobs[i].batch = batch;
    if (!jobs[i].parent)
      jobs[i].parent = parent;
    if (sqlite__add_job(w, &jobs[i], err) < 0)
      return -1;
  }
  return 0;
}

int sqlite__batch(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_batch *batch = (struct store_batch *)op;
  struct kind kind = {
      .name = batch->name, .workspace = batch->workspace, .at_most = batch->at_most};
  for (int event = 0; event < STORE_BATCH_EVENTS; event++)
    kind.due |= batch->followers[event] ? 1 << event : 0;
  batch->id = add_batch(w, &kind, err);
  if (batch->id < 0)
    return -1;
  for (int event = 0; event < STORE_BATCH_EVENTS; event++)
    if (batch->followers[event] &&
        add_follower(w, batch->id, event, batch->followers[event], err) < 0)
      return -1;
  return add_jobs(w, batch->jobs, batch->n, batch->id, 0, err);
}

/* How many fans lie around a new one of a job in `batch`. */
static int depth_of(struct sqlite_writer *w, int64_t batch, int64_t *depth,
                    struct err *err)
{
  *depth = 0;
  if (batch > 0 &&
      sqlite__number(&w->conn, SQL_BATCH_DEPTH, ARGS(arg_int(batch)), 0, depth, err) < 0)
    return -1;
  if (*depth < STORE_FAN_DEPTH)
    return 0;
  return err_set(err, "fan_out_too_deep",
                 "it is a child of a child and so on, %d deep: children must not fan out "
                 "for ever",
                 STORE_FAN_DEPTH);
}

int sqlite__fan_out(struct sqlite_writer *w, const struct sqlite_place *parent,
                    int64_t batch, const struct store_fan *fan, struct err *err)
{
  struct sqlite_waiting waiting = {.place = *parent, .state = STORE_PENDING, .unmet = 1};
  struct kind kind = {.parent = parent->id,
                      .due = 1 << STORE_BATCH_COMPLETE,
                      .at_most = fan->at_most,
                      .fail_on_death = fan->fail_on_death};
  if (depth_of(w, batch, &kind.depth, err) < 0)
    return -1;
  kind.depth++;
  int64_t id = add_batch(w, &kind, err);
  if (id < 0 || sqlite__add_pending(w, &waiting, err) < 0)
    return -1;
  w->memory.fans = true;
  return add_jobs(w, fan->jobs, fan->n, id, parent->id, err);
}

/* ---- forgetting ---- */

int sqlite__child_kept(struct sqlite_writer *w, int64_t id, int64_t since, bool *kept,
                       struct err *err)
{
  int64_t found = 0;
  if (w->memory.fans &&
      sqlite__number(&w->conn, SQL_CHILD_KEPT, ARGS(arg_int(id), arg_int(since)), 0,
                     &found, err) < 0)
    return -1;
  *kept = found != 0;
  return 0;
}

int sqlite__forget_batches(struct sqlite_writer *w, const struct store_expire *expire,
                           int64_t max, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t ids[STEP], n = 0, fans = 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_BATCH_OLD,
                                  ARGS(arg_int(w->now - expire->completed_ms),
                                       arg_int(w->now - expire->dead_ms),
                                       arg_int(max < STEP ? max : STEP)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    ids[n++] = sqlite3_column_int64(s, 0);
  for (int64_t i = 0; i < n && rc == 0; i++)
    if (sqlite__run(c, SQL_FORGET_BATCH, ARGS(arg_int(ids[i])), err) < 0 ||
        sqlite__run(c, SQL_FORGET_FOLLOWERS, ARGS(arg_int(ids[i])), err) < 0)
      rc = -1;
  if (rc == 0 && n > 0)
    rc = sqlite__number(c, SQL_BATCH_FANS, NO_ARGS, 0, &fans, err);
  if (rc == 0 && n > 0)
    w->memory.fans = fans != 0;
  return rc;
}
