/* What happens to many jobs at once: recovery after a crash, types that come, the dead
 * brought back or forgotten. (Retention is in sqlite_expire.c.)
 *
 * What can be long is done in steps, a step a turn, so that nothing else waits for it.
 */
#include "store/sqlite.h"

#include "base/clock.h"

#include <stdlib.h>

#define STEP_ROWS 5000
#define LOOK_NS   (100 * CLOCK_MS) /* of a step; one job at least is looked at */
#define OUTCOME_UNKNOWN                                                                  \
  "{\"code\":\"outcome_unknown\",\"message\":\"Candy ended while this job ran, and it "  \
  "must not run twice: see what it did, then retry it by hand or leave it\"}"

/* ---- recovery and types ---- */

static int end_lost(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_RECOVER_LOST, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    struct sqlite_place place = {.id = sqlite3_column_int64(s, 0),
                                 .lease = sqlite3_column_int64(s, 2),
                                 .retry_count = sqlite3_column_int64(s, 3)};
    sqlite__over(w, place.id, sqlite3_column_int64(s, 1), STORE_DEAD);
    struct sqlite_ending ending = {STORE_DEAD, OUTCOME_UNKNOWN};
    if (sqlite__tell_ended(w, &place, &ending, err) < 0) {
      sqlite__stop(s);
      return -1;
    }
  }
  return rc;
}

int sqlite__recover(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_recover *recover = (struct store_recover *)op;
  struct sqlite_conn *c = &w->conn;
  recover->cancelled = 0;
  if (sqlite__end_asked(w, &recover->cancelled, err) < 0)
    return -1;
  recover->released = sqlite__run(c, SQL_RECOVER_READY, ARGS(arg_int(w->now)), err);
  if (recover->released < 0 || sqlite__run(c, SQL_RECOVER_PLACES, NO_ARGS, err) < 0 ||
      sqlite__run(c, SQL_RECOVER_FAILURE,
                  ARGS(arg_int(w->now), arg_text(OUTCOME_UNKNOWN)), err) < 0)
    return -1;
  recover->lost = sqlite__run(c, SQL_RECOVER_DEAD, ARGS(arg_int(w->now)), err);
  if (recover->lost < 0 || (recover->lost > 0 && end_lost(w, err) < 0))
    return -1;
  if (sqlite__run(c, SQL_RECOVER_CLEAR, NO_ARGS, err) < 0)
    return -1;
  if (sqlite__run(c, SQL_RECOVER_LOCKS, NO_ARGS, err) < 0)
    return -1;
  return sqlite__count_again(w, err);
}

/* Returns TURN_AGAIN when there may be more jobs of this type. */
static int bring_back(struct sqlite_writer *w, int64_t type, struct err *err)
{
  int64_t n =
      sqlite__unblock(w, &(struct sqlite_gate_id){GATE_TYPE, type, ""}, STEP_ROWS, err);
  if (n < 0)
    return -1;
  return n == STEP_ROWS ? TURN_AGAIN : 0;
}

static int read_types(struct sqlite_writer *w, const struct store_types *op,
                      struct sqlite_types **out, struct err *err)
{
  int64_t *ids = mem_alloc(op->n * sizeof *ids);
  int rc = 0;
  for (size_t i = 0; i < op->n && rc == 0; i++) {
    ids[i] = sqlite__name_id(&w->conn, &w->names, NAME_TYPE, op->types[i].name, err);
    rc = ids[i] < 0 ? -1 : 0;
  }
  if (rc == 0) {
    *out = mem_alloc(sizeof **out + w->names.n);
    (*out)->n = w->names.n;
    for (size_t i = 0; i < op->n; i++)
      (*out)->flags[ids[i] - 1] = op->types[i].once ? TYPE_ONCE : TYPE_KNOWN;
  }
  free(ids);
  return rc;
}

static int settle_gates(struct sqlite_writer *w, struct err *err)
{
  int rc = sqlite__free_from_gates(w, err);
  if (rc == 0)
    w->memory.settling = SETTLING_TYPES;
  return rc;
}

int sqlite__settle_types(struct sqlite_writer *w, struct err *err)
{
  const struct sqlite_types *types = w->memory.types;
  int rc = w->memory.settling == SETTLING_GATES ? settle_gates(w, err) : 0;
  for (size_t i = 0; i < types->n && rc == 0; i++)
    rc = types->flags[i] ? bring_back(w, (int64_t)i + 1, err) : 0;
  if (rc == 0)
    w->memory.settling = SETTLED;
  return rc < 0 ? -1 : 0;
}

