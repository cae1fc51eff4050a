/* Jobs at gates: slots are taken on the way to running and given up behind it, and who
 * waits for them is called. See sqlite_gate.h. */
#include "store/sqlite_gate.h"

#define CALL_STEP   1000 /* jobs that one gate calls at a time */
#define OPENED_STEP 5000 /* gates that one claim opens */

/* ---- which gates ---- */

/* Of a key there is one gate: that of its limit, or that of its order. No key is empty,
 * so that the gate of "" is free for jobs that have none. */
static struct sqlite_gate *key_gate(struct sqlite_writer *w, enum sqlite_gate_kind limit,
                                    enum sqlite_gate_kind order, int64_t scope,
                                    const char *key)
{
  if (!key) {
    const struct sqlite_rule *rule = sqlite__rule(w, limit, scope);
    return rule && rule->keyless ? sqlite__gate(w, limit, scope, "") : NULL;
  }
  struct sqlite_gate *g = sqlite__gate(w, limit, scope, key);
  return g ? g : sqlite__gate(w, order, scope, key);
}

void sqlite__find_gates(struct sqlite_writer *w, const struct sqlite_subject *s,
                        struct sqlite_gates_of *out)
{
  struct sqlite_gate *found[] = {
      sqlite__gate(w, GATE_QUEUE, s->queue, ""),
      key_gate(w, GATE_QUEUE_KEY, GATE_QUEUE_KEY_ORDER, s->queue, s->key),
      key_gate(w, GATE_TASK_KEY, GATE_TASK_KEY_ORDER, s->type, s->key),
      sqlite__gate(w, GATE_TASK, s->type, ""),
  };

  *out = (struct sqlite_gates_of){0};
  for (size_t i = 0; i < sizeof found / sizeof found[0]; i++)
    if (found[i])
      out->at[sqlite__gate_level(found[i]->kind)] = found[i];
}

bool sqlite__has_slot(const struct sqlite_gate *g, int level, int64_t held)
{
  return held >= level && (g->kind != GATE_QUEUE || g->rule->strict);
}

static bool has_rule(const struct sqlite_writer *w, int level, int64_t queue,
                     int64_t type)
{
  const struct sqlite_rule *own = sqlite__rule(w, GATE_QUEUE, queue);
  switch (level) {
  case HELD_QUEUE:
    return own && own->strict;
  case HELD_QUEUE_LINE:
    return sqlite__rule(w, GATE_QUEUE_KEY_ORDER, queue);
  case HELD_TASK_LINE:
    return sqlite__rule(w, GATE_TASK_KEY_ORDER, type);
  case HELD_QUEUE_KEY:
    return sqlite__rule(w, GATE_QUEUE_KEY, queue);
  case HELD_TASK_KEY:
    return sqlite__rule(w, GATE_TASK_KEY, type);
  default:
    return sqlite__rule(w, GATE_TASK, type);
  }
}

int sqlite__last_gate(const struct sqlite_writer *w, int64_t queue, int64_t type,
                      int level)
{
  do
    level--;
  while (level > 0 && !has_rule(w, level, queue, type));
  return level;
}

int64_t sqlite__kept_of(const struct sqlite_gates_of *gates, int64_t held)
{
  int64_t kept = 0;
  for (int level = 1; level <= held; level++)
    if (gates->at[level] && gates->at[level]->rule->strict)
      kept = level;
  return kept;
}

int64_t sqlite__kept_in_order(struct sqlite_writer *w, const struct sqlite_subject *s)
{
  struct sqlite_gates_of gates;
  if (!sqlite__has_policy(w, s->type, s->queue))
    return 0;
  sqlite__find_gates(w, s, &gates);
  return sqlite__kept_of(&gates, HELD_ALL);
}

/* ---- tasks that rest ---- */

/* Of a key in strict order all jobs are of one task: while that rests, they stay in line.
 */
static bool line_rests(const struct sqlite_writer *w, const struct sqlite_gate *g)
{
  return g->kind == GATE_TASK_KEY_ORDER && sqlite__is_paused(w, g->scope);
}

/* Not where it would keep others of its queue from running meanwhile. */
static bool has_line(const struct sqlite_writer *w, const struct sqlite_gates_of *gates)
{
  const struct sqlite_gate *own = gates->at[HELD_TASK_LINE],
                           *queue = gates->at[HELD_QUEUE];
  return own && line_rests(w, own) && !(queue && queue->rule->strict);
}

