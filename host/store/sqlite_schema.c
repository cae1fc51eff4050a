/* Tables of scripts: steps that are applied once, in order, and remembered by text. */
#include "store/sqlite.h"

#include "base/clock.h"

#include <ctype.h>
#include <stdlib.h>

/* Compares the steps that were applied with those that are declared; `applied` is how
 * many there are. */
static int check_applied(struct sqlite_writer *w, const struct store_schema *op,
                         size_t *applied, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_STEPS, ARGS(arg_text(op->name)));
  int rc = sqlite__next(c, s, err);
  for (*applied = 0; rc > 0; rc = sqlite__next(c, s, err), ++*applied) {
    if (*applied >= op->n || strcmp(sqlite__text(s, 1), op->steps[*applied]) == 0)
      continue;
    sqlite__stop(s);
    return err_set(err, "schema_changed",
                   "schema \"%s\": step %zu was applied with another text: put the old "
                   "text back, and add what is new as a step at the end",
                   op->name, *applied + 1);
  }
  return rc;
}

/* All statements of a step. */
static int run_step(struct sqlite_conn *c, const char *sql, struct err *err)
{
  while (*sql) {
    sqlite3_stmt *s = NULL;
    c->guard.patterns = 0;
    int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, &sql);
    while (rc == SQLITE_OK || rc == SQLITE_ROW)
      rc = s ? sqlite3_step(s) : SQLITE_DONE;
    sqlite3_finalize(s);
    if (rc != SQLITE_DONE)
      return sqlite__script_failed(c, err);
  }
  return 0;
}

/* Names that the host's own queries would find in the place of what they mean, and views
 * and triggers over its tables, which would fail when they are used. */
static int check_names(struct sqlite_conn *c, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_MISNAMED, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  if (sqlite3_column_int(s, 1))
    err_set(err, "sql_forbidden", "\"%s\" is a name of the database's own: take another",
            sqlite__text(s, 0));
  else
    err_set(err, "sql_forbidden",
            "\"%s\" uses a name that begins with candy_ or orchestrator_logs: these "
            "are Candy's own",
            sqlite__text(s, 0));
  sqlite__stop(s);
  return -1;
}

/* ALTER TABLE RENAME does not tell the authorizer the new name, nor REFERENCES the other
 * table: so what counts is that afterwards there is as much of the host's as before. */
static int apply_step(struct sqlite_writer *w, const char *sql, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t before, after;
  if (sqlite__number(c, SQL_HOST_TABLES, NO_ARGS, 0, &before, err) < 0)
    return -1;
  sqlite__guard_enter(c, SPEAKER_SCHEMA, clock_mono_ns() + SCHEMA_STEP_MS * CLOCK_MS);
  int rc = run_step(c, sql, err);
  sqlite__guard_leave(c);
  if (rc < 0 || check_names(c, err) < 0 ||
      sqlite__number(c, SQL_HOST_TABLES, NO_ARGS, 0, &after, err) < 0)
    return -1;
  if (after != before)
    return err_set(err, "sql_forbidden",
                   "names with candy_ or orchestrator_logs are Candy's own");
  return 0;
}

int sqlite__schema(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_schema *schema = (struct store_schema *)op;
  struct sqlite_conn *c = &w->conn;
  size_t applied = 0;
  if (check_applied(w, schema, &applied, err) < 0)
    return -1;
  for (size_t i = applied; i < schema->n; i++) {
    if (apply_step(w, schema->steps[i], err) < 0)
      return err_wrap(err, "schema \"%s\", step %zu", schema->name, i + 1);
    if (sqlite__run(c, SQL_STEP_ADD,
                    ARGS(arg_text(schema->name), arg_int((int64_t)i + 1),
                         arg_text(schema->steps[i]), arg_int(w->now)),
                    err) < 0)
      return -1;
  }
  return 0;
}
