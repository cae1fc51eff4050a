/* One HTTP request to the running host, through the control socket in its data folder. */
#ifndef CANDY_CLI_CLIENT_H
#define CANDY_CLI_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include <stddef.h>

struct client_request {
  const char *data; /* the data folder */
  const char *method;
  const char *target; /* path and query */
  const char *body;   /* JSON; NULL: none */
  size_t len;
  int timeout_s; /* for a host that does not move; 0: waits for ever */
  /* Gets the body of a 200 as it comes, in place of the answer; or NULL. */
  void (*take)(void *arg, const char *bytes, size_t len);
  void *arg;
};

struct client_answer {
  int status;
  struct buf body;
};

/* Blocks. Returns 0 with the answer, whatever its status; or -1 with err, whose code is
 * "no_host" when none runs on that folder. */
int client_call(const struct client_request *request, struct client_answer *answer,
                struct err *err);
void client_answer_fini(struct client_answer *answer);

#endif
