/* Rates: how many began at a gate within its window, and when the next one may.
 *
 * Moments are cut into 256ths of the window and stand for their end, so that a list has
 * an end and no window ever holds more than its rate. What is in the lists is in rows of
 * candy_start by the end of each turn.
 */
#include "store/sqlite_gate.h"

#include <stdlib.h>

#define PARTS      256
#define ENDED_STEP 64 /* gates whose starts have ended that one turn looks at */

/* ---- gates by time ---- */

void sqlite__heap_push(struct sqlite_heap *heap, struct sqlite_gate *g, int64_t at)
{
  if (heap->n == heap->cap) {
    heap->cap = heap->cap ? 2 * heap->cap : 64;
    heap->items = mem_grow(heap->items, heap->cap * sizeof *heap->items);
  }
  size_t i = heap->n++;
  for (; i > 0 && heap->items[(i - 1) / 2].at > at; i = (i - 1) / 2)
    heap->items[i] = heap->items[(i - 1) / 2];
  heap->items[i] = (struct sqlite_heap_item){at, g};
  g->items++;
}

struct sqlite_gate *sqlite__heap_pop(struct sqlite_heap *heap)
{
  struct sqlite_gate *g = heap->items[0].gate;
  struct sqlite_heap_item last = heap->items[--heap->n];
  size_t i = 0;
  for (size_t child = 1; child < heap->n; child = 2 * i + 1) {
    if (child + 1 < heap->n && heap->items[child + 1].at < heap->items[child].at)
      child++;
    if (heap->items[child].at >= last.at)
      break;
    heap->items[i] = heap->items[child];
    i = child;
  }
  heap->items[i] = last;
  g->items--;
  return g;
}

void sqlite__gate_opens(struct sqlite_writer *w, struct sqlite_gate *g, int64_t at)
{
  if (at == 0 || (g->opens_at && g->opens_at <= at))
    return;
  g->opens_at = at;
  sqlite__heap_push(&w->memory.gates->opens, g, at);
}

int64_t sqlite__gates_open_at(const struct sqlite_writer *w)
{
  const struct sqlite_gates *gates = w->memory.gates;
  int64_t look_at = w->memory.look_at;
  int64_t opens_at = gates && gates->opens.n ? gates->opens.items[0].at : 0;
  return look_at && (!opens_at || look_at < opens_at) ? look_at : opens_at;
}

/* ---- one list ---- */

static int64_t rounded(const struct sqlite_gate *g, int64_t at)
{
  int64_t part = g->rule->window_ms / PARTS;
  return part > 1 ? (at / part + 1) * part - 1 : at;
}

static void forget_old(struct sqlite_gate *g, int64_t now)
{
  struct sqlite_starts *s = &g->starts;
  for (; s->first < s->end && s->log[s->first].at + g->rule->window_ms <= now;
       s->first++) {
    s->total -= s->log[s->first].n;
    s->shortened = true;
  }
}

static struct sqlite_start *find(struct sqlite_starts *s, int64_t at)
{
  for (size_t i = s->end; i > s->first; i--)
    if (s->log[i - 1].at <= at)
      return s->log[i - 1].at == at ? &s->log[i - 1] : NULL;
  return NULL;
}

static struct sqlite_start *append(struct sqlite_starts *s, int64_t at)
{
  if (s->end == s->cap && s->first > 0) {
    memmove(s->log, s->log + s->first, (s->end - s->first) * sizeof *s->log);
    s->end -= s->first;
    s->first = 0;
  } else if (s->end == s->cap) {
    s->cap = s->cap ? 2 * s->cap : 4;
    s->log = mem_grow(s->log, s->cap * sizeof *s->log);
  }
  s->log[s->end] = (struct sqlite_start){.at = at};
  return &s->log[s->end++];
}

void sqlite__rate_undo(struct sqlite_gate *g, int64_t at, int64_t n)
{
  struct sqlite_start *start = find(&g->starts, at);
  if (!start)
    return;
  start->n -= n;
  start->saved = -1;
  g->starts.total -= n;
}

