/* From sources to the current generation: its first worker finds out what the files
 * declare, that becomes the catalog, tables go to the store, the other workers load, the
 * types that can be claimed go to the store, and then it takes the place of the one
 * before in one step. Whatever fails on the way drops the generation whole.
 *
 * A start does not wait for the other workers: there is nothing that runs meanwhile.
 */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "queue/limits.h"

/* An operation on its way to the store. When another manifest was taken meanwhile
 * (`manifests` has moved on), its answer is of no interest any more. */
struct apply {
  union {
    struct store_op op;
    struct store_schema schema;
    struct store_types types;
  } u;
  struct generation *generation;
  json_t *manifest; /* its strings are the operation's */
  unsigned number;
  void *names;
  struct store_queue *queues;
  size_t n_queues;
};

static void submit(struct generation *g, struct apply *a, enum store_kind kind,
                   void (*done)(struct store_op *op))
{
  generation__hold(g);
  a->generation = g;
  a->manifest = json_incref(g->manifest);
  a->number = g->manifests;
  a->u.op.kind = kind;
  a->u.op.done = done;
  a->u.op.arg = a;
  store_submit(queue_store(g->pool->queue), &a->u.op);
}

static void apply_free(struct apply *a)
{
  store_op_fini(&a->u.op);
  generation__let_go(&a->generation);
  json_decref(a->manifest);
  free(a->names);
  limits_free_queues(a->queues, a->n_queues);
  free(a);
}

static bool is_awaited(const struct apply *a, enum generation_state state)
{
  const struct generation *g = a->generation;
  return g->pool->state != POOL_STOPPING && g->state == state &&
         a->number == g->manifests;
}

/* ---- dropping ---- */

static void dismiss_all(struct generation *g, const char *why)
{
  for (int i = 0; i < g->pool->n_seats; i++)
    if (g->pool->seats[i].generation == g)
      worker__dismiss(&g->pool->seats[i], why);
}

static void drop(struct generation *g)
{
  g->state = GENERATION_DROPPED;
  g->pool->next = NULL;
  dismiss_all(g, "its generation was dropped");
  reload__dropped(g);
  generation__let_go(&g);
}

static bool is_the_files_fault(const struct err *err)
{
  return strncmp(err->code, "store_", 6) != 0 && strcmp(err->code, "worker_start") != 0;
}

void load__fail(struct generation *g, const struct err *err)
{
  json_t *error = jx_error(err->code, err->text);
  g->not_its_fault = !is_the_files_fault(err);
  generation__add_fault(g, NULL, error);
  json_decref(error);
  drop(g);
}

/* ---- the switch ---- */

static void take_seats(struct generation *g)
{
  for (int i = 0; i < g->pool->n_seats; i++) {
    struct worker *w = &g->pool->seats[i];
    if (w->generation == g && w->state == WORKER_WAITING)
      w->state = WORKER_READY;
  }
}

static void become_current(struct generation *g)
{
  struct pool *p = g->pool;
  struct generation *before = p->current;
  p->next = NULL;
  p->current = g;
  p->state = POOL_RUNNING;
  g->state = GENERATION_CURRENT;
  g->loaded_ms = clock_wall_ms();
  take_seats(g);
  reload__taken(g, before);
  if (before)
    staff__retire(before);
  else
    p->config.ready(p->config.arg, NULL);
  staff__fill(p);
  pool_wake(p);
}

/* ---- types ---- */

static void types_known(struct store_op *op)
{
  struct apply *a = op->arg;
  if (is_awaited(a, GENERATION_NAMING) && op->status < 0)
    load__fail(a->generation, op->err);
  else if (is_awaited(a, GENERATION_NAMING))
    become_current(a->generation);
  apply_free(a);
}

static void send_types(struct generation *g)
{
  struct apply *a = mem_alloc(sizeof *a);
  size_t n = catalog_count(g->catalog);
  struct store_type *types = mem_alloc(n * sizeof *types);
  for (size_t i = 0; i < n; i++) {
    const struct catalog_task *task = catalog_at(g->catalog, i);
    types[i] = (struct store_type){.name = task->name,
                                   .once = !task->rerun,
                                   .limit = task->limit,
                                   .key_limit = task->key_limit,
                                   .order = task->strict ? STORE_BY_KEY : STORE_LOOSE};
  }
  a->names = types;
  a->queues = limits_read_queues(json_object_get(g->manifest, "queues"), &a->n_queues);
  a->u.types.types = types;
  a->u.types.n = n;
  a->u.types.queues = a->queues;
  a->u.types.n_queues = a->n_queues;
  g->state = GENERATION_NAMING;
  submit(g, a, STORE_TYPES, types_known);
}

/* ---- the other workers ---- */

static void when_staffed(struct generation *g)
{
  if (g->state == GENERATION_STAFFING &&
      staff__count(g, WORKER_WAITING) >= g->pool->config.workers)
    send_types(g);
}

static void staff_up(struct generation *g)
{
  if (!g->pool->current) {
    send_types(g);
    return;
  }
  g->state = GENERATION_STAFFING;
  staff__fill(g->pool);
  when_staffed(g);
}

static bool is_same(const json_t *a, const json_t *b, const char *member)
{
  return json_equal(json_object_get(a, member), json_object_get(b, member));
}

/* Files that are no constant can declare something else in each process; jobs of what one
 * of them lacks would go to it in vain. */
static void join(struct worker *w, json_t *manifest)
{
  struct generation *g = w->generation;
  if (!is_same(manifest, g->manifest, "tasks") ||
      !is_same(manifest, g->manifest, "queues")) {
    process_kill(w->process, "its files declare other tasks or queues than those of the "
                             "first worker");
  } else if (g->state == GENERATION_CURRENT) {
    w->state = WORKER_READY;
    dispatch__pump(w->pool);
  } else {
    w->state = WORKER_WAITING;
    when_staffed(g);
  }
}

