/* Body framing: see body.h. */
#include "net/body.h"

#include <string.h>
#include <strings.h>

#define SIZE_LINE_MAX 256 /* with its extensions, which nobody here reads */
#define TRAILER_MAX   8192

static int bad(struct fault *fault, const char *detail)
{
  return fault_set(fault, 400, "bad_framing", "%s", detail);
}

static int too_large(const struct body *body, struct fault *fault)
{
  return fault_set(fault, 413, "body_too_large",
                   "the body is larger than the limit of %zu bytes", body->max);
}

static int plan_length(struct body *body, const char *text, struct fault *fault)
{
  size_t n = strlen(text);
  if (n == 0 || strspn(text, "0123456789") != n)
    return bad(fault, "the Content-Length is repeated or is not a number");
  for (const char *p = text; *p; p++) {
    body->left = body->left * 10 + (size_t)(*p - '0');
    if (body->left > body->max)
      return too_large(body, fault);
  }
  body->state = body->left ? BODY_LENGTH : BODY_DONE;
  return 0;
}

int body_plan(struct body *body, const struct http_request *req, size_t max,
              struct fault *fault)
{
  const char *length = http_header(req, "Content-Length");
  const char *coding = http_header(req, "Transfer-Encoding");
  *body = (struct body){.state = BODY_DONE, .max = max, .trailer = {.trailer = true}};
  if (coding && (length || req->http10))
    return bad(fault, length ? "both Content-Length and Transfer-Encoding are given"
                             : "HTTP/1.0 knows no Transfer-Encoding");
  if (coding && strcasecmp(coding, "chunked") != 0)
    return fault_set(fault, 501, "unknown_coding", "%s",
                     "the only transfer coding that this server reads is \"chunked\"");
  if (coding)
    body->state = BODY_SIZE_LINE;
  return length ? plan_length(body, length, fault) : 0;
}

/* Each step returns how many bytes it took: 0 when it needs more, -1 with the fault. */

static ssize_t take_data(struct body *body, const char *bytes, size_t len,
                         struct buf *out)
{
  size_t n = len < body->left ? len : body->left;
  buf_append(out, bytes, n);
  body->left -= n;
  if (body->left == 0)
    body->state = body->state == BODY_CHUNK ? BODY_CHUNK_END : BODY_DONE;
  return (ssize_t)n;
}

/* Reads hex digits into body->left; `room` bounds it, so that it cannot overflow. */
static int read_size(struct body *body, const char *line, size_t digits, size_t room,
                     struct fault *fault)
{
  body->left = 0;
  for (size_t i = 0; i < digits; i++) {
    body->left = body->left * 16 + (size_t)percent_hex(line[i]);
    if (body->left > room)
      return too_large(body, fault);
  }
  body->state = body->left ? BODY_CHUNK : BODY_TRAILER;
  return 0;
}

static ssize_t take_size_line(struct body *body, const char *bytes, size_t len,
                              size_t room, struct fault *fault)
{
  const char *lf = memchr(bytes, '\n', len < SIZE_LINE_MAX ? len : SIZE_LINE_MAX);
  if (!lf)
    return len < SIZE_LINE_MAX ? 0 : bad(fault, "a chunk's size line is too long");
  size_t digits = 0;
  while (percent_hex(bytes[digits]) >= 0)
    digits++;
  const char *rest = bytes + digits;
  if (digits == 0 || (*rest != ';' && *rest != '\r'))
    return bad(fault, "a chunk does not begin with its size in hex digits");
  if (lf == rest || lf[-1] != '\r' || !prescan_is_value(rest, (size_t)(lf - 1 - rest)))
    return bad(fault, "a chunk's size line does not end in CR LF, or has control bytes");
  if (read_size(body, bytes, digits, room, fault) < 0)
    return -1;
  return lf + 1 - bytes;
}

static ssize_t take_chunk_end(struct body *body, const char *bytes, size_t len,
                              struct fault *fault)
{
  if (bytes[0] != '\r' || (len > 1 && bytes[1] != '\n'))
    return bad(fault, "a chunk is not followed by CR LF");
  if (len < 2)
    return 0;
  body->state = BODY_SIZE_LINE;
  return 2;
}

static ssize_t take_trailer(struct body *body, const char *bytes, size_t len,
                            struct fault *fault)
{
  enum prescan_result result = prescan_feed(&body->trailer, bytes, len, fault);
  if (result == PRESCAN_BAD)
    return -1;
  if (body->trailer.seen > TRAILER_MAX)
    return fault_set(fault, 431, "head_too_large",
                     "the fields behind the body are larger than %d bytes", TRAILER_MAX);
  if (result == PRESCAN_MORE)
    return 0;
  body->state = BODY_DONE;
  return (ssize_t)body->trailer.line;
}

static ssize_t take_step(struct body *body, const char *bytes, size_t len,
                         struct buf *out, struct fault *fault)
{
  switch (body->state) {
  case BODY_SIZE_LINE:
    return take_size_line(body, bytes, len, body->max - out->len, fault);
  case BODY_CHUNK_END:
    return take_chunk_end(body, bytes, len, fault);
  case BODY_TRAILER:
    return take_trailer(body, bytes, len, fault);
  default:
    return take_data(body, bytes, len, out);
  }
}

int body_take(struct body *body, const char *bytes, size_t len, size_t *used,
              struct buf *out, struct fault *fault)
{
  *used = 0;
  while (body->state != BODY_DONE && *used < len) {
    ssize_t n = take_step(body, bytes + *used, len - *used, out, fault);
    if (n < 0)
      return -1;
    if (n == 0)
      break;
    *used += (size_t)n;
  }
  return 0;
}
