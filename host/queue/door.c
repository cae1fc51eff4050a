/* Checking what comes in, and turning it into jobs: see door.h. (Fields: door_fields.c;
 * the payload, and what is made of it: door_payload.c.) */
#include "queue/door_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/trace.h"

void door__problem(struct door *d, const char *field, const char *code, const char *fmt,
                   ...)
{
  struct door_batch *b = d->batch;
  if (!b->problems)
    b->problems = json_array();
  if (json_array_size(b->problems) >= DOOR_PROBLEMS_MAX)
    return;
  struct err text;
  va_list args;
  va_start(args, fmt);
  err_vset(&text, code, fmt, args);
  va_end(args);
  json_array_append_new(b->problems,
                        json_pack("{s:o, s:s, s:o}", "pointer",
                                  json_sprintf("%s%s", d->pointer, field), "code", code,
                                  "message", jx_string(text.text, strlen(text.text))));
}

/* ---- requests ---- */

static const struct catalog_task *find_type(struct door *d, const char *name, size_t len)
{
  const struct catalog_task *task = NULL;
  if (strlen(name) != len)
    door__problem(d, "/type", "invalid", "must be the name of a task, which has no NUL");
  else if (!(task = catalog_find(d->catalog, name)))
    door__problem(
        d, "/type", "unknown_task",
        "no script declares a task \"%s\" (%zu declared; `candy tasks` lists them)",
        len <= NAME_MAX_LEN ? name : "...", catalog_count(d->catalog));
  return task;
}

static const struct catalog_task *read_type(struct door *d, const json_t *value)
{
  if (json_is_string(value))
    return find_type(d, json_string_value(value), json_string_length(value));
  if (!value)
    door__problem(d, "/type", "required", "is missing: the name of a task");
  else
    door__problem(d, "/type", "type", "must be a string, not %s", jx_kind(value));
  return NULL;
}

static void apply_task(struct store_new *job, const struct catalog_task *task,
                       struct arena *memory)
{
  job->type = arena_strdup(memory, task->name);
  job->queue = arena_strdup(memory, task->queue);
  job->priority = task->priority;
  job->max_retries = task->max_retries;
  job->deadline_ms = task->deadline_ms;
}

static void check_queue(struct door *d, const struct catalog_task *task)
{
  const char *queue = task->queue ? task->queue : "default";
  if (task->strict && d->job.queue && strcmp(d->job.queue, queue) != 0)
    door__problem(
        d, "/queue", "invalid",
        "must be \"%s\", or be left out: jobs of this task run in strict order, which "
        "there is in one queue alone",
        queue);
}

static void keep(struct door_batch *b, const struct store_new *job)
{
  if (b->n == b->cap) {
    b->cap = b->cap ? 2 * b->cap : 1;
    b->jobs = mem_grow(b->jobs, b->cap * sizeof *b->jobs);
  }
  b->jobs[b->n++] = *job;
}

/* `spec`: the fields, or NULL when there are none; task NULL: the type was none. */
static void add(struct door *d, const struct catalog_task *task, const json_t *spec,
                const struct door_payload *payload)
{
  const char *name;
  json_t *value;
  if (task) {
    apply_task(&d->job, task, &d->batch->memory);
    door__read_payload(d, task, payload);
    d->unique = task->unique;
  }
  json_object_foreach((json_t *)(uintptr_t)spec, name, value)
    door__field(d, name, value);
  if (d->job.run_at && d->job.delay_ms)
    door__problem(d, "/run_at", "invalid", "goes without delay: give one of the two");
  if (task) {
    check_queue(d, task);
    door__settle(d, task);
  }
  keep(d->batch, &d->job);
  json_decref(d->payload);
}

void door_add(struct door_batch *b, const struct catalog *catalog, const json_t *spec,
              const struct door_payload *payload, const char *pointer)
{
  struct door d = {.batch = b, .catalog = catalog, .pointer = pointer};
  if (!json_is_object(spec)) {
    door__problem(&d, "", "type",
                  "must be an object {\"type\": ..., \"payload\": ...}, not %s",
                  jx_kind(spec));
    return;
  }
  add(&d, read_type(&d, json_object_get(spec, "type")), spec, payload);
}

void door_add_sound(struct door_batch *b, const struct catalog *catalog,
                    struct json_span type, struct json_span payload,
                    const json_t *options, const char *pointer)
{
  struct door d = {.batch = b, .catalog = catalog, .pointer = pointer};
  struct door_payload given = {.text = payload, .sound = true};
  add(&d, find_type(&d, type.at, type.len), options, &given);
}

void door__add_one(struct door_batch *b, const struct catalog *catalog,
                   const json_t *spec, struct json_span text, const char *pointer)
{
  struct door_payload payload = door__find_payload(b, spec, text, pointer);
  door_add(b, catalog, spec, &payload, pointer);
}

void door__add_list(struct door_batch *b, const struct catalog *catalog,
                    const json_t *list, struct json_span text, const char *prefix)
{
  const char *at = NULL;
  struct json_span element;
  for (size_t i = 0; json_span_next(text, &at, &element); i++) {
    char pointer[48];
    snprintf(pointer, sizeof pointer, "%s/%zu", prefix, i);
    const json_t *spec = json_array_get(list, i);
    door__add_one(b, catalog, spec, element, pointer);
  }
}

static int refuse_size(size_t n, struct err *err)
{
  if (n == 0)
    return err_set(err, "empty_batch", "the list of tasks is empty");
  return err_set(err, "too_many_tasks",
                 "%zu tasks in one request; send at most %d at a time", n, DOOR_JOBS_MAX);
}

