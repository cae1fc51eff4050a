/* candy check: configuration and scripts, loaded and not run. */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/pool_settings.h"
#include "queue/catalog.h"
#include "worker/inspect.h"

static int count_errors(const json_t *files)
{
  int n = 0;
  size_t i;
  json_t *file;
  json_array_foreach(files, i, file)
    n += json_is_object(json_object_get(file, "error"));
  return n;
}

static void print_file(const json_t *file)
{
  const json_t *error = json_object_get(file, "error");
  if (json_is_object(error))
    fprintf(stderr, "candy: %s: %s\n", jx_str(file, "path", "?"),
            jx_str(error, "message", "?"));
}

static void print_for_people(const json_t *manifest)
{
  const json_t *files = json_object_get(manifest, "files");
  size_t i;
  json_t *file;
  json_array_foreach(files, i, file)
    print_file(file);
  printf("%zu files, %zu tasks, %d errors\n", json_array_size(files),
         json_array_size(json_object_get(manifest, "tasks")), count_errors(files));
}

static int print_manifest(json_t *manifest, const struct catalog_defaults *defaults,
                          const struct cli_args *args)
{
  struct err err;
  struct catalog *catalog = catalog_new(manifest, defaults, &err);
  if (!catalog)
    return cli_fail_err(CLI_FAILED, &err);
  catalog_free(&catalog);
  if (args->json) {
    char *text = jx_dump(manifest, NULL);
    puts(text);
    free(text);
  } else {
    print_for_people(manifest);
  }
  return count_errors(json_object_get(manifest, "files")) ? CLI_FAILED : CLI_OK;
}

int cmd_check(struct conf *conf, const struct cli_args *args)
{
  struct err err;
  struct sources sources;
  if (sources_read(&sources, conf->scripts, conf->n_scripts, &err) < 0)
    return cli_fail_err(CLI_FAILED, &err);
  struct pool_config config = {.settings = pool_settings_of(conf), .env = conf->env};
  json_t *manifest = worker_inspect(&sources, &config, &err);
  sources_fini(&sources);
  json_decref(config.settings.told);
  if (!manifest)
    return cli_fail_err(CLI_FAILED, &err);
  int status = print_manifest(manifest, &config.settings.defaults, args);
  json_decref(manifest);
  return status;
}
