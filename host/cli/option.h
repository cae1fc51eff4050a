/* Values that flags of several commands have. Both return -1 with err ("usage"). */
#ifndef CANDY_CLI_OPTION_H
#define CANDY_CLI_OPTION_H

#include "cli/cli.h"
#include <stdint.h>

/* --since: a span or a time as milliseconds since 1970 for a query; "" when not given. */
int option_since(const struct cli_args *args, char text[32], struct err *err);

/* --limit: a whole number from 1 on; 0 when not given. */
int option_limit(const struct cli_args *args, int64_t *limit, struct err *err);

#endif
