/* Strict check of a raw head: see prescan.h. */
#include "net/prescan.h"

#include <ctype.h>
#include <string.h>

enum { TOKEN = 1, VALUE = 2, VISIBLE = 4 };

/* What each ASCII byte may be part of; those above are part of values alone. */
static const unsigned char classes[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, /* tab */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    2, 7, 6, 7, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 6, /* space to / */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6, /* 0 to ? */
    6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* @ to O */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 7, 7, /* P to _ */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, /* ` to o */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 7, 6, 7, 0, /* p to DEL */
};

static bool is(char c, unsigned char class)
{
  unsigned char byte = (unsigned char)c;
  return ((byte < 128 ? classes[byte] : VALUE) & class) != 0;
}

/* How many bytes from the front are of the class. */
static size_t span(const char *text, size_t len, unsigned char class)
{
  size_t n = 0;
  while (n < len && is(text[n], class))
    n++;
  return n;
}

bool prescan_is_token(const char *text, size_t len)
{
  return len > 0 && span(text, len, TOKEN) == len;
}

bool prescan_is_value(const char *text, size_t len)
{
  return span(text, len, VALUE) == len;
}

static int bad(struct fault *fault, const char *detail)
{
  return fault_set(fault, 400, "malformed_head", "%s", detail);
}

static int check_version(const char *text, size_t len, struct fault *fault)
{
  bool version = len == 8 && memcmp(text, "HTTP/", 5) == 0 &&
                 isdigit((unsigned char)text[5]) && text[6] == '.' &&
                 isdigit((unsigned char)text[7]);
  if (!version)
    return bad(fault, "the request line does not end in HTTP/1.0 or HTTP/1.1");
  if (text[5] != '1' || text[7] > '1')
    return fault_set(fault, 505, "unknown_version", "%s",
                     "this server speaks HTTP/1.0 and HTTP/1.1");
  return 0;
}

static int check_request_line(const char *line, size_t len, struct fault *fault)
{
  size_t method = span(line, len, TOKEN);
  if (method == 0 || method == len || line[method] != ' ')
    return bad(fault, "the request line does not begin with a method and one space");
  const char *target = line + method + 1;
  size_t rest = len - method - 1;
  size_t n = span(target, rest, VISIBLE);
  if (n == 0)
    return bad(fault, "the request line has no target behind the method");
  if (n == rest || target[n] != ' ')
    return bad(fault, "the request target is not followed by one space and HTTP/1.1, or "
                      "has a byte that must be written as %XX");
  return check_version(target + n + 1, rest - n - 1, fault);
}

static int check_field(const char *line, size_t len, struct fault *fault)
{
  if (line[0] == ' ' || line[0] == '\t')
    return bad(fault, "a header line begins with white space (folded lines are refused)");
  size_t name = span(line, len, TOKEN);
  if (name < len && (line[name] == ' ' || line[name] == '\t'))
    return bad(fault, "a header name has white space in it or before its colon");
  if (name == 0 || name == len || line[name] != ':')
    return bad(fault, "a header line is not a name, a colon and a value");
  const char *value = line + name + 1;
  size_t rest = len - name - 1;
  if (span(value, rest, VALUE) != rest)
    return bad(fault, "a header value has a control byte (such as NUL or a lone CR)");
  return 0;
}

/* `end` is where the line's LF stands. Returns 1 for the empty line that ends a head. */
static int check_line(struct prescan *scan, const char *bytes, size_t end,
                      struct fault *fault)
{
  const char *line = bytes + scan->line;
  size_t len = end - scan->line;
  if (len == 0 || line[len - 1] != '\r')
    return bad(fault, "a line of the head ends in LF without CR");
  len--;
  if (len == 0 && (scan->lines > 0 || scan->trailer))
    return 1;
  if (scan->lines == 0 && !scan->trailer)
    return check_request_line(line, len, fault);
  return check_field(line, len, fault);
}

/* What speaks another protocol is told so at its first byte, not after a deadline. */
static int check_start(const struct prescan *scan, const char *bytes, struct fault *fault)
{
  if (scan->seen > 0 || scan->trailer || is(bytes[0], TOKEN))
    return 0;
  return bad(fault, "the first byte is not that of an HTTP method");
}

enum prescan_result prescan_feed(struct prescan *scan, const char *bytes, size_t len,
                                 struct fault *fault)
{
  if (len > 0 && check_start(scan, bytes, fault) < 0)
    return PRESCAN_BAD;
  while (scan->seen < len) {
    const char *lf = memchr(bytes + scan->seen, '\n', len - scan->seen);
    if (!lf)
      break;
    size_t end = (size_t)(lf - bytes);
    int result = check_line(scan, bytes, end, fault);
    if (result < 0)
      return PRESCAN_BAD;
    scan->seen = scan->line = end + 1;
    if (result > 0)
      return PRESCAN_DONE;
    scan->lines++;
  }
  scan->seen = len;
  return PRESCAN_MORE;
}