bool sqlite__rests_in_line(struct sqlite_writer *w, const struct sqlite_subject *s,
                           const struct sqlite_place *p)
{
  struct sqlite_gates_of gates;
  if (p->held >= HELD_TASK_LINE || !sqlite__has_policy(w, s->type, s->queue))
    return false;
  sqlite__find_gates(w, s, &gates);
  return has_line(w, &gates) && !gates.at[HELD_QUEUE_LINE];
}

void sqlite__open_lines(struct sqlite_writer *w, int64_t type)
{
  const struct sqlite_gates *gates = w->memory.gates;
  for (size_t i = 0; gates && i < gates->slots_n; i++)
    for (struct sqlite_gate *g = gates->slots[i]; g; g = g->next)
      if (g->kind == GATE_TASK_KEY_ORDER && g->scope == type && g->state.waited_for)
        sqlite__gate_opens(w, g, w->now);
}

/* ---- calling those who wait ---- */

/* From the line of its task it goes on to its key in its queue: at once when others wait
 * there, so that it is among them when the slot is free that the one before it had. */
static int let_go(struct sqlite_writer *w, const struct sqlite_gate *g,
                  const struct sqlite_place *p, struct err *err)
{
  struct sqlite_gate *next = g->kind == GATE_TASK_KEY_ORDER
                                 ? sqlite__gate(w, GATE_QUEUE_KEY, p->queue, g->key)
                                 : NULL;
  if (!next || !next->state.waited_for || p->held >= HELD_QUEUE_KEY)
    return sqlite__add_ready(w, p, err);
  struct sqlite_gate_id id = sqlite__gate_id(next);
  return sqlite__block(w, &id, p, err);
}

/* One whose queue rests is let out of the line without a slot, and meets the gate again
 * when the queue goes on. Returns 1 when there may be others to call, 0 when there are
 * none. */
static int call_first(struct sqlite_writer *w, struct sqlite_gate *g, struct err *err)
{
  struct sqlite_gate_id id = sqlite__gate_id(g);
  int level = sqlite__gate_level(g->kind);
  struct sqlite_place p;
  int rc = sqlite__blocked_first(w, &id, &p, err);
  if (rc < 0)
    return -1;
  bool has_slot = rc > 0 && sqlite__has_slot(g, level, p.held);
  if (rc > 0 && !sqlite__gate_admits(w, g, has_slot))
    return 0;
  sqlite__gate_change(w, g);
  g->state.waited_for = rc > 0;
  if (rc == 0)
    return 0;
  bool rests = sqlite__is_paused(w, p.queue) && !g->rule->strict;
  if (!has_slot && !rests) {
    g->state.taken++;
    g->state.reserved++;
    p.held = level;
  }
  if (sqlite__blocked_take(w, &id, &p, err) < 0 ||
      (rests && sqlite__rest_slots(w, &p, err) < 0) || let_go(w, g, &p, err) < 0)
    return -1;
  return 1;
}

/* Not before all are where policies have them wait: one may be ahead of a gate that it
 * has not passed. */
static int call(struct sqlite_writer *w, struct sqlite_gate *g, struct err *err)
{
  int rc = 1, n = 0;
  if (line_rests(w, g))
    return 0;
  if (w->memory.settling == SETTLING_GATES) {
    sqlite__gate_opens(w, g, w->now);
    return 0;
  }
  for (; n < CALL_STEP && rc > 0 && g->state.waited_for; n++)
    rc = sqlite__gate_admits(w, g, true) ? call_first(w, g, err) : 0;
  if (g->state.waited_for)
    sqlite__gate_opens(w, g, n == CALL_STEP ? w->now : sqlite__rate_opens_at(g));
  return rc < 0 ? -1 : 0;
}

int sqlite__open_gates(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_gates *gates = w->memory.gates;
  if (!gates)
    return 0;
  for (int i = 0; i < OPENED_STEP; i++) {
    struct sqlite_heap *opens = &gates->opens;
    if (opens->n == 0 || opens->items[0].at > w->now)
      break;
    int64_t at = opens->items[0].at;
    struct sqlite_gate *g = sqlite__heap_pop(opens);
    sqlite__gate_change(w, g);
    if (g->opens_at != at) /* it was there twice */
      continue;
    g->opens_at = 0;
    if (call(w, g, err) < 0)
      return -1;
  }
  return 0;
}

