/* Reading and writing of sizes: see size.h. */
#include "conf/size.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#define LARGEST (1LL << 50)

static const struct {
  const char *name;
  int64_t bytes;
} units[] = {{"tb", 1LL << 40}, {"gb", 1LL << 30}, {"mb", 1LL << 20},
             {"kb", 1LL << 10}, {"b", 1},          {"", 1}};

int64_t size_parse(const char *text)
{
  int64_t n = 0;
  const char *p = text;
  for (; isdigit((unsigned char)*p); p++) {
    n = n * 10 + (*p - '0');
    if (n > LARGEST)
      return -1;
  }
  if (p == text)
    return -1;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strcasecmp(p, units[i].name) == 0)
      return n > LARGEST / units[i].bytes ? -1 : n * units[i].bytes;
  return -1;
}

const char *size_format(int64_t bytes, char text[32])
{
  size_t i = 0;
  while (units[i].bytes > 1 && (bytes == 0 || bytes % units[i].bytes != 0))
    i++;
  snprintf(text, 32, "%" PRId64 "%s", bytes / units[i].bytes, units[i].name);
  return text;
}
