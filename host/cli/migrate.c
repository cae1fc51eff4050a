/* candy migrate: brings the store of a stopped host to this program's version. `candy
 * run` does the same at its start; this is for doing it before. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "cli/cli.h"
#include "cli/host.h"
#include "store/store.h"

static void broke(void *arg, const struct err *err)
{
  (void)arg;
  cli_fail_err(CLI_FAILED, err);
}

static int migrate(const struct conf *conf, const char *data, struct err *err)
{
  struct store *store = NULL;
  struct store_config config = {.folder = data, .fatal = broke};
  uv_loop_t loop;
  uv_loop_init(&loop);
  int status = store_open(&store, &loop, conf->store, &config, err);
  if (status == 0)
    store_close(&store);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  return status;
}

int cmd_migrate(struct conf *conf, const struct cli_args *args)
{
  struct err err;
  char *data = NULL;
  int status = host_lock(conf, &data, &err);
  if (status == 0)
    status = migrate(conf, data, &err);
  if (status < 0)
    cli_fail_err(CLI_FAILED, &err);
  else if (args->json)
    printf("{\"version\":\"%s\"}\n", CANDY_VERSION);
  else
    printf("The store in %s is at the version of Candy %s.\n", data, CANDY_VERSION);
  free(data);
  return status < 0 ? CLI_FAILED : CLI_OK;
}
