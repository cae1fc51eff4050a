/* Names into addresses: see resolve.h.
 *
 * A thread owns its `asked` and hands it back through `shared`, which lives as long as
 * anybody knows it: a name server that does not answer holds a thread for many seconds,
 * perhaps longer than the resolver lives.
 */
#include "net/client/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define STACK         ((size_t)512 * 1024)
#define ADDRESSES_MAX 16 /* of one name */

struct asked {
  struct shared *shared;
  struct asked *next;
  struct lookup *lookup; /* for the resolver alone */
  struct buf addresses;
  int rc; /* of getaddrinfo */
  char host[];
};

struct shared {
  pthread_mutex_t lock;
  uv_async_t async;
  struct resolver *resolver; /* NULL: it is gone, and the handle with it */
  struct asked *done;
  unsigned known; /* by threads and the resolver */
};

struct lookup {
  struct lookup *next;
  struct lookup_wait *waits; /* nobody waits for what is known */
  char *host;
  char *addresses; /* NULL: not known */
  int64_t known_ns;
  bool running;
};

struct resolver {
  struct shared *shared;
  struct lookup *lookups; /* newest first */
  unsigned running;
};

/* ---- threads ---- */

/* The lock is held; gives it back. */
static void leave(struct shared *s)
{
  unsigned known = --s->known;
  pthread_mutex_unlock(&s->lock);
  if (known > 0)
    return;
  pthread_mutex_destroy(&s->lock);
  free(s);
}

static void add_address(struct buf *out, const struct sockaddr *address)
{
  char text[INET6_ADDRSTRLEN];
  const void *bytes =
      address->sa_family == AF_INET6
          ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
          : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
  if (!inet_ntop(address->sa_family, bytes, text, sizeof text))
    return;
  const char *comma = out->len > 0 ? "," : "";
  buf_printf(out, address->sa_family == AF_INET6 ? "%s[%s]" : "%s%s", comma, text);
}

static void look_up(struct asked *a)
{
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *list = NULL;
  int count = 0;
  a->rc = getaddrinfo(a->host, NULL, &hints, &list);
  if (a->rc != 0)
    return;
  for (struct addrinfo *i = list; i && count < ADDRESSES_MAX; i = i->ai_next, count++)
    if (i->ai_family == AF_INET || i->ai_family == AF_INET6)
      add_address(&a->addresses, i->ai_addr);
  freeaddrinfo(list);
  if (a->addresses.len == 0)
    a->rc = EAI_NODATA;
}

static void asked_free(struct asked *a)
{
  buf_fini(&a->addresses);
  free(a);
}

static void *thread(void *arg)
{
  struct asked *a = arg;
  struct shared *s = a->shared;
  look_up(a);
  pthread_mutex_lock(&s->lock);
  if (s->resolver) {
    a->next = s->done;
    s->done = a;
    uv_async_send(&s->async);
  } else {
    asked_free(a);
  }
  leave(s);
  return NULL;
}

static int start_thread(struct asked *a)
{
  pthread_attr_t attributes;
  pthread_t id;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  int rc = pthread_create(&id, &attributes, thread, a);
  pthread_attr_destroy(&attributes);
  return rc == 0 ? 0 : -1;
}

/* ---- names ---- */

static bool is_stale(const struct lookup *l)
{
  return l->addresses && clock_mono_ns() - l->known_ns > RESOLVE_KEEP_MS * CLOCK_MS;
}

static void drop(struct lookup **at)
{
  struct lookup *l = *at;
  *at = l->next;
  free(l->host);
  free(l->addresses);
  free(l);
}

/* Tells all who wait; they may ask again meanwhile. */
static void tell(struct lookup *l, const char *why)
{
  struct lookup_wait *waits = l->waits;
  l->waits = NULL;
  while (waits) {
    struct lookup_wait *wait = waits;
    waits = wait->next;
    wait->next = NULL;
    wait->lookup = NULL;
    wait->done(wait, l->addresses, why);
  }
}

