/* Refusals: see fault.h. */
#include "net/fault.h"

#include <stdarg.h>
#include <stdio.h>

int fault_set(struct fault *fault, int status, const char *code, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  vsnprintf(fault->detail, sizeof fault->detail, fmt, args);
  va_end(args);
  fault->status = status;
  fault->code = code;
  return -1;
}
