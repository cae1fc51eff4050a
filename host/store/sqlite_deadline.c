/* Deadlines: by when a job is to have ended. Only jobs that have one have a row, which
 * stays until its time has passed, whatever becomes of the job: so no finish looks for
 * it.
 */
#include "store/sqlite.h"

#define STEP 1000 /* that pass in one turn, at most */
#define PASSED                                                                           \
  "{\"code\":\"deadline\",\"message\":\"its deadline passed before it was done\"}"

int sqlite__set_deadline(struct sqlite_writer *w, int64_t id, int64_t at, struct err *err)
{
  int64_t *next = &w->memory.next_deadline;
  if (sqlite__run(&w->conn, SQL_DEADLINE_ADD, ARGS(arg_int(id), arg_int(at)), err) < 0)
    return -1;
  if (*next == 0 || at < *next)
    *next = at;
  return 0;
}

static int read_due(struct sqlite_writer *w, int64_t *ids, size_t *n, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_DEADLINE_DUE, ARGS(arg_int(w->now), arg_int(STEP)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    ids[(*n)++] = sqlite3_column_int64(s, 0);
  return rc;
}

static int pass(struct sqlite_writer *w, int64_t id, struct err *err)
{
  static const struct sqlite_ending ending = {STORE_DEAD, PASSED};
  if (sqlite__run(&w->conn, SQL_DEADLINE_DROP, ARGS(arg_int(id)), err) < 0)
    return -1;
  return sqlite__ask_end(w, id, &ending, err) < 0 ? -1 : 0;
}

int sqlite__pass_deadlines(struct sqlite_writer *w, struct err *err)
{
  int64_t ids[STEP];
  size_t n = 0;
  if (w->memory.next_deadline == 0 || w->memory.next_deadline > w->now)
    return 0;
  int rc = read_due(w, ids, &n, err);
  for (size_t i = 0; rc == 0 && i < n; i++)
    rc = pass(w, ids[i], err);
  if (rc < 0 || sqlite__number(&w->conn, SQL_DEADLINE_NEXT, NO_ARGS, 0,
                               &w->memory.next_deadline, err) < 0)
    return -1;
  return n == STEP ? TURN_AGAIN : 0;
}

int sqlite__deadlines(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  (void)op;
  return sqlite__pass_deadlines(w, err);
}
