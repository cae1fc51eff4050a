/* A private host for `candy bench`: this program, started on a temporary folder with the
 * tasks of bench.lua, with no setting of the caller's, and gone without a trace. */
#ifndef CANDY_CLI_BENCH_HOST_H
#define CANDY_CLI_BENCH_HOST_H

#include "base/buf.h"
#include "base/err.h"
#include <jansson.h>
#include <sys/types.h>

struct bench_host {
  char *folder, *data;
  pid_t pid; /* 0: it does not run */
};

/* Makes the folder. Returns 0, or -1 with err. */
int bench_host_init(struct bench_host *host, struct err *err);

/* Stops the host where it runs, and removes the folder with all that is in it. */
void bench_host_fini(struct bench_host *host);

/* Starts the host on that folder and waits until it is ready. `slots` 0: as many as by
 * default; the same for `workers`. Returns 0, or -1 with err. */
int bench_host_start(struct bench_host *host, int workers, int slots, struct err *err);
void bench_host_stop(struct bench_host *host);

/* One request. Returns the answer as a new reference, or NULL with err when there is none
 * or the host refused. */
json_t *bench_host_call(const struct bench_host *host, const char *method,
                        const char *target, const char *body, struct err *err);

/* Waits until a job has completed. Returns it as a new reference, or NULL with err when
 * it ended otherwise or took too long. */
json_t *bench_host_wait(const struct bench_host *host, const char *id, struct err *err);

#endif
