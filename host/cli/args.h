/* What stands behind the command, taken apart into flags and operands. */
#ifndef CANDY_CLI_ARGS_H
#define CANDY_CLI_ARGS_H

#include "cli/cli.h"

/* `--name value`, `--name=value`; `--` ends the flags, `-` alone is an operand. The
 * pieces point into argv. Returns -1 with err for what the command does not take. */
int args_init(struct cli_args *args, const struct cli_command *command, int argc,
              char **argv, struct err *err);
void args_fini(struct cli_args *args);

/* Calls `each` with every flag that the command takes: its own, those of settings, those
 * that all commands have. Stops and returns true when `each` does. */
bool args_flags(const struct cli_command *command,
                bool (*each)(void *arg, const struct cli_flag *flag), void *arg);

#endif
