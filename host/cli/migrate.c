/* candy migrate: brings the store of a stopped host to this program's version. `candy
 * run` does the same at its start; this is for doing it before. */
#include <stdio.h>
#include <uv.h>

#include "cli/cli.h"
#include "loop/lock.h"
#include "store/store.h"

static void broke(void *arg, const struct err *err)
{
  (void)arg;
  cli_fail_err(CLI_FAILED, err);
}

int cmd_migrate(struct conf *conf, const struct cli_args *args)
{
  struct err err;
  struct store *store = NULL;
  struct store_config config = {.folder = conf->data, .fatal = broke};
  uv_loop_t loop;
  (void)args;
  if (lock_folder(conf->data, &err) < 0)
    return cli_fail_err(CLI_FAILED, &err);
  uv_loop_init(&loop);
  int status = store_open(&store, &loop, conf->store, &config, &err);
  if (status == 0)
    store_close(&store);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  if (status < 0)
    return cli_fail_err(CLI_FAILED, &err);
  printf("The store in %s is at the version of Candy %s.\n", conf->data, CANDY_VERSION);
  return CLI_OK;
}
