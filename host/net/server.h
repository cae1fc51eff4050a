/* What listeners, connections and answers share of a server. */
#ifndef CANDY_NET_SERVER_H
#define CANDY_NET_SERVER_H

#include "net/http.h"

#define SERVER_SCRATCH 65536

struct listener {
  uv_poll_t poll;
  struct http_server *server;
  struct listener *next;
  int fd;
  int folder;  /* of a Unix socket, opened to reach it by a short path; else -1 */
  char *name;  /* of a Unix socket in that folder; else NULL */
  bool paused; /* nothing could be accepted: tried again at the next tick */
};

struct http_server {
  uv_loop_t *loop;
  struct http_limits limits;
  http_handler handler;
  void *arg;
  struct listener *listeners;
  struct http_conn *conns;
  int conn_count;
  uv_timer_t tick; /* runs while there are connections or paused listeners */
  int handles;     /* open uv handles, the timer included */
  bool closing;
  uint64_t cut_at; /* when closing: loop time at which the rest is cut */
  void (*closed)(void *arg);
  void *closed_arg;
  uint64_t id_seed;
  uint64_t id_count;
  int64_t date_second;
  char date[32];
  char scratch[SERVER_SCRATCH]; /* what a read lands in; lives for one callback */
};

/* Starts the timer that watches deadlines; harmless when it runs. */
void server_watch(struct http_server *server);

/* A handle's close callback has run; reports the last one of a closing server. */
void server_release(struct http_server *server);

/* "Sun, 22 Nov 2026 08:00:00 GMT" */
const char *server_date(struct http_server *server);
void server_new_id(struct http_server *server, char id[20]);

/* ---- listen.c ---- */
void listener_resume(struct listener *l);
void listener_close(struct listener *l);

#endif
