/* From rules and payloads to hashes: see unique.h. */
#include "queue/unique.h"

#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define FIELD_LONGEST 200
#define UNFINISHED                                                                       \
  (1u << STORE_SCHEDULED | 1u << STORE_AVAILABLE | 1u << STORE_RUNNING |                 \
   1u << STORE_RETRYABLE | 1u << STORE_PENDING)

/* ---- rules ---- */

static int by_text(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_field(const json_t *name)
{
  size_t len = json_string_length(name);
  return len > 0 && len <= FIELD_LONGEST && strlen(json_string_value(name)) == len;
}

static int read_fields(struct unique_rule *rule, const json_t *json, struct arena *memory,
                       struct err *err)
{
  size_t n = json_array_size(json), i;
  json_t *name;
  rule->whole = !json || json_is_null(json) || json_is_true(json);
  if (rule->whole)
    return 0;
  rule->fields = arena_alloc(memory, n * sizeof *rule->fields);
  json_array_foreach(json, i, name) {
    if (n > UNIQUE_FIELDS_MAX || !is_field(name))
      break;
    rule->fields[rule->n_fields++] = arena_strdup(memory, json_string_value(name));
  }
  if (!json_is_array(json) || n == 0 || rule->n_fields < n)
    return err_set(err, "invalid",
                   "must name 1 to %d fields of the payload, each by 1 to %d bytes",
                   UNIQUE_FIELDS_MAX, FIELD_LONGEST);
  qsort(rule->fields, n, sizeof *rule->fields, by_text);
  return 0;
}

static unsigned state_bit(const json_t *name)
{
  for (int state = 0; state < STORE_STATES; state++)
    if (strcmp(jx_text(name, ""), store_state_names[state]) == 0)
      return 1u << state;
  return 0;
}

static int read_states(struct unique_rule *rule, const json_t *json, struct err *err)
{
  bool good = json_array_size(json) > 0;
  size_t i;
  json_t *name;
  rule->same.states = UNFINISHED;
  if (!json || json_is_null(json))
    return 0;
  rule->same.states = 0;
  json_array_foreach(json, i, name) {
    good = good && state_bit(name);
    rule->same.states |= state_bit(name);
  }
  return good ? 0
              : err_set(err, "invalid",
                        "states must be a list of: scheduled available running retryable "
                        "pending completed cancelled dead");
}

static int read_window(struct unique_rule *rule, const json_t *json, struct err *err)
{
  int64_t ms = json_is_string(json) ? duration_parse(json_string_value(json)) : -1;
  if (!json || json_is_null(json))
    return 0;
  if (json_is_integer(json))
    ms = json_integer_value(json);
  rule->same.window_ms = ms;
  return ms > 0 && ms <= DURATION_MAX_MS
             ? 0
             : err_set(err, "invalid",
                       "window must be a duration such as \"10m\", or milliseconds");
}

static int check_members(const json_t *json, struct err *err)
{
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)json, name, value) {
    if (strcmp(name, "fields") != 0 && strcmp(name, "states") != 0 &&
        strcmp(name, "window") != 0)
      return err_set(err, "invalid", "takes fields, states and window, and nothing else");
  }
  return 0;
}

struct unique_rule *unique_of_request(const json_t *json, struct arena *memory,
                                      struct err *err)
{
  struct unique_rule *rule = arena_alloc(memory, sizeof *rule);
  const json_t *fields = json_is_object(json) ? json_object_get(json, "fields") : json;
  if (!json_is_true(json) && !json_is_array(json) && !json_is_object(json)) {
    err_set(err, "invalid",
            "must be true, false, a list of fields, or {\"fields\", \"states\", "
            "\"window\"}");
    return NULL;
  }
  if (check_members(json, err) < 0 || read_fields(rule, fields, memory, err) < 0 ||
      read_states(rule, json_object_get(json, "states"), err) < 0 ||
      read_window(rule, json_object_get(json, "window"), err) < 0)
    return NULL;
  return rule;
}

