/* One host: its parts put together, started in order and stopped in order.
 *
 *   start  lock the folder, read the scripts, open the store, bind the port (all of it
 *          before anything runs, so that what is wrong is told at once); then recover,
 *          load the keys, load the scripts, open the control socket, claim
 *   stop   take nothing in, let jobs finish, settle with the store, close
 */
#ifndef CANDY_CLI_HOST_H
#define CANDY_CLI_HOST_H

#include "base/err.h"
#include "conf/conf.h"

struct host_ready {
  const char *url;
  const char *data;      /* the folder's full path */
  const char *admin_key; /* NULL unless it has just been made */
};

struct host_start {
  /* Called once; returns -1 (with errno) when it could not tell what it got. */
  int (*ready)(const struct host_ready *info);
  /* Gathers the settings again, as `conf` was. Called on a thread. */
  struct conf *(*load)(void *arg, struct err *err);
  void *load_arg;
};

/* Runs until it is told to stop by SIGTERM or SIGINT. Returns 0, or -1 with err. */
int host_run(const struct conf *conf, const struct host_start *how, struct err *err);

/* Locks the data folder, and the database where it lies elsewhere, for the life of the
 * process. Returns 0 and the folder's full path (the caller frees it), or -1 with err. */
int host_lock(const struct conf *conf, char **data, struct err *err);

#endif
