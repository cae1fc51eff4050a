/* The first look at a JSON text: see ljson_scan.h. */
#include "lua/ljson_scan.h"

#include <string.h>

#include "base/utf8.h"

#define DEPTH 100

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* From behind the opening quote to behind the closing one; NULL when the string needs
 * the other reader. */
static const char *plain_string(const char *p, const char *end)
{
  for (; p < end; p++) {
    if (*p == '"')
      return p + 1;
    if ((unsigned char)*p < 0x20)
      return NULL;
    if (*p != '\\')
      continue;
    if (end - p >= 6 && memcmp(p, "\\u0000", 6) == 0)
      return NULL;
    p++;
  }
  return NULL;
}

/* RFC 8259 section 6 without exponents; lua-cjson itself would take "1." and more. */
static const char *plain_number(const char *p, const char *end)
{
  p += *p == '-';
  const char *digits = p;
  while (p < end && is_digit(*p))
    p++;
  bool is_zero = p - digits == 1 && *digits == '0';
  if (p == digits || p - digits >= SCAN_LONG || (*digits == '0' && !is_zero) ||
      (is_zero && digits[-1] == '-'))
    return NULL;
  if (p < end && *p == '.') {
    const char *fraction = ++p;
    while (p < end && is_digit(*p))
      p++;
    if (p == fraction)
      return NULL;
  }
  return p < end && (*p == 'e' || *p == 'E') ? NULL : p;
}

static bool is_empty_array(const char *p, const char *end)
{
  do
    p++;
  while (p < end && is_space(*p));
  return p == end || *p == ']';
}

/* Over one token that is neither string nor number. */
static const char *plain_mark(const char *p, const char *end, int *depth)
{
  switch (*p) {
  case '[':
    return ++*depth > DEPTH || is_empty_array(p, end) ? NULL : p + 1;
  case '{':
    return ++*depth > DEPTH ? NULL : p + 1;
  case ']':
  case '}':
    --*depth;
    return p + 1;
  case 'n':
    return NULL;
  default:
    return (unsigned char)*p > ' ' || is_space(*p) ? p + 1 : NULL;
  }
}

bool scan_is_plain(const char *text, size_t len)
{
  const char *p = text, *end = text + len;
  int depth = 0;
  while (p && p < end) {
    if (*p == '"')
      p = plain_string(p + 1, end);
    else if (*p == '-' || is_digit(*p))
      p = p > text || is_digit(*p) ? plain_number(p, end) : NULL;
    else
      p = plain_mark(p, end, &depth);
  }
  return p && utf8_span(text, len) == len;
}

static const char *over_string(const char *p, const char *end)
{
  for (p++; p < end && *p != '"'; p++)
    p += *p == '\\';
  return p + 1;
}

static const char *over_number(const char *p, const char *end)
{
  while (p < end && (is_digit(*p) || strchr("+-.eE", *p)))
    p++;
  return p;
}

static bool is_long_integer(const char *p, const char *end)
{
  p += *p == '-';
  if (end - p < SCAN_LONG || *p == '0')
    return false;
  while (p < end && is_digit(*p))
    p++;
  return p == end;
}

/* Over one token, whatever it is. */
static const char *over(const char *p, const char *end)
{
  if (*p == '"')
    return over_string(p, end);
  return *p == '-' || is_digit(*p) ? over_number(p, end) : p + 1;
}

size_t scan_long_integer(const char **at, const char *end)
{
  const char *next;
  for (const char *p = *at; p < end; p = next) {
    next = over(p, end);
    if (next - p >= SCAN_LONG && *p != '"' && is_long_integer(p, next)) {
      *at = p;
      return (size_t)(next - p);
    }
  }
  return 0;
}