/* The library has checked what a task says. */
struct unique_rule *unique_of_manifest(const json_t *json, struct arena *memory)
{
  static const char *const modes[] = {
      [STORE_SAME_KEEP] = "keep",
      [STORE_SAME_DEBOUNCE] = "debounce",
      [STORE_SAME_SUPERSEDE] = "supersede",
      [STORE_SAME_SUPERSEDE_QUEUED] = "supersede_queued",
  };
  const json_t *fields = json_object_get(json, "fields");
  if (!json_is_object(json))
    return NULL;
  struct unique_rule *rule = arena_alloc(memory, sizeof *rule);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
    if (strcmp(jx_str(json, "mode", ""), modes[i]) == 0)
      rule->same.same = (enum store_same)i;
  struct err err;
  if (json_array_size(fields) > 0 || json_is_true(fields))
    read_fields(rule, fields, memory, &err);
  read_states(rule, json_object_get(json, "states"), &err);
  rule->same.window_ms = jx_int(json, "window", 0);
  rule->same.wait_ms = jx_int(json, "wait", 0);
  rule->same.max_wait_ms = jx_int(json, "max_wait", 0);
  return rule;
}

/* ---- the canonical text of values ---- */

static void put_value(struct buf *b, const json_t *value);

/* A whole number is one however it was written, also beyond what an integer holds. */
static void put_number(struct buf *b, const json_t *value)
{
  double d = json_number_value(value);
  if (json_is_integer(value))
    buf_printf(b, "%lld", (long long)json_integer_value(value));
  else if (d == floor(d) && fabs(d) < 9.2e18)
    buf_printf(b, "%lld", (long long)d);
  else
    buf_printf(b, "%.17g", d);
}

static void put_array(struct buf *b, const json_t *array)
{
  size_t i;
  json_t *value;
  buf_putc(b, '[');
  json_array_foreach(array, i, value) {
    put_value(b, value);
    buf_putc(b, ',');
  }
  buf_putc(b, ']');
}

static void put_member(struct buf *b, const char *name, const json_t *value)
{
  if (!value || json_is_null(value))
    return;
  buf_json_string(b, name, strlen(name));
  buf_putc(b, ':');
  put_value(b, value);
  buf_putc(b, ',');
}

static void put_object(struct buf *b, const json_t *object)
{
  size_t n = 0;
  const char **names = mem_alloc((json_object_size(object) + 1) * sizeof *names);
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)object, name, value)
    names[n++] = name;
  qsort(names, n, sizeof *names, by_text);
  buf_putc(b, '{');
  for (size_t i = 0; i < n; i++)
    put_member(b, names[i], json_object_get(object, names[i]));
  buf_putc(b, '}');
  free(names);
}

static void put_value(struct buf *b, const json_t *value)
{
  if (json_is_object(value))
    put_object(b, value);
  else if (json_is_array(value))
    put_array(b, value);
  else if (json_is_string(value))
    buf_json_string(b, json_string_value(value), json_string_length(value));
  else if (json_is_number(value))
    put_number(b, value);
  else
    buf_puts(b, json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false");
}

/* ---- the hash ---- */

static void put_text(struct buf *b, const char *text)
{
  if (text)
    buf_json_string(b, text, strlen(text));
  buf_putc(b, ',');
}

/* The names of the fields are part of it: rules that name others are apart. */
static void put_fields(struct buf *b, const struct unique_rule *rule,
                       const json_t *payload)
{
  for (size_t i = 0; i < rule->n_fields; i++)
    put_text(b, rule->fields[i]);
  buf_putc(b, '|');
  for (size_t i = 0; i < rule->n_fields; i++)
    put_member(b, rule->fields[i], json_object_get(payload, rule->fields[i]));
  if (rule->whole)
    put_object(b, payload);
}

const struct store_unique *unique_hash(const struct unique_rule *rule,
                                       const struct store_new *job, const json_t *payload,
                                       struct arena *memory)
{
  struct store_unique *unique = arena_alloc(memory, sizeof *unique);
  struct buf b = {0};
  *unique = rule->same;
  put_text(&b, job->workspace ? job->workspace : "default");
  put_text(&b, job->type);
  put_text(&b, job->key);
  put_fields(&b, rule, payload);
  crypto_generichash(unique->hash, sizeof unique->hash, (const unsigned char *)b.data,
                     b.len, NULL, 0);
  buf_fini(&b);
  return unique;
}
