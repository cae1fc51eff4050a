/* Making the lines: see log.h. */
#include "log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "log/log_.h"

#define PATIENCE_MS 1000

static const char *const names[] = {"debug", "info", "warn", "error"};
static enum log_level least = LOG_INFO;

void log_open(const char *level)
{
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], level) == 0)
      least = (enum log_level)i;
  log__out_open();
}

void log_close(void)
{
  log__out_close(PATIENCE_MS);
}

static void for_programs(struct buf *b, enum log_level level, const json_t *fields,
                         const char *text)
{
  char time[32];
  json_t *line =
      json_pack("{s:s, s:s, s:o}", "time", clock_format(clock_wall_ms(), time), "level",
                names[level], "message", jx_string(text, strlen(text)));
  if (fields)
    json_object_update_missing(line, (json_t *)(uintptr_t)fields);
  jx_append(b, line);
  json_decref(line);
}

static void for_people(struct buf *b, enum log_level level, const json_t *fields,
                       const char *text)
{
  static const char *const colours[] = {"\033[2m", "\033[36m", "\033[33m", "\033[31m"};
  bool colour = !getenv("NO_COLOR");
  char time[32];
  const char *name;
  json_t *value;
  clock_format(clock_wall_ms(), time);
  buf_printf(b, "%.8s %s%-5s%s %s", time + 11, colour ? colours[level] : "", names[level],
             colour ? "\033[0m" : "", text);
  json_object_foreach((json_t *)(uintptr_t)fields, name, value) {
    buf_printf(b, "  %s=", name);
    jx_append(b, value);
  }
}

void log_line(enum log_level level, json_t *fields, const char *fmt, ...)
{
  struct buf b = {0};
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  int n = vasprintf(&text, fmt, args);
  va_end(args);
  if (level >= least && n > 0) {
    if (isatty(STDERR_FILENO))
      for_people(&b, level, fields, text);
    else
      for_programs(&b, level, fields, text);
    buf_putc(&b, '\n');
    log__out(&b);
  }
  json_decref(fields);
  free(text);
}