/* ---- to running ---- */

/* By other policies it has fewer slots than were taken (sqlite_slots.c). */
static bool is_overfull(const struct sqlite_gate *g)
{
  return g->rule->concurrency && !g->rule->strict &&
         g->state.taken > g->rule->concurrency;
}

/* Returns the level of the first gate that is shut for it, or 0. Who waits at a gate goes
 * first. */
static int find_shut(const struct sqlite_writer *w, const struct sqlite_gates_of *gates,
                     const struct sqlite_place *p)
{
  for (int level = 1; level <= HELD_ALL; level++) {
    struct sqlite_gate *g = gates->at[level];
    if (!g)
      continue;
    bool has_slot = sqlite__has_slot(g, level, p->held);
    bool late = !has_slot && g->state.waited_for;
    if (late || line_rests(w, g) || !sqlite__gate_admits(w, g, has_slot) ||
        (has_slot && is_overfull(g)))
      return level;
  }
  return 0;
}

static void take_slots(struct sqlite_writer *w, const struct sqlite_gates_of *gates,
                       const struct sqlite_place *p)
{
  for (int level = 1; level <= HELD_ALL; level++) {
    struct sqlite_gate *g = gates->at[level];
    if (!g)
      continue;
    sqlite__gate_change(w, g);
    if (sqlite__has_slot(g, level, p->held))
      g->state.reserved--;
    else
      g->state.taken++;
    if (level == HELD_QUEUE && p->turn > g->state.turn)
      g->state.turn = p->turn;
    sqlite__rate_add(w, g, w->now, 1);
    if (g->state.waited_for)
      sqlite__gate_opens(w, g, sqlite__rate_opens_at(g));
  }
}

/* Slots of the gates before the one that is shut. */
static void reserve_slots(struct sqlite_writer *w, const struct sqlite_gates_of *gates,
                          const struct sqlite_subject *s, struct sqlite_place *p,
                          int shut)
{
  int last = sqlite__last_gate(w, s->queue, s->type, shut);
  for (int level = (int)p->held + 1; level < shut; level++) {
    struct sqlite_gate *g = gates->at[level];
    if (!g || !sqlite__has_slot(g, level, level))
      continue;
    sqlite__gate_change(w, g);
    g->state.taken++;
    g->state.reserved++;
  }
  if (p->held < last)
    p->held = last;
}

/* Gives up the slots of the gates behind `kept`. Those who wait for them are called by
 * the next claim, since this one may be reading the table that they go back to. */
static void give_up(struct sqlite_writer *w, const struct sqlite_gates_of *gates,
                    struct sqlite_place *p, int64_t kept)
{
  int64_t held = p->held;
  if (held <= kept)
    return;
  p->held = kept;
  for (int level = (int)kept + 1; level <= HELD_ALL; level++) {
    struct sqlite_gate *g = gates->at[level];
    if (!g || !sqlite__has_slot(g, level, held))
      continue;
    sqlite__gate_change(w, g);
    g->state.reserved--;
    g->state.taken--;
    if (g->state.waited_for)
      sqlite__gate_opens(w, g, w->now);
  }
}

void sqlite__rest_task(struct sqlite_writer *w, const struct sqlite_subject *s,
                       struct sqlite_place *p)
{
  struct sqlite_gates_of gates;
  sqlite__find_gates(w, s, &gates);
  bool is_first = p->held >= HELD_TASK_LINE && has_line(w, &gates);
  give_up(w, &gates, p, is_first ? HELD_TASK_LINE : 0);
}

/* Someone who is late waits though there is room: for those before it to be called. */
static void wait_behind(struct sqlite_writer *w, struct sqlite_gate *g)
{
  bool has_room = sqlite__gate_admits(w, g, false);
  sqlite__gate_change(w, g);
  g->state.waited_for = true;
  sqlite__gate_opens(w, g, has_room ? w->now : sqlite__rate_opens_at(g));
}

/* A job that came back to its place may have the slot of a gate that its rate keeps shut.
 * It waits there without it, and without those behind it: whoever is first in the line
 * could wait for that slot. */
