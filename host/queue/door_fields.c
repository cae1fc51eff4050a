/* Fields of what comes in, one function each: see door.h. The payload is door.c's, and
 * what belongs to other jobs door_graph.c's. */
#include "queue/door_.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define TAGS_MAX     20
#define RETRIES_MAX  1000
#define PRIORITY_MAX 1000000
#define YEAR_3000_MS 32503680000000LL

/* ---- fields ---- */

static bool is_name(const json_t *value)
{
  const char *text = json_string_value(value);
  size_t len = json_string_length(value);
  if (!text || len == 0 || len > NAME_MAX_LEN || strlen(text) != len)
    return false;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)text[i]) && !strchr("_.:-/", text[i]))
      return false;
  return true;
}

static void read_queue(struct door *d, const json_t *value)
{
  if (is_name(value))
    d->job.queue = arena_strdup(&d->batch->memory, json_string_value(value));
  else
    door__problem(
        d, "/queue", "invalid",
        "must be a name of letters, digits and _ . : - / of at most 200 characters");
}

static void read_key(struct door *d, const json_t *value)
{
  size_t len = json_string_length(value);
  if (json_is_string(value) && len > 0 && len <= NAME_MAX_LEN &&
      strlen(json_string_value(value)) == len)
    d->job.key = arena_strdup(&d->batch->memory, json_string_value(value));
  else
    door__problem(d, "/key", "invalid", "must be a string of 1 to 200 bytes");
}

/* Commas part the values of a filter. */
static bool tag_fits(const json_t *tag)
{
  const char *text = jx_text(tag, "");
  size_t len = json_string_length(tag);
  return len > 0 && len <= NAME_MAX_LEN && strlen(text) == len && !strchr(text, ',');
}

static void read_tags(struct door *d, const json_t *value)
{
  bool good = json_is_array(value) && json_array_size(value) <= TAGS_MAX;
  size_t i;
  json_t *tag;
  json_array_foreach(value, i, tag)
    good = good && tag_fits(tag);
  if (!good) {
    door__problem(
        d, "/tags", "invalid",
        "must be a list of at most %d strings of 1 to 200 bytes, without commas",
        TAGS_MAX);
    return;
  }
  struct buf text = {0};
  jx_append(&text, value);
  if (json_array_size(value) > 0)
    d->job.tags = arena_copy(&d->batch->memory, text.data, text.len);
  buf_fini(&text);
}

static void read_priority(struct door *d, const json_t *value)
{
  json_int_t n = json_integer_value(value);
  if (json_is_integer(value) && n >= -PRIORITY_MAX && n <= PRIORITY_MAX)
    d->job.priority = (int)n;
  else
    door__problem(d, "/priority", "invalid",
                  "must be an integer from -1000000 to 1000000 (smaller runs first)");
}

static void read_retries(struct door *d, const json_t *value)
{
  json_int_t n = json_integer_value(value);
  if (json_is_integer(value) && n >= 0 && n <= RETRIES_MAX)
    d->job.max_retries = (int)n;
  else
    door__problem(d, "/max_retries", "invalid", "must be an integer from 0 to %d",
                  RETRIES_MAX);
}

/* "2h"; or -1. */
static int64_t duration_of(const json_t *value)
{
  return json_is_string(value) ? duration_parse(json_string_value(value)) : -1;
}

/* "2026-11-22T08:00:00Z", or milliseconds since 1970; or -1. */
static int64_t time_of(const json_t *value)
{
  int64_t ms = json_is_integer(value) ? json_integer_value(value) : -1;
  if (json_is_string(value) && clock_parse(json_string_value(value), &ms) < 0)
    ms = -1;
  return ms > 0 && ms < YEAR_3000_MS ? ms : -1;
}

static void read_delay(struct door *d, const json_t *value)
{
  int64_t ms = json_is_integer(value) ? json_integer_value(value) : duration_of(value);
  if (ms >= 0 && ms <= DURATION_MAX_MS)
    d->job.delay_ms = ms;
  else
    door__problem(
        d, "/delay", "invalid",
        "must be a duration such as \"30s\", \"5m\" or \"2h\", or milliseconds");
}

static void read_run_at(struct door *d, const json_t *value)
{
  int64_t at = time_of(value);
  if (at > 0)
    d->job.run_at = at;
  else
    door__problem(
        d, "/run_at", "invalid",
        "must be a time such as \"2026-11-22T08:00:00Z\", or milliseconds since 1970");
}

/* "2h" from now on, or a time. */
static void read_deadline(struct door *d, const json_t *value)
{
  int64_t ms = duration_of(value), at = ms < 0 ? time_of(value) : -1;
  d->job.deadline_ms = d->job.deadline = 0;
  if (ms > 0)
    d->job.deadline_ms = ms;
  else if (at > 0)
    d->job.deadline = at;
  else
    door__problem(d, "/deadline", "invalid",
                  "must be a duration such as \"30m\", a time such as "
                  "\"2026-11-22T08:00:00Z\", or milliseconds since 1970");
}

static void read_unique(struct door *d, const json_t *value)
{
  struct err err;
  d->unique = NULL;
  if (json_is_false(value))
    return;
  d->unique = unique_of_request(value, &d->batch->memory, &err);
  if (!d->unique)
    door__problem(d, "/unique", err.code, "%s", err.text);
}

static void ignore(struct door *d, const json_t *value)
{
  (void)d;
  (void)value;
}

static const struct {
  const char *name;
  void (*read)(struct door *d, const json_t *value);
} fields[] = {
    {"type", ignore},
    {"payload", ignore},
    {"delay", read_delay},
    {"delay_ms", read_delay},
    {"run_at", read_run_at},
    {"priority", read_priority},
    {"queue", read_queue},
    {"tags", read_tags},
    {"key", read_key},
    {"max_retries", read_retries},
    {"deadline", read_deadline},
    {"unique", read_unique},
    {"ref", door__ref},
    {"after", door__after},
    {"after_failure", door__after_failure},
    {"batch", door__join},
};

void door__unknown_field(struct door *d, const char *name, const char *text)
{
  struct buf field = {0};
  buf_putc(&field, '/');
  for (const char *p = name; *p; p++) /* RFC 6901: "~" is "~0", "/" is "~1" */
    if (*p == '~' || *p == '/')
      buf_puts(&field, *p == '~' ? "~0" : "~1");
    else
      buf_putc(&field, *p);
  door__problem(d, field.data, "unknown_field", "%s", text);
  buf_fini(&field);
}

void door__field(struct door *d, const char *name, const json_t *value)
{
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (strcmp(fields[i].name, name) == 0) {
      if (!json_is_null(value))
        fields[i].read(d, value);
      return;
    }
  door__unknown_field(
      d, name,
      "is not a field of a task; known fields: type, payload, delay, run_at, priority, "
      "queue, tags, key, max_retries, deadline, unique, after, after_failure, ref, "
      "batch");
}
