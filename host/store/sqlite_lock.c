/* Locks: lines of those who hold and wait, as store.h tells. A lock that nobody wants has
 * no row. */
#include "store/sqlite.h"

#include <stdlib.h>

#define STEP_ROWS 500 /* that end at a time; the rest is looked at soon */

static void note_change(struct store_lock *op, int64_t token, int64_t until)
{
  op->changes = mem_grow(op->changes, (op->n_changes + 1) * sizeof *op->changes);
  op->changes[op->n_changes++] = (struct store_lock_change){token, until};
}

/* ---- making room ---- */

static int give(struct sqlite_writer *w, struct store_lock *op, const char *workspace,
                const char *name, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(
      c, SQL_LOCK_GIVE, ARGS(arg_text(workspace), arg_text(name), arg_int(w->now)));
  int rc = sqlite__next(c, s, err);
  while (rc > 0) {
    note_change(op, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1));
    rc = sqlite__next(c, s, err);
  }
  return rc;
}

/* Takes one out of its line. The row's texts live until its statement goes on. */
static int drop(struct sqlite_writer *w, struct store_lock *op, int64_t token, bool *held,
                struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_LOCK_DROP, ARGS(arg_int(token)));
  int rc = sqlite__next(c, s, err);
  *held = rc > 0 && sqlite3_column_int(s, 0);
  if (*held && give(w, op, sqlite__text(s, 1), sqlite__text(s, 2), err) < 0) {
    sqlite__stop(s);
    return -1;
  }
  return rc > 0 ? sqlite__next(c, s, err) : rc;
}

static int end_due(struct sqlite_writer *w, struct store_lock *op, struct err *err)
{
  int64_t tokens[STEP_ROWS];
  size_t n = 0;
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_LOCK_DUE, ARGS(arg_int(w->now), arg_int(STEP_ROWS)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    tokens[n++] = sqlite3_column_int64(s, 0);
  for (size_t i = 0; i < n && rc == 0; i++) {
    bool held;
    note_change(op, tokens[i], 0);
    rc = drop(w, op, tokens[i], &held, err);
  }
  return rc;
}

/* ---- the verbs ---- */

static int join(struct sqlite_writer *w, struct store_lock *op, const char *workspace,
                struct err *err)
{
  bool held = op->state == STORE_LOCK_HELD;
  op->token = w->memory.next++;
  op->until = w->now + op->ttl_ms;
  return sqlite__run(&w->conn, SQL_LOCK_ADD,
                     ARGS(arg_int(op->token), arg_text(workspace), arg_text(op->name),
                          arg_int(op->job), arg_int(op->ttl_ms), arg_int(held),
                          arg_int(held ? op->until : w->now + op->wait_ms)),
                     err) < 0
             ? -1
             : 0;
}

static int take(struct sqlite_writer *w, struct store_lock *op, struct err *err)
{
  const char *workspace = op->workspace ? op->workspace : "default";
  int64_t line;
  if (sqlite__number(
          &w->conn, SQL_LOCK_LINE,
          ARGS(arg_text(workspace), arg_text(op->name), arg_int(STORE_LOCK_LINE)), 0,
          &line, err) < 0)
    return -1;
  if (line > 0 && op->wait_ms <= 0)
    op->state = STORE_LOCK_OVER;
  else if (line >= STORE_LOCK_LINE)
    op->state = STORE_LOCK_CROWDED;
  else
    op->state = line > 0 ? STORE_LOCK_WAITS : STORE_LOCK_HELD;
  bool joins = op->state == STORE_LOCK_HELD || op->state == STORE_LOCK_WAITS;
  return joins ? join(w, op, workspace, err) : 0;
}

static int extend(struct sqlite_writer *w, struct store_lock *op, struct err *err)
{
  op->until = w->now + op->ttl_ms;
  int64_t n = sqlite__run(&w->conn, SQL_LOCK_EXTEND,
                          ARGS(arg_int(op->tokens[0]), arg_int(op->until)), err);
  op->state = n > 0 ? STORE_LOCK_HELD : STORE_LOCK_OVER;
  return n < 0 ? -1 : 0;
}

static int leave(struct sqlite_writer *w, struct store_lock *op, struct err *err)
{
  bool held;
  op->state = STORE_LOCK_OVER;
  for (size_t i = 0; i < op->n_tokens; i++) {
    if (drop(w, op, op->tokens[i], &held, err) < 0)
      return -1;
    if (held)
      op->state = STORE_LOCK_HELD;
  }
  return 0;
}

int sqlite__lock(struct sqlite_writer *w, struct store_op *base, struct err *err)
{
  struct store_lock *op = (struct store_lock *)base;
  op->n_changes = 0;
  int rc = end_due(w, op, err);
  if (rc == 0 && op->verb == STORE_LOCK_TAKE)
    rc = take(w, op, err);
  else if (rc == 0 && op->verb == STORE_LOCK_EXTEND)
    rc = extend(w, op, err);
  else if (rc == 0 && op->verb == STORE_LOCK_LEAVE)
    rc = leave(w, op, err);
  if (rc == 0)
    rc = sqlite__number(&w->conn, SQL_LOCK_NEXT, NO_ARGS, 0, &op->next_due, err);
  return rc;
}
