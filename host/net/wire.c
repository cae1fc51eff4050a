/* What a connection reads and writes: answers are collected and go out in as few writes
 * as the client takes, and a client that sends ahead is read no further than IN_MAX. */
#include "net/conn.h"

#define IN_MAX 65536 /* read ahead of a request that is not answered */

/* ---- writing ---- */

static void written(uv_write_t *write, int status)
{
  struct http_conn *c = write->data;
  c->writing = false;
  buf_fini(&c->sending);
  if (c->state == CONN_CLOSED)
    return;
  if (status < 0)
    conn_close(c);
  else
    conn_pump(c);
}

static void send_rest(struct http_conn *c, size_t from)
{
  c->sending = c->out;
  c->out = (struct buf){0};
  c->unsent = c->sending.len - from;
  c->writing = true;
  c->write.data = c;
  c->write_deadline = conn_after(c, c->server->limits.idle_ms);
  uv_buf_t rest = uv_buf_init(c->sending.data + from, (unsigned)c->unsent);
  if (uv_write(&c->write, &c->uv.stream, &rest, 1, written) < 0) {
    c->writing = false;
    conn_close(c);
  }
}

void wire_flush(struct http_conn *c)
{
  if (c->state == CONN_CLOSED || c->writing || c->out.len == 0)
    return;
  uv_buf_t all = uv_buf_init(c->out.data, (unsigned)c->out.len);
  int n = uv_try_write(&c->uv.stream, &all, 1);
  if (n < 0 && n != UV_EAGAIN) {
    conn_close(c);
    return;
  }
  size_t sent = n > 0 ? (size_t)n : 0;
  if (sent < c->out.len)
    send_rest(c, sent);
  else if (c->out.cap > CONN_OUT_MAX)
    buf_fini(&c->out);
  else
    c->out.len = 0;
}

/* ---- reading ---- */

static void lend_scratch(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  (void)suggested;
  struct http_conn *c = handle->data;
  *buf = uv_buf_init(c->server->scratch, sizeof c->server->scratch);
}

static void arrived(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
  struct http_conn *c = stream->data;
  if (n == 0)
    return;
  if (n < 0 && n != UV_EOF) {
    conn_close(c);
    return;
  }
  if (n == UV_EOF)
    c->eof = true;
  else if (c->state != CONN_LINGER)
    buf_append(&c->in, buf->base, (size_t)n);
  conn_pump(c);
}

/* Reads on while a request is with its handler, so that it is seen when the client breaks
 * off, but no further than IN_MAX. */
void wire_adjust_reading(struct http_conn *c)
{
  bool stuck = c->state == CONN_BUSY || c->writing;
  bool want = !c->eof && !(stuck && c->in.len - c->pos >= IN_MAX);
  if (want == c->reading)
    return;
  c->reading = want;
  if (!want)
    uv_read_stop(&c->uv.stream);
  else if (uv_read_start(&c->uv.stream, lend_scratch, arrived) < 0)
    conn_close(c);
}

/* ---- ending our side ---- */

static void shut_down(uv_shutdown_t *shutdown, int status)
{
  (void)shutdown, (void)status;
}

void wire_shut(struct http_conn *c)
{
  if (c->shut)
    return;
  c->shut = true;
  if (uv_shutdown(&c->shutdown, &c->uv.stream, shut_down) < 0)
    conn_close(c);
}
