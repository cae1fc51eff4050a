/* `candy backup FILE`: the host writes the copy, so the path it gets must not hang on the
 * folder that we are in. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/text.h"

/* NULL, with errno, when the current folder is gone. */
static char *absolute(const char *path)
{
  if (path[0] == '/')
    return mem_strdup(path);
  char *here = getcwd(NULL, 0);
  char *whole = here ? mem_printf("%s/%s", here, path) : NULL;
  free(here);
  return whole;
}

static void tell(const struct ask *ask)
{
  char size[32];
  struct buf file = {0};
  text_clean(&file, jx_str(ask->json, "file", ""));
  printf("wrote %s (%s)\n", file.data, text_size(jx_int(ask->json, "bytes", 0), size));
  buf_fini(&file);
}

int cmd_backup(struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  struct buf body = {0};
  char *path = absolute(args->words[0]);
  if (!path)
    return cli_fail(CLI_FAILED, "cannot tell the current folder: %s", strerror(errno));
  buf_puts(&body, "{\"file\":");
  buf_json_string(&body, path, strlen(path));
  buf_putc(&body, '}');
  int code = ask_host_patiently(&ask, conf, "POST", "/control/backup", &body);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    tell(&ask);
  ask_fini(&ask);
  buf_fini(&body);
  free(path);
  return code;
}
