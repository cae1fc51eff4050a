/* A line of the log, as people read it: see log_line.h.
 *
 *   20:15:04.120 WARN  digest#42  the feed is slow  ms=1840 repo=acme/shop
 */
#include "cli/log_line.h"

#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "cli/text.h"

#define DIM   "\033[2m"
#define RESET "\033[0m"

/* ---- parts ---- */

static void paint(struct buf *b, const struct log_look *look, const char *colour)
{
  if (look->colours && colour)
    buf_puts(b, colour);
}

static void put_time(struct buf *b, int64_t ms)
{
  char text[32];
  buf_printf(b, "%s.%03d", text_time(ms, text), (int)(ms % 1000));
}

static void put_level(struct buf *b, const struct log_look *look, const char *level)
{
  static const struct {
    const char *level, *shown, *colour;
  } known[] = {{"debug", "DEBUG", DIM},
               {"info", "INFO ", "\033[32m"},
               {"warn", "WARN ", "\033[33m"},
               {"error", "ERROR", "\033[31m"}};

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(known[i].level, level) == 0) {
      paint(b, look, known[i].colour);
      buf_puts(b, known[i].shown);
      paint(b, look, RESET);
    }
}

static void put_origin(struct buf *b, const struct log_look *look, const json_t *line)
{
  const char *type = jx_str(line, "type", NULL), *job = jx_str(line, "job_id", NULL);
  if (!type && !job)
    return;
  paint(b, look, "\033[36m");
  text_clean(b, type ? type : "");
  if (job)
    buf_printf(b, "#%s", job);
  paint(b, look, RESET);
  buf_puts(b, "  ");
}

static bool is_block(const char *text)
{
  const char *end = text ? strchr(text, '\n') : NULL;
  return end && end[1];
}

/* The first line; the others stand below. */
static void put_message(struct buf *b, const char *message)
{
  struct buf first = {0};
  buf_puts(&first, "");
  buf_append(&first, message, strcspn(message, "\n"));
  text_clean(b, first.data);
  buf_fini(&first);
}

/* Quoted where it would not be seen where the value ends. */
static void put_value(struct buf *b, const json_t *value)
{
  struct buf text = {0};
  const char *string = json_string_value(value);
  if (string && (!*string || strpbrk(string, " \t\n\"=")))
    jx_append(&text, value);
  else
    text_of(&text, value);
  text_clean(b, text.len ? text.data : "null");
  buf_fini(&text);
}

static void put_fields(struct buf *b, const struct log_look *look, const json_t *fields)
{
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)fields, name, value) {
    if (is_block(json_string_value(value)))
      continue;
    buf_puts(b, " ");
    paint(b, look, DIM);
    buf_putc(b, ' ');
    text_clean(b, name);
    buf_putc(b, '=');
    paint(b, look, RESET);
    put_value(b, value);
  }
}

/* A traceback and the like. */
static void put_blocks(struct buf *b, const struct log_look *look, const json_t *line)
{
  const char *name, *message = jx_str(line, "message", "");
  json_t *value;
  if (is_block(message))
    text_clean_lines(b, "    ", strchr(message, '\n') + 1);
  json_object_foreach(json_object_get(line, "fields"), name, value) {
    if (!is_block(json_string_value(value)))
      continue;
    buf_puts(b, "    ");
    paint(b, look, DIM);
    text_clean(b, name);
    buf_putc(b, ':');
    paint(b, look, RESET);
    buf_putc(b, '\n');
    text_clean_lines(b, "      ", json_string_value(value));
  }
}

/* ---- the line ---- */

void log_line_print(const struct log_look *look, const json_t *line)
{
  struct buf b = {0};
  bool hit = jx_bool(line, "match", true);
  struct log_look own = *look;
  if (look->context)
    buf_puts(&b, hit ? "> " : "  ");
  if (!hit) { /* the whole of it is dim, so its parts are not painted */
    paint(&b, look, DIM);
    own.colours = false;
  }
  put_time(&b, jx_int(line, "time", 0));
  buf_putc(&b, ' ');
  put_level(&b, &own, jx_str(line, "level", ""));
  buf_putc(&b, ' ');
  put_origin(&b, &own, line);
  put_message(&b, jx_str(line, "message", ""));
  put_fields(&b, &own, json_object_get(line, "fields"));
  buf_putc(&b, '\n');
  put_blocks(&b, &own, line);
  if (!hit)
    paint(&b, look, RESET);
  fwrite(b.data, 1, b.len, look->out);
  buf_fini(&b);
}
