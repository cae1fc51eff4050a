/* Jobs that wait for others: they are pending until all that they wait for is over.
 *
 * An operation that ends a job only notes it (sqlite__over); what follows from it is done
 * once at the end of the turn, in the same transaction: those that wait for it come back
 * or are cancelled, which ends them in turn, and so on in a line and not in depth. A
 * batch (sqlite_batch.c) gets what all its jobs of a turn changed in one write.
 *
 * Thousands may wait for one job. What is more than one turn takes is left for the next:
 * until then the rows of candy_after are there while the job that they wait for is over,
 * children wait for their end while their parent has ended, and a batch is `cancelling`:
 * that is where a start after a crash finds them.
 *
 * A job that nobody waits for must not pay for those that are waited for: before the
 * table is looked into, a bit in memory says whether there can be anything.
 */
#include "store/sqlite.h"

#include <stdio.h>
#include <stdlib.h>

#define STEP        500   /* that wait for one job, at a time */
#define TURN_JOBS   5000  /* that come back or are cancelled in one turn */
#define LOADED_DEPS 10000 /* beyond this every bit is set */

/* ---- what is noted ---- */

static uint8_t *byte_of(struct sqlite_graph *g, int64_t id)
{
  return &g->awaited[(size_t)(id % SQLITE_AWAITED) / 8];
}

static uint8_t bit_of(int64_t id)
{
  return (uint8_t)(1u << (id % 8));
}

void sqlite__graph_todo(struct sqlite_writer *w, const struct sqlite_todo *todo)
{
  struct sqlite_graph *g = &w->graph;
  if (g->n == g->cap) {
    g->cap = g->cap ? g->cap * 2 : 64;
    g->todo = mem_grow(g->todo, g->cap * sizeof *g->todo);
  }
  g->todo[g->n++] = *todo;
}

void sqlite__over(struct sqlite_writer *w, int64_t id, int64_t batch,
                  enum store_state state)
{
  struct sqlite_graph *g = &w->graph;
  if (batch > 0)
    sqlite__tally(w, &(struct sqlite_tally){.batch = batch,
                                            .job = id,
                                            .completed = state == STORE_COMPLETED,
                                            .dead = state == STORE_DEAD,
                                            .cancelled = state == STORE_CANCELLED});
  bool awaited = w->memory.after && (*byte_of(g, id) & bit_of(id));
  bool may_have_children = w->memory.fans && state != STORE_COMPLETED;
  if (awaited || may_have_children)
    sqlite__graph_todo(
        w, &(struct sqlite_todo){.kind = TODO_OVER, .state = state, .id = id});
}

/* ---- in and out of candy_pending ---- */

int sqlite__add_pending(struct sqlite_writer *w, const struct sqlite_waiting *job,
                        struct err *err)
{
  const struct sqlite_place *p = &job->place;
  return sqlite__run(&w->conn, SQL_PENDING_ADD,
                     ARGS(arg_int(p->id), arg_int(job->unmet), arg_int(job->run_at),
                          arg_int(job->delay), arg_int(p->queue), arg_int(p->priority),
                          arg_int(p->turn), arg_int(p->seq), arg_int(p->lease),
                          arg_int(p->retry_count), arg_int(p->rescues), arg_int(p->held)),
                     err) < 0
             ? -1
             : 0;
}

/* The columns that pending_last and pending_take begin with. */
static struct sqlite_waiting read_pending(sqlite3_stmt *s, int64_t id)
{
  return (struct sqlite_waiting){
      .place = sqlite__read_place(s, id),
      .state = STORE_PENDING,
      .run_at = sqlite3_column_int64(s, 8),
      .delay = sqlite3_column_int64(s, 9),
  };
}

int sqlite__take_pending(struct sqlite_writer *w, int64_t id, struct sqlite_waiting *out,
                         struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_PENDING_TAKE, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  *out = read_pending(s, id);
  out->unmet = sqlite3_column_int64(s, 10);
  sqlite__stop(s);
  return 1;
}

