/* The HTTP/1.1 server: listeners, limits, requests and their answers.
 *
 * A server lives on one loop and calls one handler a request, when the whole of it has
 * arrived and passed every check. The handler answers it exactly once, at once or at any
 * later time on the same loop, by http_reply or one of the functions built on it; the
 * request is gone after that. A client that goes away first changes nothing for the
 * handler: the request stays valid until it is answered, and the answer is dropped.
 *
 * What is malformed, too large, too slow or ambiguous is answered by the server itself
 * with a problem document (RFC 9457) and the end of the connection.
 */
#ifndef CANDY_NET_HTTP_H
#define CANDY_NET_HTTP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "net/query.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_server;
struct http_conn;
struct http_request;
typedef void (*http_handler)(struct http_request *req, void *arg);

/* Zero stands for the default. */
struct http_limits {
  size_t body_max;              /* 5 MiB */
  size_t head_max;              /* 32 KiB: request line and fields */
  int headers_max;              /* 100 */
  int64_t head_ms;              /* 10 s from a head's first byte to its last */
  int64_t body_min_bytes_per_s; /* 1024, judged over stretches of head_ms */
  int64_t idle_ms;              /* 60 s between requests, or with an answer unread */
  int connections_max;          /* 10,000; those beyond are told 503 */
};

/* ---- the server ---- */

/* limits may be NULL. */
struct http_server *http_server_new(uv_loop_t *loop, const struct http_limits *limits,
                                    http_handler handler, void *arg);

/* address is an IPv4 or IPv6 literal, or "localhost" for both loopbacks; port 0 takes a
 * free one. bound_port may be NULL. */
int http_listen_tcp(struct http_server *server, const char *address, int port,
                    int *bound_port, struct err *err);

/* A socket that its owner alone may use (mode 0600), however long the folder's path is.
 * One that was left behind by a program that is gone is replaced. */
int http_listen_unix(struct http_server *server, const char *folder, const char *name,
                     struct err *err);

/* Stops listening, cuts idle connections, lets requests in flight finish for grace_ms and
 * then cuts the rest. closed() is called when the last handle is closed; it may free the
 * server. A request that a handler still holds then stays valid until it is answered. */
void http_server_close(struct http_server *server, int64_t grace_ms,
                       void (*closed)(void *arg), void *arg);

/* Only a server that is closed, or one that never listened. */
void http_server_free(struct http_server **server);

/* ---- a request ---- */

struct http_field {
  const char *name;
  const char *value; /* without the white space around it */
};

struct http_param {
  const char *name; /* points into the route's pattern, up to the next '/' */
  const char *value;
};

#define HTTP_PARAMS        8
#define HTTP_REPLY_HEADERS 16

struct http_request {
  const char *method; /* upper case */
  const char *path;   /* as sent: visible ASCII, sound escapes that hold no NUL */
  const char *query;  /* as sent, without the '?'; "" when there is none */
  const char *host;   /* of the target, else of the Host field; "" in HTTP/1.0 */
  const char *body;   /* with a NUL behind it; "" when there is none */
  size_t body_len;
  bool local;  /* came by the Unix socket */
  char id[20]; /* goes back as X-Request-Id */
  void *user;  /* the handler's own */

  struct query pairs; /* of the query, decoded; for reading */

  /* What follows is the server's own. */
  struct http_conn *conn; /* NULL once the client is gone */
  bool close;             /* the connection ends with the answer */
  bool http10;
  struct buf content;
  struct buf joined; /* values of repeated fields */
  char *segments;    /* the router's: the path, cut at each '/' and decoded */
  struct http_param params[HTTP_PARAMS];
  int param_count;
  char *reply[HTTP_REPLY_HEADERS]; /* "Name: value" */
  int reply_count;
  char *head; /* the text that the pointers above point into */

  /* For reading: in the order they came; repeated ones are one, joined by ", ". */
  int field_count;
  struct http_field fields[];
};

/* NULL when it is absent; names in any case. */
const char *http_header(const struct http_request *req, const char *name);
const char *http_param(const struct http_request *req, const char *name);
const char *http_query(const struct http_request *req, const char *name);

/* ---- its answer ---- */

/* Sets a header, or replaces one set before. Returns -1 and sets nothing when the name or
 * the value is not legal, when it is one that the server writes itself (Connection,
 * Content-Length, Content-Type, Date, Transfer-Encoding, X-Request-Id), or when there are
 * HTTP_REPLY_HEADERS of them already. */
int http_set_header(struct http_request *req, const char *name, const char *value);

/* The body is copied. type may be NULL where there is no body. Answers are marked
 * "Cache-Control: no-store" unless the handler set that header. */
void http_reply(struct http_request *req, int status, const char *type, const void *body,
                size_t len);

/* Takes over the reference. */
void http_reply_json(struct http_request *req, int status, json_t *value);

/* application/problem+json with type, title, status, detail, instance, code and
 * request_id. */
void http_problem(struct http_request *req, int status, const char *code, const char *fmt,
                  ...) __attribute__((format(printf, 4, 5)));

/* With "errors", a list of {pointer, code, message} whose reference is taken over; it may
 * be NULL. */
void http_problem_with(struct http_request *req, int status, const char *code,
                       json_t *errors, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* ---- an answer that goes on ---- */

struct http_stream;

/* Begins an answer without an end in sight; the request is the stream's from here on.
 * `closed` is called on the loop, once, when it ends otherwise than by http_stream_end or
 * http_stream_cut: the client went away or the server closes. The stream is gone then.
 * Returns NULL when there is nothing to stream, and the request is answered: to a HEAD,
 * to a client that is gone, or (503) from a server that closes. */
struct http_stream *http_stream_begin(struct http_request *req, int status,
                                      const char *type, void (*closed)(void *arg),
                                      void *arg);

/* The bytes are copied, and wait when the client does not read. */
void http_stream_write(struct http_stream *stream, const void *bytes, size_t len);

/* How many of them have not left yet. */
size_t http_stream_pending(const struct http_stream *stream);

void http_stream_end(struct http_stream **stream); /* a whole answer */
void http_stream_cut(struct http_stream **stream); /* drops what waits, and the client */

/* "Not Found" for 404. */
const char *http_status_text(int status);

#endif
