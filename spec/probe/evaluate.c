/* links: cli api trigger worker queue store vault log net conf frame loop base */
/* Evaluates conf files as the host does and prints the JSON of each on a line of its own,
 * "none" where there is no file, or the error on stderr.
 *
 *   evaluate [--by PROGRAM] FILE...   PROGRAM stands in for the worker */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "worker/evaluate.h"

static void print(json_t *value)
{
  char *text = value ? jx_dump(value, NULL) : NULL;
  puts(text ? text : "none");
  free(text);
  json_decref(value);
}

int main(int argc, char **argv)
{
  struct err err = {0};
  json_t *values[EVALUATE_FILES];
  char *program = NULL;
  memset(values, 0xff, sizeof values); /* what is there before is no value */
  if (argc > 2 && strcmp(argv[1], "--by") == 0) {
    program = argv[2];
    argc -= 2;
    argv += 2;
  }
  size_t n = (size_t)argc - 1;
  if (evaluate_files(program, (const char *const *)argv + 1, n, values, &err) < 0) {
    fprintf(stderr, "%s: %s\n", err.code, err.text);
    return 1;
  }
  for (size_t i = 0; i < n; i++)
    print(values[i]);
  return 0;
}
