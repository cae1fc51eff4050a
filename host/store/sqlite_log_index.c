/* The words of log lines, for searching: an FTS5 index that follows the log at a
 * distance.
 *
 * Lines are written without it, which costs a tenth, and jobs never wait for it: the
 * writer puts some hundred lines in at a time when there is nothing else to do. How far
 * it got is kept with them, in the same transaction; a search looks through the lines
 * behind that by itself (sqlite_log_read.c).
 *
 * The words of fields are those of their JSON without its escapes: of "one\ntwo" one and
 * two, not ntwo.
 */
#include "store/sqlite.h"

#include <stdlib.h>

#include "base/clock.h"

/* How long the writer has to rest before a step: the fewer lines wait, the longer, so
 * that a trickle of lines is not a sync of the disk each. */
#define FEW_ROWS  2000
#define MANY_ROWS 100000
#define FEW_NS    (1000 * CLOCK_MS)
#define USUAL_NS  (5 * CLOCK_MS)
#define MANY_NS   (2 * CLOCK_MS)
#define FAILED_NS (5000 * CLOCK_MS)

/* ---- the text of fields ---- */

static size_t escape_len(const char *text)
{
  size_t len = text[1] == 'u' ? 6 : 2;
  return strnlen(text, len);
}

/* log_words(json): the same with blanks for all escapes. */
static void log_words(sqlite3_context *context, int n, sqlite3_value **args)
{
  (void)n;
  const char *json = (const char *)sqlite3_value_text(args[0]);
  if (!json)
    return;
  char *text = mem_strdup(json);
  for (char *p = text; (p = strchr(p, '\\'));) {
    size_t len = escape_len(p);
    memset(p, ' ', len);
    p += len;
  }
  sqlite3_result_text(context, text, -1, free);
}

void sqlite__log_words_init(struct sqlite_conn *c)
{
  sqlite3_create_function_v2(c->db, "log_words", 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC,
                             NULL, log_words, NULL, NULL, NULL);
}

/* ---- steps ---- */

int64_t sqlite__log_index_rest_ns(const struct sqlite_writer *w)
{
  int64_t behind = w->memory.logs_last - w->memory.logs_indexed;
  if (behind <= 0 || w->broken.code[0])
    return 0;
  if (w->log_index_failed)
    return FAILED_NS;
  if (behind < FEW_ROWS)
    return FEW_NS;
  return behind < MANY_ROWS ? USUAL_NS : MANY_NS;
}

static int set_mark(struct sqlite_writer *w, int64_t mark, struct err *err)
{
  return sqlite__run(&w->conn, SQL_META_SET,
                     ARGS(arg_text("logs_indexed"), arg_int(mark)), err) < 0
             ? -1
             : 0;
}

/* The last line of a step that begins behind *mark. None there: they were deleted by
 * hand. */
static int find_end(struct sqlite_writer *w, int64_t *mark, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t bytes = 0;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_LOG_INDEX_NEXT, ARGS(arg_int(*mark), arg_int(LOG_STEP_ROWS)));
  int rc = sqlite__next(c, s, err);
  if (rc == 0)
    *mark = w->memory.logs_last;
  for (; rc > 0; rc = bytes < LOG_STEP_BYTES ? sqlite__next(c, s, err) : 0) {
    *mark = sqlite3_column_int64(s, 0);
    bytes += sqlite3_column_int64(s, 1);
  }
  sqlite__stop(s);
  return rc;
}

static int add_words(struct sqlite_writer *w, int64_t *mark, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t from = *mark;
  if (find_end(w, mark, err) < 0 ||
      sqlite__run(c, SQL_LOG_INDEX, ARGS(arg_int(from), arg_int(*mark)), err) < 0)
    return -1;
  return set_mark(w, *mark, err);
}

/* An index that is damaged is made anew, beginning with nothing. */
static int start_anew(struct sqlite_writer *w, int64_t *mark, struct err *err)
{
  *mark = 0;
  if (sqlite__run(&w->conn, SQL_LOG_UNINDEX_ALL, NO_ARGS, err) < 0)
    return -1;
  return set_mark(w, 0, err);
}

int sqlite__log_unindex(struct sqlite_writer *w, int64_t first, int64_t last,
                        struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t indexed = w->memory.logs_indexed;
  last = last < indexed ? last : indexed;
  if (first > last ||
      sqlite__run(c, SQL_LOG_UNINDEX, ARGS(arg_int(first), arg_int(last)), err) >= 0)
    return 0;
  if (c->rc != SQLITE_CORRUPT_VTAB)
    return -1;
  sqlite__conn_forgive(c); /* the table itself is sound */
  return start_anew(w, &w->memory.logs_indexed, err);
}

static int in_transaction(struct sqlite_writer *w,
                          int (*act)(struct sqlite_writer *, int64_t *, struct err *),
                          struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t mark = w->memory.logs_indexed;
  sqlite__conn_forgive(c);
  if (sqlite__run(c, SQL_BEGIN, NO_ARGS, err) < 0)
    return -1;
  if (act(w, &mark, err) < 0 || sqlite__run(c, SQL_COMMIT, NO_ARGS, err) < 0) {
    int rc = c->rc;
    if (!sqlite3_get_autocommit(c->db))
      sqlite__run(c, SQL_ROLLBACK, NO_ARGS, NULL);
    c->rc = rc;
    return -1;
  }
  w->memory.logs_indexed = mark;
  return 0;
}

void sqlite__log_index_step(struct sqlite_writer *w)
{
  struct err err;
  int rc = in_transaction(w, add_words, &err);
  if (rc < 0 && w->conn.rc == SQLITE_CORRUPT_VTAB)
    rc = in_transaction(w, start_anew, &err);
  w->log_index_failed = rc < 0;
}
