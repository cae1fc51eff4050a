/* Gates in memory: found by what they are of, counted, and taken back when a turn falls.
 * See sqlite_gate.h. */
#include "store/sqlite_gate.h"

#include <stdlib.h>

/* ---- finding ---- */

int sqlite__gate_level(enum sqlite_gate_kind kind)
{
  switch (kind) {
  case GATE_QUEUE:
    return HELD_QUEUE;
  case GATE_QUEUE_KEY_ORDER:
    return HELD_QUEUE_LINE;
  case GATE_TASK_KEY_ORDER:
    return HELD_TASK_LINE;
  case GATE_QUEUE_KEY:
    return HELD_QUEUE_KEY;
  case GATE_TASK_KEY:
    return HELD_TASK_KEY;
  case GATE_TASK:
    return HELD_TASK;
  default:
    return 0;
  }
}

struct sqlite_gate_id sqlite__gate_id(const struct sqlite_gate *g)
{
  return (struct sqlite_gate_id){g->kind, g->scope, g->key};
}

static uint32_t hash(enum sqlite_gate_kind kind, int64_t scope, const char *key)
{
  uint32_t h = (2166136261u ^ (uint32_t)scope) * 16777619u ^ (uint32_t)kind; /* FNV-1a */
  for (; *key; key++)
    h = (h ^ (uint8_t)*key) * 16777619u;
  return h;
}

static bool is_it(const struct sqlite_gate *g, enum sqlite_gate_kind kind, int64_t scope,
                  const char *key)
{
  return g->kind == kind && g->scope == scope && strcmp(g->key, key) == 0;
}

static void grow(struct sqlite_gates *gates)
{
  size_t n = gates->slots_n ? 2 * gates->slots_n : 64;
  struct sqlite_gate **slots = mem_alloc(n * sizeof(struct sqlite_gate *));
  for (size_t i = 0; i < gates->slots_n; i++)
    for (struct sqlite_gate *g = gates->slots[i], *next; g; g = next) {
      struct sqlite_gate **slot = &slots[g->hash & (n - 1)];
      next = g->next;
      g->next = *slot;
      *slot = g;
    }
  free(gates->slots);
  gates->slots = slots;
  gates->slots_n = n;
}

/* It is looked at when the turn is over. */
static void touch(struct sqlite_gates *gates, struct sqlite_gate *g)
{
  if (g->touched)
    return;
  if (gates->touched_n == gates->touched_cap) {
    gates->touched_cap = gates->touched_cap ? 2 * gates->touched_cap : 64;
    gates->touched =
        mem_grow(gates->touched, gates->touched_cap * sizeof(struct sqlite_gate *));
  }
  gates->touched[gates->touched_n++] = g;
  g->touched = true;
}

static struct sqlite_gate *add(struct sqlite_gates *gates, const struct sqlite_rule *rule,
                               enum sqlite_gate_kind kind, int64_t scope, const char *key)
{
  size_t len = strlen(key);
  if (gates->n >= gates->slots_n)
    grow(gates);
  struct sqlite_gate *g = mem_alloc(sizeof *g + len + 1);
  g->kind = kind;
  g->scope = scope;
  g->rule = rule;
  g->hash = hash(kind, scope, key);
  memcpy(g->key, key, len);
  struct sqlite_gate **slot = &gates->slots[g->hash & (gates->slots_n - 1)];
  g->next = *slot;
  *slot = g;
  gates->n++;
  touch(gates, g);
  return g;
}

struct sqlite_gate *sqlite__gate(struct sqlite_writer *w, enum sqlite_gate_kind kind,
                                 int64_t scope, const char *key)
{
  struct sqlite_gates *gates = w->memory.gates;
  const struct sqlite_rule *rule = sqlite__rule(w, kind, scope);
  if (!rule)
    return NULL;
  struct sqlite_gate *g =
      gates->slots_n ? gates->slots[hash(kind, scope, key) & (gates->slots_n - 1)] : NULL;
  while (g && !is_it(g, kind, scope, key))
    g = g->next;
  return g ? g : add(gates, rule, kind, scope, key);
}

/* ---- counting ---- */

