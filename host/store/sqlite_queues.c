/* What there is in each queue, which queues and tasks rest, and what people did: reads
 * for those who watch over the queue. */
#include "store/sqlite.h"

#include "base/clock.h"
#include "base/json.h"

static void put_text(struct buf *b, const char *name, sqlite3_stmt *s, int column)
{
  const char *text = sqlite__text(s, column);
  buf_printf(b, "\"%s\":", name);
  if (text)
    buf_json_string(b, text, (size_t)sqlite3_column_bytes(s, column));
  else
    buf_puts(b, "null");
}

static void put_int(struct buf *b, const char *name, int64_t value)
{
  buf_printf(b, ",\"%s\":%lld", name, (long long)value);
}

/* Columns at, by, reason from `first` on. */
static void put_pause(struct buf *b, sqlite3_stmt *s, int first)
{
  buf_puts(b, ",\"paused\":");
  if (sqlite3_column_type(s, first) == SQLITE_NULL) {
    buf_puts(b, "null");
    return;
  }
  buf_printf(b, "{\"at\":%lld,", (long long)sqlite3_column_int64(s, first));
  put_text(b, "by", s, first + 1);
  buf_putc(b, ',');
  put_text(b, "reason", s, first + 2);
  buf_putc(b, '}');
}

static void put_queue(struct buf *b, sqlite3_stmt *s)
{
  static const char *const counts[] = {"available", "blocked", "scheduled",
                                       "retryable", "running", "dead"};

  enum { N = sizeof counts / sizeof counts[0] };

  int64_t since = sqlite3_column_int64(s, N + 1),
          age = since ? clock_steady_ms() - since : 0;
  buf_putc(b, '{');
  put_text(b, "name", s, 0);
  for (int i = 0; i < N; i++)
    put_int(b, counts[i], sqlite3_column_int64(s, i + 1));
  put_int(b, "oldest_available_ms", age > 0 ? age : 0);
  put_pause(b, s, N + 2);
  buf_putc(b, '}');
}

static int put_queues(struct sqlite_conn *c, struct buf *b, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_QUEUES, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (bool first = true; rc > 0; rc = sqlite__next(c, s, err), first = false) {
    buf_puts(b, first ? "" : ",");
    put_queue(b, s);
  }
  return rc;
}

static int put_paused_tasks(struct sqlite_conn *c, struct buf *b, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_PAUSES, NO_ARGS);
  bool first = true;
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    if (sqlite3_column_int(s, 0) != NAME_TYPE)
      continue;
    buf_puts(b, first ? "{" : ",{");
    put_text(b, "name", s, 1);
    put_pause(b, s, 2);
    buf_putc(b, '}');
    first = false;
  }
  return rc;
}

int sqlite__read_queues(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_queues *q = (struct store_queues *)op;
  q->json = (struct buf){0};
  buf_puts(&q->json, "{\"items\":[");
  if (put_queues(c, &q->json, err) < 0)
    return -1;
  buf_puts(&q->json, "],\"paused_tasks\":[");
  if (put_paused_tasks(c, &q->json, err) < 0)
    return -1;
  buf_puts(&q->json, "]}");
  return 0;
}

/* ---- the audit ---- */

static void put_deed(struct buf *b, sqlite3_stmt *s)
{
  int64_t job = sqlite3_column_int64(s, 4);
  buf_printf(b, "{\"id\":\"%lld\"", (long long)sqlite3_column_int64(s, 0));
  put_int(b, "at", sqlite3_column_int64(s, 1));
  buf_putc(b, ',');
  put_text(b, "by", s, 2);
  buf_putc(b, ',');
  put_text(b, "action", s, 3);
  if (job)
    buf_printf(b, ",\"job_id\":\"%lld\"", (long long)job);
  else
    buf_puts(b, ",\"job_id\":null");
  buf_printf(b, ",\"detail\":%s}", sqlite__text(s, 5));
}

/* `next` gets the id of the last of `limit` rows; it stays where there are fewer. */
static int put_deeds(struct sqlite_conn *c, sqlite3_stmt *s, struct buf *b, int64_t limit,
                     int64_t *next, struct err *err)
{
  int rc = sqlite__next(c, s, err);
  buf_putc(b, '[');
  for (int64_t n = 1; rc > 0; rc = sqlite__next(c, s, err), n++) {
    buf_puts(b, n > 1 ? "," : "");
    put_deed(b, s);
    if (n == limit)
      *next = sqlite3_column_int64(s, 0);
  }
  buf_putc(b, ']');
  return rc;
}

int sqlite__put_edits(struct sqlite_conn *c, int64_t id, struct buf *b, struct err *err)
{
  int64_t next;
  return put_deeds(c, sqlite__start(c, SQL_AUDIT_OF_JOB, ARGS(arg_int(id))), b, 0, &next,
                   err);
}

int sqlite__read_audit(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_audit *a = (struct store_audit *)op;
  int64_t before = a->before ? a->before : INT64_MAX;
  a->items = (struct buf){0};
  a->next = 0;
  return put_deeds(
      c, sqlite__start(c, SQL_AUDIT_LIST, ARGS(arg_int(before), arg_int(a->limit))),
      &a->items, a->limit, &a->next, err);
}
