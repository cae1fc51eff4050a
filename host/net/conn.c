/* The life of a connection: birth, moving on, coming to rest, deadlines, death. See
 * conn.h. */
#include "net/conn.h"
#include "net/request.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define LINGER_MS 3000
#define KEEP_MAX  16384 /* memory that an idle connection keeps for reuse */

uint64_t conn_after(const struct http_conn *c, int64_t ms)
{
  return uv_now(c->server->loop) + (uint64_t)ms;
}

/* ---- birth ---- */

static void link_conn(struct http_conn *c)
{
  struct http_server *server = c->server;
  c->next = server->conns;
  if (c->next)
    c->next->prev = c;
  server->conns = c;
  server->conn_count++;
  server->handles++;
}

static void unlink_conn(struct http_conn *c)
{
  *(c->prev ? &c->prev->next : &c->server->conns) = c->next;
  if (c->next)
    c->next->prev = c->prev;
  c->server->conn_count--;
}

static int adopt(struct http_conn *c, int fd)
{
  uv_loop_t *loop = c->server->loop;
  c->uv.handle.data = c;
  if (c->local) {
    uv_pipe_init(loop, &c->uv.pipe, 0);
    return uv_pipe_open(&c->uv.pipe, fd);
  }
  uv_tcp_init(loop, &c->uv.tcp);
  uv_tcp_nodelay(&c->uv.tcp, 1); /* kept by libuv until the socket is there */
  return uv_tcp_open(&c->uv.tcp, fd);
}

void conn_open(struct http_server *server, int fd, bool local)
{
  struct http_conn *c = mem_alloc(sizeof *c);
  c->server = server;
  c->local = local;
  link_conn(c);
  server_watch(server);
  intake_begin(c);
  c->deadline = conn_after(c, server->limits.head_ms);
  if (adopt(c, fd) < 0) {
    close(fd);
    conn_close(c);
    return;
  }
  conn_pump(c);
}

/* ---- moving on ---- */

void conn_answered(struct http_conn *c, struct http_request *req)
{
  bool last = req->close;
  c->req = NULL;
  request_free(&req);
  if (last) {
    c->state = CONN_LINGER;
    c->deadline = conn_after(c, LINGER_MS);
  } else {
    intake_begin(c);
  }
  if (!c->pumping)
    conn_pump(c);
}

/* ---- coming to rest ---- */

static void drop_used(struct http_conn *c)
{
  if (c->pos < c->in.len - c->pos)
    return; /* moving more than it frees is not worth it yet */
  buf_drop(&c->in, c->pos);
  c->pos = 0;
  if (c->in.len == 0 && c->in.cap > KEEP_MAX)
    buf_fini(&c->in);
}

/* The client sends no more and nothing is left to answer. */
static void end_of_input(struct http_conn *c)
{
  struct fault fault;
  if (c->state == CONN_LINGER || (c->state == CONN_HEAD && !c->begun)) {
    conn_close(c);
    return;
  }
  fault_set(&fault, 400, "incomplete_request", "the connection ended inside the %s",
            c->state == CONN_HEAD ? "request's head" : "body");
  intake_refuse(c, &fault);
}

static void settle(struct http_conn *c)
{
  if (c->state == CONN_CLOSED)
    return;
  drop_used(c);
  if (c->stream && c->eof && c->state == CONN_BUSY) {
    conn_close(c); /* nobody listens any more */
    return;
  }
  if (!c->writing && c->state != CONN_BUSY) {
    if (c->eof)
      end_of_input(c);
    else if (c->server->closing && c->state == CONN_HEAD && !c->begun)
      conn_close(c);
    else if (c->state == CONN_LINGER)
      wire_shut(c);
  }
  if (c->state != CONN_CLOSED)
    wire_adjust_reading(c);
}

void conn_pump(struct http_conn *c)
{
  c->pumping = true;
  while (!c->writing && intake_advance(c))
    if (c->out.len >= CONN_OUT_MAX)
      wire_flush(c);
  c->pumping = false;
  wire_flush(c);
  settle(c);
}

/* ---- deadlines ---- */

/* Answers that nobody reads: cut when not one byte has left since the last look. */
static void check_reader(struct http_conn *c)
{
  size_t unsent = uv_stream_get_write_queue_size(&c->uv.stream);
  if (unsent == c->unsent) {
    conn_close(c);
    return;
  }
  c->unsent = unsent;
  c->write_deadline = conn_after(c, c->server->limits.idle_ms);
}

static void check_rate(struct http_conn *c)
{
  struct fault fault;
  const struct http_limits *limits = &c->server->limits;
  int64_t least = limits->body_min_bytes_per_s * limits->head_ms / 1000;
  if (c->req->content.len - c->stretch < (size_t)least) {
    fault_set(&fault, 408, "body_timeout",
              "the body came slower than %" PRId64 " bytes a second",
              limits->body_min_bytes_per_s);
    intake_refuse(c, &fault);
    return;
  }
  c->stretch = c->req->content.len;
  c->deadline = conn_after(c, limits->head_ms);
}

static void head_late(struct http_conn *c)
{
  struct fault fault;
  fault_set(&fault, 408, "head_timeout",
            "the request's head was not whole after %" PRId64 " ms",
            c->server->limits.head_ms);
  intake_refuse(c, &fault);
}

void conn_tick(struct http_conn *c, uint64_t now)
{
  if (c->state == CONN_CLOSED)
    return;
  if (c->writing) {
    if (now >= c->write_deadline)
      check_reader(c);
    return;
  }
  if (c->state == CONN_BUSY || now < c->deadline)
    return;
  if (c->state == CONN_BODY)
    check_rate(c);
  else if (c->state == CONN_HEAD && c->begun)
    head_late(c);
  else
    conn_close(c);
}

/* ---- the end ---- */

static void closed(uv_handle_t *handle)
{
  struct http_conn *c = handle->data;
  struct http_server *server = c->server;
  unlink_conn(c);
  if (c->stream)
    stream_gone(c->stream);
  buf_fini(&c->in);
  buf_fini(&c->out);
  buf_fini(&c->sending);
  free(c);
  server_release(server);
}

void conn_close(struct http_conn *c)
{
  if (c->state == CONN_CLOSED)
    return;
  if (c->stream)
    stream_cut_off(c->stream);
  else if (c->req && c->state == CONN_BUSY)
    c->req->conn = NULL; /* its handler has it */
  else
    request_free(&c->req);
  c->req = NULL;
  c->state = CONN_CLOSED;
  uv_close(&c->uv.handle, closed);
}

void conn_wind_down(struct http_conn *c)
{
  if (c->stream)
    stream_wind_down(c->stream);
  else if (!c->pumping)
    settle(c);
}
