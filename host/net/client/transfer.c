/* A transfer's life, its time-outs, and what its owner sees of it; see client.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/client/client_.h"

#define IN_KEPT ((size_t)64 * 1024) /* a larger buffer is not kept when it is empty */

/* ---- errors ---- */

int transfer__fail(struct transfer *t, const char *code, const char *fmt, ...)
{
  struct buf shown = {0};
  va_list args;
  if (t->failed)
    return -1;
  t->failed = true;
  va_start(args, fmt);
  err_vset(&t->err, code, fmt, args);
  va_end(args);
  url_show(t->url.text, &shown);
  err_wrap(&t->err, "%s %s", t->asked.method, shown.data);
  buf_fini(&shown);
  return -1;
}

/* ---- time ---- */

struct deadline {
  int64_t at_ns; /* 0: none */
  int64_t limit_ms;
  const char *what;
};

static void sooner(struct deadline *d, int64_t from_ns, int64_t limit_ms,
                   const char *what)
{
  int64_t at = from_ns + limit_ms * CLOCK_MS;
  if (limit_ms <= 0 || (d->at_ns > 0 && d->at_ns <= at))
    return;
  *d = (struct deadline){at, limit_ms, what};
}

static struct deadline deadline_of(const struct transfer *t)
{
  const struct asked_request *a = &t->asked;
  struct deadline d = {0};
  if (t->state == TRANSFER_LINE || t->state == TRANSFER_ENDED)
    return d;
  sooner(&d, t->began_ns, a->timeout_ms, "the whole request");
  if (t->state == TRANSFER_CONNECT)
    sooner(&d, t->hop_ns, a->connect_ms, "connecting");
  if (t->state == TRANSFER_SENT && !t->out_paused)
    sooner(&d, t->active_ns, a->first_byte_ms, "the first byte");
  if (t->state == TRANSFER_ANSWER && !t->in_paused)
    sooner(&d, t->active_ns, a->idle_ms, "the next byte");
  return d;
}

/* Bytes move the deadline without a word to the timer: it looks again when it fires. */
static void on_timer(uv_timer_t *timer)
{
  struct transfer *t = timer->data;
  struct deadline d = deadline_of(t);
  if (d.at_ns == 0)
    return;
  if (clock_mono_ns() < d.at_ns) {
    transfer__arm(t);
    return;
  }
  fault__timeout(t, d.limit_ms, d.what);
  transfer__end(t);
  pump__settle(t->client);
}

void transfer__arm(struct transfer *t)
{
  struct deadline d = deadline_of(t);
  int64_t left = d.at_ns - clock_mono_ns();
  if (d.at_ns == 0)
    uv_timer_stop(&t->timer);
  else
    uv_timer_start(&t->timer, on_timer, left > 0 ? (uint64_t)(left / CLOCK_MS) + 1 : 0,
                   0);
}

/* ---- life ---- */

void transfer__begin(struct transfer *t)
{
  int64_t now = clock_mono_ns();
  t->line_ns += now - t->lined_ns;
  t->began_ns += now - t->lined_ns;
  hop__start(t);
}

void transfer__end(struct transfer *t)
{
  line__leave(t);
  hop__stop(t);
  t->state = TRANSFER_ENDED;
  t->ended_ns = clock_mono_ns();
  uv_timer_stop(&t->timer);
  request__fini(&t->asked);
  buf_fini(&t->out);
  t->wake(t->arg);
}

static int open_client(struct client *c, struct err *err)
{
  if (libcurl_open(err) < 0)
    return -1;
  if (c->proxy && !c->proxy_url.text && url_parse(&c->proxy_url, NULL, c->proxy, err) < 0)
    return err_wrap(err, "the setting outgoing.proxy");
  if (!c->resolver)
    c->resolver = resolver_new(c->loop);
  return 0;
}

/* The user that stands in the URL, where none is given. */
static void take_user(struct transfer *t)
{
  if (t->asked.user || !t->url.user)
    return;
  t->asked.user = mem_strdup(t->url.user);
  t->asked.password = mem_strdup(t->url.password);
}

static int read_request(struct transfer *t, const struct transfer_request *request,
                        struct err *err)
{
  if (url_parse(&t->url, NULL, request->url, err) < 0 ||
      request__read(&t->asked, request, err) < 0)
    return -1;
  t->first_host = mem_strdup(t->url.host);
  t->first_port = t->url.port;
  take_user(t);
  t->guarded = request->guard == GUARD_ALL;
  return 0;
}

