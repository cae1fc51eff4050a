/* The host's own HTTP API: its routes, and who may call them.
 *
 *   GET  /health /livez /readyz      open
 *   POST /tasks                      enqueue one or many        api_push.c
 *   GET  /tasks  /tasks/:id          lists, one job in full     api_jobs.c
 *   POST /tasks/:id/retry            a dead job again           api_bulk.c
 *   POST /tasks/retry /tasks/purge   many by filter             api_bulk.c
 *   GET  /logs  /logs/:id            the log                    api_logs.c, api_tail.c
 *   GET  /definitions                what the scripts declare   api_host.c
 *   GET  /crons                      when tasks are due         api_host.c
 *   POST /control/backup             control socket only        api_host.c
 *
 * Everything but health wants a key as "Authorization: Bearer KEY". The control socket
 * is open to its owner alone, and needs none.
 */
#ifndef CANDY_API_API_H
#define CANDY_API_API_H

#include "api/keys.h"
#include "net/http.h"
#include "queue/queue.h"
#include "trigger/settings.h"
#include "worker/pool.h"

struct api;

struct api_parts {
  struct store *store;
  struct queue *queue;
  struct pool *pool;
  struct keys *keys;
  const struct settings *settings;
  uv_loop_t *loop;
};

struct api *api_new(const struct api_parts *parts);
void api_free(struct api **api);

/* The handler of the server; arg is the api. */
void api_handle(struct http_request *req, void *arg);

/* From now on /readyz fails and nothing new is taken in. */
void api_drain(struct api *api);

#endif
