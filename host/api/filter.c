/* Which jobs a request means: the same fields from a query string or a JSON body. */
#include "api/api_.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define SEARCH_MAX   200 /* each byte is looked for in every payload */
#define PROBLEMS_MAX 20

void api__problem(struct api_filter *f, const char *field, const char *code,
                  const char *message)
{
  if (!f->problems)
    f->problems = json_array();
  if (json_array_size(f->problems) >= PROBLEMS_MAX)
    return;
  json_array_append_new(f->problems, json_pack("{s:o, s:s, s:s}", "pointer",
                                               json_sprintf("/%s", field), "code", code,
                                               "message", message));
}

/* ---- fields ---- */

static void refuse_empty(struct api_filter *f, const char *field)
{
  api__problem(f, field, "invalid", "must not be empty");
}

/* "a,b" -> {"a","b"}; empty parts are dropped. No part at all would widen the filter to
 * everything, so it is refused. */
size_t api__split(struct api_filter *f, const char *field, const char *text,
                  const char *const **out)
{
  char *copy = arena_strdup(&f->memory, text), *rest = NULL;
  const char **parts = arena_alloc(&f->memory, (strlen(text) / 2 + 1) * sizeof *parts);
  size_t n = 0;
  for (char *part = strtok_r(copy, ",", &rest); part; part = strtok_r(NULL, ",", &rest))
    parts[n++] = part;
  if (n == 0)
    refuse_empty(f, field);
  *out = parts;
  return n;
}

static void read_state(struct api_filter *f, const char *text)
{
  const char *const *names;
  size_t n = api__split(f, "state", text, &names);
  for (size_t i = 0; i < n; i++) {
    int state = 0;
    while (state < STORE_STATES && strcmp(store_state_names[state], names[i]) != 0)
      state++;
    if (state == STORE_STATES)
      api__problem(
          f, "state", "invalid",
          "must be of scheduled, available, running, retryable, pending, completed, "
          "cancelled, dead");
    else
      f->filter.states |= 1u << state;
  }
}

static void read_type(struct api_filter *f, const char *text)
{
  f->filter.n_types = api__split(f, "type", text, &f->filter.types);
}

static void read_queue(struct api_filter *f, const char *text)
{
  f->filter.n_queues = api__split(f, "queue", text, &f->filter.queues);
}

static void read_tag(struct api_filter *f, const char *text)
{
  f->filter.tag = arena_strdup(&f->memory, text);
}

static void read_search(struct api_filter *f, const char *text)
{
  if (strlen(text) > SEARCH_MAX)
    api__problem(f, "search", "invalid", "must have at most 200 bytes");
  f->filter.search = arena_strdup(&f->memory, text);
}

int64_t api__time(struct api_filter *f, const char *field, const char *text)
{
  int64_t ms = api_id(text);
  if (ms < 0 && clock_parse(text, &ms) < 0)
    api__problem(
        f, field, "invalid",
        "must be a time such as 2026-11-22T08:00:00Z, or milliseconds since 1970");
  return ms;
}

static void read_since(struct api_filter *f, const char *text)
{
  f->filter.since = api__time(f, "since", text);
}

static void read_until(struct api_filter *f, const char *text)
{
  f->filter.until = api__time(f, "until", text);
}

static void read_ids(struct api_filter *f, const char *text)
{
  const char *const *parts;
  size_t n = api__split(f, "ids", text, &parts);
  int64_t *ids = arena_alloc(&f->memory, n * sizeof *ids);
  for (size_t i = 0; i < n; i++) {
    ids[i] = api_id(parts[i]);
    if (ids[i] < 0)
      api__problem(f, "ids", "invalid", "must be ids of jobs");
  }
  f->filter.ids = ids;
  f->filter.n_ids = n;
}

static int64_t read_id(struct api_filter *f, const char *field, const char *text)
{
  int64_t id = api_id(text);
  if (id <= 0)
    api__problem(f, field, "invalid", "must be an id");
  return id;
}

