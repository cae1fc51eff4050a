/* Queues and types that rest. Claims pass a paused queue by, and its jobs stay where they
 * are. Jobs of a paused type are in the way of others: each is met once, and set behind a
 * gate until the type goes on; in strict order that is the one of their own line.
 *
 * What rests is in candy_pause; claims go by flags in memory, which are read again after
 * whatever may have changed the table.
 */
#include "store/sqlite.h"

#include <stdlib.h>

#define STEP_ROWS 5000

static enum sqlite_kind kind_of(const struct store_pause *pause)
{
  return pause->task ? NAME_TYPE : NAME_QUEUE;
}

/* ---- the flags ---- */

static int read_row(struct sqlite_writer *w, sqlite3_stmt *s, struct err *err)
{
  struct sqlite_pauses *p = &w->pauses;
  enum sqlite_kind kind = (enum sqlite_kind)sqlite3_column_int(s, 0);
  int64_t id = sqlite__name_id(&w->conn, &w->names, kind, sqlite__text(s, 1), err);
  if (id < 0)
    return -1;
  if ((size_t)id > p->n) {
    p->flags = mem_grow(p->flags, (size_t)id);
    memset(p->flags + p->n, 0, (size_t)id - p->n);
    p->n = (size_t)id;
  }
  p->flags[id - 1] = 1;
  p->queues = p->queues || kind == NAME_QUEUE;
  return 0;
}

int sqlite__load_pauses(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  struct sqlite_pauses *p = &w->pauses;
  if (p->known)
    return 0;
  p->n = 0;
  p->queues = false;
  sqlite3_stmt *s = sqlite__start(c, SQL_PAUSES, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    if (read_row(w, s, err) < 0) {
      sqlite__stop(s);
      return -1;
    }
  p->known = rc == 0;
  return rc;
}

/* ---- slots ---- */

struct resting {
  struct sqlite_place *rows;
  size_t n;
};

static int read_resting(struct sqlite_writer *w, struct resting *out, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_READY_HELD, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0 && out->n < STEP_ROWS; rc = sqlite__next(c, s, err)) {
    struct sqlite_place p = sqlite__blocked_place(s);
    if (!sqlite__is_paused(w, p.queue))
      continue;
    if (!out->rows)
      out->rows = mem_alloc(STEP_ROWS * sizeof *out->rows);
    out->rows[out->n++] = p;
  }
  if (rc > 0)
    sqlite__stop(s);
  return rc < 0 ? -1 : 0;
}

static int rest_one(struct sqlite_writer *w, struct sqlite_place *p, struct err *err)
{
  int64_t held = p->held;
  sqlite__ready_changed(w, p, -1);
  if (sqlite__rest_slots(w, p, err) < 0)
    return -1;
  sqlite__ready_changed(w, p, 1);
  if (p->held == held)
    return 0;
  return sqlite__run(&w->conn, SQL_READY_HOLD, ARGS(arg_int(p->id), arg_int(p->held)),
                     err) < 0
             ? -1
             : 0;
}

int sqlite__rest_queues(struct sqlite_writer *w, struct err *err)
{
  struct resting resting = {0};
  if (!w->memory.gates || !w->pauses.queues)
    return 0;
  int rc = read_resting(w, &resting, err);
  for (size_t i = 0; i < resting.n && rc == 0; i++)
    rc = rest_one(w, &resting.rows[i], err);
  free(resting.rows);
  return rc;
}

void sqlite__pauses_fini(struct sqlite_pauses *p)
{
  free(p->flags);
  *p = (struct sqlite_pauses){0};
}

/* ---- the operation ---- */

/* Both return how many rows of candy_pause they changed. */
static int64_t rest(struct sqlite_writer *w, const struct store_pause *pause,
                    struct err *err)
{
  return sqlite__run(&w->conn, SQL_PAUSE_ADD,
                     ARGS(arg_int(kind_of(pause)), arg_text(pause->name), arg_int(w->now),
                          arg_text(pause->by), arg_text(pause->reason)),
                     err);
}

static int64_t go_on(struct sqlite_writer *w, const struct store_pause *pause,
                     struct err *err)
{
  int64_t n = sqlite__run(&w->conn, SQL_PAUSE_DROP,
                          ARGS(arg_int(kind_of(pause)), arg_text(pause->name)), err);
  int64_t name =
      n > 0 ? sqlite__name_id(&w->conn, &w->names, kind_of(pause), pause->name, err) : 0;
  if (n < 0 || name < 0)
    return -1;
  if (name)
    sqlite__open_lines(w, name);
  return n;
}

/* In steps, a step a turn; what was brought back can be claimed from the first on. */
static int bring_back(struct sqlite_writer *w, int64_t type, struct err *err)
{
  int64_t n =
      sqlite__unblock(w, &(struct sqlite_gate_id){GATE_PAUSED, type, ""}, STEP_ROWS, err);
  if (n < 0)
    return -1;
  return n == STEP_ROWS ? TURN_AGAIN : 0;
}

static int audit(struct sqlite_writer *w, const struct store_pause *pause,
                 struct err *err)
{
  struct buf detail = {0};
  buf_puts(&detail, pause->task ? "{\"task\":" : "{\"queue\":");
  buf_json_string(&detail, pause->name, strlen(pause->name));
  if (pause->reason) {
    buf_puts(&detail, ",\"reason\":");
    buf_json_string(&detail, pause->reason, strlen(pause->reason));
  }
  buf_putc(&detail, '}');
  int rc = sqlite__audit(w, pause->by, pause->resume ? "resume" : "pause", 0, detail.data,
                         err);
  buf_fini(&detail);
  return rc;
}

static int begin(struct sqlite_writer *w, struct store_pause *pause, struct err *err)
{
  pause->began = true;
  bool has_name = sqlite__name_known(&w->names, kind_of(pause), pause->name);
  w->pauses.known = false;
  int64_t n = pause->resume ? go_on(w, pause, err) : rest(w, pause, err);
  if (n < 0)
    return -1;
  pause->changed = n > 0;
  pause->known = has_name || pause->changed == pause->resume; /* it rested */
  return audit(w, pause, err);
}

/* A task that is told to rest again between two steps does so. */
int sqlite__pause(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_pause *pause = (struct store_pause *)op;
  if (!pause->began && begin(w, pause, err) < 0)
    return -1;
  if (!pause->task || !pause->resume || !pause->known)
    return 0;
  int64_t type = sqlite__name_id(&w->conn, &w->names, NAME_TYPE, pause->name, err);
  if (type < 0 || sqlite__load_pauses(w, err) < 0)
    return -1;
  return sqlite__is_paused(w, type) ? 0 : bring_back(w, type, err);
}