/* What it leaves to do is done by claims, a step each, so that it holds whole as soon as
 * it is answered, whatever happens to its steps. */
int sqlite__types(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct sqlite_types *types = NULL;
  if (read_types(w, (const struct store_types *)op, &types, err) < 0)
    return -1;
  sqlite__set_types(w, types);
  if (sqlite__set_policies(w, (const struct store_types *)op, err) < 0)
    return -1;
  w->memory.settling = SETTLING_GATES;
  return sqlite__settle_types(w, err);
}

/* ---- forgetting ---- */

static int forget_run(struct sqlite_writer *w, int64_t first, int64_t last,
                      struct err *err)
{
  static const enum sqlite_query queries[] = {
      SQL_FORGET_DONE,     SQL_FORGET_DEAD, SQL_FORGET_JOB,      SQL_FORGET_FAILURE,
      SQL_FORGET_PROGRESS, SQL_FORGET_TAGS, SQL_FORGET_DEADLINE, SQL_FORGET_UNIQUE};

  for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
    if (sqlite__run(&w->conn, queries[i], ARGS(arg_int(first), arg_int(last)), err) < 0)
      return -1;
  return 0;
}

/* By runs of ids without a gap, since deleting by range is far cheaper than one by one.
 */
int sqlite__forget(struct sqlite_writer *w, const int64_t *ids, size_t n, struct err *err)
{
  for (size_t first = 0, i = 1; i <= n; i++) {
    if (i < n && ids[i] == ids[i - 1] + 1)
      continue;
    if (forget_run(w, ids[first], ids[i - 1], err) < 0)
      return -1;
    first = i;
  }
  return 0;
}

/* ---- requeue and purge ---- */

struct step {
  int64_t ids[STEP_ROWS]; /* that fit, in order */
  size_t n;
  size_t seen;    /* rows looked at */
  bool late;      /* there was no time for more */
  int64_t cursor; /* the last of them */
};

/* What a job still waits for is not to be forgotten. */
static int look_at_row(struct sqlite_writer *w, const struct store_bulk *bulk,
                       struct step *step, sqlite3_stmt *s, struct err *err)
{
  bool fits = sqlite3_column_int(s, 1), kept = false;
  step->cursor = sqlite3_column_int64(s, 0);
  step->seen++;
  if (fits && bulk->op.kind == STORE_PURGE &&
      sqlite__child_kept(w, step->cursor, INT64_MAX, &kept, err) < 0)
    return -1;
  if (fits && !kept)
    step->ids[step->n++] = step->cursor;
  return 0;
}

/* Looks at the next candidates, and keeps those that fit, as many as are still wanted. */
static int look(struct sqlite_writer *w, const struct store_bulk *bulk, unsigned allowed,
                struct step *step, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  struct sqlite_filter f;
  sqlite__filter_init(&f, &bulk->filter, allowed);
  sqlite3_stmt *s = sqlite__filter_prepare(c, &f, "bulk", err);
  int64_t wanted = bulk->max - bulk->count, deadline = clock_mono_ns() + LOOK_NS;
  int rc = s ? sqlite__filter_range(c, &f, s, bulk->cursor, INT64_MAX, err) : -1;
  sqlite__bind_named(s, ":window", arg_int(STEP_ROWS));
  if (rc == 0)
    rc = sqlite__next(c, s, err);
  while (rc > 0 && (int64_t)step->n < wanted && !step->late) {
    rc = look_at_row(w, bulk, step, s, err);
    step->late = clock_mono_ns() > deadline;
    if (rc == 0 && !step->late)
      rc = sqlite__next(c, s, err);
  }
  sqlite3_finalize(s);
  sqlite__filter_fini(&f);
  return rc < 0 ? -1 : 0;
}

/* By hand it has all the time, also when it did not end of its deadline. */
static int drop_deadline(struct sqlite_writer *w, int64_t id, struct err *err)
{
  if (w->memory.next_deadline == 0)
    return 0;
  return sqlite__run(&w->conn, SQL_DEADLINE_DROP, ARGS(arg_int(id)), err) < 0 ? -1 : 0;
}

