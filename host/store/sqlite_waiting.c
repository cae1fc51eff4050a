/* One job that waits, found by its id wherever it waits, and taken out of there: to be
 * cancelled, changed, or put in another place. */
#include "store/sqlite.h"

struct sqlite_place sqlite__read_place(sqlite3_stmt *s, int64_t id)
{
  return (struct sqlite_place){
      .id = id,
      .queue = sqlite3_column_int64(s, 0),
      .priority = sqlite3_column_int64(s, 1),
      .turn = sqlite3_column_int64(s, 2),
      .seq = sqlite3_column_int64(s, 3),
      .lease = sqlite3_column_int64(s, 4),
      .retry_count = sqlite3_column_int64(s, 5),
      .rescues = sqlite3_column_int64(s, 6),
      .held = sqlite3_column_int64(s, 7),
  };
}

static int take_ready(struct sqlite_writer *w, int64_t id, struct sqlite_waiting *out,
                      struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_WAITING_READY, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  out->place = sqlite__read_place(s, id);
  out->state = STORE_AVAILABLE;
  sqlite__stop(s);
  const struct sqlite_place *p = &out->place;
  if (sqlite__run(c, SQL_READY_TAKE,
                  ARGS(arg_int(p->queue), arg_int(p->priority), arg_int(p->turn),
                       arg_int(p->seq), arg_int(p->seq)),
                  err) < 0 ||
      sqlite__leave_ready(w, p, err) < 0)
    return -1;
  return 1;
}

static int take_blocked(struct sqlite_writer *w, int64_t id, struct sqlite_waiting *out,
                        struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_WAITING_BLOCKED, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  out->place = sqlite__read_place(s, id);
  out->state = STORE_AVAILABLE;
  sqlite__stop(s);
  return sqlite__run(c, SQL_BLOCKED_DROP, ARGS(arg_int(id)), err) < 0 ? -1 : 1;
}

static int take_scheduled(struct sqlite_writer *w, int64_t id, struct sqlite_waiting *out,
                          struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_WAITING_SCHEDULED, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  out->place = sqlite__read_place(s, id);
  out->state = (enum store_state)sqlite3_column_int(s, 8);
  out->run_at = sqlite3_column_int64(s, 9);
  sqlite__stop(s);
  return sqlite__run(c, SQL_SCHEDULED_TAKE, ARGS(arg_int(id)), err) < 0 ? -1 : 1;
}

int sqlite__take_waiting(struct sqlite_writer *w, int64_t id, struct sqlite_waiting *out,
                         struct err *err)
{
  *out = (struct sqlite_waiting){0};
  int rc = take_ready(w, id, out, err);
  if (rc == 0)
    rc = take_scheduled(w, id, out, err);
  if (rc == 0)
    rc = take_blocked(w, id, out, err);
  if (rc == 0)
    rc = sqlite__take_pending(w, id, out, err);
  return rc;
}
