/* Text for people: see text.h. Widths are the C library's (wcwidth) under C.UTF-8, which
 * cli_main sets. */
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/json.h"

#define UTF8_MAX 4 /* bytes of a character */

/* The character at the start of a text that is not empty, or a byte that is none. */
struct glyph {
  size_t bytes;
  size_t columns;
  bool is_shown; /* not a control character, and UTF-8 */
};

static struct glyph first_glyph(const char *text)
{
  wchar_t c;
  mbstate_t state = {0};
  size_t n = mbrtowc(&c, text, UTF8_MAX, &state);
  if (n == 0 || n > UTF8_MAX)
    return (struct glyph){1, 1, false};
  int columns = wcwidth(c);
  return columns < 0 ? (struct glyph){n, 1, false}
                     : (struct glyph){n, (size_t)columns, true};
}

/* Appends the character at `text` or what stands for it; returns the bytes it had. */
static size_t clean_one(struct buf *out, const char *text)
{
  struct glyph glyph = first_glyph(text);
  if (glyph.is_shown)
    buf_append(out, text, glyph.bytes);
  else
    buf_putc(out, '?');
  return glyph.bytes;
}

void text_clean(struct buf *out, const char *text)
{
  buf_puts(out, "");
  while (*text) {
    size_t blank = strspn(text, " \t\r\n");
    if (blank)
      buf_putc(out, ' ');
    text += blank ? blank : clean_one(out, text);
  }
}

void text_clean_lines(struct buf *out, const char *indent, const char *text)
{
  bool at_start = true;
  while (*text) {
    if (at_start)
      buf_puts(out, indent);
    at_start = *text == '\n';
    if (*text == '\n' || *text == '\t')
      buf_putc(out, *text++);
    else
      text += clean_one(out, text);
  }
  if (!at_start)
    buf_putc(out, '\n');
}

size_t text_width(const char *text)
{
  size_t width = 0;
  while (*text) {
    struct glyph glyph = first_glyph(text);
    width += glyph.columns;
    text += glyph.bytes;
  }
  return width;
}

size_t text_fit(const char *text, size_t columns)
{
  size_t at = 0, used = 0;
  while (text[at]) {
    struct glyph glyph = first_glyph(text + at);
    used += glyph.columns;
    if (used > columns)
      break;
    at += glyph.bytes;
  }
  return at;
}

const char *text_age(int64_t then_ms, int64_t now_ms, char text[32])
{
  static const struct {
    int64_t ms;
    char unit;
  } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};

  int64_t age = now_ms > then_ms ? now_ms - then_ms : 0;
  size_t i = 0;
  while (i < 3 && age < units[i].ms)
    i++;
  snprintf(text, 32, "%" PRId64 "%c", age / units[i].ms, units[i].unit);
  return text;
}

const char *text_time(int64_t ms, char text[32])
{
  struct tm then, today;
  time_t at = (time_t)(ms / 1000), now = (time_t)(clock_wall_ms() / 1000);
  localtime_r(&at, &then);
  localtime_r(&now, &today);
  bool same = then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
  strftime(text, 32, same ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then);
  return text;
}

const char *text_size(int64_t bytes, char text[32])
{
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  double n = (double)bytes;
  size_t i = 0;
  for (; n >= 1000 && i < 4; i++)
    n /= 1000;
  snprintf(text, 32, "%.*f %s", i == 0 ? 0 : 1, n, units[i]);
  return text;
}

void text_of(struct buf *out, const json_t *value)
{
  buf_puts(out, "");
  if (json_is_string(value))
    buf_puts(out, json_string_value(value));
  else if (value && !json_is_null(value))
    jx_append(out, value);
}

size_t text_columns(FILE *out)
{
  struct winsize size;
  if (!isatty(fileno(out)) || ioctl(fileno(out), TIOCGWINSZ, &size) < 0)
    return 0;
  return size.ws_col;
}

bool text_has_colours(FILE *out)
{
  const char *no = getenv("NO_COLOR");
  return isatty(fileno(out)) && !(no && *no);
}
