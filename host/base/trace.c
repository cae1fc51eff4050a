/* Trace ids: see trace.h. The header is that of W3C Trace Context, section 3.2:
 *
 *   00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *   version  trace-id                   parent-id        flags
 *
 * Versions to come may add parts behind these, and 255 is none. */
#include "base/trace.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

enum { TRACE = 3, PARENT = TRACE + TRACE_LEN + 1, FLAGS = PARENT + 17 };

#define HEADER_LEN (FLAGS + 2)

void trace_of_job(char trace[TRACE_LEN + 1], int64_t job)
{
  uint64_t n = (uint64_t)job;
  trace[TRACE_LEN] = 0;
  for (int i = TRACE_LEN - 1; i >= 0; i--, n >>= 4)
    trace[i] = digits[n & 15];
}

/* Whether `len` lower-case digits stand there and then `end`, and, where it matters, not
 * all of them are 0. */
static bool is_part(const char *text, size_t len, char end, bool may_be_zero)
{
  return strspn(text, digits) == len && text[len] == end &&
         (may_be_zero || strspn(text, "0") < len);
}

bool trace_of_header(char trace[TRACE_LEN + 1], const char *text)
{
  if (!text || strlen(text) < HEADER_LEN)
    return false;
  char end = text[HEADER_LEN];
  bool first = strncmp(text, "00", 2) == 0;
  if (!is_part(text, 2, '-', true) || strncmp(text, "ff", 2) == 0 ||
      !is_part(text + TRACE, TRACE_LEN, '-', false) ||
      !is_part(text + PARENT, 16, '-', false) || !is_part(text + FLAGS, 2, end, true) ||
      (end && (first || end != '-')))
    return false;
  memcpy(trace, text + TRACE, TRACE_LEN);
  trace[TRACE_LEN] = 0;
  return true;
}

bool trace_fits(const char *text)
{
  return is_part(text, TRACE_LEN, 0, false);
}
