/* One host: its parts put together, started in order and stopped in order.
 *
 *   start  lock the folder, read the scripts, open the store, bind the port (all of it
 *          before anything runs, so that what is wrong is told at once); then recover
 *          and load the keys while the first worker starts and loads the scripts; open
 *          the control socket, claim
 *   stop   take nothing in, let jobs finish, settle with the store, close
 */
#ifndef CANDY_CLI_HOST_H
#define CANDY_CLI_HOST_H

#include "base/err.h"
#include "conf/conf.h"
#include "store/store.h"

struct host_ready {
  const char *url;
  const char *data;      /* the folder's full path */
  const char *admin_key; /* NULL unless it has just been made */
};

struct host;
struct request;

/* What a test has of the host that was started for it (testing.c): nobody else reaches
 * that one. */
struct host_parts {
  struct host *host;
  uv_loop_t *loop;
  struct store *store;
  struct queue *queue;
  struct pool *pool;
};

struct host_test {
  void (*begin)(void *arg, const struct host_parts *parts); /* it is ready */
  void (*end)(void *arg); /* it stops: what was asked of it is answered no more */
  void (*ended)(void *arg, const struct store_job *job, const struct store_finish *end);
  void (*pump)(void *arg); /* these two as in pool_test */
  void (*outside)(void *arg, const char *what, const json_t *body, struct request *ask);
  void *arg;
};

struct host_start {
  /* Called once; returns -1 (with errno) when it could not tell what it got. */
  int (*ready)(const struct host_ready *info);
  /* Gathers the settings again, as `conf` was. Called on a thread. */
  struct conf *(*load)(void *arg, struct err *err);
  void *load_arg;
  /* In place of `ready`, keys, a listener and looking at the scripts again; or NULL. */
  const struct host_test *test;
};

/* Runs until it is told to stop by SIGTERM or SIGINT. Returns 0, or -1 with err. */
int host_run(const struct conf *conf, const struct host_start *how, struct err *err);

/* The same as SIGTERM. */
void host_stop(struct host *host);

/* Locks the data folder, and the database where it lies elsewhere, for the life of the
 * process. Returns 0 and the folder's full path (the caller frees it), or -1 with err. */
int host_lock(const struct conf *conf, char **data, struct err *err);

#endif
