/* Following a job to its end: what `candy enqueue --wait` does. */
#ifndef CANDY_CLI_WAIT_H
#define CANDY_CLI_WAIT_H

#include "cli/cli.h"
#include <stdbool.h>
#include <stdint.h>

struct wait {
  const struct conf *conf;
  const char *id;
  int64_t limit_ms; /* -1: none */
  bool json;
  int64_t told; /* the attempts whose failure was told: 0 to begin with */
};

/* Prints the result once the job has ended (with `json` the job), and on standard error a
 * line for each attempt that fails before. Returns how the command ends. */
int wait_for(struct wait *wait);

#endif
