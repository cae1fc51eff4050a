/* Retention: finished jobs past their time are forgotten in small steps.
 *
 * candy_done has no index by time, which would cost at every finish. It is roughly in the
 * order of its ids, and so is created_at: by bisection over the ids the part is found
 * where jobs are old enough at all, and only that is swept, round and round, some rows at
 * a time. The dead are few and have an index.
 */
#include "store/sqlite.h"

#include "base/clock.h"

#define TURN_NS     (50 * CLOCK_MS) /* in one turn; the next goes on */
#define SCAN_ROWS   1000            /* of candy_done, at a time */
#define BARREN      20              /* scans that find nothing, in one operation */
#define SPARE_PAGES 2560            /* free pages that are left for new rows */

/* Looks at some rows behind `swept` and forgets those that are past their time. Returns
 * how many rows there were to look at, or -1. */
static int sweep(struct sqlite_writer *w, int64_t before_id, int64_t before_time,
                 struct store_expire *expire, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t ids[SCAN_ROWS], room = expire->max - expire->count;
  size_t n = 0;
  int seen = 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_DONE_SCAN,
                                  ARGS(arg_int(w->memory.swept), arg_int(before_id),
                                       arg_int(room < SCAN_ROWS ? room : SCAN_ROWS)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err), seen++) {
    bool kept = sqlite3_column_int64(s, 1) >= before_time;
    w->memory.swept = sqlite3_column_int64(s, 0);
    if (!kept && sqlite__child_kept(w, w->memory.swept, before_time, &kept, err) < 0) {
      sqlite__stop(s);
      return -1;
    }
    if (!kept)
      ids[n++] = w->memory.swept;
  }
  if (rc < 0 || sqlite__forget(w, ids, n, err) < 0)
    return -1;
  expire->count += (int64_t)n;
  return seen;
}

static int expire_done(struct sqlite_writer *w, struct store_expire *expire,
                       int64_t deadline_ns, struct err *err)
{
  int64_t before_time = w->now - expire->completed_ms, before_id = 0;
  if (sqlite__job_at(&w->conn, before_time, &before_id, err) < 0)
    return -1;
  for (int barren = 0; barren < BARREN && expire->count < expire->max;) {
    int64_t count = expire->count;
    int seen = sweep(w, before_id, before_time, expire, err);
    if (seen <= 0) {
      w->memory.swept = 0;
      return seen;
    }
    barren += expire->count == count;
    if (clock_mono_ns() > deadline_ns)
      return expire->count < expire->max ? TURN_AGAIN : 0;
  }
  return 0;
}

/* Returns 1 when there may be more. */
static int expire_dead(struct sqlite_writer *w, struct store_expire *expire,
                       struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t ids[SCAN_ROWS], room = expire->max - expire->count;
  size_t n = 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_DEAD_SCAN,
                                  ARGS(arg_int(w->now - expire->dead_ms),
                                       arg_int(w->now - expire->completed_ms),
                                       arg_int(room < SCAN_ROWS ? room : SCAN_ROWS)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    ids[n++] = sqlite3_column_int64(s, 0);
  if (rc < 0 || sqlite__forget(w, ids, n, err) < 0)
    return -1;
  expire->count += (int64_t)n;
  return n == SCAN_ROWS && expire->count < expire->max;
}

/* Gives a little back to the file system when far more is free than new rows need. */
static int shrink(struct sqlite_conn *c, struct err *err)
{
  int64_t pages = 0;
  if (sqlite__number(c, SQL_FREE_PAGES, NO_ARGS, 0, &pages, err) < 0)
    return -1;
  if (pages < SPARE_PAGES)
    return 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_VACUUM_STEP, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  while (rc > 0)
    rc = sqlite__next(c, s, err);
  return rc;
}

int sqlite__expire(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_expire *expire = (struct store_expire *)op;
  struct sqlite_conn *c = &w->conn;
  int rc = expire_done(w, expire, clock_mono_ns() + TURN_NS, err);
  if (rc != 0)
    return rc;
  do
    rc = expire_dead(w, expire, err);
  while (rc > 0);
  if (rc < 0 || sqlite__forget_batches(w, expire, SCAN_ROWS, err) < 0)
    return -1;
  int64_t expired =
      sqlite__run(c, SQL_KV_EXPIRE, ARGS(arg_int(w->now), arg_int(SCAN_ROWS)), err);
  if (expired < 0)
    return -1;
  return expired == SCAN_ROWS ? TURN_AGAIN : shrink(c, err);
}
