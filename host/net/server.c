/* The server: its limits, its clock and its end. Listeners are in listen.c, connections
 * in conn.c.
 *
 * One timer watches the deadlines of all connections. They are seconds, so a coarse look
 * at each connection ten times a second costs less than a timer for each. */
#include "net/server.h"

#include "base/clock.h"
#include "net/conn.h"
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define TICK_MS 100

static void fill_defaults(struct http_limits *l)
{
  if (!l->body_max)
    l->body_max = 5 << 20;
  if (!l->head_max)
    l->head_max = 32 << 10;
  if (!l->headers_max)
    l->headers_max = 100;
  if (!l->head_ms)
    l->head_ms = 10000;
  if (!l->body_min_bytes_per_s)
    l->body_min_bytes_per_s = 1024;
  if (!l->idle_ms)
    l->idle_ms = 60000;
  if (!l->connections_max)
    l->connections_max = 10000;
}

struct http_server *http_server_new(uv_loop_t *loop, const struct http_limits *limits,
                                    http_handler handler, void *arg)
{
  struct http_server *server = mem_alloc(sizeof *server);
  server->loop = loop;
  if (limits)
    server->limits = *limits;
  fill_defaults(&server->limits);
  signal(SIGPIPE, SIG_IGN); /* a client that is gone is an error of the write */
  server->handler = handler;
  server->arg = arg;
  uv_random(NULL, NULL, &server->id_seed, sizeof server->id_seed, 0, NULL);
  return server;
}

/* ---- deadlines ---- */

static void cut_all(struct http_server *server)
{
  for (struct http_conn *c = server->conns; c; c = c->next)
    conn_close(c);
}

/* Connections leave the list in their close callbacks, never during this walk. */
static void tick(uv_timer_t *timer)
{
  struct http_server *server = timer->data;
  uint64_t now = uv_now(server->loop);
  for (struct listener *l = server->listeners; l; l = l->next)
    listener_resume(l);
  for (struct http_conn *c = server->conns; c; c = c->next)
    conn_tick(c, now);
  if (server->closing && now >= server->cut_at)
    cut_all(server);
  if (!server->conns)
    uv_timer_stop(timer);
}

void server_watch(struct http_server *server)
{
  if (!server->handles) {
    uv_timer_init(server->loop, &server->tick);
    server->tick.data = server;
    server->handles = 1;
  }
  if (!uv_is_active((uv_handle_t *)&server->tick))
    uv_timer_start(&server->tick, tick, TICK_MS, TICK_MS);
}

/* ---- the end ---- */

static void tick_closed(uv_handle_t *handle)
{
  server_release(handle->data);
}

void server_release(struct http_server *server)
{
  server->handles--;
  uv_handle_t *timer = (uv_handle_t *)&server->tick;
  if (server->closing && server->handles == 1 && !uv_is_closing(timer))
    uv_close(timer, tick_closed);
  else if (server->closing && server->handles == 0 && server->closed)
    server->closed(server->closed_arg);
}

void http_server_close(struct http_server *server, int64_t grace_ms,
                       void (*closed)(void *arg), void *arg)
{
  if (server->closing)
    return;
  server_watch(server);
  server->closing = true;
  server->closed = closed;
  server->closed_arg = arg;
  server->cut_at = uv_now(server->loop) + (uint64_t)grace_ms;
  server->handles++; /* not reported before this function is done */
  for (struct listener *l = server->listeners; l; l = l->next)
    listener_close(l);
  for (struct http_conn *c = server->conns; c; c = c->next)
    conn_wind_down(c);
  if (grace_ms <= 0)
    cut_all(server);
  server_release(server);
}

void http_server_free(struct http_server **owner)
{
  struct http_server *server = *owner;
  *owner = NULL;
  if (!server)
    return;
  for (struct listener *l = server->listeners, *next; l; l = next) {
    next = l->next;
    free(l->name);
    free(l);
  }
  free(server);
}

/* ---- what each answer carries ---- */

const char *server_date(struct http_server *server)
{
  int64_t second = clock_wall_ms() / 1000;
  if (second != server->date_second) {
    time_t t = (time_t)second;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    server->date_second = second;
  }
  return server->date;
}

/* An odd factor makes each count another number, so ids do not repeat; the seed keeps
 * those of several runs apart. */
void server_new_id(struct http_server *server, char id[20])
{
  uint64_t n = server->id_seed + ++server->id_count * 0x9E3779B97F4A7C15u;
  for (int i = 15; i >= 0; i--, n >>= 4)
    id[i] = "0123456789abcdef"[n & 15];
  id[16] = 0;
}
