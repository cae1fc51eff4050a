/* Ready jobs that may not run for now wait behind a gate, in a table of their own, so
 * that claims never look at them: each is met once, and blocked until the gate says so.
 */
#include "store/sqlite.h"

#include <stdlib.h>

int sqlite__block(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                  const struct sqlite_place *p, struct err *err)
{
  return sqlite__run(&w->conn, SQL_BLOCKED_ADD,
                     ARGS(arg_int(gate->kind), arg_int(gate->scope), arg_text(gate->key),
                          arg_int(p->priority), arg_int(p->turn), arg_int(p->seq),
                          arg_int(p->id), arg_int(p->queue), arg_int(p->lease),
                          arg_int(p->retry_count), arg_int(p->rescues), arg_int(p->held)),
                     err) < 0
             ? -1
             : 0;
}

struct sqlite_place sqlite__blocked_place(sqlite3_stmt *s)
{
  return (struct sqlite_place){
      .queue = sqlite3_column_int64(s, 0),
      .priority = sqlite3_column_int64(s, 1),
      .turn = sqlite3_column_int64(s, 2),
      .seq = sqlite3_column_int64(s, 3),
      .id = sqlite3_column_int64(s, 4),
      .lease = sqlite3_column_int64(s, 5),
      .retry_count = sqlite3_column_int64(s, 6),
      .rescues = sqlite3_column_int64(s, 7),
      .held = sqlite3_column_int64(s, 8),
  };
}

static sqlite3_stmt *find_first(struct sqlite_conn *c, const struct sqlite_gate_id *gate,
                                int64_t max)
{
  return sqlite__start(
      c, SQL_BLOCKED_FIRST,
      ARGS(arg_int(gate->kind), arg_int(gate->scope), arg_text(gate->key), arg_int(max)));
}

int sqlite__blocked_first(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                          struct sqlite_place *out, struct err *err)
{
  sqlite3_stmt *s = find_first(&w->conn, gate, 1);
  int rc = sqlite__next(&w->conn, s, err);
  if (rc > 0) {
    *out = sqlite__blocked_place(s);
    sqlite__stop(s);
  }
  return rc;
}

int sqlite__blocked_take(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                         const struct sqlite_place *p, struct err *err)
{
  return sqlite__run(&w->conn, SQL_BLOCKED_TAKE,
                     ARGS(arg_int(gate->kind), arg_int(gate->scope), arg_text(gate->key),
                          arg_int(p->priority), arg_int(p->turn), arg_int(p->seq)),
                     err) < 0
             ? -1
             : 0;
}

struct blocked {
  struct sqlite_place *rows;
  int64_t n;
};

static int read_first(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                      int64_t max, struct blocked *out, struct err *err)
{
  sqlite3_stmt *s = find_first(&w->conn, gate, max);
  out->rows = mem_alloc((size_t)max * sizeof *out->rows);
  int rc = sqlite__next(&w->conn, s, err);
  for (; rc > 0; rc = sqlite__next(&w->conn, s, err))
    out->rows[out->n++] = sqlite__blocked_place(s);
  return rc;
}

int64_t sqlite__unblock(struct sqlite_writer *w, const struct sqlite_gate_id *gate,
                        int64_t max, struct err *err)
{
  struct blocked first = {0};
  int rc = read_first(w, gate, max, &first, err);
  for (int64_t i = 0; rc == 0 && i < first.n; i++) {
    rc = sqlite__blocked_take(w, gate, &first.rows[i], err);
    if (rc == 0)
      rc = sqlite__add_ready(w, &first.rows[i], err);
  }
  free(first.rows);
  return rc < 0 ? -1 : first.n;
}
