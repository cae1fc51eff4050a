/* Bytes of the frames' bodies: see wire.h. Host and worker are always the same build on
 * the same machine; the byte order is written down all the same. */
#include "frame/wire.h"

#include <endian.h>
#include <string.h>

#define ABSENT UINT32_MAX

void wire_put_u32(struct buf *b, uint32_t n)
{
  n = htole32(n);
  buf_append(b, &n, sizeof n);
}

void wire_put_i64(struct buf *b, int64_t n)
{
  uint64_t u = htole64((uint64_t)n);
  buf_append(b, &u, sizeof u);
}

void wire_put_text(struct buf *b, const char *text, size_t len)
{
  if (!text) {
    wire_put_u32(b, ABSENT);
    return;
  }
  wire_put_u32(b, (uint32_t)len);
  buf_append(b, text, len);
  buf_putc(b, 0);
}

/* The next len bytes, or NULL. */
static const char *take(struct wire_reader *r, size_t len)
{
  if (r->bad || (size_t)(r->end - r->at) < len) {
    r->bad = true;
    return NULL;
  }
  const char *bytes = r->at;
  r->at += len;
  return bytes;
}

uint32_t wire_u32(struct wire_reader *r)
{
  uint32_t n = 0;
  const char *bytes = take(r, sizeof n);
  if (bytes)
    memcpy(&n, bytes, sizeof n);
  return le32toh(n);
}

int64_t wire_i64(struct wire_reader *r)
{
  uint64_t n = 0;
  const char *bytes = take(r, sizeof n);
  if (bytes)
    memcpy(&n, bytes, sizeof n);
  return (int64_t)le64toh(n);
}

struct wire_text wire_text(struct wire_reader *r)
{
  uint32_t len = wire_u32(r);
  if (r->bad || len == ABSENT)
    return (struct wire_text){0};
  const char *bytes = take(r, (size_t)len + 1);
  if (bytes && bytes[len] != 0)
    r->bad = true;
  return r->bad ? (struct wire_text){0} : (struct wire_text){bytes, len};
}