struct transfer *transfer_start(struct client *c, const struct transfer_request *request,
                                void (*wake)(void *arg), void *arg, struct err *err)
{
  if (open_client(c, err) < 0)
    return NULL;
  struct transfer *t = mem_alloc(sizeof *t);
  t->client = c;
  t->wake = wake;
  t->arg = arg;
  t->began_ns = clock_mono_ns();
  t->state = TRANSFER_ENDED;
  uv_timer_init(c->loop, &t->timer);
  t->timer.data = t;
  c->handles++;
  if (read_request(t, request, err) < 0 || line__join(t, err) < 0)
    transfer_free(&t);
  if (c->line_stale)
    line__advance(c);
  return t;
}

static void on_closed(uv_handle_t *handle)
{
  struct transfer *t = handle->data;
  struct client *c = t->client;
  free(t);
  client__closed(c);
}

static void forget_overfull(struct transfer *t)
{
  struct transfer **at = &t->client->overfull;
  while (t->overfull && *at != t)
    at = &(*at)->next_overfull;
  if (t->overfull)
    *at = t->next_overfull;
}

void transfer_free(struct transfer **transfer)
{
  struct transfer *t = *transfer;
  if (!t)
    return;
  struct client *c = t->client;
  *transfer = NULL;
  line__leave(t);
  hop__stop(t);
  forget_overfull(t);
  c->buffered -= receive__waiting(t);
  request__fini(&t->asked);
  free(t->first_host);
  url_fini(&t->url);
  buf_fini(&t->pairs);
  buf_fini(&t->in);
  buf_fini(&t->out);
  free(t->location);
  uv_close((uv_handle_t *)&t->timer, on_closed);
  if (c->line_stale)
    line__advance(c);
}

/* ---- what the owner sees ---- */

const struct transfer_head *transfer_head(const struct transfer *t)
{
  return t->head_done && !t->redirecting ? &t->head : NULL;
}

size_t transfer_peek(const struct transfer *t, const char **bytes)
{
  *bytes = t->in.data ? t->in.data + t->in_taken : "";
  return receive__waiting(t);
}

static void go_on(struct transfer *t)
{
  t->in_paused = false;
  receive__show(t);
  t->active_ns = clock_mono_ns();
  transfer__arm(t);
  libcurl.easy_pause(t->easy, t->out_paused ? CURLPAUSE_SEND : CURLPAUSE_CONT);
}

void transfer_take(struct transfer *t, size_t len)
{
  t->in_taken += len;
  t->client->buffered -= len;
  if (receive__waiting(t) == 0) {
    t->in.len = t->in_taken = 0;
    if (t->in.cap > IN_KEPT)
      buf_fini(&t->in);
  }
  if (t->in_paused && t->pool && receive__waiting(t) == 0)
    go_on(t);
}

bool transfer_ended(const struct transfer *t)
{
  return t->state == TRANSFER_ENDED;
}

const struct err *transfer_error(const struct transfer *t)
{
  return t->failed ? &t->err : NULL;
}

static int64_t since(const struct transfer *t, int64_t ns)
{
  return ns > t->began_ns ? (ns - t->began_ns) / CLOCK_MS : 0;
}

void transfer_timings(const struct transfer *t, struct transfer_timings *out)
{
  int64_t end = t->state == TRANSFER_ENDED ? t->ended_ns : clock_mono_ns();
  *out = (struct transfer_timings){
      .line_ms = t->line_ns / CLOCK_MS,
      .connect_ms = since(t, t->connected_ns),
      .first_byte_ms = since(t, t->first_byte_ns),
      .total_ms = since(t, end),
  };
}

void transfer_show_url(const char *url, struct buf *out)
{
  url_show(url, out);
}

size_t transfer_room(const struct transfer *t)
{
  size_t waiting = t->out.len - t->out_taken;
  if (t->out_ended || t->state == TRANSFER_ENDED || waiting >= TRANSFER_WINDOW)
    return 0;
  return TRANSFER_WINDOW - waiting;
}

static void send_on(struct transfer *t)
{
  if (!t->out_paused || !t->pool)
    return;
  t->out_paused = false;
  t->active_ns = clock_mono_ns();
  transfer__arm(t);
  libcurl.easy_pause(t->easy, t->in_paused ? CURLPAUSE_RECV : CURLPAUSE_CONT);
}

/* What was taken goes in large steps, else most of the work were moving the rest. */
void transfer__compact(struct buf *buf, size_t *taken)
{
  if (*taken < TRANSFER_WINDOW)
    return;
  buf_drop(buf, *taken);
  *taken = 0;
}

void transfer_write(struct transfer *t, const char *bytes, size_t len)
{
  if (t->state == TRANSFER_ENDED || t->out_ended)
    return;
  transfer__compact(&t->out, &t->out_taken);
  buf_append(&t->out, bytes, len);
  send_on(t);
}

void transfer_write_end(struct transfer *t)
{
  t->out_ended = true;
  send_on(t);
}
