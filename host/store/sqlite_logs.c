/* The log table, the writer's side: lines in, old ones out, and whether the table is the
 * one that is written to. Reading is in sqlite_log_read.c, words in sqlite_log_index.c.
 *
 * Ids are given out here and never come back, because readers go on behind an id: the
 * newest line is kept however old it is, and the words' mark outlives lines that somebody
 * deletes by hand.
 */
#include "store/sqlite.h"

#include <stdio.h>

/* ---- the shape ---- */

static const char *const columns[] = {"id",     "time",         "level", "message",
                                      "job_id", "attempt",      "type",  "trace_id",
                                      "worker", "workspace_id", "fields"};

#define COLUMNS (sizeof columns / sizeof columns[0])

/* `how` is what to do about it. */
static int refuse_shape(struct sqlite_conn *c, const char *what, const char *column,
                        const char *how, struct err *err)
{
  return err_set(
      err, "store_log_columns",
      "the table orchestrator_logs in %s %s \"%s\", so log lines would be lost: "
      "%s",
      c->path, what, column, how);
}

static int check_seen(struct sqlite_conn *c, const bool seen[COLUMNS], bool ours,
                      struct err *err)
{
  for (size_t i = 0; i < COLUMNS; i++)
    if (!seen[i])
      return refuse_shape(c, "lacks the column", columns[i],
                          ours ? "bring it back by `alter table orchestrator_logs add "
                                 "column` or `rename column`"
                               : "rename that table, and Candy makes its own",
                          err);
  return 0;
}

static size_t find_column(const char *name)
{
  size_t i = 0;
  while (i < COLUMNS && strcmp(columns[i], name) != 0)
    i++;
  return i;
}

/* Columns that are not ours do no harm unless they must have a value. */
int sqlite__logs_check(struct sqlite_conn *c, bool ours, struct err *err)
{
  bool seen[COLUMNS] = {false}, any = ours;
  char other[128] = "";
  int rc;
  sqlite3_stmt *s = sqlite__start(c, SQL_LOG_SHAPE, NO_ARGS);
  while ((rc = sqlite__next(c, s, err)) > 0) {
    size_t at = find_column(sqlite__text(s, 0));
    any = true;
    if (at < COLUMNS)
      seen[at] = true;
    else if (sqlite3_column_int(s, 1))
      snprintf(other, sizeof other, "%s", sqlite__text(s, 0));
  }
  if (rc < 0 || (any && check_seen(c, seen, ours, err) < 0))
    return -1;
  return other[0] ? refuse_shape(c, "wants a value for its column", other,
                                 "drop that column, or give it a default", err)
                  : 0;
}

int sqlite__logs_load(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_memory *m = &w->memory;
  int64_t last = 0;
  if (sqlite__number(&w->conn, SQL_LOG_LAST, NO_ARGS, 0, &last, err) < 0 ||
      sqlite__number(&w->conn, SQL_META_GET, ARGS(arg_text("logs_indexed")), 0,
                     &m->logs_indexed, err) < 0)
    return -1;
  m->logs_last = last > m->logs_indexed ? last : m->logs_indexed;
  return 0;
}

/* ---- in ---- */

static bool is_blank(const char *text)
{
  while (*text > 0 && *text <= ' ')
    text++;
  return *text == 0;
}

/* Before the first line is written, so that nothing has to be taken back. */
static int check_lines(const struct store_log_write *write, struct err *err)
{
  for (size_t i = 0; i < write->n; i++) {
    const struct store_log_line *line = &write->lines[i];
    if (!line->message || is_blank(line->message))
      return err_set(err, "log_empty",
                     "line %zu of %zu for the log has no message: nothing is written",
                     i + 1, write->n);
    if (line->level < 0 || line->level > 3)
      return err_set(err, "log_level", "line %zu of %zu for the log has the level %d",
                     i + 1, write->n, line->level);
  }
  return 0;
}

int sqlite__log_write(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  const struct store_log_write *write = (const struct store_log_write *)op;
  if (check_lines(write, err) < 0)
    return -1;
  for (size_t i = 0; i < write->n; i++) {
    const struct store_log_line *line = &write->lines[i];
    int64_t id = ++w->memory.logs_last;
    const char *workspace = line->workspace ? line->workspace : "default";
    if (sqlite__run(&w->conn, SQL_LOG_ADD,
                    ARGS(arg_int(id), arg_int(line->time), arg_int(line->level),
                         arg_text(line->message), arg_id(line->job),
                         arg_id(line->attempt), arg_text(line->type),
                         arg_text(line->trace), arg_text(line->worker),
                         arg_text(workspace), arg_text(line->fields)),
                    err) < 0)
      return -1;
  }
  return 0;
}

/* ---- out ---- */

struct oldest {
  int64_t first, last;
  int64_t n, bytes;
  bool more; /* the step was full */
};

/* The oldest lines that are past their age or beyond so many rows. Ids have hardly any
 * gaps, so they count rows. */
static int find_oldest(struct sqlite_writer *w, const struct store_log_expire *expire,
                       int64_t max, struct oldest *found, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t before_time = w->now - expire->keep_ms, newest = 0;
  if (sqlite__number(c, SQL_LOG_LAST, NO_ARGS, 0, &newest, err) < 0)
    return -1;
  sqlite3_stmt *s = sqlite__start(c, SQL_LOG_OLDEST, ARGS(arg_int(max)));
  int rc;
  while ((rc = found->more ? 0 : sqlite__next(c, s, err)) > 0) {
    int64_t id = sqlite3_column_int64(s, 0), time = sqlite3_column_int64(s, 1);
    if (id == newest || (time >= before_time && id > newest - expire->keep_rows))
      break;
    if (found->n++ == 0)
      found->first = id;
    found->last = id;
    found->bytes += sqlite3_column_int64(s, 2);
    found->more = found->n == LOG_STEP_ROWS || found->bytes >= LOG_STEP_BYTES;
  }
  sqlite__stop(s);
  return rc < 0 ? -1 : 0;
}

/* The words go first: they are taken back by the text that they came from. */
static int forget(struct sqlite_writer *w, const struct oldest *lines, struct err *err)
{
  if (sqlite__log_unindex(w, lines->first, lines->last, err) < 0)
    return -1;
  return sqlite__run(&w->conn, SQL_LOG_FORGET,
                     ARGS(arg_int(lines->first), arg_int(lines->last)), err) < 0
             ? -1
             : 0;
}

int sqlite__log_expire(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_log_expire *expire = (struct store_log_expire *)op;
  struct oldest lines = {0};
  if (find_oldest(w, expire, expire->max - expire->count, &lines, err) < 0)
    return -1;
  if (lines.n > 0 && forget(w, &lines, err) < 0)
    return -1;
  expire->count += lines.n;
  return lines.more && expire->count < expire->max ? TURN_AGAIN : 0;
}
