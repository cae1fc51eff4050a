/* Jobs that are to end before they are done. One that waits ends at once. One that runs
 * has a row in candy_cancel until its claim ends: who runs it is told after the commit
 * (store_watch.cancel), and whatever the claim ends with, but for a completion, the job
 * then ends as the row says. So nothing that is told twice, late, or never does harm, and
 * a job whose worker or host dies meanwhile is not run again.
 */
#include "store/sqlite.h"

#include <stdlib.h>

/* ---- who is told ---- */

static void add_told(struct sqlite_told *told, struct sqlite_tell tell)
{
  if (told->n == told->cap) {
    told->cap = told->cap ? told->cap * 2 : 16;
    told->all = mem_grow(told->all, told->cap * sizeof *told->all);
  }
  told->all[told->n++] = tell;
}

static char *copy_or_null(sqlite3_stmt *s, int column)
{
  const char *text = sqlite__text(s, column);
  return text ? mem_strdup(text) : NULL;
}

int sqlite__tell_ended(struct sqlite_writer *w, const struct sqlite_place *p,
                       const struct sqlite_ending *ending, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_JOB_TOLD, ARGS(arg_int(p->id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  add_told(&w->told, (struct sqlite_tell){.id = p->id,
                                          .lease = p->lease,
                                          .reason = mem_strdup(ending->reason),
                                          .ended = true,
                                          .state = ending->state,
                                          .retry_count = (int)p->retry_count,
                                          .type = copy_or_null(s, 0),
                                          .workspace = copy_or_null(s, 1),
                                          .trace = copy_or_null(s, 2)});
  sqlite__stop(s);
  return 0;
}

static void tell_fini(struct sqlite_tell *tell)
{
  free(tell->reason);
  free(tell->type);
  free(tell->workspace);
  free(tell->trace);
}

void sqlite__told_cut(struct sqlite_told *told, size_t n)
{
  while (told->n > n)
    tell_fini(&told->all[--told->n]);
}

bool sqlite__told_take(struct sqlite_told *told, size_t from, int64_t id,
                       enum store_state *state, struct buf *reason)
{
  size_t i = from;
  while (i < told->n && !(told->all[i].id == id && told->all[i].ended))
    i++;
  if (i == told->n)
    return false;
  struct sqlite_tell *tell = &told->all[i];
  *state = tell->state;
  reason->len = 0;
  buf_puts(reason, tell->reason);
  tell_fini(tell);
  memmove(tell, tell + 1, (--told->n - i) * sizeof *tell);
  return true;
}

void sqlite__told_fini(struct sqlite_told *told)
{
  sqlite__told_cut(told, 0);
  free(told->all);
  *told = (struct sqlite_told){0};
}

void sqlite__told_move(struct sqlite_told *to, struct sqlite_told *from)
{
  if (from->n == 0)
    return;
  if (to->cap < to->n + from->n) {
    to->cap = to->n + from->n;
    to->all = mem_grow(to->all, to->cap * sizeof *to->all);
  }
  memcpy(to->all + to->n, from->all, from->n * sizeof *from->all);
  to->n += from->n;
  from->n = 0;
}

/* ---- the end ---- */

static int end_dead(struct sqlite_writer *w, const struct sqlite_place *p,
                    int64_t began_at, const char *worker, const char *reason,
                    struct err *err)
{
  struct sqlite_conn *c = &w->conn;

  enum { DIED = 2 }; /* candy_failure.outcome */

  if (sqlite__run(c, SQL_FAILURE_ADD,
                  ARGS(arg_int(p->id), arg_int(p->lease), arg_int(DIED),
                       arg_int(p->retry_count + 1), arg_int(began_at), arg_int(w->now),
                       arg_text(worker), arg_text(reason)),
                  err) < 0)
    return -1;
  return sqlite__run(c, SQL_DEAD_ADD,
                     ARGS(arg_int(p->id), arg_int(p->lease), arg_int(p->retry_count),
                          arg_int(p->rescues), arg_int(began_at), arg_int(w->now)),
                     err) < 0
             ? -1
             : 0;
}

static int end_cancelled(struct sqlite_writer *w, const struct sqlite_place *p,
                         int64_t began_at, const char *worker, const char *reason,
                         struct err *err)
{
  return sqlite__run(&w->conn, SQL_DONE_ADD,
                     ARGS(arg_int(p->id), arg_int(STORE_CANCELLED), arg_int(p->lease),
                          arg_int(p->retry_count), arg_int(p->rescues), arg_int(began_at),
                          arg_int(w->now), arg_text(worker), arg_text(reason)),
                     err) < 0
             ? -1
             : 0;
}

int sqlite__end_job(struct sqlite_writer *w, const struct sqlite_place *p,
                    int64_t began_at, const char *worker,
                    const struct sqlite_ending *ending, struct err *err)
{
  int64_t batch = 0;
  int rc = ending->state == STORE_DEAD
               ? end_dead(w, p, began_at, worker, ending->reason, err)
               : end_cancelled(w, p, began_at, worker, ending->reason, err);
  if (rc < 0 ||
      sqlite__number(&w->conn, SQL_JOB_BATCH, ARGS(arg_int(p->id)), 0, &batch, err) < 0)
    return -1;
  sqlite__over(w, p->id, batch, ending->state);
  return 0;
}

/* Its lease grows, so that no claim of before can end it a second time. */
int sqlite__end_waiting(struct sqlite_writer *w, const struct sqlite_waiting *job,
                        const struct sqlite_ending *ending, struct err *err)
{
  struct sqlite_place place = job->place;
  place.lease++;
  if (sqlite__give_up_slots(w, &place, err) < 0)
    return -1;
  if (job->state == STORE_PENDING &&
      sqlite__run(&w->conn, SQL_AFTER_DROP, ARGS(arg_int(place.id)), err) < 0)
    return -1;
  if (sqlite__end_job(w, &place, 0, NULL, ending, err) < 0)
    return -1;
  return sqlite__tell_ended(w, &place, ending, err);
}

static int take_and_end(struct sqlite_writer *w, int64_t id,
                        const struct sqlite_ending *ending, struct err *err)
{
  struct sqlite_waiting job;
  int rc = sqlite__take_waiting(w, id, &job, err);
  if (rc <= 0)
    return rc;
  return sqlite__end_waiting(w, &job, ending, err) < 0 ? -1 : 1;
}

int sqlite__cancel_waiting(struct sqlite_writer *w, int64_t id, const char *reason,
                           struct err *err)
{
  return take_and_end(w, id, &(struct sqlite_ending){STORE_CANCELLED, reason}, err);
}

/* ---- asking ---- */

/* The lease of the claim that was told, by now or before; 0 when none holds the job. */
static int told_lease(struct sqlite_writer *w, int64_t id, int64_t *lease,
                      struct err *err)
{
  return sqlite__number(&w->conn, SQL_CANCEL_GET, ARGS(arg_int(id)), 0, lease, err);
}

int sqlite__ask_end(struct sqlite_writer *w, int64_t id,
                    const struct sqlite_ending *ending, struct err *err)
{
  int64_t lease = 0;
  int rc = take_and_end(w, id, ending, err);
  if (rc != 0)
    return rc < 0 ? -1 : ASKED_ENDED;
  int64_t n = sqlite__run(&w->conn, SQL_CANCEL_ADD,
                          ARGS(arg_int(id), arg_int(ending->state), arg_int(w->now),
                               arg_text(ending->reason)),
                          err);
  if (n < 0 || told_lease(w, id, &lease, err) < 0)
    return -1;
  if (n == 0)
    return lease ? ASKED_AGAIN : ASKED_NONE;
  w->memory.asked++;
  add_told(&w->told, (struct sqlite_tell){
                         .id = id, .lease = lease, .reason = mem_strdup(ending->reason)});
  return ASKED_TOLD;
}

int sqlite__ask_cancel(struct sqlite_writer *w, int64_t id, const char *reason,
                       struct err *err)
{
  return sqlite__ask_end(w, id, &(struct sqlite_ending){STORE_CANCELLED, reason}, err);
}

/* ---- the end of a claim that was told ---- */

int sqlite__asked(struct sqlite_writer *w, int64_t id, struct sqlite_ending *ending,
                  struct buf *reason, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  if (w->memory.asked == 0)
    return 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_CANCEL_GET, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  reason->len = 0;
  buf_puts(reason, sqlite__text(s, 2));
  *ending =
      (struct sqlite_ending){(enum store_state)sqlite3_column_int(s, 1), reason->data};
  sqlite__stop(s);
  if (sqlite__run(c, SQL_CANCEL_DROP, ARGS(arg_int(id)), err) < 0)
    return -1;
  w->memory.asked--;
  return 1;
}

/* ---- after the death of a host ---- */

struct left {
  struct sqlite_place place;
  int64_t began_at;
  enum store_state state;
  char *reason;
};

static int next_left(struct sqlite_writer *w, struct left *left, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_CANCEL_RUNNING, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  *left = (struct left){
      .place = {.id = sqlite3_column_int64(s, 0),
                .lease = sqlite3_column_int64(s, 1),
                .retry_count = sqlite3_column_int64(s, 4),
                .rescues = sqlite3_column_int64(s, 5)},
      .began_at = sqlite3_column_int64(s, 6),
      .state = (enum store_state)sqlite3_column_int(s, 2),
      .reason = mem_strdup(sqlite__text(s, 3)),
  };
  sqlite__stop(s);
  return 1;
}

static int end_left(struct sqlite_writer *w, const struct left *left, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t id = left->place.id;
  if (sqlite__run(c, SQL_CANCEL_DROP, ARGS(arg_int(id)), err) < 0 ||
      sqlite__run(c, SQL_RUNNING_TAKE, ARGS(arg_int(id)), err) < 0)
    return -1;
  w->memory.asked--;
  struct sqlite_ending ending = {left->state, left->reason};
  if (sqlite__end_job(w, &left->place, left->began_at, NULL, &ending, err) < 0)
    return -1;
  return sqlite__tell_ended(w, &left->place, &ending, err);
}

int sqlite__end_asked(struct sqlite_writer *w, int64_t *n, struct err *err)
{
  struct left left;
  int rc = 0;
  while (w->memory.asked > 0 && (rc = next_left(w, &left, err)) > 0) {
    rc = end_left(w, &left, err);
    free(left.reason);
    if (rc < 0)
      return -1;
    ++*n;
  }
  return rc < 0 ? -1 : 0;
}
