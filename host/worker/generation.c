/* From the first worker's manifest to a running pool: what the files declare becomes the
 * catalog, tables go to the store, then the types that can be claimed. A file whose
 * tables the store refuses is left out, and the files are loaded again without it. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* An operation on its way to the store. The manifest that it speaks of stays until it is
 * back; when another one was taken meanwhile (`manifests` has moved on), its answer is of
 * no interest any more. */
struct apply {
  union {
    struct store_op op;
    struct store_schema schema;
    struct store_types types;
  } u;
  struct pool *pool;
  json_t *manifest;
  unsigned number;
  void *names;
};

static void submit(struct pool *p, struct apply *a, enum store_kind kind,
                   void (*done)(struct store_op *op))
{
  a->pool = p;
  a->manifest = json_incref(p->manifest);
  a->number = p->manifests;
  a->u.op.kind = kind;
  a->u.op.done = done;
  a->u.op.arg = a;
  store_submit(queue_store(p->queue), &a->u.op);
}

static void apply_free(struct apply *a)
{
  store_op_fini(&a->u.op);
  json_decref(a->manifest);
  free(a->names);
  free(a);
}

static bool is_current(const struct apply *a)
{
  return a->pool->state == POOL_APPLYING && a->number == a->pool->manifests;
}

static void fail_start(struct pool *p, const struct err *err)
{
  p->config.ready(p->config.arg, err);
}

/* ---- types ---- */

static void run_pool(struct pool *p)
{
  p->state = POOL_RUNNING;
  p->seats[0].state = WORKER_READY;
  for (int i = 1; i < p->config.workers; i++)
    worker__start(&p->seats[i]);
  p->config.ready(p->config.arg, NULL);
  pool_wake(p);
}

static void types_known(struct store_op *op)
{
  struct apply *a = op->arg;
  if (is_current(a) && op->status < 0)
    fail_start(a->pool, op->err);
  else if (is_current(a))
    run_pool(a->pool);
  apply_free(a);
}

static void send_types(struct pool *p)
{
  struct apply *a = mem_alloc(sizeof *a);
  size_t n = catalog_count(p->catalog);
  struct store_type *types = mem_alloc(n * sizeof *types);
  for (size_t i = 0; i < n; i++) {
    const struct catalog_task *task = catalog_at(p->catalog, i);
    types[i] = (struct store_type){task->name, !task->rerun};
  }
  a->names = types;
  a->u.types.types = types;
  a->u.types.n = n;
  submit(p, a, STORE_TYPES, types_known);
}

/* ---- tables ---- */

static void apply_next_schema(struct pool *p);

static json_t *schema_at(struct pool *p, size_t i)
{
  return json_array_get(json_object_get(p->manifest, "schemas"), i);
}

/* The worker has loaded a file that must not count: a new one loads the others. */
static void load_again_without(struct pool *p, const char *file, const struct err *err)
{
  pool__exclude(p, file, err->code, err->text);
  p->state = POOL_LOADING;
  p->reloading = true;
  process_kill(p->seats[0].process, "a file it loaded was refused");
}

static bool is_the_files_fault(const struct err *err)
{
  return strncmp(err->code, "store_", 6) != 0;
}

static void schema_applied(struct store_op *op)
{
  struct apply *a = op->arg;
  struct pool *p = a->pool;
  const char *file = jx_str(schema_at(p, p->schema_at), "file", "?");
  if (!is_current(a)) {
    /* stopping, or the worker died meanwhile */
  } else if (op->status == 0) {
    p->schema_at++;
    apply_next_schema(p);
  } else if (is_the_files_fault(op->err)) {
    load_again_without(p, file, op->err);
  } else {
    fail_start(p, op->err);
  }
  apply_free(a);
}

static void apply_next_schema(struct pool *p)
{
  json_t *schema = schema_at(p, p->schema_at);
  if (!schema) {
    send_types(p);
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
  submit(p, a, STORE_SCHEMA, schema_applied);
}

/* ---- the manifest ---- */

static void log_bad_files(struct pool *p)
{
  json_t *file;
  size_t i;
  json_array_foreach(json_object_get(p->manifest, "files"), i, file) {
    json_t *error = json_object_get(file, "error");
    const char *path = jx_str(file, "path", "?");
    if (json_is_object(error) && !json_object_get(p->excluded, path))
      pool__log(p, POOL_ERROR, json_pack("{s:s}", "file", path),
                "%s is left out: %s; the other files run", path,
                jx_str(error, "message", "?"));
  }
}

static void take_manifest(struct pool *p, json_t *manifest)
{
  struct err err;
  json_decref(p->manifest);
  p->manifest = manifest;
  p->manifests++;
  catalog_free(&p->catalog);
  p->catalog = catalog_new(manifest, &p->config.defaults, &err);
  if (!p->catalog) {
    fail_start(p, &err);
    return;
  }
  log_bad_files(p);
  p->state = POOL_APPLYING;
  p->schema_at = 0;
  apply_next_schema(p);
}

/* Files that are no constant can declare something else in each process; jobs of what one
 * of them lacks would go to it in vain. */
static void join_pool(struct worker *w, json_t *manifest)
{
  const json_t *expected = json_object_get(w->pool->manifest, "tasks");
  if (json_equal(json_object_get(manifest, "tasks"), expected)) {
    w->state = WORKER_READY;
    dispatch__pump(w->pool);
  } else {
    process_kill(w->process,
                 "its files declare other tasks than those of the first worker");
  }
}

void generation__manifest(struct worker *w, const char *body, size_t len)
{
  struct pool *p = w->pool;
  struct err err;
  json_t *manifest = jx_parse(body, len, &err);
  if (p->state == POOL_LOADING && manifest)
    take_manifest(p, json_incref(manifest));
  else if (p->state == POOL_LOADING)
    fail_start(p, &err);
  else if (w->state == WORKER_LOADING && p->state == POOL_RUNNING)
    join_pool(w, manifest);
  json_decref(manifest);
}
