/* A conf file evaluated by a process of its own: the host never runs Lua. */
#ifndef CANDY_WORKER_EVALUATE_H
#define CANDY_WORKER_EVALUATE_H

#include "base/err.h"
#include <jansson.h>

/* Gives the file at `path` to a short-lived worker process and returns what it returns
 * as JSON: 0 and a new reference, or -1 with an err that begins with the path
 * ("not_found" when there is no file, "evaluate_failed" when that is not the file's
 * fault). Blocks, for 5 s at most, and may do so on any thread once the program is placed
 * (worker/image.h), which the start of a worker does. arg: NULL, or the path of
 * another program to run in the worker's place. Its type is conf_evaluate (conf/conf.h).
 */
int evaluate_file(void *arg, const char *path, json_t **out, struct err *err);

#endif
