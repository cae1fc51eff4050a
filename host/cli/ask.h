/* Asking the host on behalf of a command: what goes wrong is told here, once for all. */
#ifndef CANDY_CLI_ASK_H
#define CANDY_CLI_ASK_H

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/client.h"
#include <jansson.h>

struct ask {
  struct buf text; /* the answer as it came */
  json_t *json;    /* the same, read */
};

/* Returns CLI_OK with the answer; or another exit code, after it has said on standard
 * error what is wrong. `body` is JSON or NULL. */
int ask_host(struct ask *ask, const struct conf *conf, const char *method,
             const char *target, const struct buf *body);
void ask_fini(struct ask *ask);

/* Says why the host refused, for an answer that was fetched by client_call. */
int ask_refused(const struct client_answer *answer);

/* Waits as long as it takes, for what may take long. */
int ask_host_patiently(struct ask *ask, const struct conf *conf, const char *method,
                       const char *target, const struct buf *body);

/* The answer and a line end on standard output. */
void ask_print(const struct ask *ask);

/* Percent-encodes text for a path or a query. */
void ask_escape(struct buf *target, const char *text);

/* Appends "?name=value" or "&name=value"; nothing when value is NULL. */
void ask_query(struct buf *target, const char *name, const char *value);

#endif
