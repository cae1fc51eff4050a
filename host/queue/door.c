/* Checking what comes in, and turning it into jobs: see door.h. */
#include "queue/door_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/trace.h"
#include "queue/key.h"

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

/* ---- the payload ---- */

static void check_payload(struct door *d, const struct catalog_task *task,
                          const json_t *payload)
{
  struct schema_problem found[DOOR_PROBLEMS_MAX];
  size_t n = schema_check(task->schema, payload, found, DOOR_PROBLEMS_MAX);
  if (n > DOOR_PROBLEMS_MAX)
    n = DOOR_PROBLEMS_MAX;
  for (size_t i = 0; i < n; i++) {
    char *field = mem_printf("/payload%s", found[i].pointer);
    door__problem(d, field, found[i].code, "%s", found[i].message);
    free(field);
  }
  d->misfit = n > 0;
  schema_problems_fini(found, n);
}

static void read_payload(struct door *d, const struct catalog_task *task,
                         const struct door_payload *given)
{
  struct err err;
  struct json_span text = given->text;
  if (text.len == 0)
    text = (struct json_span){"{}", 2};
  d->payload = given->text.len && given->value
                   ? json_incref((json_t *)(uintptr_t)given->value)
                   : jx_parse(text.at, text.len, &err);
  if (text.len > DOOR_PAYLOAD_MAX)
    door__problem(d, "/payload", "too_large", "has %zu bytes; at most %zu fit", text.len,
                  DOOR_PAYLOAD_MAX);
  else if (!d->payload)
    door__problem(d, "/payload", "bad_json", "%s", err.text);
  else if (!json_is_object(d->payload))
    door__problem(d, "/payload", "type", "must be an object, not %s",
                  jx_kind(d->payload));
  else if (task->schema)
    check_payload(d, task, d->payload);
  d->job.payload = arena_copy(&d->batch->memory, text.at, text.len);
  d->job.payload_len = text.len;
}

/* ---- requests ---- */

static const struct catalog_task *read_type(struct door *d, const json_t *value)
{
  const char *name = json_string_value(value);
  const struct catalog_task *task = name ? catalog_find(d->catalog, name) : NULL;
  if (!value)
    door__problem(d, "/type", "required", "is missing: the name of a task");
  else if (!name)
    door__problem(d, "/type", "type", "must be a string, not %s", jx_kind(value));
  else if (strlen(name) != json_string_length(value))
    door__problem(d, "/type", "invalid", "must be the name of a task, which has no NUL");
  else if (!task)
    door__problem(
        d, "/type", "unknown_task",
        "no script declares a task \"%s\" (%zu declared; `candy tasks` lists them)",
        strlen(name) <= NAME_MAX_LEN ? name : "...", catalog_count(d->catalog));
  return task;
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

/* What says when the job is to run, or NULL. */
static const char *time_field(const struct store_new *job)
{
  if (job->run_at)
    return "/run_at";
  if (job->n_after > 0)
    return "/after";
  return job->delay_ms ? "/delay" : NULL;
}

static void settle_unique(struct door *d)
{
  const char *field = time_field(&d->job);
  if (d->unique->same.same == STORE_SAME_DEBOUNCE && field)
    door__problem(
        d, field, "invalid",
        "goes without debounce, which says when the job runs: leave it out, or add "
        "\"unique\": false");
  else if (d->job.type)
    d->job.unique = unique_hash(d->unique, &d->job, d->payload, &d->batch->memory);
}

static void make_key(struct door *d, const char *pattern)
{
  const char *workspace = d->job.workspace ? d->job.workspace : "default";
  struct buf key = {0}, pointer = {0};
  struct err err;
  if (key_make(&key, pattern, d->payload, workspace, &pointer, &err) < 0)
    door__problem(d, pointer.data, err.code, "%s", err.text);
  else
    d->job.key = arena_copy(&d->batch->memory, key.data, key.len);
  buf_fini(&key);
  buf_fini(&pointer);
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

/* Once all fields are read: a key that was given wins. */
static void apply_order(struct door *d, const struct catalog_task *task)
{
  if (task->key && !d->job.key && json_is_object(d->payload) && !d->misfit)
    make_key(d, task->key);
  check_queue(d, task);
}

static void keep(struct door_batch *b, const struct store_new *job)
{
  if (b->n == b->cap) {
    b->cap = b->cap ? 2 * b->cap : 1;
    b->jobs = mem_grow(b->jobs, b->cap * sizeof *b->jobs);
  }
  b->jobs[b->n++] = *job;
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
  const struct catalog_task *task = read_type(&d, json_object_get(spec, "type"));
  if (task) {
    apply_task(&d.job, task, &b->memory);
    read_payload(&d, task, payload);
    d.unique = task->unique;
  }
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)spec, name, value)
    door__field(&d, name, value);
  if (d.job.run_at && d.job.delay_ms)
    door__problem(&d, "/run_at", "invalid", "goes without delay: give one of the two");
  if (task)
    apply_order(&d, task);
  if (d.unique && json_is_object(d.payload))
    settle_unique(&d);
  keep(b, &d.job);
  json_decref(d.payload);
}

static bool has_escapes(const char *from, const char *to)
{
  return memchr(from, '\\', (size_t)(to - from)) != NULL;
}

/* The payload's own bytes. A name written with escapes would let the tree and the text
 * differ, so the text has to have it too; and where another name may be the same one in
 * disguise, the tree's value is not trusted to be that of the text. */
static struct door_payload find_payload(struct door_batch *b, const json_t *spec,
                                        struct json_span text, const char *pointer)
{
  struct door_payload payload = {.value = json_object_get(spec, "payload")};
  if (!payload.value || json_is_null(payload.value))
    return payload;
  if (!json_span_member(text, "payload", &payload.text)) {
    struct door d = {.batch = b, .pointer = pointer};
    door__problem(&d, "/payload", "invalid", "its name must be written without escapes");
    return payload;
  }
  const char *end = payload.text.at + payload.text.len;
  if (has_escapes(text.at, payload.text.at) || has_escapes(end, text.at + text.len))
    payload.value = NULL;
  return payload;
}

void door__add_one(struct door_batch *b, const struct catalog *catalog,
                   const json_t *spec, struct json_span text, const char *pointer)
{
  struct door_payload payload = find_payload(b, spec, text, pointer);
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
    read_payload(d, task, payload);
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
    struct door_payload payload = find_payload(b, spec, json_span_trim(text.at), "");
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
