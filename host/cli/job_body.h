/* What commands give a job: enqueue and edit. Each member begins with a comma. Functions
 * return 0, or -1 with an err of what the user wrote. */
#ifndef CANDY_CLI_JOB_BODY_H
#define CANDY_CLI_JOB_BODY_H

#include "base/buf.h"
#include "cli/cli.h"

/* payload (JSON, @FILE or -; NULL: none), queue, tags, delay or run_at, priority. */
int job_body_write(struct buf *body, const struct cli_args *args, const char *payload,
                   struct err *err);

void job_body_text(struct buf *body, const char *name, const char *text); /* or NULL */
int job_body_integer(struct buf *body, const struct cli_args *args, const char *flag,
                     const char *name, struct err *err);
/* All values of a flag that may be repeated. */
void job_body_list(struct buf *body, const struct cli_args *args, const char *flag,
                   const char *name);

#endif
