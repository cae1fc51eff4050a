/* What the parts of the client share: see client.h. */
#ifndef CANDY_NET_CLIENT_CLIENT__H
#define CANDY_NET_CLIENT_CLIENT__H

#include "base/buf.h"
#include "net/client/client.h"
#include "net/client/host_list.h"
#include "net/client/libcurl.h"
#include "net/client/resolve.h"
#include "net/client/url.h"

/* Connections that may be shared. What was opened without the guard must not serve a
 * guarded request; streams stay away from connections of HTTP/2, where one reader that
 * is slow would hold up the others. */
enum { POOL_GUARDED = 1, POOL_STREAMED = 2, POOLS = 4 };

#define EASY_KEPT 256 /* libcurl's handles that wait for their next use */

struct pool {
  struct client *client;
  CURLM *multi; /* NULL: not used yet */
  uv_timer_t timer;
};

/* Transfers that wait for their turn. */
struct line {
  struct transfer *first, **end;
};

/* A host with limits. */
struct limit {
  struct limit *next;
  char *host;
  unsigned concurrency, count;
  int64_t per_ns;
  double tokens; /* at filled_ns; at most `count` */
  int64_t filled_ns;
  unsigned running;
  struct line line;
};

struct client {
  uv_loop_t *loop;
  char *proxy, *ca_file;
  struct url proxy_url; /* .text NULL: no proxy, or not looked at yet */
  struct host_list *no_proxy, *private_allow;
  struct resolver *resolver; /* NULL until the first transfer */
  struct pool pools[POOLS];
  CURL *easies[EASY_KEPT];
  unsigned easy_count;

  struct limit *limits;
  unsigned limit_count, running, waiting;
  struct line line; /* of those past their host's limit */
  uv_timer_t line_timer;
  bool line_stale; /* somebody may go: looked at when nothing of libcurl runs */

  size_t buffered;           /* bytes of bodies that wait, of all transfers */
  unsigned hidden;           /* transfers of which libcurl keeps decompressed bytes */
  struct transfer *overfull; /* must be paused as soon as libcurl returns */
  int handles;               /* of uv, that are open */
};

enum transfer_state {
  TRANSFER_LINE,
  TRANSFER_CONNECT, /* resolving too */
  TRANSFER_SENT,    /* the connection stands */
  TRANSFER_ANSWER,  /* its head has come */
  TRANSFER_ENDED,
};

/* What was asked for: our own copy, which redirects change. */
struct asked_request {
  char method[16];
  struct curl_slist *headers;
  const char *body; /* the owner's */
  size_t body_len;
  bool has_body, body_streamed, streamed, downgrade, direct;
  int64_t body_size;
  int64_t timeout_ms, connect_ms, first_byte_ms, idle_ms;
  uint64_t bytes_max;
  int redirects;
  enum guard guard;
  char *user, *password;
};

struct transfer {
  struct client *client;
  void (*wake)(void *arg);
  void *arg;
  enum transfer_state state;
  uint16_t first_port;
  char *first_host; /* of the URL that was asked for, as is first_port */
  struct asked_request asked;
  uv_timer_t timer;

  struct line *line; /* NULL: it waits in none */
  struct transfer *next, **at;
  struct limit *limit;

  struct url url;
  struct lookup_wait lookup;
  struct pool *pool; /* the easy handle is in; NULL: in none */
  CURL *easy;
  struct curl_slist *resolved;
  char why[CURL_ERROR_SIZE];

  struct transfer_head head;
  struct buf pairs;
  size_t head_bytes;
  char *location;   /* of this hop's answer */
  uint64_t skipped; /* of the body of a redirect */

  struct buf in, out;
  size_t in_taken, out_taken; /* from their fronts */
  uint64_t received, sent;
  struct transfer *next_overfull;

  int64_t lined_ns, line_ns; /* since when in the line; how long in all */
  int64_t began_ns;          /* moves by the time in the line */
  int64_t hop_ns, active_ns, connected_ns, first_byte_ns, ended_ns;

  struct err err;
  int hops; /* redirects that were followed */
  char version[4];
  bool failed;
  bool counted, limit_counted; /* among those that run */
  bool guarded, refused;       /* refused: a private address, by the guard */
  bool in_head, head_done, redirecting, encoded; /* the answer of this hop */
  bool in_paused, overfull, hidden; /* hidden: libcurl keeps some of its body */
  bool out_paused, out_ended;
};

/* ---- client.c ---- */

void client__closed(struct client *c); /* one handle of uv less */

/* ---- pump.c ---- */

CURL *pump__easy(struct client *c); /* a fresh one */
void pump__easy_drop(struct client *c, CURL *easy);
int pump__add(struct transfer *t, unsigned pool);
void pump__remove(struct transfer *t);
void pump__settle(struct client *c); /* whenever libcurl may have been run */
void pump__fini(struct client *c);

/* ---- line.c ---- */

void line__init(struct client *c);
int line__join(struct transfer *t, struct err *err);
void line__leave(struct transfer *t); /* it waits no more, or runs no more */
void line__advance(struct client *c);
void line__fini(struct client *c);

/* ---- transfer.c ---- */

void transfer__begin(struct transfer *t); /* its turn has come */
void transfer__arm(struct transfer *t);   /* the state has changed: so has the deadline */
void transfer__end(struct transfer *t);
/* Before more is put into a body that may never be empty. */
void transfer__compact(struct buf *buf, size_t *taken);
int transfer__fail(struct transfer *t, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- request.c ---- */

int request__read(struct asked_request *a, const struct transfer_request *r,
                  struct err *err);
void request__fini(struct asked_request *a);
/* The URL of a redirect is another origin's, or the method changed. */
void request__drop_secrets(struct asked_request *a);
void request__drop_body(struct asked_request *a);

/* ---- hop.c ---- */

void hop__start(struct transfer *t);
bool hop__uses_proxy(const struct transfer *t);
void hop__stop(struct transfer *t);
void hop__done(struct transfer *t, CURLcode rc); /* libcurl is through with it */

/* ---- receive.c ---- */

void receive__reset(struct transfer *t);
void receive__set(struct transfer *t);
size_t receive__waiting(const struct transfer *t);
void receive__show(struct transfer *t); /* libcurl keeps nothing of it any more */
bool receive__is_redirect(const struct transfer *t);

/* ---- redirect.c ---- */

void redirect__follow(struct transfer *t);

/* ---- fault.c ---- */

void fault__set(struct transfer *t, CURLcode rc);
void fault__no_head(struct transfer *t);
void fault__timeout(struct transfer *t, int64_t limit_ms, const char *what);

#endif
