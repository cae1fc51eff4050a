/* The payload of what comes in, and what is made of it: the key and the hash of the job.
 * See door.h. */
#include "queue/door_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "queue/key.h"

/* ---- where it is ---- */

static bool has_escapes(const char *from, const char *to)
{
  return memchr(from, '\\', (size_t)(to - from)) != NULL;
}

/* The payload's own bytes. A name written with escapes would let the tree and the text
 * differ, so the text has to have it too; and where another name may be the same one in
 * disguise, the tree's value is not trusted to be that of the text. */
struct door_payload door__find_payload(struct door_batch *b, const json_t *spec,
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

/* ---- what it says ---- */

static void check_schema(struct door *d, const struct schema *schema,
                         const json_t *payload)
{
  struct schema_problem found[DOOR_PROBLEMS_MAX];
  size_t n = schema_check(schema, payload, found, DOOR_PROBLEMS_MAX);
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

static json_t *parse(struct door *d)
{
  struct err err;
  const struct door_payload *given = &d->given;
  json_t *value = given->value ? json_incref((json_t *)(uintptr_t)given->value)
                               : jx_parse(given->text.at, given->text.len, &err);
  if (!value)
    door__problem(d, "/payload", "bad_json", "%s", err.text);
  else if (!json_is_object(value))
    door__problem(d, "/payload", "type", "must be an object, not %s", jx_kind(value));
  if (json_is_object(value))
    return value;
  json_decref(value);
  return NULL;
}

/* An object; NULL when it is none, which has been told then. */
static const json_t *value_of(struct door *d)
{
  if (!d->payload_read)
    d->payload = parse(d);
  d->payload_read = true;
  return d->payload;
}

/* Whether nothing can be wrong with it as long as nothing is asked of what it says: a
 * name with an escaped NUL is for jansson to refuse. */
static bool is_sound_object(const struct door_payload *given)
{
  return given->sound && given->text.at[0] == '{' &&
         !memmem(given->text.at, given->text.len, "\\u0000", 6);
}

void door__read_payload(struct door *d, const struct catalog_task *task,
                        const struct door_payload *given)
{
  d->given = *given;
  if (given->text.len == 0)
    d->given = (struct door_payload){.text = {"{}", 2}};
  struct json_span text = d->given.text;
  d->payload_read = text.len > DOOR_PAYLOAD_MAX;
  if (d->payload_read)
    door__problem(d, "/payload", "too_large", "has %zu bytes; at most %zu fit", text.len,
                  DOOR_PAYLOAD_MAX);
  else if ((task->schema || !is_sound_object(&d->given)) && value_of(d) && task->schema)
    check_schema(d, task->schema, d->payload);
  d->job.payload = arena_copy(&d->batch->memory, text.at, text.len);
  d->job.payload_len = text.len;
}

/* ---- what is made of it ---- */

/* What says when the job is to run, or NULL. */
static const char *time_field(const struct store_new *job)
{
  if (job->run_at)
    return "/run_at";
  if (job->n_after > 0)
    return "/after";
  return job->delay_ms ? "/delay" : NULL;
}

static void settle_unique(struct door *d, const json_t *payload)
{
  const char *field = time_field(&d->job);
  if (d->unique->same.same == STORE_SAME_DEBOUNCE && field)
    door__problem(
        d, field, "invalid",
        "goes without debounce, which says when the job runs: leave it out, or add "
        "\"unique\": false");
  else if (d->job.type)
    d->job.unique = unique_hash(d->unique, &d->job, payload, &d->batch->memory);
}

/* Nothing would ever differ in a field that no payload can have, so that all jobs of the
 * task would be the same. Of the task's own rule the library has checked that. */
static void check_unique(struct door *d, const struct catalog_task *task)
{
  const struct unique_rule *rule = d->unique;
  for (size_t i = 0; task->fields && rule != task->unique && i < rule->n_fields; i++)
    if (!json_object_get(task->fields, rule->fields[i]))
      door__problem(
          d, "/unique", "unknown_field",
          "names the field \"%s\", which the payload of this task does not have",
          rule->fields[i]);
}

static void make_key(struct door *d, const char *pattern, const json_t *payload)
{
  const char *workspace = d->job.workspace ? d->job.workspace : "default";
  struct buf key = {0}, pointer = {0};
  struct err err;
  if (key_make(&key, pattern, payload, workspace, &pointer, &err) < 0)
    door__problem(d, pointer.data, err.code, "%s", err.text);
  else
    d->job.key = arena_copy(&d->batch->memory, key.data, key.len);
  buf_fini(&key);
  buf_fini(&pointer);
}

void door__settle(struct door *d, const struct catalog_task *task)
{
  if (task->key && !d->job.key && !d->misfit && value_of(d))
    make_key(d, task->key, d->payload);
  if (d->unique)
    check_unique(d, task);
  if (d->unique && value_of(d))
    settle_unique(d, d->payload);
}
