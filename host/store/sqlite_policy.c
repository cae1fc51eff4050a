/* Policies of types and queues, as STORE_TYPES says them: which gates there are, and by
 * which rule each. */
#include "store/sqlite_gate.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- reading them ---- */

static bool is_limit(const struct sqlite_rule *r)
{
  return r->concurrency || r->rate || r->strict;
}

static struct sqlite_rule rule_of(const struct store_limit *limit, bool strict)
{
  bool rated = limit->rate > 0 && limit->window_ms > 0;
  return (struct sqlite_rule){
      .concurrency = strict ? 1 : limit->concurrency,
      .rate = rated ? limit->rate : 0,
      .window_ms = rated ? limit->window_ms : 0,
      .strict = strict,
      .keyless = limit->keyless,
  };
}

static int by_key(const void *a, const void *b)
{
  return strcmp(((const struct sqlite_weight *)a)->key,
                ((const struct sqlite_weight *)b)->key);
}

static void copy_weights(struct sqlite_policy *p, const struct store_queue *q)
{
  p->weights = mem_alloc(q->n_weights * sizeof *p->weights);
  for (; p->n_weights < q->n_weights; p->n_weights++) {
    const struct store_weight *from = &q->weights[p->n_weights];
    p->weights[p->n_weights] =
        (struct sqlite_weight){mem_strdup(from->key), from->weight};
  }
  qsort(p->weights, p->n_weights, sizeof *p->weights, by_key);
}

static void append_rule(struct buf *b, const struct sqlite_rule *r)
{
  buf_printf(b, " %" PRId64 " %" PRId64 " %" PRId64 " %d %d", r->concurrency, r->rate,
             r->window_ms, r->strict, r->keyless);
}

static void append_policy(struct buf *b, int64_t name, const struct sqlite_policy *p)
{
  buf_printf(b, "%" PRId64, name);
  append_rule(b, &p->own);
  append_rule(b, &p->key);
  buf_printf(b, " %d %" PRId64, p->fair, p->ageing_ms);
  for (size_t i = 0; i < p->n_weights; i++) {
    buf_putc(b, ' ');
    buf_json_string(b, p->weights[i].key, strlen(p->weights[i].key));
    buf_printf(b, " %" PRId64, p->weights[i].weight);
  }
  buf_putc(b, '\n');
}

static void policy_free(struct sqlite_policy *p)
{
  for (size_t i = 0; p && i < p->n_weights; i++)
    free(p->weights[i].key);
  if (p)
    free(p->weights);
  free(p);
}

/* Keeps it when it is one. */
static void keep(struct sqlite_policies *all, int64_t name, const struct sqlite_policy *p)
{
  size_t at = (size_t)name - 1;
  struct sqlite_policy *copy = mem_alloc(sizeof *copy);
  *copy = *p;
  if (!is_limit(&p->own) && !is_limit(&p->key) && !p->fair && !p->ageing_ms) {
    policy_free(copy);
    return;
  }
  if (at >= all->n) {
    all->by_name = mem_grow(all->by_name, (at + 1) * sizeof(struct sqlite_policy *));
    memset(&all->by_name[all->n], 0, (at + 1 - all->n) * sizeof(struct sqlite_policy *));
    all->n = at + 1;
  }
  policy_free(all->by_name[at]);
  all->by_name[at] = copy;
}

static int read_type(struct sqlite_writer *w, const struct store_type *type,
                     struct sqlite_policies *out, struct err *err)
{
  struct sqlite_policy p = {
      .own = rule_of(&type->limit, false),
      .key = rule_of(&type->key_limit, type->order == STORE_BY_KEY),
  };
  int64_t name = sqlite__name_id(&w->conn, &w->names, NAME_TYPE, type->name, err);
  if (name < 0)
    return -1;
  keep(out, name, &p);
  return 0;
}

static int read_queue(struct sqlite_writer *w, const struct store_queue *queue,
                      struct sqlite_policies *out, struct err *err)
{
  struct sqlite_policy p = {
      .is_queue = true,
      .own = rule_of(&queue->limit, queue->order == STORE_STRICT),
      .key = rule_of(&queue->key_limit, queue->order == STORE_BY_KEY),
      .fair = queue->fair,
      .ageing_ms = queue->ageing_ms,
  };
  int64_t name = sqlite__name_id(&w->conn, &w->names, NAME_QUEUE, queue->name, err);
  if (name < 0)
    return -1;
  copy_weights(&p, queue);
  keep(out, name, &p);
  return 0;
}

int sqlite__policies_new(struct sqlite_writer *w, const struct store_types *op,
                         struct sqlite_policies **out, struct err *err)
{
  struct sqlite_policies *all = mem_alloc(sizeof *all);
  int rc = 0;
  for (size_t i = 0; i < op->n && rc == 0; i++)
    rc = read_type(w, &op->types[i], all, err);
  for (size_t i = 0; i < op->n_queues && rc == 0; i++)
    rc = read_queue(w, &op->queues[i], all, err);
  for (size_t i = 0; i < all->n; i++)
    if (all->by_name[i])
      append_policy(&all->text, (int64_t)i + 1, all->by_name[i]);
  if (rc < 0 || all->text.len == 0)
    sqlite__policies_free(&all);
  *out = all;
  return rc;
}

struct sqlite_policies *sqlite__policies_share(struct sqlite_policies *policies)
{
  policies->shares++;
  return policies;
}

void sqlite__policies_free(struct sqlite_policies **policies)
{
  struct sqlite_policies *all = *policies;
  *policies = NULL;
  if (!all || all->shares-- > 0)
    return;
  for (size_t i = 0; i < all->n; i++)
    policy_free(all->by_name[i]);
  free(all->by_name);
  buf_fini(&all->text);
  free(all);
}

/* ---- asking ---- */

struct sqlite_policy *sqlite__policy(const struct sqlite_writer *w, int64_t name)
{
  const struct sqlite_gates *gates = w->memory.gates;
  if (!gates || (size_t)name > gates->policies->n)
    return NULL;
  return gates->policies->by_name[name - 1];
}

bool sqlite__has_policy(const struct sqlite_writer *w, int64_t type, int64_t queue)
{
  return w->memory.gates && (sqlite__policy(w, type) || sqlite__policy(w, queue));
}

const struct sqlite_rule *sqlite__rule(const struct sqlite_writer *w,
                                       enum sqlite_gate_kind kind, int64_t scope)
{
  const struct sqlite_policy *p = scope > 0 ? sqlite__policy(w, scope) : NULL;
  bool of_queue =
      kind == GATE_QUEUE || kind == GATE_QUEUE_KEY || kind == GATE_QUEUE_KEY_ORDER;
  if (!p || p->is_queue != of_queue)
    return NULL;
  switch (kind) {
  case GATE_QUEUE:
    return &p->own;
  case GATE_TASK:
    return is_limit(&p->own) ? &p->own : NULL;
  case GATE_QUEUE_KEY:
  case GATE_TASK_KEY:
    return is_limit(&p->key) && !p->key.strict ? &p->key : NULL;
  case GATE_QUEUE_KEY_ORDER:
  case GATE_TASK_KEY_ORDER:
    return p->key.strict ? &p->key : NULL;
  default:
    return NULL;
  }
}
