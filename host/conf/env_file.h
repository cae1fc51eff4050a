/* Reading .env files: lines of NAME=value, with quotes and comments.
 *
 * What is not such a line is an error that names file and line, and never shows what
 * stands there: most of these values are secrets.
 */
#ifndef CANDY_CONF_ENV_FILE_H
#define CANDY_CONF_ENV_FILE_H

#include "base/err.h"
#include <stddef.h>

struct env_pair {
  char *name;
  char *value;
  int line;
};

struct env_file {
  struct env_pair *pairs;
  size_t n;
};

/* Appends the pairs of the file at `path`; without such a file there are none. */
int env_file_read(struct env_file *file, const char *path, struct err *err);
void env_file_fini(struct env_file *file);

void env_file_add(struct env_file *file, const char *name, const char *value, int line);

/* The last value of that name, or NULL. */
const char *env_file_get(const struct env_file *file, const char *name);

#endif
