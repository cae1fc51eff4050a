/* How many jobs a filter chooses, for people who ask before they do something to them. */
#include "store/sqlite.h"

#include "base/clock.h"

#define COUNT_NS (2000 * CLOCK_MS) /* who asks, waits */

/* A child that a job waits for is not forgotten. */
static int is_kept(struct sqlite_conn *c, int64_t id, bool *kept, struct err *err)
{
  int64_t found = 0;
  if (sqlite__number(c, SQL_CHILD_KEPT, ARGS(arg_int(id), arg_int(INT64_MAX)), 0, &found,
                     err) < 0)
    return -1;
  *kept = found != 0;
  return 0;
}

static int count_rows(struct sqlite_conn *c, sqlite3_stmt *s, struct store_count *count,
                      struct err *err)
{
  int64_t deadline = clock_mono_ns() + COUNT_NS;
  int rc = sqlite__next(c, s, err);
  for (; rc > 0 && !count->more; rc = sqlite__next(c, s, err)) {
    bool fits = sqlite3_column_int(s, 1), kept = false;
    bool full = count->count >= count->max;
    if (fits && count->bulk == STORE_PURGE &&
        is_kept(c, sqlite3_column_int64(s, 0), &kept, err) < 0)
      return -1;
    count->count += fits && !kept && !full;
    count->more = (fits && !kept && full) || clock_mono_ns() > deadline;
  }
  return rc < 0 ? -1 : 0;
}

int sqlite__read_count(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_count *count = (struct store_count *)op;
  struct sqlite_filter f;
  sqlite__filter_init(&f, &count->filter,
                      sqlite__bulk_states(count->bulk, &count->filter));
  sqlite3_stmt *s = sqlite__filter_prepare(c, &f, "bulk", err);
  int rc = s ? sqlite__filter_range(c, &f, s, 0, INT64_MAX, err) : -1;
  sqlite__bind_named(s, ":window", arg_int(-1));
  count->count = 0;
  count->more = false;
  if (rc == 0)
    rc = count_rows(c, s, count, err);
  sqlite3_finalize(s);
  sqlite__filter_fini(&f);
  return rc;
}
