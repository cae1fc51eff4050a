/* jansson with Candy's rules: see json.h. */
#include "base/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS (JSON_ALLOW_NUL | JSON_DECODE_ANY)

static void explain(const json_error_t *e, struct err *err)
{
  const char *why = e->text;
  if (json_error_code(e) == json_error_stack_overflow)
    why = "nested deeper than 2048 levels";
  err_set(err, "bad_json", "not valid JSON at line %d, column %d (byte %d): %s", e->line,
          e->column, e->position, why);
}

json_t *jx_parse(const char *text, size_t len, struct err *err)
{
  json_error_t e;
  if (len == 0) {
    err_set(err, "bad_json", "not valid JSON: it is empty (0 bytes)");
    return NULL;
  }
  json_t *value = json_loadb(text, len, FLAGS, &e);
  if (!value && json_error_code(&e) == json_error_numeric_overflow)
    value = json_loadb(text, len, FLAGS | JSON_DECODE_INT_AS_REAL, &e);
  if (!value)
    explain(&e, err);
  return value;
}

static int append(const char *bytes, size_t len, void *b)
{
  buf_append(b, bytes, len);
  return 0;
}

void jx_append(struct buf *b, const json_t *value)
{
  json_dump_callback(value, append, b, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *jx_dump(const json_t *value, size_t *len)
{
  struct buf b = {0};
  jx_append(&b, value);
  if (len)
    *len = b.len;
  return buf_take(&b);
}

const char *jx_str(const json_t *object, const char *name, const char *fallback)
{
  return jx_text(json_object_get(object, name), fallback);
}

const char *jx_text(const json_t *value, const char *fallback)
{
  const char *text = json_string_value(value);
  return text ? text : fallback;
}

int64_t jx_int(const json_t *object, const char *name, int64_t fallback)
{
  const json_t *value = json_object_get(object, name);
  return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool jx_bool(const json_t *object, const char *name, bool fallback)
{
  const json_t *value = json_object_get(object, name);
  return json_is_boolean(value) ? json_is_true(value) : fallback;
}

json_t *jx_string(const char *bytes, size_t len)
{
  json_t *value = json_stringn(bytes ? bytes : "", len);
  return value ? value : json_string("(not valid UTF-8)");
}

json_t *jx_id(int64_t id)
{
  return json_sprintf("%" PRId64, id);
}

json_t *jx_error(const char *code, const char *message)
{
  return json_pack("{s:s, s:o}", "code", code, "message",
                   jx_string(message, strlen(message)));
}

const char *jx_kind(const json_t *value)
{
  static const char *const kinds[] = {"an object", "an array", "a string", "an integer",
                                      "a number",  "true",     "false",    "null"};
  return value ? kinds[json_typeof(value)] : "absent";
}