int sqlite__met(struct sqlite_writer *w, int64_t id, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_PENDING_LAST, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc < 0)
    return -1;
  if (rc == 0)
    return (int)sqlite__run(c, SQL_PENDING_MET, ARGS(arg_int(id)), err);
  struct sqlite_waiting job = read_pending(s, id);
  sqlite__stop(s);
  int64_t at = job.delay > 0 ? w->now + job.delay : 0;
  if (job.run_at > at)
    at = job.run_at;
  if (at > 0 && sqlite__own_priority(w, &job.place, &job.place.priority, err) < 0)
    return -1;
  if (at > 0 && at <= w->now) { /* its place is that of the moment when it comes due */
    job.place.seq = w->memory.next++;
    if (sqlite__place_again(w, &job.place, err) < 0)
      return -1;
  }
  return sqlite__add_at(w, &job.place, at, err) < 0 ? -1 : 1;
}

/* ---- new jobs ---- */

#define REASON_MAX 160

static void say_failed(char reason[REASON_MAX], int64_t dep, enum store_state state)
{
  snprintf(
      reason, REASON_MAX,
      "{\"code\":\"dependency_failed\",\"message\":\"job %lld, which had to complete "
      "before this one, is %s\"}",
      (long long)dep, store_state_names[state]);
}

static int await(struct sqlite_writer *w, int64_t dep, const struct store_new *job,
                 int64_t *unmet, struct err *err)
{
  int64_t n =
      sqlite__run(&w->conn, SQL_AFTER_ADD,
                  ARGS(arg_int(dep), arg_int(job->id), arg_int(job->after_any)), err);
  if (n < 0)
    return -1;
  *unmet += n;
  w->memory.after = true;
  *byte_of(&w->graph, dep) |= bit_of(dep);
  return 0;
}

static int refuse_dep(struct store_new *job, int64_t dep, struct err *err)
{
  job->refused = true;
  return err_set(err, "no_such_job",
                 "there is no job %lld to wait for; finished jobs are kept for a while "
                 "only",
                 (long long)dep);
}

/* What became of it, 0 when it has not ended, or -1. The parent of children waits for
 * them: if they waited for others than their siblings, there could be circles. */
static int look_at_dep(struct sqlite_writer *w, struct store_new *job, int64_t dep,
                       struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  bool children = job->batch > 0 && w->graph.joined.children;
  sqlite3_stmt *s = sqlite__start(c, SQL_AFTER_STATE, ARGS(arg_int(dep)));
  int rc = sqlite__next(c, s, err);
  if (rc < 0)
    return -1;
  if (rc == 0)
    return refuse_dep(job, dep, err);
  int state = sqlite3_column_int(s, 0);
  bool sibling = sqlite3_column_int64(s, 1) == job->batch;
  sqlite__stop(s);
  if (state != 0 || !children || sibling)
    return state;
  job->refused = true;
  return err_set(err, "circular_wait",
                 "children of a job wait for each other only; job %lld is none of them, "
                 "and might wait for them",
                 (long long)dep);
}

/* Returns 1 when it cannot run any more for what became of one of them. */
static int await_all(struct sqlite_writer *w, struct store_new *job, int64_t *unmet,
                     char reason[REASON_MAX], struct err *err)
{
  for (size_t i = 0; i < job->n_after; i++) {
    int64_t dep = job->after[i];
    if (dep < 0)
      dep = (job + dep)->id;
    int state = look_at_dep(w, job, dep, err);
    if (state < 0)
      return -1;
    if (state == 0 && await(w, dep, job, unmet, err) < 0)
      return -1;
    if (state == 0 || state == STORE_COMPLETED || job->after_any)
      continue;
    say_failed(reason, dep, (enum store_state)state);
    return 1;
  }
  return 0;
}

