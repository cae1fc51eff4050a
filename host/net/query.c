/* Percent-decoding and query strings: see query.h. */
#include "net/query.h"

#include "base/buf.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int percent_hex(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/* jansson's strings are UTF-8 or are not made. */
static bool is_utf8(const char *text, size_t len)
{
  json_t *string = json_stringn(text, len);
  json_decref(string);
  return string != NULL;
}

static int decode_escapes(char *text, const char **why)
{
  char *to = text;
  for (const char *from = text; *from; from++) {
    if (*from != '%') {
      *to++ = *from;
      continue;
    }
    int high = percent_hex(from[1]), low = high < 0 ? -1 : percent_hex(from[2]);
    *why = low < 0 ? "has a '%' without two hex digits behind it" : "has an encoded NUL";
    if (low < 0 || high + low == 0)
      return -1;
    *to++ = (char)(high * 16 + low);
    from += 2;
  }
  *to = 0;
  *why = "is not UTF-8 when decoded";
  return is_utf8(text, (size_t)(to - text)) ? 0 : -1;
}

int percent_decode(char *text, bool plus, const char **why)
{
  if (plus)
    for (char *p = strchr(text, '+'); p; p = strchr(p, '+'))
      *p = ' ';
  return strchr(text, '%') ? decode_escapes(text, why) : 0;
}

/* `text` is one "name=value". */
static int parse_pair(struct query_pair *pair, char *text, const char **why)
{
  char *value = strchr(text, '=');
  if (value)
    *value++ = 0;
  else
    value = text + strlen(text);
  pair->name = text;
  pair->value = value;
  if (percent_decode(text, true, why) < 0)
    return -1;
  return percent_decode(value, true, why);
}

static size_t count_pairs(const char *raw)
{
  size_t n = 1;
  for (; *raw; raw++)
    n += *raw == '&';
  return n;
}

int query_parse(struct query *q, const char *raw, const char **why)
{
  *q = (struct query){0};
  if (!*raw)
    return 0;
  q->text = mem_strdup(raw);
  q->pairs = mem_alloc(count_pairs(raw) * sizeof *q->pairs);
  char *next = q->text;
  for (char *text = strsep(&next, "&"); text; text = strsep(&next, "&")) {
    if (*text && parse_pair(&q->pairs[q->count++], text, why) < 0) {
      query_fini(q);
      return -1;
    }
  }
  return 0;
}

const char *query_get(const struct query *q, const char *name)
{
  for (size_t i = 0; i < q->count; i++)
    if (strcmp(q->pairs[i].name, name) == 0)
      return q->pairs[i].value;
  return NULL;
}

void query_fini(struct query *q)
{
  free(q->pairs);
  free(q->text);
  *q = (struct query){0};
}
