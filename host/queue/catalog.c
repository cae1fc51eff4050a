/* Names to tasks: see catalog.h. Sorted by name, found by halving. */
#include "queue/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "queue/limits.h"

struct catalog {
  json_t *manifest; /* the tasks' strings live in it */
  struct catalog_task *tasks;
  size_t n;
  struct catalog_handler *handlers;
  size_t n_handlers;
  struct arena memory; /* of the tasks' rules */
};

static int read_schema(struct catalog_task *task, json_t *json, struct err *err)
{
  json_t *document = json_object_get(json, "schema");
  if (!json_is_object(document) && !json_is_boolean(document))
    return 0;
  task->schema = schema_new(document, NULL, err);
  if (task->schema)
    return 0;
  return err_wrap(err, "%s:%d: the payload of task \"%s\"", task->file, task->line,
                  task->name);
}

static const json_t *read_fields(const json_t *schema)
{
  const json_t *fields = json_object_get(schema, "properties");
  bool closed = json_is_false(json_object_get(schema, "additionalProperties")) &&
                !json_object_get(schema, "patternProperties");
  return closed && json_is_object(fields) ? fields : NULL;
}

static struct policy_backoff read_backoff(struct catalog *c, const json_t *list)
{
  size_t n = json_array_size(list);
  int64_t *ms = n ? arena_alloc(&c->memory, n * sizeof *ms) : NULL;
  for (size_t i = 0; i < n; i++)
    ms[i] = (int64_t)json_number_value(json_array_get(list, i));
  return (struct policy_backoff){ms, n};
}

static int read_task(struct catalog *c, json_t *json,
                     const struct catalog_defaults *defaults, struct err *err)
{
  struct catalog_task *task = &c->tasks[c->n];
  task->name = jx_str(json, "name", "");
  task->file = jx_str(json, "file", "?");
  task->line = (int)jx_int(json, "line", 0);
  task->queue = jx_str(json, "queue", NULL);
  task->priority = (int)jx_int(json, "priority", 0);
  task->max_retries = (int)jx_int(json, "max_retries", defaults->max_retries);
  task->backoff = read_backoff(c, json_object_get(json, "backoff_ms"));
  task->timeout_ms = jx_int(json, "timeout_ms", defaults->timeout_ms);
  task->heartbeat_ms = jx_int(json, "heartbeat_ms", 0);
  task->cancel_grace_ms = jx_int(json, "cancel_grace_ms", defaults->cancel_grace_ms);
  task->deadline_ms = jx_int(json, "deadline_ms", 0);
  task->rerun = jx_bool(json, "rerun", true);
  task->key = jx_str(json, "key", NULL);
  task->limit = limits_read(json, false);
  task->key_limit = limits_read(json, true);
  task->strict = strcmp(jx_str(json, "order", ""), "strict") == 0;
  task->fields = read_fields(json_object_get(json, "schema"));
  task->unique = unique_of_manifest(json_object_get(json, "unique"), &c->memory);
  return read_schema(task, json, err);
}

static int by_name(const void *a, const void *b)
{
  return strcmp(((const struct catalog_task *)a)->name,
                ((const struct catalog_task *)b)->name);
}

static void read_handlers(struct catalog *c, const json_t *list)
{
  json_t *one;
  size_t i;
  c->n_handlers = json_array_size(list);
  c->handlers = mem_alloc(c->n_handlers * sizeof *c->handlers);
  json_array_foreach(list, i, one) {
    struct catalog_task wanted = {.name = jx_str(one, "task", "")};
    struct catalog_task *task =
        c->n ? bsearch(&wanted, c->tasks, c->n, sizeof wanted, by_name) : NULL;
    c->handlers[i] = (struct catalog_handler){jx_str(one, "event", ""), wanted.name};
    if (task)
      task->handler = true;
  }
}

struct catalog *catalog_new(json_t *manifest, const struct catalog_defaults *defaults,
                            struct err *err)
{
  struct catalog *c = mem_alloc(sizeof *c);
  json_t *tasks = json_object_get(manifest, "tasks");
  size_t n = json_array_size(tasks);
  c->manifest = json_incref(manifest);
  c->tasks = mem_alloc(n * sizeof *c->tasks);
  for (; c->n < n; c->n++)
    if (read_task(c, json_array_get(tasks, c->n), defaults, err) < 0) {
      catalog_free(&c);
      return NULL;
    }
  qsort(c->tasks, n, sizeof *c->tasks, by_name);
  read_handlers(c, json_object_get(manifest, "handlers"));
  return c;
}

void catalog_free(struct catalog **catalog)
{
  struct catalog *c = *catalog;
  *catalog = NULL;
  if (!c)
    return;
  for (size_t i = 0; i < c->n; i++)
    schema_free(&c->tasks[i].schema);
  free(c->tasks);
  free(c->handlers);
  arena_fini(&c->memory);
  json_decref(c->manifest);
  free(c);
}

const struct catalog_task *catalog_find(const struct catalog *c, const char *name)
{
  struct catalog_task wanted = {.name = name};
  if (!c || c->n == 0)
    return NULL;
  return bsearch(&wanted, c->tasks, c->n, sizeof *c->tasks, by_name);
}

size_t catalog_count(const struct catalog *c)
{
  return c ? c->n : 0;
}

const struct catalog_task *catalog_at(const struct catalog *c, size_t index)
{
  return &c->tasks[index];
}

const struct catalog_handler *catalog_handler(const struct catalog *c, size_t index)
{
  return c && index < c->n_handlers ? &c->handlers[index] : NULL;
}

const json_t *catalog_manifest(const struct catalog *c)
{
  return c ? c->manifest : NULL;
}
