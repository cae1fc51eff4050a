/* Clocks, durations and RFC 3339: see clock.h. */
#include "base/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
  const char *name;
  int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

static int64_t read_clock(clockid_t id)
{
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000000000LL + t.tv_nsec;
}

static const _Atomic int64_t
    *standing; /* NULL: the wall clock goes, as it does but in tests */

void clock_stand(const _Atomic int64_t *ms)
{
  standing = ms;
}

int64_t clock_standing_ms(void)
{
  return standing ? atomic_load(standing) : 0;
}

int64_t clock_wall_ms(void)
{
  return standing ? atomic_load(standing) : read_clock(CLOCK_REALTIME) / CLOCK_MS;
}

int64_t clock_mono_ns(void)
{
  return read_clock(CLOCK_MONOTONIC);
}

/* The largest distance so far between the two clocks, which all threads share. */
int64_t clock_steady_ms(void)
{
  static _Atomic int64_t ahead_ns;
  if (standing)
    return atomic_load(standing);
  int64_t mono = clock_mono_ns(), distance = read_clock(CLOCK_REALTIME) - mono;
  int64_t before = atomic_load(&ahead_ns);
  while (distance > before && !atomic_compare_exchange_weak(&ahead_ns, &before, distance))
    continue;
  return (mono + (distance > before ? distance : before)) / CLOCK_MS;
}

int64_t duration_parse(const char *text)
{
  int64_t n = 0;
  const char *p = text;
  for (; isdigit((unsigned char)*p); p++) {
    n = n * 10 + (*p - '0');
    if (n > DURATION_MAX_MS)
      return -1;
  }
  if (p == text)
    return -1;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
    if (strcmp(p, units[i].name) == 0)
      return n > DURATION_MAX_MS / units[i].ms ? -1 : n * units[i].ms;
  return -1;
}

const char *duration_format(int64_t ms, char text[32])
{
  size_t i = 0;
  while (units[i].ms > 1 && (ms == 0 || ms % units[i].ms != 0))
    i++;
  snprintf(text, 32, "%" PRId64 "%s", ms / units[i].ms, units[i].name);
  return text;
}

const char *clock_format(int64_t ms, char text[32])
{
  time_t s = (time_t)(ms / 1000);
  struct tm tm;
  gmtime_r(&s, &tm);
  size_t n = strftime(text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text + n, 32 - n, ".%03dZ", (int)(ms % 1000));
  return text;
}

/* The offset behind the time: "Z" or "+01:00"; returns minutes, or -9999. */
static int read_offset(const char *p)
{
  int h, m, n = 0;
  if ((*p == 'Z' || *p == 'z') && p[1] == 0)
    return 0;
  if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d%n", &h, &m, &n) != 2 || n != 5 ||
      p[6] != 0 || h > 23 || m > 59)
    return -9999;
  return (*p == '-' ? -1 : 1) * (h * 60 + m);
}

static int64_t read_fraction(const char **p)
{
  int64_t ms = 0, scale = 100;
  if (**p != '.')
    return 0;
  for (++*p; isdigit((unsigned char)**p); ++*p, scale /= 10)
    ms += (**p - '0') * scale;
  return ms;
}

int clock_parse(const char *text, int64_t *ms)
{
  struct tm tm = {0};
  const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
  if (!p)
    return -1;
  int64_t fraction = read_fraction(&p);
  int offset = read_offset(p);
  if (offset == -9999)
    return -1;
  struct tm asked = tm;
  *ms = ((int64_t)timegm(&tm) - offset * 60LL) * 1000 + fraction;
  return tm.tm_mday == asked.tm_mday ? 0 : -1; /* timegm moves 30 February to March */
}