int door_read(struct door_batch *b, const struct catalog *catalog, const char *text,
              size_t len, bool *many, struct err *err)
{
  json_t *document = jx_parse(text, len, err);
  if (!document)
    return -1;
  struct json_span whole = json_span_trim(text);
  size_t n = json_array_size(document);
  int status = 0;
  *many = json_is_array(document);
  if (*many && (n == 0 || n > DOOR_JOBS_MAX))
    status = refuse_size(n, err);
  else if (*many)
    door__add_list(b, catalog, document, whole, "");
  else
    door__add_one(b, catalog, document, whole, "");
  json_decref(document);
  return status;
}

/* ---- changes ---- */

static bool may_change(const char *name)
{
  static const char *const names[] = {"payload", "priority", "queue", "tags",
                                      "delay",   "delay_ms", "run_at"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], name) == 0)
      return true;
  return false;
}

/* A null is none, but for tags, which it takes away. */
static int check_changes(struct door *d, json_t *spec, struct err *err)
{
  const char *name;
  json_t *value;
  size_t n = 0;
  json_object_foreach(spec, name, value) {
    n += !json_is_null(value) || strcmp(name, "tags") == 0;
    if (!may_change(name))
      door__unknown_field(d, name,
                          "cannot be changed; what can are payload, run_at, delay, "
                          "priority, queue, tags");
  }
  return n > 0 ? 0
               : err_set(err, "invalid",
                         "must be an object with at least one of payload, run_at, delay, "
                         "priority, queue, tags");
}

static bool has(const json_t *spec, const char *name)
{
  const json_t *value = json_object_get(spec, name);
  return value && !json_is_null(value);
}

static void read_change(struct door *d, const json_t *spec, const char *type,
                        const struct door_payload *payload)
{
  json_t *name = json_string(type), *value;
  const char *field;
  /* Without a payload there is none to be checked: {} would not fit every task. */
  bool shaped = has(spec, "payload");
  const struct catalog_task *task =
      shaped ? read_type(d, name) : catalog_find(d->catalog, type);
  if (task && shaped)
    door__read_payload(d, task, payload);
  json_object_foreach((json_t *)(uintptr_t)spec, field, value)
    door__field(d, field, value);
  if (d->job.run_at && d->job.delay_ms)
    door__problem(d, "/run_at", "invalid", "goes without delay: give one of the two");
  if (task)
    check_queue(d, task);
  keep(d->batch, &d->job);
  json_decref(name);
}

int door_read_change(struct door_batch *b, const struct catalog *catalog,
                     const char *type, struct json_span text, struct door_given *given,
                     struct err *err)
{
  struct door d = {.batch = b, .catalog = catalog, .pointer = ""};
  json_t *spec = jx_parse(text.at, text.len, err);
  int rc = spec ? check_changes(&d, spec, err) : -1;
  if (rc == 0 && !b->problems) {
    struct door_payload payload =
        door__find_payload(b, spec, json_span_trim(text.at), "");
    read_change(&d, spec, type, &payload);
    *given = (struct door_given){
        .payload = has(spec, "payload"),
        .priority = has(spec, "priority"),
        .queue = has(spec, "queue"),
        .tags = json_object_get(spec, "tags") != NULL,
        .time = has(spec, "run_at") || has(spec, "delay") || has(spec, "delay_ms"),
    };
  }
  json_decref(d.payload);
  json_decref(spec);
  return rc;
}

/* ---- many ---- */

void door__add_spec(struct door_batch *b, const struct catalog *catalog,
                    const json_t *spec, const char *pointer)
{
  const json_t *payload = json_object_get(spec, "payload");
  struct door_payload text = {
      .text = {json_string_value(payload), json_string_length(payload)}};
  door_add(b, catalog, spec, &text, pointer);
}

void door_add_all(struct door_batch *b, const struct catalog *catalog,
                  const json_t *specs)
{
  size_t i;
  json_t *spec;
  json_array_foreach(specs, i, spec) {
    char pointer[32] = "";
    if (json_array_size(specs) > 1)
      snprintf(pointer, sizeof pointer, "/%zu", i);
    door__add_spec(b, catalog, spec, pointer);
  }
}

static void set_trace(struct door_batch *b, const char *trace)
{
  const char *copy = arena_strdup(&b->memory, trace);
  for (size_t i = 0; i < b->n; i++)
    b->jobs[i].trace = copy;
}

void door_descend(struct door_batch *b, const struct store_job *parent)
{
  char made[TRACE_LEN + 1];
  trace_of_job(made, parent->id);
  set_trace(b, parent->trace ? parent->trace : made);
  for (size_t i = 0; i < b->n; i++)
    b->jobs[i].parent = parent->id;
}

void door_trace(struct door_batch *b, const char *traceparent)
{
  char trace[TRACE_LEN + 1];
  if (trace_of_header(trace, traceparent))
    set_trace(b, trace);
}

void door_explain(const struct door_batch *b, struct err *err)
{
  const json_t *first = json_array_get(b->problems, 0);
  size_t more = json_array_size(b->problems) - 1;
  const char *pointer = jx_str(first, "pointer", "");
  err_set(err, jx_str(first, "code", "invalid"), "%s%s %s",
          *pointer ? pointer : "the request", *pointer ? ":" : "",
          jx_str(first, "message", ""));
  if (more > 0)
    err_set(err, jx_str(first, "code", "invalid"), "%s (and %zu more)", err->text, more);
}

void door_fini(struct door_batch *b)
{
  arena_fini(&b->memory);
  json_decref(b->refs);
  free(b->jobs);
  json_decref(b->problems);
  *b = (struct door_batch){0};
}