int sqlite__add_tied(struct sqlite_writer *w, struct store_new *job,
                     const struct sqlite_place *place, struct err *err)
{
  char reason[REASON_MAX] =
      "{\"code\":\"batch_cancelled\",\"message\":\"the batch that it "
      "joined was cancelled\"}";
  struct sqlite_waiting at = {.place = *place,
                              .state = STORE_PENDING,
                              .run_at = job->run_at,
                              .delay = job->delay_ms};
  int held = 0, over = 0;
  if (job->batch > 0)
    held = sqlite__join_batch(w, job->id, job->batch, err);
  job->refused = held < 0;
  if (held == 1)
    at.unmet = 1;
  if (held >= 0 && held != JOIN_CANCELLED)
    over = await_all(w, job, &at.unmet, reason, err);
  if (held < 0 || over < 0)
    return -1;
  if (over || held == JOIN_CANCELLED)
    return sqlite__end_waiting(w, &at, &(struct sqlite_ending){STORE_CANCELLED, reason},
                               err);
  if (at.unmet > 0)
    return sqlite__add_pending(w, &at, err);
  int64_t by_delay = at.delay > 0 ? w->now + at.delay : 0;
  return sqlite__add_at(w, place, by_delay > at.run_at ? by_delay : at.run_at, err);
}

/* ---- what waits for a job that is over ---- */

struct waiters {
  int64_t ids[STEP];
  bool anyhow[STEP];
  size_t n;
};

static int read_waiters(struct sqlite_writer *w, int64_t dep, struct waiters *waiters,
                        struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_AFTER_FIRST, ARGS(arg_int(dep), arg_int(STEP)));
  int rc = sqlite__next(c, s, err);
  waiters->n = 0;
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    waiters->ids[waiters->n] = sqlite3_column_int64(s, 0);
    waiters->anyhow[waiters->n++] = sqlite3_column_int(s, 1);
  }
  return rc;
}

static int tell_waiter(struct sqlite_writer *w, const struct sqlite_todo *over,
                       int64_t id, bool anyhow, struct err *err)
{
  char reason[REASON_MAX];
  struct sqlite_waiting job;
  if (sqlite__run(&w->conn, SQL_AFTER_TAKE, ARGS(arg_int(over->id), arg_int(id)), err) <
      0)
    return -1;
  if (over->state == STORE_COMPLETED || anyhow)
    return sqlite__met(w, id, err);
  int rc = sqlite__take_pending(w, id, &job, err);
  if (rc <= 0)
    return rc;
  say_failed(reason, over->id, over->state);
  return sqlite__end_waiting(w, &job, &(struct sqlite_ending){STORE_CANCELLED, reason},
                             err);
}

/* Until this comes to its turn the job may have been brought back by hand: then those
 * who wait for it go on waiting. Returns 1, 0, or -1. */
