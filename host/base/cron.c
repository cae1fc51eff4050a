/* Reading cron expressions: see cron.h. */
#include "base/cron.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define FIELDS       5
#define TEXT_LONGEST 200
#define ZONES        "/usr/share/zoneinfo/"
#define ZONE_LONGEST 100

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed",
                                            "thu", "fri", "sat", NULL};

static const struct field {
  const char *name;
  int low, high;
  const char *const *names; /* of low, and so on; or NULL */
} fields[FIELDS] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},
    {"month", 1, 12, month_names},
    {"day of week", 0, 7, weekday_names}, /* 7 is Sunday too */
};

static const struct {
  const char *name, *expression;
} nicknames[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

/* ---- one field ---- */

/* Reads a number or a name at *at and moves behind it; -1 when there is none. */
static int read_value(const struct field *f, const char **at)
{
  const char *p = *at;
  int value = 0;
  for (int i = 0; f->names && f->names[i]; i++)
    if (strncasecmp(p, f->names[i], 3) == 0 && !isalpha((unsigned char)p[3])) {
      *at = p + 3;
      return f->low + i;
    }
  while (isdigit((unsigned char)*p) && value < 1000)
    value = 10 * value + (*p++ - '0');
  if (p == *at)
    return -1;
  *at = p;
  return value;
}

static int wrong(const struct field *f, const char *text, const char *why,
                 struct err *err)
{
  return err_set(err, "bad_cron", "the field \"%s\" (%s) %s", text, f->name, why);
}

static int out_of_range(const struct field *f, const char *text, struct err *err)
{
  return err_set(err, "bad_cron", "the field \"%s\" (%s) must lie from %d to %d", text,
                 f->name, f->low, f->high);
}

/* "*", "5", "mon", "5-9": its bounds. A lone value with a step goes on to the end. */
static int read_range(const struct field *f, const char *text, const char **at, int *low,
                      int *high, struct err *err)
{
  *low = f->low;
  *high = f->high == 7 ? 6 : f->high;
  if (**at == '*') {
    ++*at;
    return 0;
  }
  int first = read_value(f, at);
  if (first < 0)
    return wrong(f, text, "has something that is no value, range or list", err);
  if (first < f->low || first > f->high)
    return out_of_range(f, text, err);
  *low = first;
  if (**at == '-') {
    ++*at;
    *high = read_value(f, at);
  } else if (**at != '/') {
    *high = first;
  }
  if (*high < 0)
    return wrong(f, text, "has a range without an end", err);
  if (*high > f->high)
    return out_of_range(f, text, err);
  return *low <= *high ? 0 : wrong(f, text, "has a range that runs backwards", err);
}

static int read_step(const struct field *f, const char *text, const char **at, int *step,
                     struct err *err)
{
  *step = 1;
  if (**at != '/')
    return 0;
  ++*at;
  char *end;
  long value = isdigit((unsigned char)**at) ? strtol(*at, &end, 10) : 0;
  if (value < 1 || value > f->high)
    return wrong(f, text, "has a step that is not from 1 to the highest value", err);
  *at = end;
  *step = (int)value;
  return 0;
}

/* Parts with commas between them, as a set of bits. */
static int read_field(const struct field *f, const char *text, uint64_t *bits,
                      struct err *err)
{
  const char *at = text;
  *bits = 0;
  for (;;) {
    int low, high, step;
    if (read_range(f, text, &at, &low, &high, err) < 0 ||
        read_step(f, text, &at, &step, err) < 0)
      return -1;
    for (int i = low; i <= high; i += step)
      *bits |= UINT64_C(1) << i;
    if (*at == 0)
      return 0;
    if (*at != ',')
      return wrong(f, text, "has something that is no value, range or list", err);
    at++;
  }
}

/* ---- the whole ---- */

static const char *expand(const char *text)
{
  for (size_t i = 0; i < sizeof nicknames / sizeof nicknames[0]; i++)
    if (strcmp(text, nicknames[i].name) == 0)
      return nicknames[i].expression;
  return text;
}

static int split(char *text, const char *words[FIELDS], struct err *err)
{
  int n = 0;
  char *rest = text;
  for (char *word; (word = strsep(&rest, " \t"));) {
    if (*word && n < FIELDS)
      words[n] = word;
    n += *word != 0;
  }
  if (n == FIELDS)
    return 0;
  return err_set(err, "bad_cron",
                 "a cron expression has five fields (minute hour day month weekday), or "
                 "is @hourly, @daily, @weekly, @monthly or @yearly; this one has %d",
                 n);
}

/* The 30th of February never comes. A weekday, where it counts too, always does. */
static int check_dates(const struct cron *c, struct err *err)
{
  static const int longest[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (c->any_day || !c->any_weekday)
    return 0;
  for (int month = 1; month <= 12; month++)
    for (int day = 1; day <= longest[month - 1]; day++)
      if (c->months >> month & 1 && c->days >> day & 1)
        return 0;
  return err_set(err, "bad_cron", "none of its months has such a day");
}

int cron_parse(struct cron *c, const char *text, struct err *err)
{
  char copy[TEXT_LONGEST + 2];
  const char *words[FIELDS] = {"", "", "", "", ""};
  uint64_t bits[FIELDS];
  text = expand(text);
  if (strlen(text) > TEXT_LONGEST)
    return err_set(err, "bad_cron", "a cron expression has at most %d characters",
                   TEXT_LONGEST);
  snprintf(copy, sizeof copy, "%s", text);
  if (split(copy, words, err) < 0)
    return -1;
  for (int i = 0; i < FIELDS; i++)
    if (read_field(&fields[i], words[i], &bits[i], err) < 0)
      return -1;
  *c = (struct cron){
      .minutes = bits[0],
      .hours = (uint32_t)bits[1],
      .days = (uint32_t)bits[2],
      .months = (uint16_t)bits[3],
      .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
      .any_day = words[2][0] == '*',
      .any_weekday = words[4][0] == '*',
  };
  return check_dates(c, err);
}

/* ---- time zones ---- */

static bool is_zone_name(const char *name)
{
  size_t len = strlen(name);
  if (len == 0 || len > ZONE_LONGEST || *name == '/' || strstr(name, ".."))
    return false;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)name[i]) && !strchr("_+-/", name[i]))
      return false;
  return true;
}

static bool is_zone_file(const char *name)
{
  char path[sizeof ZONES + ZONE_LONGEST], magic[4] = "";
  snprintf(path, sizeof path, ZONES "%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return false;
  ssize_t n = read(fd, magic, sizeof magic);
  close(fd);
  return n == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
}

int cron_check_zone(const char *name, struct err *err)
{
  if (is_zone_name(name) && is_zone_file(name))
    return 0;
  return err_set(
      err, "bad_zone",
      "the system knows no time zone \"%.100s\"; they are named after a region "
      "and a city, such as \"Europe/Berlin\", or \"UTC\"",
      name);
}