static void note_end(struct sqlite_writer *w, struct sqlite_gate *g)
{
  const struct sqlite_starts *s = &g->starts;
  if (g->ends || s->first == s->end)
    return;
  g->ends = true;
  sqlite__heap_push(&w->memory.gates->ends, g,
                    s->log[s->end - 1].at + g->rule->window_ms);
}

void sqlite__rate_load(struct sqlite_writer *w, struct sqlite_gate *g, int64_t at,
                       int64_t n)
{
  int64_t latest = rounded(g, w->now); /* the clock may have been set back */
  struct sqlite_start *start = append(&g->starts, at < latest ? at : latest);
  start->n = n;
  start->saved = at < latest ? n : -1;
  g->starts.total += n;
  forget_old(g, w->now);
  note_end(w, g);
}

void sqlite__rate_add(struct sqlite_writer *w, struct sqlite_gate *g, int64_t at,
                      int64_t n)
{
  if (g->rule->rate == 0)
    return;
  int64_t moment = rounded(g, at);
  struct sqlite_start *start = find(&g->starts, moment);
  if (!start && n < 0) /* it does not count any more */
    return;
  if (!start)
    start = append(&g->starts, moment);
  start->n += n;
  g->starts.total += n;
  sqlite__gate_note(w, (struct sqlite_change){.gate = g, .at = moment, .n = n});
  note_end(w, g);
}

bool sqlite__rate_admits(const struct sqlite_writer *w, struct sqlite_gate *g,
                         int64_t reserved)
{
  if (g->rule->rate == 0)
    return true;
  forget_old(g, w->now);
  return g->starts.total + reserved < g->rule->rate;
}

int64_t sqlite__rate_opens_at(const struct sqlite_gate *g)
{
  const struct sqlite_starts *s = &g->starts;
  if (g->rule->rate == 0 || s->first == s->end ||
      s->total + g->state.reserved < g->rule->rate)
    return 0;
  return s->log[s->first].at + g->rule->window_ms;
}

/* ---- on disk ---- */

static int save_one(struct sqlite_writer *w, struct sqlite_gate *g, struct err *err)
{
  struct sqlite_starts *s = &g->starts;
  if (s->shortened &&
      sqlite__run(&w->conn, SQL_STARTS_FORGET,
                  ARGS(arg_int(g->kind), arg_int(g->scope), arg_text(g->key),
                       arg_int(w->now - g->rule->window_ms)),
                  err) < 0)
    return -1;
  s->shortened = false;
  for (size_t i = s->first; i < s->end; i++) {
    struct sqlite_start *start = &s->log[i];
    if (start->n == start->saved)
      continue;
    if (sqlite__run(&w->conn, SQL_START_SET,
                    ARGS(arg_int(g->kind), arg_int(g->scope), arg_text(g->key),
                         arg_int(start->at), arg_int(start->n)),
                    err) < 0)
      return -1;
    start->saved = start->n;
  }
  return 0;
}

/* Gates whose last start counts no more are looked at, and may be forgotten then. */
static void end_starts(struct sqlite_writer *w)
{
  struct sqlite_heap *ends = &w->memory.gates->ends;
  for (int i = 0; i < ENDED_STEP && ends->n && ends->items[0].at <= w->now; i++) {
    struct sqlite_gate *g = sqlite__heap_pop(ends);
    struct sqlite_starts *s = &g->starts;
    sqlite__gate_change(w, g);
    forget_old(g, w->now);
    g->ends = s->first < s->end;
    if (g->ends)
      sqlite__heap_push(ends, g, s->log[s->end - 1].at + g->rule->window_ms);
  }
}

int sqlite__gates_save(struct sqlite_writer *w, struct err *err)
{
  struct sqlite_gates *gates = w->memory.gates;
  if (!gates)
    return 0;
  end_starts(w);
  for (size_t i = 0; i < gates->touched_n; i++)
    if (gates->touched[i]->rule->rate && save_one(w, gates->touched[i], err) < 0)
      return -1;
  return 0;
}