static int is_over(struct sqlite_writer *w, const struct sqlite_todo *over,
                   struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  if (over->state == STORE_COMPLETED)
    return 1;
  sqlite3_stmt *s = sqlite__start(c, SQL_AFTER_STATE, ARGS(arg_int(over->id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc < 0 ? -1 : 1; /* it is forgotten */
  bool ended = sqlite3_column_int(s, 0) != 0;
  sqlite__stop(s);
  return ended;
}

static int tell_waiters(struct sqlite_writer *w, const struct sqlite_todo *over,
                        struct err *err)
{
  struct waiters waiters;
  int rc = is_over(w, over, err);
  if (rc <= 0)
    return rc;
  if (read_waiters(w, over->id, &waiters, err) < 0)
    return -1;
  for (size_t i = 0; i < waiters.n; i++)
    if (tell_waiter(w, over, waiters.ids[i], waiters.anyhow[i], err) < 0)
      return -1;
  w->graph.touched += waiters.n;
  w->graph.loosened = w->graph.loosened || waiters.n > 0;
  if (waiters.n == STEP)
    sqlite__graph_todo(w, over);
  else if (over->state != STORE_COMPLETED)
    return sqlite__cancel_children(w, over->id, err);
  return 0;
}

/* ---- the end of a turn ---- */

static bool has_time(const struct sqlite_graph *g)
{
  return g->next < g->n && g->touched < TURN_JOBS;
}

static int do_next(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_todo todo = w->graph.todo[w->graph.next++];
  return todo.kind == TODO_OVER ? tell_waiters(w, &todo, err)
                                : sqlite__cancel_batch_jobs(w, &todo, err);
}

int sqlite__graph_settle(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_graph *g = &w->graph;
  int64_t any = 1;
  while (has_time(g) || g->tallies_n > 0) {
    while (has_time(g))
      if (do_next(w, err) < 0)
        return -1;
    if (sqlite__settle_batches(w, err) < 0)
      return -1;
  }
  if (g->loosened && sqlite__number(&w->conn, SQL_AFTER_ANY, NO_ARGS, 0, &any, err) < 0)
    return -1;
  g->loosened = false;
  w->memory.after = w->memory.after && any;
  return 0;
}

int sqlite__graph_save(struct sqlite_writer *w, struct err *err)
{
  bool left = w->graph.next < w->graph.n;
  if (left == w->memory.left)
    return 0;
  w->memory.left = left;
  return sqlite__run(&w->conn, SQL_META_SET, ARGS(arg_text("graph_left"), arg_int(left)),
                     err) < 0
             ? -1
             : 0;
}

/* ---- around turns ---- */

void sqlite__graph_begin(struct sqlite_writer *w)
{
  struct sqlite_graph *g = &w->graph;
  if (g->next > 0 && g->n > g->next)
    memmove(g->todo, g->todo + g->next, (g->n - g->next) * sizeof *g->todo);
  g->begun = g->n -= g->next;
  if (!w->memory.after)
    memset(g->awaited, 0, sizeof g->awaited);
  sqlite__graph_back(w);
}

void sqlite__graph_back(struct sqlite_writer *w)
{
  struct sqlite_graph *g = &w->graph;
  g->n = g->begun;
  g->next = g->tallies_n = g->touched = 0;
  g->loosened = false;
  g->joined.id = 0;
}

void sqlite__graph_fini(struct sqlite_writer *w)
{
  free(w->graph.todo);
  free(w->graph.tallies);
  w->graph = (struct sqlite_graph){0};
}

/* ---- the start ---- */

static int load_awaited(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t n = 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_AFTER_DEPS, ARGS(arg_int(LOADED_DEPS)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err), n++) {
    int64_t dep = sqlite3_column_int64(s, 0);
    *byte_of(&w->graph, dep) |= bit_of(dep);
  }
  if (n == LOADED_DEPS)
    memset(w->graph.awaited, 0xff, sizeof w->graph.awaited);
  w->memory.after = n > 0;
  return rc;
}

static int load_left(struct sqlite_writer *w, enum sqlite_query query, int kind,
                     struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, query, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    struct sqlite_todo todo = {.kind = kind, .id = sqlite3_column_int64(s, 0)};
    if (kind == TODO_OVER)
      todo.state = (enum store_state)sqlite3_column_int(s, 1);
    sqlite__graph_todo(w, &todo);
  }
  return rc;
}

int sqlite__graph_load(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t fans = 0, left = 0;
  if (load_awaited(w, err) < 0 ||
      sqlite__number(c, SQL_BATCH_FANS, NO_ARGS, 0, &fans, err) < 0 ||
      sqlite__number(c, SQL_META_GET, ARGS(arg_text("graph_left")), 0, &left, err) < 0)
    return -1;
  w->memory.fans = fans != 0;
  w->memory.left = left != 0;
  if (left == 0)
    return 0;
  if (load_left(w, SQL_AFTER_OVER, TODO_OVER, err) < 0 ||
      load_left(w, SQL_BATCH_ORPHANS, TODO_OVER, err) < 0)
    return -1;
  return load_left(w, SQL_BATCH_CANCELLING, TODO_CANCEL, err);
}
