/* The end of a run: the fence, then what became of the job, with its effects.
 *
 * A finish counts only for the claim that still holds the job: (id, lease) must match a
 * row of candy_running. Whatever comes later, twice, or from a claim that was given up
 * finds none and changes nothing.
 */
#include "store/sqlite.h"

#include "base/clock.h"

#include <stdlib.h>

/* A job that runs: its row of candy_running. */
struct held {
  struct sqlite_place place;
  int64_t began_at, batch;
};

#define NO_ERROR "{\"code\":\"unknown\",\"message\":\"it failed and gave no reason\"}"

static bool never_began(const struct store_finish *f)
{
  return f->outcome == STORE_RELEASE && f->began_at == 0;
}

/* What it keeps of its slots: all of them when it goes back to its place, those of strict
 * order when it comes again later. `s` is at its row of `fence`. */
static int leave_gates(struct sqlite_writer *w, const struct store_finish *f,
                       sqlite3_stmt *s, struct sqlite_place *p, struct err *err)
{
  struct sqlite_subject job = {
      .type = sqlite3_column_int64(s, 7),
      .queue = p->queue,
      .key = sqlite__text(s, 8),
  };
  if (!sqlite__has_policy(w, job.type, job.queue))
    return 0;
  if (f->outcome == STORE_RETRY || f->outcome == STORE_SNOOZE)
    p->held = sqlite__kept_in_order(w, &job);
  else if (f->outcome == STORE_RELEASE || f->outcome == STORE_RESCUE)
    p->held = SQLITE_HELD_ALL;
  return sqlite__leave_gates(w, &job, p->held,
                             never_began(f) ? sqlite3_column_int64(s, 6) : 0, err);
}