static void begin(struct resolver *r, struct lookup *l)
{
  size_t len = strlen(l->host);
  struct asked *a = mem_alloc(sizeof *a + len + 1);
  memcpy(a->host, l->host, len + 1);
  a->shared = r->shared;
  a->lookup = l;
  pthread_mutex_lock(&r->shared->lock);
  r->shared->known++;
  pthread_mutex_unlock(&r->shared->lock);
  l->running = true;
  r->running++;
  if (start_thread(a) == 0)
    return;
  /* The same way back as a thread's, since nobody may be told before we return. */
  pthread_mutex_lock(&r->shared->lock);
  r->shared->known--;
  a->rc = EAI_AGAIN;
  a->next = r->shared->done;
  r->shared->done = a;
  uv_async_send(&r->shared->async);
  pthread_mutex_unlock(&r->shared->lock);
}

/* Starts the one that has waited longest: the last in the list. */
static void begin_more(struct resolver *r)
{
  while (r->running < RESOLVE_THREADS) {
    struct lookup *oldest = NULL;
    for (struct lookup *l = r->lookups; l; l = l->next)
      if (l->waits && !l->running)
        oldest = l;
    if (!oldest)
      return;
    begin(r, oldest);
  }
}

static void forget_old(struct resolver *r)
{
  struct lookup **at = &r->lookups;
  unsigned seen = 0;
  while (*at) {
    struct lookup *l = *at;
    bool idle = !l->running && !l->waits;
    if (idle && (!l->addresses || is_stale(l) || seen >= RESOLVE_NAMES)) {
      drop(at);
      continue;
    }
    seen++;
    at = &l->next;
  }
}

static void take(struct resolver *r, struct asked *a)
{
  struct lookup *l = a->lookup;
  l->running = false;
  r->running--;
  free(l->addresses);
  l->addresses = a->rc == 0 ? buf_take(&a->addresses) : NULL;
  l->known_ns = clock_mono_ns();
  tell(l, a->rc == 0 ? NULL : gai_strerror(a->rc));
  asked_free(a);
}

static void on_done(uv_async_t *async)
{
  struct shared *s = async->data;
  struct resolver *r = s->resolver;
  pthread_mutex_lock(&s->lock);
  struct asked *done = s->done;
  s->done = NULL;
  pthread_mutex_unlock(&s->lock);
  while (done) {
    struct asked *a = done;
    done = a->next;
    take(r, a);
  }
  begin_more(r);
  forget_old(r);
}

/* ---- the face ---- */

struct resolver *resolver_new(uv_loop_t *loop)
{
  struct resolver *r = mem_alloc(sizeof *r);
  struct shared *s = r->shared = mem_alloc(sizeof *s);
  s->resolver = r;
  s->known = 1;
  pthread_mutex_init(&s->lock, NULL);
  uv_async_init(loop, &s->async, on_done);
  uv_unref((uv_handle_t *)&s->async);
  s->async.data = s;
  return r;
}

static void on_closed(uv_handle_t *handle)
{
  struct shared *s = handle->data;
  pthread_mutex_lock(&s->lock);
  leave(s);
}

void resolver_free(struct resolver **resolver)
{
  struct resolver *r = *resolver;
  if (!r)
    return;
  struct shared *s = r->shared;
  pthread_mutex_lock(&s->lock);
  s->resolver = NULL;
  struct asked *done = s->done;
  s->done = NULL;
  pthread_mutex_unlock(&s->lock);
  while (done) {
    struct asked *a = done;
    done = a->next;
    asked_free(a);
  }
  while (r->lookups)
    drop(&r->lookups);
  uv_close((uv_handle_t *)&s->async, on_closed);
  free(r);
  *resolver = NULL;
}

static struct lookup *find(struct resolver *r, const char *host)
{
  for (struct lookup *l = r->lookups; l; l = l->next)
    if (strcmp(l->host, host) == 0)
      return l;
  struct lookup *l = mem_alloc(sizeof *l);
  l->host = mem_strdup(host);
  l->next = r->lookups;
  r->lookups = l;
  return l;
}

const char *resolver_ask(struct resolver *r, const char *host, struct lookup_wait *wait)
{
  struct lookup *l = find(r, host);
  if (l->addresses && !is_stale(l))
    return l->addresses;
  struct lookup_wait **end = &l->waits;
  while (*end)
    end = &(*end)->next;
  *end = wait;
  wait->lookup = l;
  begin_more(r);
  return NULL;
}

void resolver_forget(struct lookup_wait *wait)
{
  if (!wait->lookup)
    return;
  struct lookup_wait **at = &wait->lookup->waits;
  while (*at != wait)
    at = &(*at)->next;
  *at = wait->next;
  wait->next = NULL;
  wait->lookup = NULL;
}