static void read_batch(struct api_filter *f, const char *text)
{
  f->filter.batch = read_id(f, "batch", text);
}

static void read_parent(struct api_filter *f, const char *text)
{
  f->filter.parent = read_id(f, "parent", text);
}

static const struct field {
  const char *name;
  void (*read)(struct api_filter *f, const char *text);
} fields[] = {{"state", read_state},  {"type", read_type},     {"queue", read_queue},
              {"tag", read_tag},      {"search", read_search}, {"since", read_since},
              {"until", read_until},  {"ids", read_ids},       {"batch", read_batch},
              {"parent", read_parent}};

static bool is_one_of(const char *const *names, const char *name)
{
  while (*names && strcmp(*names, name) != 0)
    names++;
  return *names != NULL;
}

static void refuse_unknown(struct api_filter *f, const char *name,
                           const char *const *others)
{
  struct buf text = {0};
  buf_puts(&text, "is not known here; known are ");
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    buf_printf(&text, "%s%s", i ? ", " : "", fields[i].name);
  for (; *others; others++)
    buf_printf(&text, ", %s", *others);
  api__problem(f, name, "unknown_parameter", text.data);
  buf_fini(&text);
}

static const struct field *find_field(const char *name)
{
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (strcmp(fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

static void read_field(struct api_filter *f, const struct field *field, const char *text)
{
  if (*text)
    field->read(f, text);
  else
    refuse_empty(f, field->name);
}

/* ---- sources ---- */

void api_filter_query(struct api_filter *f, const struct http_request *req,
                      const char *const *others)
{
  *f = (struct api_filter){0};
  for (size_t i = 0; i < req->pairs.count; i++) {
    const char *name = req->pairs.pairs[i].name;
    const struct field *field = find_field(name);
    if (field)
      read_field(f, field, req->pairs.pairs[i].value);
    else if (!is_one_of(others, name))
      refuse_unknown(f, name, others);
  }
}

/* A JSON value as the query string would have it: lists are joined by commas. */
static char *as_text(struct api_filter *f, const json_t *value)
{
  struct buf b = {0};
  size_t i;
  json_t *element;
  if (json_is_string(value))
    buf_puts(&b, json_string_value(value));
  else if (json_is_integer(value))
    buf_printf(&b, "%lld", (long long)json_integer_value(value));
  json_array_foreach(value, i, element) {
    char *part = as_text(f, element);
    buf_printf(&b, "%s%s", i ? "," : "", part);
  }
  char *text = arena_copy(&f->memory, b.data, b.len);
  buf_fini(&b);
  return text;
}

/* What could not be written into a query string would choose other jobs than it says: a
 * text ends at its NUL further on, and other values would be passed over. */
static const char *fault_of(const json_t *value)
{
  size_t i;
  json_t *element;
  const char *fault = NULL;
  if (json_is_string(value))
    return strlen(json_string_value(value)) != json_string_length(value)
               ? "must have no NUL"
               : NULL;
  if (!json_is_array(value))
    return json_is_integer(value) ? NULL
                                  : "must be a text, an integer, or a list of them";
  json_array_foreach(value, i, element)
    fault = fault                    ? fault
            : json_is_array(element) ? "must be no list of lists"
                                     : fault_of(element);
  return fault;
}

static void read_member(struct api_filter *f, const struct field *field,
                        const json_t *value)
{
  const char *fault = fault_of(value);
  if (fault)
    api__problem(f, field->name, "invalid", fault);
  else
    read_field(f, field, as_text(f, value));
}

void api_filter_json(struct api_filter *f, const json_t *body, const char *const *others)
{
  const char *name;
  json_t *value;
  *f = (struct api_filter){0};
  json_object_foreach((json_t *)(uintptr_t)body, name, value) {
    const struct field *field = find_field(name);
    if (field)
      read_member(f, field, value);
    else if (!is_one_of(others, name))
      refuse_unknown(f, name, others);
  }
}

void api_filter_fini(struct api_filter *f)
{
  arena_fini(&f->memory);
  json_decref(f->problems);
}
