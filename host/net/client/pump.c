/* libcurl on the uv loop: its sockets as uv_poll, its timer as uv_timer; see client.h.
 *
 * libcurl's callbacks must not call libcurl again. What they find out is noted and dealt
 * with in pump__settle, when it has returned.
 */
#include <stdlib.h>

#include "net/client/client_.h"

#define CONNECTIONS_KEPT CLIENT_RUNNING_MAX /* a pool, busy ones too */

struct watch {
  uv_poll_t poll;
  struct pool *pool;
  curl_socket_t fd;
};

/* ---- easy handles ---- */

CURL *pump__easy(struct client *c)
{
  if (c->easy_count > 0)
    return c->easies[--c->easy_count];
  return libcurl.easy_init();
}

void pump__easy_drop(struct client *c, CURL *easy)
{
  if (c->easy_count == EASY_KEPT) {
    libcurl.easy_cleanup(easy);
    return;
  }
  libcurl.easy_reset(easy);
  c->easies[c->easy_count++] = easy;
}

/* ---- what libcurl has done ---- */

static void finish_done(struct pool *p)
{
  CURLMsg *message;
  int left;
  while ((message = libcurl.multi_info_read(p->multi, &left))) {
    struct transfer *t = NULL;
    CURLcode rc = message->data.result;
    libcurl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
    hop__done(t, rc);
  }
}

static void pause_overfull(struct client *c)
{
  while (c->overfull) {
    struct transfer *t = c->overfull;
    c->overfull = t->next_overfull;
    t->overfull = false;
    if (t->pool && receive__waiting(t) >= TRANSFER_WINDOW) {
      t->in_paused = true;
      libcurl.easy_pause(t->easy, CURLPAUSE_RECV | (t->out_paused ? CURLPAUSE_SEND : 0));
    }
  }
}

void pump__settle(struct client *c)
{
  for (int i = 0; i < POOLS; i++)
    if (c->pools[i].multi)
      finish_done(&c->pools[i]);
  pause_overfull(c);
  if (c->line_stale)
    line__advance(c);
}

/* ---- sockets and the timer ---- */

static void act(struct pool *p, curl_socket_t fd, int events)
{
  int running;
  libcurl.multi_socket_action(p->multi, fd, events, &running);
  pump__settle(p->client);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
  struct watch *watch = poll->data;
  int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
              (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) |
              (status < 0 ? CURL_CSELECT_ERR : 0);
  act(watch->pool, watch->fd, flags);
}

static void on_timer(uv_timer_t *timer)
{
  act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void on_watch_closed(uv_handle_t *handle)
{
  struct watch *watch = handle->data;
  client__closed(watch->pool->client);
  free(watch);
}

static struct watch *watch_new(struct pool *p, curl_socket_t fd)
{
  struct watch *watch = mem_alloc(sizeof *watch);
  watch->pool = p;
  watch->fd = fd;
  if (uv_poll_init_socket(p->client->loop, &watch->poll, fd) < 0) {
    free(watch);
    return NULL;
  }
  watch->poll.data = watch;
  p->client->handles++;
  libcurl.multi_assign(p->multi, fd, watch);
  return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
  struct pool *p = arg;
  struct watch *watch = known;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (watch)
      uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
    libcurl.multi_assign(p->multi, fd, NULL);
    return 0;
  }
  if (!watch)
    watch = watch_new(p, fd);
  if (!watch)
    return -1;
  int events =
      (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
  return uv_poll_start(&watch->poll, events, on_poll) < 0 ? -1 : 0;
}

static int on_timer_change(CURLM *multi, long ms, void *arg)
{
  struct pool *p = arg;
  (void)multi;
  if (ms < 0)
    uv_timer_stop(&p->timer);
  else
    uv_timer_start(&p->timer, on_timer, (uint64_t)ms, 0);
  return 0;
}

/* ---- pools ---- */

static int pool_open(struct client *c, struct pool *p)
{
  if (p->multi)
    return 0;
  p->client = c;
  p->multi = libcurl.multi_init();
  if (!p->multi)
    return -1;
  uv_timer_init(c->loop, &p->timer);
  p->timer.data = p;
  c->handles++;
  libcurl.multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  libcurl.multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
  libcurl.multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
  libcurl.multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
  libcurl.multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
  libcurl.multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT);
  return 0;
}

int pump__add(struct transfer *t, unsigned pool)
{
  struct pool *p = &t->client->pools[pool];
  if (pool_open(t->client, p) < 0 ||
      libcurl.multi_add_handle(p->multi, t->easy) != CURLM_OK)
    return -1;
  t->pool = p;
  return 0;
}

void pump__remove(struct transfer *t)
{
  if (!t->pool)
    return;
  libcurl.multi_remove_handle(t->pool->multi, t->easy);
  t->pool = NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
  struct pool *p = handle->data;
  client__closed(p->client);
}

void pump__fini(struct client *c)
{
  while (c->easy_count > 0)
    libcurl.easy_cleanup(c->easies[--c->easy_count]);
  for (int i = 0; i < POOLS; i++) {
    if (!c->pools[i].multi)
      continue;
    libcurl.multi_cleanup(c->pools[i].multi);
    c->pools[i].multi = NULL;
    uv_close((uv_handle_t *)&c->pools[i].timer, on_timer_closed);
  }
}
