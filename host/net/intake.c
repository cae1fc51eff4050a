/* Taking requests from what arrived: one at a time and in order, each only when the whole
 * of it is there and sound. */
#include "net/conn.h"
#include "net/request.h"

#include <string.h>
#include <strings.h>

void intake_begin(struct http_conn *c)
{
  c->state = CONN_HEAD;
  c->begun = c->blank = false;
  c->scan = (struct prescan){0};
  c->deadline = conn_after(c, c->server->limits.idle_ms);
}

static struct http_request *new_request(struct http_conn *c, const char *head, size_t len,
                                        int fields)
{
  c->req = request_new(head, len, fields);
  c->req->conn = c;
  c->req->local = c->local;
  server_new_id(c->server, c->req->id);
  return c->req;
}

void intake_refuse(struct http_conn *c, const struct fault *fault)
{
  struct http_request *req = c->req ? c->req : new_request(c, NULL, 0, 0);
  req->close = true;
  c->state = CONN_BUSY;
  http_problem(req, fault->status, fault->code, "%s", fault->detail);
}

static void dispatch(struct http_conn *c)
{
  struct http_request *req = c->req;
  if (req->content.len)
    req->body = req->content.data;
  req->body_len = req->content.len;
  c->state = CONN_BUSY;
  c->server->handler(req, c->server->arg);
}

static int check_expect(const struct http_request *req, struct fault *fault)
{
  const char *expect = http_header(req, "Expect");
  if (!expect || req->http10 || strcasecmp(expect, "100-continue") == 0)
    return 0;
  return fault_set(fault, 417, "unknown_expectation",
                   "the only expectation that this server knows is 100-continue");
}

static void begin_body(struct http_conn *c)
{
  c->state = CONN_BODY;
  c->stretch = 0;
  c->deadline = conn_after(c, c->server->limits.head_ms);
  if (c->pos == c->in.len && !c->req->http10 && http_header(c->req, "Expect"))
    buf_puts(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void begin_request(struct http_conn *c, size_t head_len)
{
  struct fault fault;
  const struct http_limits *limits = &c->server->limits;
  int fields = c->scan.lines - 1;
  struct http_request *req = new_request(c, c->in.data + c->pos, head_len, fields);
  c->pos += head_len;
  if (request_read_head(req, head_len, &fault) < 0 ||
      body_plan(&c->body, req, limits->body_max, &fault) < 0 ||
      check_expect(req, &fault) < 0)
    intake_refuse(c, &fault);
  else if (c->body.state == BODY_DONE)
    dispatch(c);
  else
    begin_body(c);
}

static int check_size(const struct http_conn *c, size_t head_len, struct fault *fault)
{
  const struct http_limits *limits = &c->server->limits;
  if (head_len > limits->head_max)
    return fault_set(fault, 431, "head_too_large",
                     "the request's head is larger than the limit of %zu bytes",
                     limits->head_max);
  if (c->scan.lines - 1 > limits->headers_max)
    return fault_set(fault, 431, "head_too_large",
                     "the request has more than the limit of %d header lines",
                     limits->headers_max);
  return 0;
}

/* RFC 9112 section 2.2: an empty line before a request is to be ignored. */
static void skip_blank(struct http_conn *c)
{
  if (c->blank || c->in.len - c->pos < 2 || memcmp(c->in.data + c->pos, "\r\n", 2) != 0)
    return;
  c->blank = true;
  c->pos += 2;
}

static void note_begin(struct http_conn *c)
{
  if (!c->begun)
    c->deadline = conn_after(c, c->server->limits.head_ms);
  c->begun = true;
}

static bool take_head(struct http_conn *c)
{
  struct fault fault;
  skip_blank(c);
  const char *bytes = c->in.data + c->pos;
  size_t len = c->in.len - c->pos;
  if (len == 0)
    return false;
  note_begin(c);
  if (len == 1 && bytes[0] == '\r' && !c->blank)
    return false;
  enum prescan_result result = prescan_feed(&c->scan, bytes, len, &fault);
  if (result != PRESCAN_BAD &&
      check_size(c, result == PRESCAN_DONE ? c->scan.line : len, &fault) < 0)
    result = PRESCAN_BAD;
  if (result == PRESCAN_BAD)
    intake_refuse(c, &fault);
  else if (result == PRESCAN_DONE)
    begin_request(c, c->scan.line);
  return result != PRESCAN_MORE;
}

static bool take_body(struct http_conn *c)
{
  struct fault fault;
  size_t used = 0;
  const char *bytes = c->in.data + c->pos;
  if (body_take(&c->body, bytes, c->in.len - c->pos, &used, &c->req->content, &fault) < 0)
    intake_refuse(c, &fault);
  c->pos += used;
  if (c->state != CONN_BODY) /* refused */
    return true;
  if (c->body.state != BODY_DONE)
    return false;
  dispatch(c);
  return true;
}

bool intake_advance(struct http_conn *c)
{
  if (c->state == CONN_HEAD)
    return take_head(c);
  if (c->state == CONN_BODY)
    return take_body(c);
  if (c->state == CONN_LINGER)
    c->pos = c->in.len;
  return false;
}
