/* Values as JSON Schema sees them: numbers are numbers however they are written (1 and
 * 1.0 are equal), objects have no order.
 *
 * Equality goes through a canonical text, so that finding equal values among many is a
 * sort and nobody can make it quadratic. Arithmetic is done on the decimal digits that a
 * number is written with: 0.0075 is a multiple of 0.0001 although no double says so.
 */
#include "base/schema_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

/* ---- numbers ---- */

/* Exact for both kinds: a long double has 64 bits of mantissa at least. */
static long double number(const json_t *value)
{
  return json_is_integer(value) ? (long double)json_integer_value(value)
                                : (long double)json_real_value(value);
}

bool schema__is_integer(const json_t *value)
{
  double real = json_real_value(value);
  return json_is_integer(value) || (json_is_real(value) && trunc(real) == real);
}

int schema__compare(const json_t *a, const json_t *b)
{
  long double x = number(a), y = number(b);
  return (x > y) - (x < y);
}

const char *schema__number_text(const json_t *value, char text[32])
{
  double real = json_real_value(value);
  if (json_is_integer(value)) {
    snprintf(text, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return text;
  }
  if (trunc(real) == real && fabs(real) < 0x1p63) {
    snprintf(text, 32, "%lld", (long long)real);
    return text;
  }
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, 32, "%.*g", digits, real);
    if (strtod(text, NULL) == real)
      break;
  }
  return text;
}

struct decimal { /* digits * 10^exponent; no digits: zero */
  uint64_t digits;
  long exponent;
};

static struct decimal decimal(const json_t *value)
{
  char text[32];
  struct decimal d = {0, 0};
  const char *p = schema__number_text(value, text);
  bool fraction = false;
  for (; *p && *p != 'e'; p++) {
    if (*p == '.')
      fraction = true;
    if (*p < '0' || *p > '9')
      continue;
    d.digits = d.digits * 10 + (uint64_t)(*p - '0');
    d.exponent -= fraction;
  }
  if (*p == 'e')
    d.exponent += strtol(p + 1, NULL, 10);
  while (d.digits && d.digits % 10 == 0) {
    d.digits /= 10;
    d.exponent++;
  }
  return d;
}

static uint64_t times(uint64_t a, uint64_t b, uint64_t modulus)
{
  return (uint64_t)((wide)a * b % modulus);
}

static uint64_t power_of_ten(long exponent, uint64_t modulus)
{
  uint64_t result = 1 % modulus, base = 10 % modulus;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2)
      result = times(result, base, modulus);
    base = times(base, base, modulus);
  }
  return result;
}

bool schema__is_multiple(const json_t *a, const json_t *b)
{
  struct decimal x = decimal(a), y = decimal(b);
  long shift = x.exponent - y.exponent;
  if (x.digits == 0 || y.digits == 0)
    return x.digits == 0;
  if (shift >= 0)
    return times(x.digits % y.digits, power_of_ten(shift, y.digits), y.digits) == 0;
  /* x is y.digits * 10^-shift times something, but x.digits ends in no zero */
  return false;
}

/* ---- canonical text ---- */

struct member {
  const char *key;
  size_t len;
  json_t *value;
};

static int by_key(const void *a, const void *b)
{
  const struct member *x = a, *y = b;
  if (x->len != y->len)
    return x->len < y->len ? -1 : 1;
  return memcmp(x->key, y->key, x->len);
}

static void canon_string(struct buf *b, const char *text, size_t len)
{
  buf_printf(b, "\"%zu:", len);
  buf_append(b, text, len);
}

static void canon_array(struct buf *b, const json_t *array)
{
  size_t i;
  json_t *item;
  buf_putc(b, '[');
  json_array_foreach(array, i, item)
    schema__canon(b, item);
  buf_putc(b, ']');
}

static void canon_object(struct buf *b, json_t *object)
{
  size_t n = 0, count = json_object_size(object);
  struct member *members = mem_alloc(count * sizeof *members);
  for (void *iter = json_object_iter(object); iter;
       iter = json_object_iter_next(object, iter))
    members[n++] =
        (struct member){json_object_iter_key(iter), json_object_iter_key_len(iter),
                        json_object_iter_value(iter)};
  qsort(members, n, sizeof *members, by_key);
  buf_putc(b, '{');
  for (size_t i = 0; i < n; i++) {
    canon_string(b, members[i].key, members[i].len);
    schema__canon(b, members[i].value);
  }
  buf_putc(b, '}');
  free(members);
}

static void canon_number(struct buf *b, const json_t *value)
{
  char text[32];
  buf_printf(b, "%s,", schema__number_text(value, text));
}

void schema__canon(struct buf *b, json_t *value)
{
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    canon_object(b, value);
    break;
  case JSON_ARRAY:
    canon_array(b, value);
    break;
  case JSON_STRING:
    canon_string(b, json_string_value(value), json_string_length(value));
    break;
  case JSON_INTEGER:
  case JSON_REAL:
    canon_number(b, value);
    break;
  default:
    buf_putc(b, json_is_null(value) ? 'n' : json_is_true(value) ? 't' : 'f');
  }
}

struct schema_text schema__text(json_t *value)
{
  struct buf b = {0};
  schema__canon(&b, value);
  size_t len = b.len;
  return (struct schema_text){buf_take(&b), len};
}

int schema__text_order(const void *a, const void *b)
{
  const struct schema_text *x = a, *y = b;
  if (x->len != y->len)
    return x->len < y->len ? -1 : 1;
  return memcmp(x->bytes, y->bytes, x->len);
}

/* ---- texts ---- */

size_t schema__characters(const char *text, size_t len)
{
  size_t n = 0;
  for (size_t i = 0; i < len; i++)
    n += ((unsigned char)text[i] & 0xC0) != 0x80;
  return n;
}

#define QUOTED 60 /* bytes of a value that a message shows */

void schema__quote(struct buf *b, json_t *value)
{
  char text[32];
  if (json_is_number(value)) {
    buf_puts(b, schema__number_text(value, text));
  } else if (json_is_object(value) || json_is_array(value)) {
    buf_puts(b, json_is_object(value) ? "{...}" : "[...]");
  } else if (json_is_string(value)) {
    size_t len = json_string_length(value), keep = len;
    const char *bytes = json_string_value(value);
    if (len > QUOTED)
      for (keep = QUOTED; ((unsigned char)bytes[keep] & 0xC0) == 0x80;)
        keep--;
    buf_json_string(b, bytes, keep);
    buf_puts(b, keep < len ? "..." : "");
  } else {
    buf_puts(b, jx_kind(value));
  }
}
