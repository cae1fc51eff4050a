/* From an entry to a line: JSON for programs, something short for people. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "log/log_.h"

/* ---- for programs ---- */

static void member(struct buf *b, const char *name, const char *value)
{
  if (!value)
    return;
  buf_printf(b, ",\"%s\":", name);
  buf_json_string(b, value, strlen(value));
}

void log__for_programs(struct buf *b, const struct log_entry *e)
{
  char time[32];
  buf_printf(b, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":",
             clock_format(e->time, time), log__levels[e->level]);
  buf_json_string(b, e->message.data, e->message.len);
  member(b, "job_id", e->job);
  if (e->attempt)
    buf_printf(b, ",\"attempt\":%d", e->attempt);
  member(b, "type", e->type);
  member(b, "trace_id", e->trace);
  member(b, "worker", e->worker);
  member(b, "workspace", e->workspace);
  if (e->took_ms >= 0)
    buf_printf(b, ",\"took_ms\":%" PRId64, e->took_ms);
  if (e->fields.len) {
    buf_puts(b, ",\"fields\":");
    buf_append(b, e->fields.data, e->fields.len);
  }
  buf_puts(b, "}\n");
}

/* ---- for people ---- */

/* C0 and DEL, and C1, which is C2 80 to C2 9F in UTF-8. */
static size_t control(const char *text, size_t len)
{
  unsigned char c = (unsigned char)text[0], next = len > 1 ? (unsigned char)text[1] : 0;
  if (c < 0x20 || c == 0x7F)
    return 1;
  return c == 0xC2 && next >= 0x80 && next < 0xA0 ? 2 : 0;
}

void log__plain(struct buf *b, const char *text, size_t len)
{
  for (size_t i = 0; i < len;) {
    size_t n = control(text + i, len - i);
    buf_putc(b, n ? ' ' : text[i]);
    i += n ? n : 1;
  }
}

static void detail(struct buf *b, const char *name, const char *value)
{
  if (!value)
    return;
  buf_printf(b, "  %s=", name);
  log__plain(b, value, strlen(value));
}

void log__for_people(struct buf *b, const struct log_entry *e)
{
  static const char *const colours[] = {"\033[2m", "\033[36m", "\033[33m", "\033[31m"};
  bool colour = !getenv("NO_COLOR");
  char time[32];
  clock_format(e->time, time);
  buf_printf(b, "%.8s %s%-5s%s ", time + 11, colour ? colours[e->level] : "",
             log__levels[e->level], colour ? "\033[0m" : "");
  log__plain(b, e->message.data, e->message.len);
  detail(b, "type", e->type);
  detail(b, "job", e->job);
  if (e->took_ms >= 0)
    buf_printf(b, "  %" PRId64 " ms", e->took_ms);
  detail(b, "worker", e->worker);
  if (e->fields.len) {
    buf_puts(b, "  ");
    log__plain(b, e->fields.data, e->fields.len);
  }
  buf_putc(b, '\n');
}
