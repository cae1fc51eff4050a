/* Byte buffers and the aborting allocator: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *whole(void *ptr, size_t size)
{
  if (ptr)
    return ptr;
  fprintf(stderr, "candy: out of memory (%zu bytes)\n", size);
  abort();
}

void *mem_alloc(size_t size)
{
  return whole(calloc(1, size ? size : 1), size);
}

void *mem_grow(void *ptr, size_t size)
{
  return whole(realloc(ptr, size ? size : 1), size);
}

char *mem_copy(const void *bytes, size_t len)
{
  char *copy = whole(malloc(len + 1), len);
  if (len)
    memcpy(copy, bytes, len);
  copy[len] = 0;
  return copy;
}

char *mem_strdup(const char *text)
{
  return text ? mem_copy(text, strlen(text)) : NULL;
}

char *mem_printf(const char *fmt, ...)
{
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  int n = vasprintf(&text, fmt, args);
  va_end(args);
  return whole(n < 0 ? NULL : text, 0);
}

void buf_fini(struct buf *b)
{
  free(b->data);
  *b = (struct buf){0};
}

void buf_reserve(struct buf *b, size_t more)
{
  size_t need = b->len + more + 1;
  if (need <= b->cap)
    return;
  size_t cap = b->cap ? b->cap : 64;
  while (cap < need)
    cap *= 2;
  b->data = mem_grow(b->data, cap);
  b->cap = cap;
}

void buf_append(struct buf *b, const void *bytes, size_t len)
{
  buf_reserve(b, len);
  if (len)
    memcpy(b->data + b->len, bytes, len);
  b->len += len;
  b->data[b->len] = 0;
}

void buf_puts(struct buf *b, const char *text)
{
  buf_append(b, text, strlen(text));
}

void buf_putc(struct buf *b, char c)
{
  buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  if (n > 0) {
    buf_reserve(b, (size_t)n);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
}

/* The escapes that RFC 8259 section 7 asks for, and no others. */
static void json_escape(struct buf *b, unsigned char c)
{
  static const char *const names[32] = {
      ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
  if (c == '"')
    buf_puts(b, "\\\"");
  else if (c == '\\')
    buf_puts(b, "\\\\");
  else if (names[c])
    buf_puts(b, names[c]);
  else
    buf_printf(b, "\\u%04x", c);
}

void buf_json_string(struct buf *b, const char *text, size_t len)
{
  buf_putc(b, '"');
  size_t start = 0;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c >= 0x20 && c != '"' && c != '\\')
      continue;
    buf_append(b, text + start, i - start);
    json_escape(b, c);
    start = i + 1;
  }
  buf_append(b, text + start, len - start);
  buf_putc(b, '"');
}

void buf_drop(struct buf *b, size_t len)
{
  b->len -= len;
  if (b->len)
    memmove(b->data, b->data + len, b->len);
  if (b->data)
    b->data[b->len] = 0;
}

char *buf_take(struct buf *b)
{
  buf_reserve(b, 0);
  char *data = b->data;
  data[b->len] = 0;
  *b = (struct buf){0};
  return data;
}
