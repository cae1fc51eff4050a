/* Secrets in JSON: values under telling names, whatever they are, and what texts hold.
 * See redact.h.
 *
 * Names and values also come as lists of pairs, as headers and arguments do:
 * ["Authorization", "..."], {"name": "token", "value": "..."}, ["--password", "..."].
 */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/redact_.h"

#define JSON_DEPTH 64

static json_t *hidden(void)
{
  return json_string(REDACT_HIDDEN);
}

static bool holds_more(const json_t *value)
{
  return json_is_object(value) || json_is_array(value) || json_is_string(value);
}

static json_t *redact_string(json_t *value)
{
  struct text t = {json_string_value(value), json_string_length(value)};
  struct buf b = {0};
  if (!redact__has_secret(t))
    return value;
  buf_append(&b, t.at, t.len);
  redact_text(&b);
  json_decref(value);
  value = jx_string(b.data, b.len);
  buf_fini(&b);
  return value;
}

static bool hides(const char *name, const json_t *value)
{
  enum redact_name kind = redact__name(name, strlen(name));
  if (kind == REDACT_PLAIN || json_is_boolean(value) || json_is_null(value))
    return false;
  return kind != REDACT_PLURAL || !json_is_number(value);
}

/* ---- pairs ---- */

/* Whether the text before this one in a list names it: two texts are a pair, and in a
 * longer list (of arguments) a flag tells. */
static bool is_named(const json_t *array, size_t i)
{
  const char *name = i ? json_string_value(json_array_get(array, i - 1)) : NULL;
  const json_t *value = json_array_get(array, i);
  bool pair = json_array_size(array) == 2;
  return name && json_is_string(value) && (pair || strncmp(name, "--", 2) == 0) &&
         !strpbrk(name, " =:") && hides(name, value);
}

static const char *text_of(const json_t *object, const char *const *names)
{
  const char *name;
  json_t *value;
  for (; *names; names++)
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
      if (strcasecmp(name, *names) == 0 && json_is_string(value))
        return json_string_value(value);
  return NULL;
}

/* {"name": "password", "value": ...}: the member is the value, and its object tells. */
static bool is_pair_value(const json_t *object, const char *member, const json_t *value)
{
  static const char *const names[] = {"name", "key", "header", NULL};
  if (strcasecmp(member, "value") != 0)
    return false;
  const char *name = text_of(object, names);
  return name && hides(name, value);
}

/* ---- lists and objects ---- */

static json_t *redact_array(json_t *array, int depth)
{
  for (size_t i = json_array_size(array); i-- > 0;) { /* names are looked at unchanged */
    json_t *value = json_array_get(array, i);
    if (is_named(array, i))
      json_array_set_new(array, i, hidden());
    else if (holds_more(value))
      json_array_set_new(array, i, redact_json(json_incref(value), depth - 1));
  }
  return array;
}

static void put_member(json_t *object, const char *name, json_t *value)
{
  struct buf b = {0};
  buf_puts(&b, name);
  redact_text(&b);
  json_object_set_new(object, b.data ? b.data : "", value);
  buf_fini(&b);
}

static bool has_telling_name(json_t *object)
{
  const char *name;
  json_t *value;
  json_object_foreach(object, name, value) {
    size_t from = 0, to;
    if (redact__find_known(name, strlen(name), &from, &to))
      return true;
  }
  return false;
}

/* Names are rarely secrets themselves, but a table may be keyed by one. */
static json_t *rename_members(json_t *object)
{
  const char *name;
  json_t *value, *renamed;
  if (!has_telling_name(object))
    return object;
  renamed = json_object();
  json_object_foreach(object, name, value)
    put_member(renamed, name, json_incref(value));
  json_decref(object);
  return renamed;
}

static json_t *redact_object(json_t *object, int depth)
{
  for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
    const char *name = json_object_iter_key(at);
    json_t *value = json_object_iter_value(at);
    if (hides(name, value) || is_pair_value(object, name, value))
      json_object_iter_set_new(object, at, hidden());
    else if (holds_more(value))
      json_object_iter_set_new(object, at, redact_json(json_incref(value), depth - 1));
  }
  return rename_members(object);
}

json_t *redact_json(json_t *value, int depth)
{
  bool nests = json_is_object(value) || json_is_array(value);
  if (nests && depth <= 0) {
    json_decref(value);
    return json_string("[nested too deep]");
  }
  if (json_is_object(value))
    return redact_object(value, depth);
  if (json_is_array(value))
    return redact_array(value, depth);
  return json_is_string(value) ? redact_string(value) : value;
}

char *redact_json_text(const char *json)
{
  struct text t = {json, strlen(json)};
  if (!redact__has_secret(t))
    return NULL;
  struct buf b = {0};
  json_t *value = jx_parse(t.at, t.len, NULL);
  if (value) {
    value = redact_json(value, JSON_DEPTH);
    jx_append(&b, value);
  } else {
    buf_append(&b, t.at, t.len);
    redact_text(&b);
  }
  json_decref(value);
  return buf_take(&b);
}
