/* UTF-8 by the table of RFC 3629 section 4: see utf8.h. */
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#define HIGH_BITS 0x8080808080808080u

static size_t ascii_span(const char *bytes, size_t len)
{
  size_t i = 0;
  uint64_t word;
  for (; i + sizeof word <= len; i += sizeof word) {
    memcpy(&word, bytes + i, sizeof word);
    if (word & HIGH_BITS)
      break;
  }
  while (i < len && (unsigned char)bytes[i] < 0x80)
    i++;
  return i;
}

static bool is_tail(unsigned char c)
{
  return (c & 0xC0) == 0x80;
}

/* Length of the sequence that a lead byte opens, and which second bytes it allows: that
 * is where overlong forms, surrogates and what lies beyond U+10FFFF are told apart. */
static size_t lead(unsigned char c, unsigned char *low, unsigned char *high)
{
  *low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
  *high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
  if (c < 0x80)
    return 1;
  if (c >= 0xC2 && c <= 0xDF)
    return 2;
  if (c >= 0xE0 && c <= 0xEF)
    return 3;
  return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

/* Length of the character at p, 0 when there is none. */
static size_t character(const unsigned char *p, size_t len)
{
  unsigned char low, high;
  size_t n = lead(p[0], &low, &high);
  if (n == 0 || n > len)
    return 0;
  if (n > 1 && (p[1] < low || p[1] > high))
    return 0;
  for (size_t i = 2; i < n; i++)
    if (!is_tail(p[i]))
      return 0;
  return n;
}

size_t utf8_span(const char *bytes, size_t len)
{
  size_t i = ascii_span(bytes, len);
  while (i < len) {
    size_t n = character((const unsigned char *)bytes + i, len - i);
    if (n == 0)
      return i;
    i += n;
    i += ascii_span(bytes + i, len - i);
  }
  return i;
}

void utf8_append(struct buf *b, const char *bytes, size_t len, size_t max)
{
  size_t whole = len > max ? max : len;
  while (whole < len && whole > 0 && is_tail((unsigned char)bytes[whole]))
    whole--;
  for (size_t i = 0; i < whole; i++) {
    size_t n = utf8_span(bytes + i, whole - i);
    buf_append(b, bytes + i, n);
    i += n;
    if (i < whole)
      buf_puts(b, "\xEF\xBF\xBD");
  }
  if (whole < len)
    buf_puts(b, "...");
}
