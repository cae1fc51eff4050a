/* Policies in place of others, and slots counted from rows: at the start, when policies
 * change, and after a recovery. See sqlite_gate.h.
 *
 * Jobs behind gates that are no more, or that now are behind others, become ready again
 * in steps (sqlite__settle_types), and nothing is claimed until that is done. The others
 * stay: gates that have room now are opened by the next claims.
 */
#include "store/sqlite_gate.h"

#include <stdlib.h>

#define STEP_ROWS 5000

/* ---- slots ---- */

/* Returns what it keeps of the slots that it holds: where policies give out fewer by now
 * than are held, those who wait give theirs up. */
static int64_t count_one(struct sqlite_writer *w, const struct sqlite_subject *s,
                         bool runs, int64_t held)
{
  struct sqlite_gates_of gates;
  sqlite__find_gates(w, s, &gates);
  for (int level = 1; level <= HELD_ALL; level++) {
    struct sqlite_gate *g = gates.at[level];
    if (!g || (!runs && !sqlite__has_slot(g, level, held)))
      continue;
    bool full = g->rule->concurrency && g->state.taken >= g->rule->concurrency;
    if (!runs && full)
      return level - 1;
    g->state.taken++;
    if (!runs)
      g->state.reserved++;
  }
  return held;
}

struct excess { /* jobs that hold less from now on */

  struct held {
    int64_t id, held;
  } * all;

  size_t n, cap;
};

static void note_excess(struct excess *excess, int64_t id, int64_t held)
{
  if (excess->n == excess->cap) {
    excess->cap = excess->cap ? 2 * excess->cap : 64;
    excess->all = mem_grow(excess->all, excess->cap * sizeof *excess->all);
  }
  excess->all[excess->n++] = (struct held){id, held};
}

/* One whose task rests would keep the others of a queue in strict order from running. */
static bool is_in_the_way(const struct sqlite_writer *w, const struct sqlite_subject *s,
                          bool rests)
{
  const struct sqlite_rule *queue = sqlite__rule(w, GATE_QUEUE, s->queue);
  return rests && queue && queue->strict;
}

/* Rows of (type, queue, key, held, id, rests). */
static int find_excess(struct sqlite_writer *w, enum sqlite_query query,
                       struct excess *excess, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, query, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    struct sqlite_subject job = {sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                                 sqlite__text(s, 2)};
    int64_t held = sqlite3_column_int64(s, 3);
    bool gives_up = is_in_the_way(w, &job, sqlite3_column_int(s, 5) != 0);
    int64_t kept = gives_up ? 0 : count_one(w, &job, false, held);
    if (kept < held)
      note_excess(excess, sqlite3_column_int64(s, 4), kept);
  }
  return rc;
}

static int count_running(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_COUNT_RUNNING, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    count_one(w,
              &(struct sqlite_subject){sqlite3_column_int64(s, 0),
                                       sqlite3_column_int64(s, 1), sqlite__text(s, 2)},
              true, 0);
  return rc;
}

/* The jobs of a table that wait, which `hold` changes. */
static int count_waiting(struct sqlite_writer *w, enum sqlite_query query,
                         enum sqlite_query hold, struct err *err)
{
  struct excess excess = {0};
  int rc = find_excess(w, query, &excess, err);
  for (size_t i = 0; i < excess.n && rc == 0; i++) {
    const struct held *one = &excess.all[i];
    int64_t n =
        sqlite__run(&w->conn, hold, ARGS(arg_int(one->id), arg_int(one->held)), err);
    rc = n < 0 ? -1 : 0;
  }
  free(excess.all);
  return rc;
}

static int count_called(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_COUNT_CALLED, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    struct sqlite_gate *g = sqlite__gate(w, GATE_QUEUE, sqlite3_column_int64(s, 0), "");
    if (g)
      g->state.called = sqlite3_column_int64(s, 1);
  }
  return rc;
}