bool sqlite__pass_gates(struct sqlite_writer *w, const struct sqlite_subject *s,
                        struct sqlite_place *p, struct sqlite_gate_id *shut)
{
  struct sqlite_gates_of gates;
  sqlite__find_gates(w, s, &gates);
  int level = find_shut(w, &gates, p);
  if (level == 0) {
    take_slots(w, &gates, p);
    return true;
  }
  struct sqlite_gate *g = gates.at[level];
  give_up(w, &gates, p, level - 1);
  reserve_slots(w, &gates, s, p, level);
  wait_behind(w, g);
  *shut = sqlite__gate_id(g);
  return false;
}

/* In strict order a queue has one job at a time: when that is in candy_ready, in whatever
 * place, those before it have to be met first. */
int64_t sqlite__queue_room(struct sqlite_writer *w, int64_t queue)
{
  struct sqlite_gate *g = sqlite__gate(w, GATE_QUEUE, queue, "");
  if (!g)
    return INT64_MAX;
  const struct sqlite_rule *rule = g->rule;
  int64_t running = g->state.taken - g->state.reserved, room = INT64_MAX;
  if (rule->strict && g->state.called == 0)
    room = 1 - g->state.taken;
  else if (!rule->strict && rule->concurrency)
    room = rule->concurrency - running;
  if (!sqlite__rate_admits(w, g, 0)) {
    sqlite__gate_opens(w, g, sqlite__rate_opens_at(g));
    return 0;
  }
  if (rule->rate && rule->rate - g->starts.total < room)
    room = rule->rate - g->starts.total;
  return room;
}

/* Of a limit; strict order has rows that say so. */
bool sqlite__queue_is_full(struct sqlite_writer *w, int64_t queue)
{
  const struct sqlite_rule *rule = sqlite__rule(w, GATE_QUEUE, queue);
  if (!rule || (!rule->concurrency && !rule->rate))
    return false;
  struct sqlite_gate *g = sqlite__gate(w, GATE_QUEUE, queue, "");
  return (!rule->strict && rule->concurrency &&
          g->state.taken - g->state.reserved >= rule->concurrency) ||
         !sqlite__rate_admits(w, g, 0);
}

/* ---- from running, and from waiting ---- */

static int leave(struct sqlite_writer *w, struct sqlite_gate *g, struct err *err)
{
  sqlite__gate_change(w, g);
  g->state.taken--;
  return call(w, g, err);
}

int sqlite__leave_gates(struct sqlite_writer *w, const struct sqlite_subject *s,
                        int64_t held, int64_t began_at, struct err *err)
{
  struct sqlite_gates_of gates;
  sqlite__find_gates(w, s, &gates);
  for (int level = 1; level <= HELD_ALL; level++) {
    struct sqlite_gate *g = gates.at[level];
    if (!g)
      continue;
    if (began_at)
      sqlite__rate_add(w, g, began_at, -1);
    if (!sqlite__has_slot(g, level, held)) {
      if (leave(w, g, err) < 0)
        return -1;
      continue;
    }
    sqlite__gate_change(w, g);
    g->state.reserved++;
  }
  return 0;
}

/* The gates of a job that waits. Returns 1, 0 when it is unknown, or -1. */
static int find_gates_of(struct sqlite_writer *w, const struct sqlite_place *p,
                         struct sqlite_gates_of *out, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *row = sqlite__start(c, SQL_ORIGIN, ARGS(arg_int(p->id)));
  int rc = sqlite__next(c, row, err);
  if (rc <= 0)
    return rc;
  struct sqlite_subject s = {
      .type = sqlite3_column_int64(row, 0),
      .queue = p->queue,
      .key = sqlite__text(row, 1),
  };
  sqlite__find_gates(w, &s, out);
  sqlite__stop(row);
  return 1;
}

int sqlite__give_up_slots(struct sqlite_writer *w, struct sqlite_place *p,
                          struct err *err)
{
  struct sqlite_gates_of gates = {0};
  if (p->held == 0 && !w->memory.gates)
    return 0;
  if (w->memory.gates && find_gates_of(w, p, &gates, err) < 0)
    return -1;
  give_up(w, &gates, p, 0);
  return 0;
}

int sqlite__rest_slots(struct sqlite_writer *w, struct sqlite_place *p, struct err *err)
{
  struct sqlite_gates_of gates = {0};
  if (p->held == 0)
    return 0;
  if (w->memory.gates && find_gates_of(w, p, &gates, err) < 0)
    return -1;
  give_up(w, &gates, p, sqlite__kept_of(&gates, p->held));
  return 0;
}