static int requeue_one(struct sqlite_writer *w, int64_t id, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_ENDED_GET, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  struct sqlite_place p = {
      .id = id,
      .queue = sqlite3_column_int64(s, 0),
      .priority = sqlite3_column_int64(s, 1),
      .lease = sqlite3_column_int64(s, 2),
      .seq = w->memory.next++,
  };
  int64_t batch = sqlite3_column_int64(s, 3);
  enum store_state state = sqlite3_column_int(s, 4) ? STORE_DEAD : STORE_CANCELLED;
  sqlite__stop(s);
  int held_back = sqlite__rejoin_batch(w, id, batch, state, err);
  if (held_back < 0 || sqlite__run(c, SQL_DEAD_TAKE, ARGS(arg_int(id)), err) < 0 ||
      sqlite__run(c, SQL_CANCELLED_TAKE, ARGS(arg_int(id)), err) < 0 ||
      drop_deadline(w, id, err) < 0 || sqlite__cancel_children(w, id, err) < 0 ||
      sqlite__place_again(w, &p, err) < 0)
    return -1;
  if (held_back)
    return sqlite__add_pending(
        w, &(struct sqlite_waiting){.place = p, .state = STORE_PENDING, .unmet = 1}, err);
  return sqlite__add_ready(w, &p, err);
}

static int requeue(struct sqlite_writer *w, struct store_bulk *bulk, const int64_t *ids,
                   size_t n, struct err *err)
{
  (void)bulk;
  for (size_t i = 0; i < n; i++)
    if (requeue_one(w, ids[i], err) < 0)
      return -1;
  return 0;
}

static int forget(struct sqlite_writer *w, struct store_bulk *bulk, const int64_t *ids,
                  size_t n, struct err *err)
{
  (void)bulk;
  return sqlite__forget(w, ids, n, err);
}

static int cancel(struct sqlite_writer *w, struct store_bulk *bulk, const int64_t *ids,
                  size_t n, struct err *err)
{
  for (size_t i = 0; i < n; i++) {
    int rc = sqlite__ask_cancel(w, ids[i], bulk->reason, err);
    if (rc < 0)
      return -1;
    bulk->told += rc == ASKED_TOLD;
    bulk->again += rc == ASKED_AGAIN;
  }
  return 0;
}

/* The dead are run again unless others are asked for. */
unsigned sqlite__bulk_states(enum store_kind kind, const struct store_filter *filter)
{
  unsigned ended = 1u << STORE_DEAD | 1u << STORE_CANCELLED;
  if (kind == STORE_CANCEL)
    return ALL_STATES & ~ended & ~(1u << STORE_COMPLETED);
  if (kind == STORE_PURGE)
    return ended | 1u << STORE_COMPLETED;
  return filter->states || filter->n_ids ? ended : 1u << STORE_DEAD;
}

static int audit_bulk(struct sqlite_writer *w, const struct store_bulk *bulk,
                      struct err *err)
{
  const char *action = bulk->op.kind == STORE_CANCEL    ? "cancel"
                       : bulk->op.kind == STORE_REQUEUE ? "retry"
                                                        : "purge";
  int64_t count = bulk->count - bulk->again;
  if (!bulk->by || count == 0)
    return 0;
  char *detail = mem_printf("{\"count\":%lld,\"asked\":%s}", (long long)count,
                            bulk->asked ? bulk->asked : "null");
  int64_t job = bulk->filter.n_ids == 1 ? bulk->filter.ids[0] : 0;
  int rc = sqlite__audit(w, bulk->by, action, job, detail, err);
  free(detail);
  return rc;
}

/* A step of a bulk operation. The turn puts count and cursor back when it falls. */
static int bulk_step(struct sqlite_writer *w, struct store_bulk *bulk, unsigned allowed,
                     int (*act)(struct sqlite_writer *, struct store_bulk *,
                                const int64_t *, size_t, struct err *),
                     struct err *err)
{
  struct step *step = mem_alloc(sizeof *step);
  int rc = look(w, bulk, allowed, step, err);
  if (rc == 0)
    rc = act(w, bulk, step->ids, step->n, err);
  if (rc == 0) {
    bulk->count += (int64_t)step->n;
    bulk->cursor = step->cursor;
    bool more = step->late || step->seen == STEP_ROWS;
    rc = more && bulk->count < bulk->max ? TURN_AGAIN : audit_bulk(w, bulk, err);
  }
  free(step);
  return rc;
}

int sqlite__requeue(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_bulk *bulk = (struct store_bulk *)op;
  unsigned allowed = sqlite__bulk_states(STORE_REQUEUE, &bulk->filter);
  return bulk_step(w, bulk, allowed, requeue, err);
}

int sqlite__purge(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_bulk *bulk = (struct store_bulk *)op;
  unsigned allowed = sqlite__bulk_states(STORE_PURGE, &bulk->filter);
  return bulk_step(w, bulk, allowed, forget, err);
}

int sqlite__cancel(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_bulk *bulk = (struct store_bulk *)op;
  unsigned allowed = sqlite__bulk_states(STORE_CANCEL, &bulk->filter);
  return bulk_step(w, bulk, allowed, cancel, err);
}
