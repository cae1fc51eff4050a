/* The inside of a host, shared by its files.
 *
 *   host.c        its life: started in order, stopped in order
 *   host_parts.c  what the pool and the queue are given: settings, and callbacks that
 *                 serve them, that need no more than the host's other parts
 */
#ifndef CANDY_CLI_HOST_INSIDE_H
#define CANDY_CLI_HOST_INSIDE_H

#include <stdbool.h>
#include <uv.h>

#include "api/api.h"
#include "api/keys.h"
#include "cli/host.h"
#include "loop/orphans.h"
#include "net/http.h"
#include "queue/queue.h"
#include "store/store.h"
#include "trigger/settings.h"
#include "trigger/watch.h"
#include "vault/vault.h"
#include "worker/pool.h"

struct host {
  const struct conf *conf;
  struct host_start start;
  uv_loop_t loop;
  uv_signal_t signals[3];
  uv_timer_t settle;
  int64_t settle_until_ns;

  struct sources sources;
  struct vault *vault;
  struct store *store;
  struct queue *queue;
  struct pool *pool;
  struct settings *settings;
  struct watch *watch;
  struct keys *keys;
  struct api *api;
  struct http_server *server;
  struct store_recover recover;

  struct orphans orphans;
  char mark[64]; /* of all that jobs run */
  char *data, *tmp, *url;
  int port;
  bool has_scripts, is_ready, stopping, closing;
  int status;
  struct err err; /* why it ends with status -1 */
};

/* host_parts.c */
void host__make_settings(struct host *host);
void host__make_pool(struct host *host, void (*ready)(void *arg, const struct err *err),
                     void (*stopped)(void *arg));
void host__make_queue(struct host *host);
void host__store_broke(void *arg, const struct err *err);
void host__log_watch(void *arg, const char *text);

#endif
