/* HTTP requests to the outside: one client for one uv loop, on libcurl.
 *
 * A transfer is one request with all the redirects that it is led through. It is started,
 * looked at whenever its `wake` was called, and freed, which cancels what still runs.
 * Bodies flow both ways in bounded buffers: nothing is read from a peer faster than the
 * owner takes it.
 *
 *   address.c    public and private addresses         resolve.c  names into addresses
 *   host_list.c  hosts in settings                    line.c     limits: who may go now
 *   url.c        URLs, and how they are shown         pump.c     libcurl on the uv loop
 *   client.c     the client's life                    libcurl.c  opened when it is needed
 *   transfer.c   life, time-outs, what owners see     hop.c      one request on the wire
 *   receive.c    heads and bodies that come           redirect.c from hop to hop
 *   request.c    what was asked for, checked          fault.c    what went wrong, in
 * words
 *
 * Private addresses. Each hop is guarded or not. A guarded one connects to nothing
 * private, however its name, number or redirect was written, since the address is judged
 * when the socket is made; its connections are shared with guarded hops alone. With
 * GUARD_ALL the proxy is not used, since it would resolve names out of sight; redirects
 * of other transfers go through it when their URL names nothing private.
 */
#ifndef CANDY_NET_CLIENT_CLIENT_H
#define CANDY_NET_CLIENT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "base/err.h"

#define CLIENT_RUNNING_MAX 1024                 /* transfers that are not in the line */
#define CLIENT_LINE_MAX    10000                /* transfers in the line */
#define CLIENT_LIMITS_MAX  1000                 /* hosts with limits */
#define TRANSFER_WINDOW    ((size_t)256 * 1024) /* bytes of a body that wait, each way */

struct client;
struct transfer;

struct client_settings { /* texts may be NULL */
  const char *proxy;     /* "http://user:password@host:port" */
  const char *const *no_proxy;
  size_t no_proxy_count;
  const char *const *private_allow; /* what guarded requests may reach all the same */
  size_t private_allow_count;
  const char *ca_file; /* instead of the system's certificates */
};

/* Cheap: libcurl is opened by the first transfer. */
struct client *client_new(uv_loop_t *loop, const struct client_settings *settings,
                          struct err *err);
/* All transfers must have been freed. The loop must turn before it can be closed. */
void client_free(struct client **client);

/* At most `concurrency` transfers to the host at a time (0: any number), and `count` of
 * them in `per_ms` (0: as fast as they come). Replaces what was said before. `host` is
 * "name" or "name:port" of a URL. -1: there are limits for too many hosts. */
int client_limit(struct client *c, const char *host, unsigned concurrency, unsigned count,
                 int64_t per_ms, struct err *err);

/* ---- requests ---- */

enum guard {
  GUARD_REDIRECTS, /* the URL itself may be private; where it leads may not, unless it is
                    * the same host and port */
  GUARD_ALL,
  GUARD_NONE,
};

struct transfer_header {
  const char *name, *value;
};

struct transfer_request {
  const char *method; /* capitals */
  const char *url;
  const struct transfer_header *headers;
  size_t header_count;
  const char *body; /* NULL: none, or streamed; it must stay until transfer_free */
  size_t body_len;
  bool body_streamed;    /* it comes by transfer_write */
  int64_t body_size;     /* of a streamed one; -1: not known */
  bool streamed;         /* the answer may take long: it gets a connection of its own */
  int64_t timeout_ms;    /* for everything, without waiting in the line; 0: none */
  int64_t connect_ms;    /* resolving, connecting, TLS; 0: none */
  int64_t first_byte_ms; /* from the request to the first byte of its answer; 0: none */
  int64_t idle_ms;       /* between bytes; 0: none */
  int redirects;         /* most of them; -1: they are answers like others */
  bool downgrade;        /* from https to http is allowed */
  uint64_t bytes_max;    /* of the decoded body; 0: any */
  enum guard guard;
  bool direct; /* without the proxy */
  const char *user, *password, *bearer;
};

struct transfer_timings { /* milliseconds; since the start, but for `line_ms` */
  int64_t line_ms;        /* in the line, which the others leave out */
  int64_t connect_ms, first_byte_ms, total_ms;
};

/* Copies the request, but for its body. NULL with err when it cannot be made at all.
 * `wake` is called when something has changed, perhaps from within the client: it must
 * only take note. */
struct transfer *transfer_start(struct client *c, const struct transfer_request *request,
                                void (*wake)(void *arg), void *arg, struct err *err);
void transfer_free(struct transfer **transfer);

/* ---- its answer ---- */

struct transfer_head {
  int status;
  const char *version; /* "1.1", "2" */
  const char *pairs;   /* name NUL value NUL, `count` times, in the order they came */
  size_t count;
  const char *url; /* after redirects */
  int redirects;
};

/* NULL: it has not come yet, or never will. */
const struct transfer_head *transfer_head(const struct transfer *t);

/* What has come of the body, decoded; then how much of it was taken. */
size_t transfer_peek(const struct transfer *t, const char **bytes);
void transfer_take(struct transfer *t, size_t len);

/* Nothing more comes; bytes may still wait to be taken. */
bool transfer_ended(const struct transfer *t);
/* NULL when it ended well. */
const struct err *transfer_error(const struct transfer *t);
void transfer_timings(const struct transfer *t, struct transfer_timings *out);

/* Appends a URL as messages and logs may have it, without what is secret in it. */
void transfer_show_url(const char *url, struct buf *out);

/* ---- a streamed request body ---- */

size_t transfer_room(const struct transfer *t);                         /* 0: wait */
void transfer_write(struct transfer *t, const char *bytes, size_t len); /* len <= room */
void transfer_write_end(struct transfer *t);

#endif
