/* Conf files evaluated by a process of their own: the host never runs Lua. */
#ifndef CANDY_WORKER_EVALUATE_H
#define CANDY_WORKER_EVALUATE_H

#include "base/err.h"
#include <jansson.h>
#include <stddef.h>

#define EVALUATE_FILES 4 /* at most at once */

/* Gives the files to one short-lived worker process, which evaluates each apart from the
 * others, and returns what they return as JSON: 0, and in out[i] a new reference, or NULL
 * where there is no file; or -1 with an err that begins with the path of the first that
 * fails ("evaluate_failed" when that is not the file's fault). Blocks, for 5 s at most,
 * and may do so on any thread once the program is placed (worker/image.h), which the
 * start of a worker does. arg: NULL, or the path of another program to run in the
 * worker's place. Its type is conf_evaluate (conf/conf.h).
 */
int evaluate_files(void *arg, const char *const *paths, size_t n, json_t **out,
                   struct err *err);

#endif
