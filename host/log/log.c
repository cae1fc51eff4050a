/* Lines as they come in: see log.h. They are put into JSON, and all the rest is left to
 * the thread. */
#include "log/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/redact.h"
#include "base/utf8.h"
#include "log/log_.h"

#define PATIENCE_MS 1000
#define MESSAGE_MAX ((size_t)16 * 1024)

static _Atomic enum log_level least = LOG_INFO; /* threads log, too */

bool log__wants(enum log_level level)
{
  return level >= least;
}

void log_open(const struct log_config *config)
{
  least = log__level(config->level, LOG_INFO);
  log__thread_open(config);
}

void log_set_level(const char *level)
{
  least = log__level(level, LOG_INFO);
}

bool log_close(void)
{
  bool ended = log__thread_close(PATIENCE_MS);
  return log__out_close(PATIENCE_MS) && ended;
}

void log_hide(const char *value)
{
  redact_hide(value);
}

static void put_text(struct buf *line, const char *text, size_t len)
{
  struct buf b = {0};
  utf8_append(&b, text, len, MESSAGE_MAX);
  buf_json_string(line, b.data ? b.data : "", b.len);
  buf_fini(&b);
}

static void put_fields(struct buf *line, const json_t *fields)
{
  struct buf b = {0};
  jx_append(&b, fields);
  if (b.len > 2) { /* {members} becomes ,members} */
    buf_putc(line, ',');
    buf_append(line, b.data + 1, b.len - 2);
  }
  buf_fini(&b);
}

static void put_line(enum log_sinks but, enum log_level level, const json_t *fields,
                     const char *text, size_t len)
{
  struct buf line = {0};
  buf_printf(&line,
             "{\"level\":\"%s\",\"time\":%" PRId64 ",\"message\":", log__levels[level],
             clock_wall_ms());
  put_text(&line, text, len);
  if (fields)
    put_fields(&line, fields);
  buf_putc(&line, '}');
  log__put(but, NULL, line.data, line.len);
  buf_fini(&line);
}

static void vsay(enum log_sinks but, enum log_level level, const json_t *fields,
                 const char *fmt, va_list args) __attribute__((format(printf, 4, 0)));

static void vsay(enum log_sinks but, enum log_level level, const json_t *fields,
                 const char *fmt, va_list args)
{
  char *text = NULL;
  if (level < least)
    return;
  int n = vasprintf(&text, fmt, args);
  if (n >= 0)
    put_line(but, level, fields, text, (size_t)n);
  free(text);
}

void log_line(enum log_level level, json_t *fields, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  vsay(LOG_NO_SINK, level, fields, fmt, args);
  va_end(args);
  json_decref(fields);
}

void log__say(enum log_sinks by, enum log_level level, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  vsay(by, level, NULL, fmt, args);
  va_end(args);
}

void log_message(const char *worker, const char *body, size_t len)
{
  log__put(LOG_NO_SINK, worker, body, len);
}

void log_flush(void)
{
  log__thread_drain(PATIENCE_MS);
}

void log_rotate(void)
{
  log__thread_rotate();
}
