/* A line of the log, as people read it. */
#ifndef CANDY_CLI_LOG_LINE_H
#define CANDY_CLI_LOG_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct log_look {
  FILE *out;
  bool colours;
  bool context; /* hits are told from the lines around them */
};

/* Time, level, task and job, message, fields; what has several lines stands below,
 * indented. */
void log_line_print(const struct log_look *look, const json_t *line);

#endif
