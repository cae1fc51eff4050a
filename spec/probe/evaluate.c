/* links: cli api trigger worker queue store vault log net conf frame loop base */
/* Evaluates a conf file as the host does and prints the JSON, or the error on stderr.
 *
 *   evaluate FILE [PROGRAM]   PROGRAM stands in for the worker */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "worker/evaluate.h"

int main(int argc, char **argv)
{
  struct err err = {0};
  json_t *value = NULL;
  if (argc < 2 || evaluate_file(argc > 2 ? argv[2] : NULL, argv[1], &value, &err) < 0) {
    fprintf(stderr, "%s: %s\n", err.code, err.text);
    return 1;
  }
  char *text = jx_dump(value, NULL);
  puts(text);
  free(text);
  json_decref(value);
  return 0;
}
