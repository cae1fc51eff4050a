/* Values that flags of several commands have: see option.h. */
#include "cli/option.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int option_since(const struct cli_args *args, char out[32], struct err *err)
{
  const char *text = cli_option(args, "since");
  int64_t ms;
  out[0] = 0;
  if (!text)
    return 0;
  int64_t ago = duration_parse(text);
  if (ago >= 0)
    ms = clock_wall_ms() - ago;
  else if (*text && text[strspn(text, "0123456789")] == 0 && strlen(text) < 16)
    ms = strtoll(text, NULL, 10);
  else if (clock_parse(text, &ms) < 0)
    return err_set(err, "usage",
                   "--since: must be a duration such as \"2h\" or a time such as "
                   "\"2026-11-22T08:00:00Z\", not \"%s\"",
                   text);
  snprintf(out, 32, "%" PRId64, ms);
  return 0;
}

int option_limit(const struct cli_args *args, int64_t *limit, struct err *err)
{
  const char *text = cli_option(args, "limit");
  *limit = 0;
  if (!text)
    return 0;
  size_t len = strspn(text, "0123456789");
  *limit = len && len < 10 && !text[len] ? strtoll(text, NULL, 10) : 0;
  if (*limit == 0)
    return err_set(err, "usage", "--limit: must be a whole number from 1 on, not \"%s\"",
                   text);
  return 0;
}
