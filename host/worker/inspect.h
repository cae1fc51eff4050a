/* Loading scripts without running anything: what `candy check` does. */
#ifndef CANDY_WORKER_INSPECT_H
#define CANDY_WORKER_INSPECT_H

#include "worker/pool.h"

/* Loads the sources in a worker of its own and returns its manifest (a new reference),
 * in which files that killed the worker have an error too; NULL with err when no worker
 * could be started. Blocking. */
json_t *worker_inspect(const struct sources *sources, const struct pool_config *config,
                       struct err *err);

#endif
