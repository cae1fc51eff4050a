/* The sink that is tasks.md: what became of jobs, in Markdown, a heading a day. Times are
 * in UTC, as in all of the log. No text can leave its line or its place in it: line ends
 * and controls become spaces, and what means something in Markdown is escaped. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "log/appender.h"

#define CAUSE_MAX    400 /* bytes: the whole of it is in the other sinks */
#define NAME_MAX_LEN 200

static char today[16]; /* of the last heading: 2026-11-22 */

static void begin(struct buf *text);

static struct appender diary = {.sink = LOG_DIARY,
                                .stem = "tasks",
                                .ending = ".md",
                                .what = "the diary",
                                .monthly = true,
                                .begin = begin};

static void put_heading(struct buf *b)
{
  buf_printf(b, "\n## %s\n\n", today);
}

/* A new file needs the heading again that an earlier one had, unless one comes. */
static void begin(struct buf *text)
{
  buf_puts(text, "# What became of jobs\n\nTimes are in UTC.\n");
  if (!diary.waiting.len || diary.waiting.data[0] != '\n')
    put_heading(text);
}

/* ---- a line ---- */

static void put_escaped(struct buf *b, const char *text, size_t len, size_t max)
{
  struct buf whole = {0}, plain = {0};
  utf8_append(&whole, text, len, max);
  log__plain(&plain, whole.data ? whole.data : "", whole.len);
  for (size_t i = 0; i < plain.len; i++) {
    char c = plain.data[i];
    if (strchr("\\`*_{}[]<>()#|~&!$@^=", c))
      buf_putc(b, '\\');
    buf_putc(b, c);
  }
  buf_fini(&whole);
  buf_fini(&plain);
}

static void put_job(struct buf *b, const struct log_entry *e)
{
  const char *type = e->type ? e->type : "a job";
  put_escaped(b, type, strlen(type), NAME_MAX_LEN);
  if (e->job)
    buf_printf(b, " #%s", e->job);
}

static void put_details(struct buf *b, const struct log_entry *e)
{
  if (e->attempt)
    buf_printf(b, " (attempt %d", e->attempt);
  if (e->attempt && e->took_ms >= 0)
    buf_printf(b, ", %" PRId64 " ms", e->took_ms);
  if (e->attempt)
    buf_putc(b, ')');
}

static void put_end(struct buf *b, const struct log_entry *e)
{
  static const char *const signs[] = {[LOG_COMPLETED] = "✓",
                                      [LOG_RETRY] = "✗",
                                      [LOG_DEAD] = "☠",
                                      [LOG_RESCUED] = "↻",
                                      [LOG_CANCELLED] = "⊘"};
  static const char *const fates[] = {[LOG_COMPLETED] = "",
                                      [LOG_RETRY] = " will be retried",
                                      [LOG_DEAD] = " **is dead**",
                                      [LOG_RESCUED] = " lost its worker and goes back",
                                      [LOG_CANCELLED] = " was cancelled"};
  buf_printf(b, "%s ", signs[e->event]);
  put_job(b, e);
  buf_puts(b, fates[e->event]);
  put_details(b, e);
  if (e->cause.len) {
    buf_puts(b, ": ");
    put_escaped(b, e->cause.data, e->cause.len, CAUSE_MAX);
  }
}

static void put_line(struct buf *b, const struct log_entry *e, const char *time)
{
  buf_printf(b, "- %.8s ", time + 11);
  if (e->event == LOG_MORE) {
    buf_puts(b, "✓ ");
    put_escaped(b, e->message.data, e->message.len, CAUSE_MAX);
  } else {
    put_end(b, e);
  }
  buf_putc(b, '\n');
}

/* ---- the sink ---- */

static void open_diary(const struct log_config *config)
{
  today[0] = 0;
  appender_open(&diary, config);
}

static void take(const struct log_entry *e)
{
  struct buf b = {0};
  char time[32];
  if (e->event == LOG_PLAIN)
    return;
  clock_format(e->time, time);
  if (strncmp(time, today, 10) != 0) {
    snprintf(today, sizeof today, "%.10s", time);
    put_heading(&b);
  }
  put_line(&b, e, time);
  appender_add(&diary, b.data, b.len);
  buf_fini(&b);
}

static bool settle(void)
{
  return appender_settle(&diary);
}

static void close_diary(void)
{
  appender_close(&diary);
}

const struct log_sink log__diary_sink = {open_diary, take, settle, close_diary, NULL};
