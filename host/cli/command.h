/* The table of commands. */
#ifndef CANDY_CLI_COMMAND_H
#define CANDY_CLI_COMMAND_H

#include "cli/cli.h"

extern const struct cli_command command_table[];
extern const size_t command_count;

/* The flags that every command has. */
extern const struct cli_flag command_common[];

/* NULL when there is none of that name. */
const struct cli_command *command_find(const char *name);

#endif
