/* One connection, for the three files that share it: conn.c has its life, intake.c takes
 * requests from what arrived, wire.c reads and writes.
 *
 *   HEAD -> BODY -> BUSY -> HEAD ...      until an answer ends the connection:
 *                        -> LINGER        what still arrives is dropped for a while, so
 *                                         that the client can read the answer
 *   any of them          -> CLOSED
 */
#ifndef CANDY_NET_CONN_H
#define CANDY_NET_CONN_H

#include "net/body.h"
#include "net/prescan.h"
#include "net/server.h"

#define CONN_OUT_MAX 65536 /* bytes of answers collected before they are written */

enum conn_state { CONN_HEAD, CONN_BODY, CONN_BUSY, CONN_LINGER, CONN_CLOSED };

struct http_conn {
  union {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  } uv;
  struct http_server *server;
  struct http_conn *prev, *next;
  enum conn_state state;
  bool local;
  bool pumping;   /* pump() is below us on the stack */
  bool reading;   /* libuv reads */
  bool eof;       /* the client sends no more; it may still read */
  bool begun;     /* HEAD: the first byte is there */
  bool blank;     /* HEAD: the one empty line that may stand before it was skipped */
  bool writing;   /* `sending` is on its way */
  bool shut;      /* LINGER: our side is shut down */
  struct buf in;  /* what arrived; bytes before `pos` are used up */
  size_t pos;     /* moved to 0 when the pump rests */
  struct buf out; /* what is to be written next */
  struct buf sending;
  size_t unsent; /* of `sending`, when the write deadline was set */
  struct prescan scan;
  struct body body;
  size_t
      stretch; /* BODY: its length when the stretch began that its rate is judged over */
  struct http_request *req;   /* BODY, BUSY */
  struct http_stream *stream; /* BUSY: the answer that goes on; until it has been told */
  uint64_t deadline;          /* loop time, of HEAD, BODY and LINGER */
  uint64_t write_deadline;
  uv_write_t write;
  uv_shutdown_t shutdown;
};

/* Takes over the descriptor. */
void conn_open(struct http_server *server, int fd, bool local);

/* Cuts it now. A request that a handler holds stays the handler's. */
void conn_close(struct http_conn *c);

/* The server closes: cuts it when it is idle. */
void conn_wind_down(struct http_conn *c);

/* Acts on its deadlines. */
void conn_tick(struct http_conn *c, uint64_t now);

/* The answer of `req` is in `out`: frees the request and goes on. */
void conn_answered(struct http_conn *c, struct http_request *req);

/* Loop time, so many milliseconds from now. */
uint64_t conn_after(const struct http_conn *c, int64_t ms);

/* Moves it on as far as it gets: takes requests from `in` until bytes are missing, a
 * handler has the request, or the client does not read its answers. */
void conn_pump(struct http_conn *c);

/* ---- response.c ---- */

#define RESPONSE_OPEN SIZE_MAX /* as a length: it is not known yet */

/* The head of an answer; in HTTP/1.1 what has no length goes out in chunks. */
void response_head(struct buf *out, const struct http_request *req, int status,
                   const char *type, size_t len);

/* ---- stream.c ---- */

void stream_wind_down(struct http_stream *s); /* the server closes: a whole answer */
void stream_cut_off(struct http_stream *s);   /* the connection is about to close */
void stream_gone(struct http_stream *s);      /* it is closed: tells, and frees */

/* ---- intake.c ---- */

/* Waits for the next request. */
void intake_begin(struct http_conn *c);

/* Takes what it can from `in`; returns whether to try again. */
bool intake_advance(struct http_conn *c);

/* Answers in the place of a handler; the connection ends with it. */
void intake_refuse(struct http_conn *c, const struct fault *fault);

/* ---- wire.c ---- */

void wire_flush(struct http_conn *c);          /* writes `out` */
void wire_adjust_reading(struct http_conn *c); /* reads on, or rests */
void wire_shut(struct http_conn *c);           /* ends our side once all is written */

#endif
