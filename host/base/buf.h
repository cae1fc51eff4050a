/* A growing run of bytes, and the allocator that never returns NULL.
 *
 * Running out of memory in the host is not an expected failure: mem_* write one line to
 * standard error and abort; what was acknowledged is on disk.
 */
#ifndef CANDY_BASE_BUF_H
#define CANDY_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t size);                  /* zeroed */
void *mem_grow(void *ptr, size_t size);        /* realloc */
char *mem_copy(const void *bytes, size_t len); /* with a NUL behind it */
char *mem_strdup(const char *text);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct buf {
  char *data; /* NUL-terminated once anything was appended; NULL before */
  size_t len; /* bytes in use, without the NUL */
  size_t cap;
};

void buf_fini(struct buf *b);
void buf_reserve(struct buf *b, size_t more); /* room for `more` bytes past len */
void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *text);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_json_string(struct buf *b, const char *text, size_t len); /* quoted, escaped */
void buf_drop(struct buf *b, size_t len);                          /* from the front */
char *
buf_take(struct buf *b); /* the caller frees it; never NULL; b is empty afterwards */

#endif
