/* links: base */
/* Reaches redaction: reads a JSON line at a time and answers each with one.
 *
 *   {"text":"..."}   what redact_text makes of it, as a JSON string
 *   {"json":...}     what redact_json makes of it
 *   {"error":"..."}  what redact_json_text makes of the text; null: nothing to do
 *   {"hide":"..."}   true; the value is registered
 *   {"time":"...","times":n}  nanoseconds that redact_text takes for it
 */
#include "base/redact.h"
#include "base/clock.h"
#include "base/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *redacted_text(const json_t *text)
{
  struct buf b = {0};
  buf_append(&b, json_string_value(text), json_string_length(text));
  redact_text(&b);
  json_t *value = jx_string(b.data, b.len);
  buf_fini(&b);
  return value;
}

static json_t *redacted_error(const char *text)
{
  char *hidden = redact_json_text(text);
  json_t *value = hidden ? json_string(hidden) : json_null();
  free(hidden);
  return value;
}

static json_t *timed(const json_t *text, int64_t times)
{
  int64_t from = clock_mono_ns();
  for (int64_t i = 0; i < times; i++)
    json_decref(redacted_text(text));
  return json_integer((clock_mono_ns() - from) / times);
}

static json_t *answer(json_t *ask)
{
  if (json_object_get(ask, "text"))
    return redacted_text(json_object_get(ask, "text"));
  if (json_object_get(ask, "json"))
    return redact_json(json_incref(json_object_get(ask, "json")), 32);
  if (json_object_get(ask, "error"))
    return redacted_error(jx_str(ask, "error", ""));
  if (json_object_get(ask, "time"))
    return timed(json_object_get(ask, "time"), jx_int(ask, "times", 1));
  redact_hide(jx_str(ask, "hide", ""));
  return json_true();
}

int main(void)
{
  char *line = NULL;
  size_t cap = 0;
  ssize_t len;
  while ((len = getline(&line, &cap, stdin)) > 0) {
    struct err err;
    json_t *ask = jx_parse(line, (size_t)len, &err);
    if (!ask) {
      fprintf(stderr, "redact: %s\n", err.text);
      return 1;
    }
    json_t *value = answer(ask);
    char *text = jx_dump(value, NULL);
    puts(text);
    free(text);
    json_decref(value);
    json_decref(ask);
  }
  free(line);
  return 0;
}
