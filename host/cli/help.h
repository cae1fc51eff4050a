/* What the program says of itself: written from the tables of commands and settings. */
#ifndef CANDY_CLI_HELP_H
#define CANDY_CLI_HELP_H

#include "cli/cli.h"
#include <stdio.h>

int help_overview(FILE *out);
int help_command(const struct cli_command *command);

#endif
