/* A walk over JSON text that is known to be valid: see json_span.h. */
#include "base/json_span.h"

#include <string.h>

static const char *skip_space(const char *p)
{
  return p + strspn(p, " \t\r\n");
}

static const char *skip_string(const char *p)
{
  for (p++; *p != '"'; p++)
    if (*p == '\\')
      p++;
  return p + 1;
}

/* p stands at the first byte of a value; the result is the byte behind its last. */
static const char *skip_value(const char *p)
{
  size_t depth = 0;
  if (*p != '{' && *p != '[' && *p != '"')
    return p + strcspn(p, " \t\r\n,]}");
  do {
    if (*p == '"') {
      p = skip_string(p);
      continue;
    }
    if (*p == '{' || *p == '[')
      depth++;
    if (*p == '}' || *p == ']')
      depth--;
    p++;
  } while (depth > 0);
  return p;
}

struct json_span json_span_trim(const char *text)
{
  const char *at = skip_space(text);
  return (struct json_span){at, (size_t)(skip_value(at) - at)};
}

bool json_span_next(struct json_span array, const char **at, struct json_span *element)
{
  const char *p = skip_space(*at ? *at : array.at + 1);
  if (*p == ',')
    p = skip_space(p + 1);
  if (*p == ']')
    return false;
  *at = skip_value(p);
  *element = (struct json_span){p, (size_t)(*at - p)};
  return true;
}

bool json_span_member(struct json_span object, const char *name, struct json_span *value)
{
  bool found = false;
  size_t len = strlen(name);
  const char *p = skip_space(object.at + 1);
  while (*p != '}') {
    const char *key = p + 1, *key_end = skip_string(p) - 1;
    p = skip_space(skip_space(key_end + 1) + 1);
    const char *end = skip_value(p);
    if ((size_t)(key_end - key) == len && memcmp(key, name, len) == 0) {
      *value = (struct json_span){p, (size_t)(end - p)};
      found = true;
    }
    p = skip_space(end);
    if (*p == ',')
      p = skip_space(p + 1);
  }
  return found;
}
