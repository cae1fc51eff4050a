/* Answers that go on: a head at once, then whatever the handler has to say, in chunks
 * (HTTP/1.1) or up to the end of the connection (HTTP/1.0).
 *
 * A stream and its connection know each other until one of them ends. The handler is told
 * of the connection's end in its close callback, never from inside of a call that it
 * makes: so a write that fails leaves a stream that swallows everything until then.
 */
#include "net/conn.h"
#include "net/request.h"

#include <stdlib.h>
#include <string.h>

struct http_stream {
  struct http_conn *conn;   /* whose `stream` this is */
  struct http_request *req; /* NULL once the answer is whole or cut off */
  void (*closed)(void *arg);
  void *arg;
};

/* ---- begin ---- */

static bool has_nothing_to_say(struct http_request *req, int status, const char *type)
{
  struct http_conn *c = req->conn;
  if (!c) {
    request_free(&req);
    return true;
  }
  if (c->server->closing) {
    http_problem(req, 503, "stopping", "the server is stopping");
    return true;
  }
  if (strcmp(req->method, "HEAD") != 0)
    return false;
  response_head(&c->out, req, status, type, RESPONSE_OPEN);
  conn_answered(c, req);
  return true;
}

struct http_stream *http_stream_begin(struct http_request *req, int status,
                                      const char *type, void (*closed)(void *arg),
                                      void *arg)
{
  if (req->http10)
    req->close = true; /* which is how it ends */
  if (has_nothing_to_say(req, status, type))
    return NULL;
  struct http_stream *s = mem_alloc(sizeof *s);
  *s = (struct http_stream){req->conn, req, closed, arg};
  s->conn->stream = s;
  response_head(&s->conn->out, req, status, type, RESPONSE_OPEN);
  if (!s->conn->pumping)
    conn_pump(s->conn);
  return s;
}

/* ---- going on ---- */

void http_stream_write(struct http_stream *s, const void *bytes, size_t len)
{
  if (!s->req || len == 0) /* an empty chunk would be the last one */
    return;
  struct buf *out = &s->conn->out;
  if (!s->req->http10)
    buf_printf(out, "%zx\r\n", len);
  buf_append(out, bytes, len);
  if (!s->req->http10)
    buf_append(out, "\r\n", 2);
  if (!s->conn->pumping)
    wire_flush(s->conn);
}

size_t http_stream_pending(const struct http_stream *s)
{
  if (!s->req)
    return 0;
  return s->conn->out.len + uv_stream_get_write_queue_size(&s->conn->uv.stream);
}

/* ---- the end ---- */

static void finish(struct http_stream *s)
{
  struct http_request *req = s->req;
  s->req = NULL;
  if (!req->http10)
    buf_puts(&s->conn->out, "0\r\n\r\n");
  conn_answered(s->conn, req);
}

void http_stream_end(struct http_stream **owner)
{
  struct http_stream *s = *owner;
  *owner = NULL;
  if (!s)
    return;
  s->conn->stream = NULL;
  if (s->req)
    finish(s);
  free(s);
}

void http_stream_cut(struct http_stream **owner)
{
  struct http_stream *s = *owner;
  *owner = NULL;
  if (!s)
    return;
  conn_close(s->conn);
  s->conn->stream = NULL;
  free(s);
}

void stream_wind_down(struct http_stream *s)
{
  if (!s->req)
    return;
  s->req->close = true;
  finish(s);
}

void stream_cut_off(struct http_stream *s)
{
  request_free(&s->req);
}

void stream_gone(struct http_stream *s)
{
  void (*closed)(void *arg) = s->closed;
  void *arg = s->arg;
  free(s);
  closed(arg);
}