/* Returns 1 and fills held when the claim holds the job, 0 when it does not. */
static int fence(struct sqlite_writer *w, const struct store_finish *f, struct held *held,
                 struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_FENCE, ARGS(arg_int(f->id), arg_int(f->lease)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  *held = (struct held){
      .place = {.id = f->id,
                .lease = f->lease,
                .queue = sqlite3_column_int64(s, 0),
                .priority = sqlite3_column_int64(s, 1),
                .turn = sqlite3_column_int64(s, 2),
                .seq = sqlite3_column_int64(s, 3),
                .retry_count = sqlite3_column_int64(s, 4),
                .rescues = sqlite3_column_int64(s, 5)},
      .began_at =
          f->began_at || never_began(f) ? f->began_at : sqlite3_column_int64(s, 6),
      .batch = sqlite3_column_int64(s, 9),
  };
  rc = leave_gates(w, f, s, &held->place, err);
  sqlite__stop(s);
  if (rc < 0 || sqlite__run(c, SQL_RUNNING_TAKE, ARGS(arg_int(f->id)), err) < 0)
    return -1;
  return 1;
}

/* ---- outcomes ---- */

static int complete(struct sqlite_writer *w, const struct store_finish *f,
                    struct held *held, struct err *err)
{
  const struct sqlite_place *p = &held->place;
  bool has_result = f->result && strcmp(f->result, "null") != 0;
  sqlite__over(w, p->id, held->batch, STORE_COMPLETED);
  return sqlite__run(&w->conn, SQL_DONE_ADD,
                     ARGS(arg_int(p->id), arg_int(STORE_COMPLETED), arg_int(p->lease),
                          arg_int(p->retry_count), arg_int(p->rescues),
                          arg_int(held->began_at), arg_int(w->now), arg_text(f->worker),
                          arg_text(has_result ? f->result : NULL)),
                     err) < 0
             ? -1
             : 0;
}

/* How a failure ended, as candy_failure.outcome has it. */
enum { RETRIED, RESCUED, DIED };

static int note_failure(struct sqlite_writer *w, const struct store_finish *f,
                        const struct held *held, int outcome, struct err *err)
{
  const struct sqlite_place *p = &held->place;
  const char *error = f->error && *f->error ? f->error : NO_ERROR;
  return sqlite__run(&w->conn, SQL_FAILURE_ADD,
                     ARGS(arg_int(p->id), arg_int(p->lease), arg_int(outcome),
                          arg_int(p->retry_count + 1), arg_int(held->began_at),
                          arg_int(w->now), arg_text(f->worker), arg_text(error)),
                     err) < 0
             ? -1
             : 0;
}

static int64_t after_delay(const struct sqlite_writer *w, const struct store_finish *f)
{
  return w->now + (f->delay_ms > 0 ? f->delay_ms : 0);
}

/* In strict order it keeps its place as well as its slot, its turn in it. */
static int come_again(struct sqlite_writer *w, const struct store_finish *f,
                      struct sqlite_place *p, enum store_state state, struct err *err)
{
  if (p->held == 0) {
    if (sqlite__own_priority(w, p, &p->priority, err) < 0)
      return -1;
    p->seq = p->turn = 0;
  }
  return sqlite__add_scheduled(w, p, state, after_delay(w, f), err);
}

static int retry(struct sqlite_writer *w, const struct store_finish *f, struct held *held,
                 struct err *err)
{
  if (note_failure(w, f, held, RETRIED, err) < 0)
    return -1;
  held->place.retry_count++;
  return come_again(w, f, &held->place, STORE_RETRYABLE, err);
}

static int die(struct sqlite_writer *w, const struct store_finish *f, struct held *held,
               struct err *err)
{
  const struct sqlite_place *p = &held->place;
  if (note_failure(w, f, held, DIED, err) < 0)
    return -1;
  sqlite__over(w, p->id, held->batch, STORE_DEAD);
  return sqlite__run(&w->conn, SQL_DEAD_ADD,
                     ARGS(arg_int(p->id), arg_int(p->lease), arg_int(p->retry_count),
                          arg_int(p->rescues), arg_int(held->began_at), arg_int(w->now)),
                     err) < 0
             ? -1
             : 0;
}

static int snooze(struct sqlite_writer *w, const struct store_finish *f,
                  struct held *held, struct err *err)
{
  return come_again(w, f, &held->place, STORE_SCHEDULED, err);
}

static int give_back(struct sqlite_writer *w, const struct store_finish *f,
                     struct held *held, struct err *err)
{
  (void)f;
  return sqlite__add_ready(w, &held->place, err);
}

static int rescue(struct sqlite_writer *w, const struct store_finish *f,
                  struct held *held, struct err *err)
{
  if (note_failure(w, f, held, RESCUED, err) < 0)
    return -1;
  held->place.rescues++;
  return sqlite__add_ready(w, &held->place, err);
}

static const enum store_state became[] = {
    [STORE_OK] = STORE_COMPLETED,      [STORE_RETRY] = STORE_RETRYABLE,
    [STORE_FAIL] = STORE_DEAD,         [STORE_SNOOZE] = STORE_SCHEDULED,
    [STORE_RELEASE] = STORE_AVAILABLE, [STORE_RESCUE] = STORE_AVAILABLE,
    [STORE_FAN_OUT] = STORE_PENDING,
};

static int fan_out(struct sqlite_writer *w, const struct store_finish *f,
                   struct held *held, struct err *err)
{
  return sqlite__fan_out(w, &held->place, held->batch, f->fan, err);
}

static int (*const outcomes[])(struct sqlite_writer *, const struct store_finish *,
                               struct held *, struct err *) = {
    [STORE_OK] = complete,     [STORE_RETRY] = retry,       [STORE_FAIL] = die,
    [STORE_SNOOZE] = snooze,   [STORE_RELEASE] = give_back, [STORE_RESCUE] = rescue,
    [STORE_FAN_OUT] = fan_out,
};

/* What was done is done: a completion counts. All else ends a job that was told to. */
static int end_as_asked(struct sqlite_writer *w, struct store_finish *f,
                        struct held *held, struct err *err)
{
  struct sqlite_ending ending;
  int rc = sqlite__asked(w, f->id, &ending, &f->reason, err);
  if (rc <= 0)
    return rc;
  if (f->outcome == STORE_OK) {
    f->reason.len = 0;
    return 0;
  }
  f->became = ending.state;
  if (sqlite__give_up_slots(w, &held->place, err) < 0)
    return -1;
  return sqlite__end_job(w, &held->place, held->began_at, f->worker, &ending, err) < 0
             ? -1
             : 1;
}

/* ---- effects ---- */

static int write_all(struct sqlite_writer *w, const struct store_finish *f,
                     struct err *err)
{
  int64_t deadline = clock_mono_ns() + SCRIPT_WRITE_MS * CLOCK_MS;
  for (size_t i = 0; i < f->n_writes; i++) {
    const struct store_write *write = &f->writes[i];
    if (sqlite__script_exec(&w->conn, write->sql, write->params, deadline, NULL, err) < 0)
      return err_wrap(err, "write %zu of %zu", i + 1, f->n_writes);
  }
  return sqlite__script_settled(&w->conn, err);
}

static int add_children(struct sqlite_writer *w, const struct store_finish *f,
                        struct err *err)
{
  for (size_t i = 0; i < f->n_children; i++) {
    struct store_new *child = &f->children[i];
    if (!child->parent)
      child->parent = f->id;
    if (sqlite__add_job(w, child, err) < 0)
      return err_wrap(err, "child %zu of %zu", i + 1, f->n_children);
  }
  return 0;
}

static void refuse(struct store_finish *f, const struct err *err)
{
  f->verdict = STORE_REFUSED;
  f->op.err = mem_alloc(sizeof *f->op.err);
  *f->op.err = *err;
}

/* The mark is set before the fence, so that a refused job is still running. */
static int finish_with_effects(struct sqlite_writer *w, struct store_finish *f,
                               struct err *err)
{
  struct sqlite_mark mark;
  struct held held;
  if (sqlite__mark(w, &mark, err) < 0)
    return -1;
  int rc = fence(w, f, &held, err);
  if (rc <= 0)
    return rc < 0 ? -1 : sqlite__keep(w, err);
  f->verdict = STORE_DONE;
  f->became = became[f->outcome];
  rc = end_as_asked(w, f, &held, err);
  if (rc != 0)
    return rc < 0 ? -1 : sqlite__keep(w, err);
  if (outcomes[f->outcome](w, f, &held, err) == 0 && write_all(w, f, err) == 0 &&
      add_children(w, f, err) == 0) {
    /* One of its children may have superseded it. */
    sqlite__told_take(&w->told, mark.told, f->id, &f->became, &f->reason);
    return sqlite__keep(w, err);
  }
  if (sqlite__conn_grave(&w->conn))
    return -1;
  sqlite__undo(w, &mark);
  refuse(f, err);
  return 0;
}

int sqlite__finish(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_finish *f = (struct store_finish *)op;
  struct held held;
  f->verdict = STORE_STALE;
  if (f->outcome == STORE_FAN_OUT ||
      (f->outcome == STORE_OK && (f->n_writes || f->n_children)))
    return finish_with_effects(w, f, err);
  int rc = fence(w, f, &held, err);
  if (rc <= 0)
    return rc;
  f->verdict = STORE_DONE;
  f->became = became[f->outcome];
  rc = end_as_asked(w, f, &held, err);
  if (rc != 0)
    return rc < 0 ? -1 : 0;
  return outcomes[f->outcome](w, f, &held, err);
}

int sqlite__progress(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_progress *p = (struct store_progress *)op;
  struct sqlite_arg percent = {.type = ARG_NULL};
  if (p->percent >= 0)
    percent = arg_real(p->percent);
  int64_t n = sqlite__run(&w->conn, SQL_PROGRESS_SET,
                          ARGS(arg_int(p->id), arg_int(p->lease), percent,
                               arg_text(p->message), arg_text(p->checkpoint)),
                          err);
  p->stale = n == 0;
  return n < 0 ? -1 : 0;
}