bool sqlite__gate_admits(const struct sqlite_writer *w, struct sqlite_gate *g,
                         bool has_slot)
{
  const struct sqlite_gate_state *s = &g->state;
  bool is_slot_free = g->rule->concurrency == 0 || s->taken < g->rule->concurrency;
  if (g->kind == GATE_QUEUE) /* but for its order it is no gate: sqlite__queue_room */
    return has_slot || !g->rule->strict || is_slot_free;
  return (has_slot || is_slot_free) &&
         sqlite__rate_admits(w, g, has_slot ? 0 : s->reserved);
}

void sqlite__gate_note(struct sqlite_writer *w, struct sqlite_change change)
{
  struct sqlite_gates *gates = w->memory.gates;
  touch(gates, change.gate);
  if (gates->journal_n == gates->journal_cap) {
    gates->journal_cap = gates->journal_cap ? 2 * gates->journal_cap : 64;
    gates->journal = mem_grow(gates->journal, gates->journal_cap * sizeof change);
  }
  gates->journal[gates->journal_n++] = change;
}

void sqlite__gate_change(struct sqlite_writer *w, struct sqlite_gate *g)
{
  sqlite__gate_note(w, (struct sqlite_change){.gate = g, .before = g->state});
}

void sqlite__ready_changed(struct sqlite_writer *w, const struct sqlite_place *p, int by)
{
  if (p->held == 0 || !w->memory.gates)
    return;
  struct sqlite_gate *g = sqlite__gate(w, GATE_QUEUE, p->queue, "");
  if (!g || !g->rule->strict)
    return;
  sqlite__gate_change(w, g);
  g->state.called += by;
}

/* ---- turns ---- */

size_t sqlite__gates_mark(const struct sqlite_writer *w)
{
  return w->memory.gates ? w->memory.gates->journal_n : 0;
}

/* A gate that was opened meanwhile may have to be opened again. */
void sqlite__gates_undo(struct sqlite_writer *w, size_t changes)
{
  struct sqlite_gates *gates = w->memory.gates;
  while (gates && gates->journal_n > changes) {
    const struct sqlite_change *last = &gates->journal[--gates->journal_n];
    struct sqlite_gate *g = last->gate;
    if (last->n)
      sqlite__rate_undo(g, last->at, last->n);
    else
      g->state = last->before;
    if (g->state.waited_for)
      sqlite__gate_opens(w, g, w->now);
  }
}

static void drop(struct sqlite_gates *gates, struct sqlite_gate *g)
{
  struct sqlite_gate **slot = &gates->slots[g->hash & (gates->slots_n - 1)];
  while (*slot != g)
    slot = &(*slot)->next;
  *slot = g->next;
  gates->n--;
  free(g->starts.log);
  free(g);
}

static bool is_idle(const struct sqlite_gate *g)
{
  return g->state.taken == 0 && !g->state.waited_for && g->items == 0 &&
         g->starts.first == g->starts.end && g->kind != GATE_QUEUE;
}

void sqlite__gates_settle(struct sqlite_writer *w)
{
  struct sqlite_gates *gates = w->memory.gates;
  if (!gates)
    return;
  gates->journal_n = 0;
  while (gates->touched_n > 0) {
    struct sqlite_gate *g = gates->touched[--gates->touched_n];
    g->touched = false;
    if (is_idle(g))
      drop(gates, g);
  }
}

/* ---- life ---- */

struct sqlite_gates *sqlite__gates_new(struct sqlite_policies *policies)
{
  struct sqlite_gates *gates = mem_alloc(sizeof *gates);
  gates->policies = policies;
  return gates;
}

void sqlite__gates_free(struct sqlite_gates **gates_)
{
  struct sqlite_gates *gates = *gates_;
  *gates_ = NULL;
  if (!gates)
    return;
  for (size_t i = 0; i < gates->slots_n; i++)
    for (struct sqlite_gate *g = gates->slots[i], *next; g; g = next) {
      next = g->next;
      free(g->starts.log);
      free(g);
    }
  free(gates->slots);
  free(gates->opens.items);
  free(gates->ends.items);
  free(gates->journal);
  free(gates->touched);
  sqlite__policies_free(&gates->policies);
  free(gates);
}
