/* UTF-8: is it, and if not, what is put in its place. */
#ifndef CANDY_BASE_UTF8_H
#define CANDY_BASE_UTF8_H

#include "base/buf.h"

/* How many bytes from the start are well-formed (RFC 3629): len when all are. */
size_t utf8_span(const char *bytes, size_t len);

/* Appends at most `max` bytes of text; what is not UTF-8 becomes U+FFFD, and a text that
 * was cut ends with "...". */
void utf8_append(struct buf *b, const char *bytes, size_t len, size_t max);

#endif
