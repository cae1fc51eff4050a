/* Temporary folders of jobs whose worker is gone: <tmp>/<pid of the worker>/... A folder
 * is moved away at once, so that nobody meets it again, and removed in a thread. */
#ifndef CANDY_WORKER_LEFTOVERS_H
#define CANDY_WORKER_LEFTOVERS_H

#include <uv.h>

/* Of one worker. */
void leftovers_of_worker(uv_loop_t *loop, const char *tmp, int pid);

/* Of every worker of an earlier host. */
void leftovers_of_all(uv_loop_t *loop, const char *tmp);

#endif
