/* Files put aside: when, and under which names. See appender.h. */
#include "log/appender.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* ---- when ---- */

/* The time (or, at its day's begin, the date) that stands there. */
static int date_at(const char *text, int64_t *ms)
{
  static const char shape[] = "0000-00-00";
  char day[32], time[32];
  for (size_t i = 0; shape[i]; i++)
    if (shape[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i])
      return -1;
  snprintf(time, sizeof time, "%.24s", text);
  snprintf(day, sizeof day, "%.10sT00:00:00Z", text);
  return clock_parse(time, ms) == 0 ? 0 : clock_parse(day, ms);
}

static int64_t month_end(int64_t ms)
{
  struct tm t;
  time_t seconds = (time_t)(ms / 1000);
  gmtime_r(&seconds, &t);
  t = (struct tm){.tm_year = t.tm_year, .tm_mon = t.tm_mon + 1, .tm_mday = 1};
  return (int64_t)timegm(&t) * 1000;
}

void appender__age(struct appender *a, const char *head, size_t len, int64_t else_ms)
{
  int64_t born = else_ms;
  char text[256];
  snprintf(text, sizeof text, "%.*s", (int)len, head);
  for (const char *p = text; *p; p++)
    if (isdigit((unsigned char)*p) && date_at(p, &born) == 0)
      break;
  a->expires_ms = a->monthly ? month_end(born) : born + a->age_ms;
}

bool appender__is_due(const struct appender *a, size_t more)
{
  if (a->size == 0)
    return false;
  return a->size + (int64_t)more > a->max || clock_wall_ms() >= a->expires_ms;
}

/* ---- how ---- */

static char *name_of(const struct appender *a, int number)
{
  return mem_printf("%s/%s.%d%s", a->folder, a->stem, number, a->ending);
}

/* Those that are too many now, also from a time when more were kept. */
static void remove_old(const struct appender *a)
{
  int gone = 0;
  for (int i = a->kept > 0 ? a->kept : 1; gone == 0; i++) {
    char *name = name_of(a, i);
    gone = unlink(name);
    free(name);
  }
}

static int move(const char *from, const char *to)
{
  return rename(from, to) < 0 && errno != ENOENT ? -1 : 0;
}

int appender__put_aside(const struct appender *a)
{
  int status = 0;
  remove_old(a);
  for (int i = a->kept - 1; i >= 0 && status == 0; i--) {
    char *from = i ? name_of(a, i) : mem_strdup(a->path), *to = name_of(a, i + 1);
    status = move(from, to);
    free(from);
    free(to);
  }
  if (a->kept == 0)
    status = unlink(a->path);
  return status;
}
