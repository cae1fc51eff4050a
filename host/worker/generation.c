/* From the first worker's manifest to a running pool: what the files declare becomes the
 * catalog, tables go to the store, then the types that can be claimed. A file whose
 * tables the store refuses is left out, and the files are loaded again without it. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* ---- types ---- */

static void fail_start(struct pool *p, const struct err *err)
{
  p->config.ready(p->config.arg, err);
}

static void types_known(struct store_op *op)
{
  struct store_types *types = (struct store_types *)op;
  struct pool *p = op->arg;
  if (op->status < 0) {
    fail_start(p, op->err);
  } else if (p->state == POOL_APPLYING) {
    p->state = POOL_RUNNING;
    p->workers[0].state = WORKER_READY;
    for (int i = 1; i < p->n; i++)
      worker__start(&p->workers[i]);
    p->config.ready(p->config.arg, NULL);
    pool_wake(p);
  }
  store_op_fini(op);
  free((void *)(uintptr_t)types->types);
  free(types);
}

static void send_types(struct pool *p)
{
  struct store_types *op = mem_alloc(sizeof *op);
  size_t n = catalog_count(p->catalog);
  struct store_type *types = mem_alloc(n * sizeof *types);
  for (size_t i = 0; i < n; i++) {
    const struct catalog_task *task = catalog_at(p->catalog, i);
    types[i] = (struct store_type){task->name, !task->rerun};
  }
  op->op = (struct store_op){.kind = STORE_TYPES, .done = types_known, .arg = p};
  op->types = types;
  op->n = n;
  store_submit(queue_store(p->queue), &op->op);
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
  process_kill(p->workers[0].process, "a file it loaded was refused");
}

static void schema_applied(struct store_op *op)
{
  struct store_schema *s = (struct store_schema *)op;
  struct pool *p = op->arg;
  const char *file = jx_str(schema_at(p, p->schema_at), "file", "?");
  if (p->state != POOL_APPLYING) {
    /* stopping, or the worker died meanwhile */
  } else if (op->status < 0) {
    load_again_without(p, file, op->err);
  } else {
    p->schema_at++;
    apply_next_schema(p);
  }
  store_op_fini(op);
  free((void *)(uintptr_t)s->steps);
  free(s);
}

static void apply_next_schema(struct pool *p)
{
  json_t *schema = schema_at(p, p->schema_at);
  if (!schema) {
    send_types(p);
    return;
  }
  json_t *steps = json_object_get(schema, "steps"), *step;
  struct store_schema *s = mem_alloc(sizeof *s);
  const char **texts = mem_alloc(json_array_size(steps) * sizeof *texts);
  s->op = (struct store_op){.kind = STORE_SCHEMA, .done = schema_applied, .arg = p};
  s->name = jx_str(schema, "name", "");
  size_t i;
  json_array_foreach(steps, i, step) texts[i] = json_string_value(step);
  s->steps = texts;
  s->n = json_array_size(steps);
  store_submit(queue_store(p->queue), &s->op);
}

/* ---- the manifest ---- */

static void log_bad_files(struct pool *p)
{
  json_t *file;
  size_t i;
  json_array_foreach(json_object_get(p->manifest, "files"), i, file)
  {
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

void generation__manifest(struct worker *w, const char *body, size_t len)
{
  struct pool *p = w->pool;
  struct err err;
  if (p->state == POOL_LOADING) {
    json_t *manifest = jx_parse(body, len, &err);
    if (manifest)
      take_manifest(p, manifest);
    else
      fail_start(p, &err);
    return;
  }
  if (w->state == WORKER_LOADING && p->state == POOL_RUNNING) {
    w->state = WORKER_READY;
    dispatch__pump(p);
  }
}
