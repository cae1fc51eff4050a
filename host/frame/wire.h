/* Numbers and strings as bytes: little endian, strings with a 32-bit length before and a
 * NUL behind, so that a reader can use them in place. */
#ifndef CANDY_FRAME_WIRE_H
#define CANDY_FRAME_WIRE_H

#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_text {
  const char *data; /* NULL: absent; else NUL-terminated */
  size_t len;
};

struct wire_reader {
  const char *at, *end;
  bool bad; /* something did not fit; every later read gives zero */
};

void wire_put_u32(struct buf *b, uint32_t n);
void wire_put_i64(struct buf *b, int64_t n);
void wire_put_text(struct buf *b, const char *text, size_t len); /* text NULL: absent */

uint32_t wire_u32(struct wire_reader *r);
int64_t wire_i64(struct wire_reader *r);
struct wire_text wire_text(struct wire_reader *r);

#endif
