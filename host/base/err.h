/* What a function that failed has to tell.
 *
 * Functions that can fail in an expected way return -1 (or NULL) and fill a struct err
 * that the caller owns. `code` is a stable word for programs (snake_case); `text` is one
 * sentence for people: what went wrong, where, and what to do about it. Neither ever
 * carries a secret.
 */
#ifndef CANDY_BASE_ERR_H
#define CANDY_BASE_ERR_H

#include <stdarg.h>

struct err {
  char code[32];
  char text[992];
};

/* Fills err (which may be NULL) and returns -1, so that `return err_set(...)` reads well.
 * A text that does not fit is cut at a whole UTF-8 character. */
int err_set(struct err *err, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

int err_vset(struct err *err, const char *code, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Puts "prefix: " in front of the text; the code stays. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets what is there, for a struct that is used again. */
void err_clear(struct err *err);

#endif