/* ---- tables ---- */

static void apply_next_schema(struct generation *g);

static json_t *schema_at(struct generation *g, size_t i)
{
  return json_array_get(json_object_get(g->manifest, "schemas"), i);
}

/* The file must not count: a new worker loads the others. */
static void load_again_without(struct generation *g, const char *file, const char *code,
                               const char *text)
{
  generation__exclude(g, file, code, text);
  g->state = GENERATION_LOADING;
  dismiss_all(g, "a file it loaded was refused");
}

static void refuse_schema(struct generation *g, const json_t *schema,
                          const struct err *err)
{
  const char *file = jx_str(schema, "file", "?");
  json_t *error;
  if (generation__may_lack(g, file)) {
    load_again_without(g, file, err->code, err->text);
    return;
  }
  error = jx_error(err->code, err->text);
  json_object_set(error, "line", json_object_get(schema, "line"));
  generation__add_fault(g, file, error);
  json_decref(error);
  drop(g);
}

static void schema_applied(struct store_op *op)
{
  struct apply *a = op->arg;
  struct generation *g = a->generation;
  if (!is_awaited(a, GENERATION_APPLYING)) {
    /* stopping, or the worker died meanwhile */
  } else if (op->status == 0) {
    g->schema_at++;
    apply_next_schema(g);
  } else if (is_the_files_fault(op->err)) {
    refuse_schema(g, schema_at(g, g->schema_at), op->err);
  } else {
    load__fail(g, op->err);
  }
  apply_free(a);
}

static void apply_next_schema(struct generation *g)
{
  json_t *schema = schema_at(g, g->schema_at);
  if (!schema) {
    staff_up(g);
    return;
  }
  json_t *steps = json_object_get(schema, "steps"), *step;
  struct apply *a = mem_alloc(sizeof *a);
  const char **texts = mem_alloc(json_array_size(steps) * sizeof *texts);
  size_t i;
  json_array_foreach(steps, i, step)
    texts[i] = json_string_value(step);
  a->names = texts;
  a->u.schema.name = jx_str(schema, "name", "");
  a->u.schema.steps = texts;
  a->u.schema.n = json_array_size(steps);
  submit(g, a, STORE_SCHEMA, schema_applied);
}

/* ---- the manifest ---- */

static void judge_file(struct generation *g, const json_t *file)
{
  const json_t *error = json_object_get(file, "error");
  const char *path = jx_str(file, "path", "?");
  if (!json_is_object(error) || json_object_get(g->excluded, path))
    return;
  if (!generation__may_lack(g, path))
    generation__add_fault(g, path, error);
}

static void judge_files(struct generation *g)
{
  json_t *file;
  size_t i;
  json_array_foreach(json_object_get(g->manifest, "files"), i, file)
    judge_file(g, file);
}

static void take_manifest(struct generation *g, json_t *manifest)
{
  struct err err;
  json_decref(g->manifest);
  g->manifest = manifest;
  g->manifests++;
  judge_files(g);
  if (json_array_size(g->faults) > 0) {
    drop(g);
    return;
  }
  catalog_free(&g->catalog);
  g->catalog = catalog_new(manifest, &g->settings.defaults, &err);
  if (!g->catalog) {
    load__fail(g, &err);
    return;
  }
  g->state = GENERATION_APPLYING;
  g->schema_at = 0;
  apply_next_schema(g);
}

void load__manifest(struct worker *w, const char *body, size_t len)
{
  struct generation *g = w->generation;
  struct err err;
  json_t *manifest = jx_parse(body, len, &err);
  if (w->state != WORKER_LOADING || w->dismissed || w->pool->state == POOL_STOPPING) {
    /* it leaves, or has said it before */
  } else if (!manifest) {
    process_kill(w->process, "what it says it declares cannot be read");
  } else if (g->state == GENERATION_LOADING) {
    w->state = WORKER_WAITING;
    take_manifest(g, json_incref(manifest));
  } else {
    join(w, manifest);
  }
  json_decref(manifest);
}

/* ---- the way in ---- */

/* What could not be read fails it before any worker starts. */
static void judge_unreadable(struct generation *g)
{
  const char *path;
  json_t *error;
  json_object_foreach(g->sources.problems, path, error)
    if (!generation__may_lack(g, path))
      generation__add_fault(g, path, error);
}

void load__begin(struct generation *g)
{
  g->state = GENERATION_LOADING;
  g->pool->next = g;
  judge_unreadable(g);
  if (json_array_size(g->faults) > 0)
    drop(g);
  else
    staff__fill(g->pool);
}

/* A file whose top level stands still, or ends the worker twice, would do it for ever.
 * Once its generation has its first worker, every file has been loaded before: then it
 * was an accident. */
void load__file_died(struct worker *w, uint32_t number, const char *how)
{
  struct generation *g = w->generation;
  if (number >= g->sources.n || g->state != GENERATION_LOADING || w->dismissed ||
      w->pool->state == POOL_STOPPING)
    return;
  if (!process_killed(w->process) && g->suspect != number + 1) {
    g->suspect = number + 1;
    return;
  }
  const char *path = g->sources.files[number].path;
  char *text = mem_printf("its top level ended the worker (%s)", how);
  json_t *error = jx_error("load_failed", text);
  w->deaths = 0;
  if (generation__may_lack(g, path)) {
    generation__exclude(g, path, "load_failed", text);
  } else {
    generation__add_fault(g, path, error);
    drop(g);
  }
  json_decref(error);
  free(text);
}
