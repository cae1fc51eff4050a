/* Error values: see err.h. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* A cut in the middle of a character would make the text invalid UTF-8, which JSON
 * refuses: step back to the start of the last one. */
static void cut(char *text, size_t size)
{
  size_t n = strnlen(text, size - 1);
  if (n + 1 < size)
    return;
  while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
    n--;
  if (n > 0 && (unsigned char)text[n - 1] >= 0xC0)
    n--;
  text[n] = 0;
}

int err_vset(struct err *err, const char *code, const char *fmt, va_list args)
{
  if (!err)
    return -1;
  char text[sizeof err->text]; /* the arguments may point into err itself */
  vsnprintf(text, sizeof text, fmt, args);
  cut(text, sizeof text);
  snprintf(err->code, sizeof err->code, "%s", code);
  memcpy(err->text, text, sizeof text);
  return -1;
}

int err_set(struct err *err, const char *code, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  err_vset(err, code, fmt, args);
  va_end(args);
  return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
  if (!err)
    return -1;
  char prefix[256];
  char text[sizeof prefix + sizeof err->text + 2];
  va_list args;
  va_start(args, fmt);
  vsnprintf(prefix, sizeof prefix, fmt, args);
  va_end(args);
  snprintf(text, sizeof text, "%s: %s", prefix, err->text);
  memcpy(err->text, text, sizeof err->text);
  cut(err->text, sizeof err->text);
  return -1;
}

void err_clear(struct err *err)
{
  err->code[0] = 0;
  err->text[0] = 0;
}