static int load_starts(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  if (sqlite__run(c, SQL_STARTS_EXPIRE, ARGS(arg_int(w->now - STORE_WINDOW_MAX_MS)),
                  err) < 0)
    return -1;
  sqlite3_stmt *s = sqlite__start(c, SQL_STARTS, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    struct sqlite_gate *g =
        sqlite__gate(w, (enum sqlite_gate_kind)sqlite3_column_int(s, 0),
                     sqlite3_column_int64(s, 1), sqlite__text(s, 2));
    if (g && g->rule->rate)
      sqlite__rate_load(w, g, sqlite3_column_int64(s, 3), sqlite3_column_int64(s, 4));
  }
  return rc;
}

/* ---- those who wait ---- */

struct cursor { /* over the gates in candy_blocked */
  int64_t kind, scope;
  struct buf key;
};

/* Returns 1 and moves on to the next gate, or behind `whole` scopes to the next scope. */
static int next_gate(struct sqlite_writer *w, struct cursor *at, bool whole,
                     struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s =
      whole
          ? sqlite__start(c, SQL_BLOCKED_SCOPE,
                          ARGS(arg_int(at->kind), arg_int(at->scope)))
          : sqlite__start(c, SQL_BLOCKED_GATE,
                          ARGS(arg_int(at->kind), arg_int(at->scope),
                               arg_bytes(at->key.data ? at->key.data : "", at->key.len)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  at->kind = sqlite3_column_int64(s, 0);
  at->scope = sqlite3_column_int64(s, 1);
  at->key.len = 0;
  buf_puts(&at->key, sqlite__text(s, 2));
  sqlite__stop(s);
  return 1;
}

static bool is_gate(int64_t kind)
{
  return sqlite__gate_level((enum sqlite_gate_kind)kind) > 0;
}

static bool keeps_jobs_back(const struct sqlite_writer *w, const struct cursor *at)
{
  enum sqlite_gate_kind kind = (enum sqlite_gate_kind)at->kind;
  const struct sqlite_rule *rule =
      is_gate(at->kind) ? sqlite__rule(w, kind, at->scope) : NULL;
  return rule && (kind != GATE_QUEUE || rule->strict);
}

/* What is behind a gate may be called by the next claim. */
static int find_waited_for(struct sqlite_writer *w, struct err *err)
{
  struct cursor at = {.kind = GATE_TYPE, .scope = INT64_MAX};
  int rc = next_gate(w, &at, false, err);
  while (rc > 0) {
    bool is_shut = keeps_jobs_back(w, &at);
    if (is_shut) {
      struct sqlite_gate *g =
          sqlite__gate(w, (enum sqlite_gate_kind)at.kind, at.scope, at.key.data);
      g->state.waited_for = true;
      sqlite__gate_opens(w, g, w->now);
    }
    rc = next_gate(w, &at, !is_shut, err);
  }
  buf_fini(&at.key);
  return rc;
}

struct freeing {
  struct sqlite_place *places;
  int64_t n, max;
};

static bool has_lines(const struct sqlite_writer *w)
{
  const struct sqlite_policies *all = w->memory.gates->policies;
  for (size_t i = 0; i < all->n; i++)
    if (all->by_name[i] && !all->by_name[i]->is_queue && all->by_name[i]->key.strict)
      return true;
  return false;
}

/* Those at this gate of some key who have not passed a gate that is before it now. Before
 * that of a queue's key may be the lines of tasks. */
static int find_early(struct sqlite_writer *w, const struct cursor *at,
                      struct freeing *out, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int level = sqlite__gate_level((enum sqlite_gate_kind)at->kind);
  bool of_task = level == HELD_TASK_LINE || level >= HELD_TASK_KEY;
  bool by_type = level == HELD_QUEUE_KEY && has_lines(w);
  sqlite3_stmt *s = sqlite__start(
      c, SQL_BLOCKED_EARLY,
      ARGS(arg_int(at->kind), arg_int(at->scope), arg_int(level - 1), arg_int(by_type)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0 && out->n < out->max; rc = sqlite__next(c, s, err)) {
    struct sqlite_place p = sqlite__blocked_place(s);
    int64_t type = of_task ? at->scope : sqlite3_column_int64(s, 9);
    if (sqlite__last_gate(w, p.queue, type, level) > p.held)
      out->places[out->n++] = p;
  }
  if (rc > 0)
    sqlite__stop(s);
  return rc < 0 ? -1 : 0;
}

static int free_early(struct sqlite_writer *w, const struct cursor *at, int64_t max,
                      int64_t *n, struct err *err)
{
  struct freeing early = {mem_alloc((size_t)max * sizeof *early.places), 0, max};
  int rc = find_early(w, at, &early, err);
  for (int64_t i = 0; rc == 0 && i < early.n; i++) {
    const struct sqlite_place *p = &early.places[i];
    if (sqlite__run(&w->conn, SQL_BLOCKED_DROP, ARGS(arg_int(p->id)), err) < 0)
      rc = -1;
    else
      rc = sqlite__add_ready(w, p, err);
  }
  *n = early.n;
  free(early.places);
  return rc;
}

int sqlite__free_from_gates(struct sqlite_writer *w, struct err *err)
{
  struct cursor at = {.kind = GATE_TYPE, .scope = INT64_MAX};
  int64_t left = STEP_ROWS, n = 0;
  int rc = next_gate(w, &at, true, err);
  while (rc > 0 && left > 0) {
    bool whole = !is_gate(at.kind) || keeps_jobs_back(w, &at);
    if (!whole) {
      struct sqlite_gate_id id = {(enum sqlite_gate_kind)at.kind, at.scope, at.key.data};
      n = sqlite__unblock(w, &id, left, err);
    } else {
      n = 0;
      rc = is_gate(at.kind) ? free_early(w, &at, left, &n, err) : 0;
    }
    left -= n;
    rc = n < 0 || rc < 0 ? -1 : next_gate(w, &at, whole, err);
  }
  buf_fini(&at.key);
  return rc < 0 ? -1 : left <= 0 ? TURN_AGAIN : 0;
}

/* ---- policies ---- */

static int count_all(struct sqlite_writer *w, struct err *err)
{
  if (count_running(w, err) < 0 ||
      count_waiting(w, SQL_COUNT_SCHEDULED, SQL_SCHEDULED_HOLD, err) < 0 ||
      count_waiting(w, SQL_COUNT_READY, SQL_READY_HOLD, err) < 0 ||
      count_waiting(w, SQL_COUNT_BLOCKED, SQL_BLOCKED_HOLD, err) < 0 ||
      count_called(w, err) < 0 || load_starts(w, err) < 0 || find_waited_for(w, err) < 0)
    return -1;
  return sqlite__find_turns(w, err);
}

/* Counts by these policies, which are taken over; without a change when it fails. */
static int count_by(struct sqlite_writer *w, struct sqlite_policies *policies,
                    struct err *err)
{
  struct sqlite_gates *before = w->memory.gates;
  if (sqlite__gates_save(w, err) < 0) { /* starts are counted from their rows */
    sqlite__policies_free(&policies);
    return -1;
  }
  w->memory.gates = policies ? sqlite__gates_new(policies) : NULL;
  if (policies && count_all(w, err) < 0) {
    sqlite__gates_free(&w->memory.gates);
    w->memory.gates = before;
    return -1;
  }
  if (before != w->gates_before)
    sqlite__gates_free(&before);
  return 0;
}

static bool is_same(const struct sqlite_gates *gates, const struct sqlite_policies *p)
{
  if (!gates || !p)
    return !gates && !p;
  const struct buf *a = &gates->policies->text, *b = &p->text;
  return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

int sqlite__set_policies(struct sqlite_writer *w, const struct store_types *op,
                         struct err *err)
{
  struct sqlite_policies *policies = NULL;
  if (sqlite__policies_new(w, op, &policies, err) < 0)
    return -1;
  if (is_same(w->memory.gates, policies)) {
    sqlite__policies_free(&policies);
  } else if (count_by(w, policies, err) < 0) {
    return -1;
  }
  return 0;
}

int sqlite__count_again(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_gates *gates = w->memory.gates;
  if (gates && count_by(w, sqlite__policies_share(gates->policies), err) < 0)
    return -1;
  w->memory.settling = SETTLING_GATES;
  return 0;
}
