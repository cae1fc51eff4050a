/* candy check: configuration and scripts, loaded and not run; their tables are tried on a
 * store of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/pool_settings.h"
#include "cli/try_schemas.h"
#include "queue/catalog.h"
#include "worker/inspect.h"

static size_t count_errors(const json_t *files)
{
  size_t n = 0, i;
  json_t *file;
  json_array_foreach(files, i, file)
    if (json_is_object(json_object_get(file, "error")))
      n++;
  return n;
}

/* Most messages begin with the place already. */
static void print_file(const json_t *file)
{
  const json_t *error = json_object_get(file, "error");
  const char *path = jx_str(file, "path", "?");
  const char *message = jx_str(error, "message", "?");
  int64_t line = jx_int(error, "line", 0);
  if (!json_is_object(error))
    return;
  if (strncmp(message, path, strlen(path)) == 0)
    cli_fail(CLI_FAILED, "%s", message);
  else if (line > 0)
    cli_fail(CLI_FAILED, "%s:%lld: %s", path, (long long)line, message);
  else
    cli_fail(CLI_FAILED, "%s: %s", path, message);
}

static void put_count(struct buf *line, size_t n, const char *what)
{
  buf_printf(line, "%s%zu %s%s", line->len ? ", " : "", n, what, n == 1 ? "" : "s");
}

static void print_for_people(const json_t *manifest)
{
  const json_t *files = json_object_get(manifest, "files");
  struct buf line = {0};
  size_t i;
  json_t *file;
  json_array_foreach(files, i, file)
    print_file(file);
  put_count(&line, json_array_size(files), "file");
  put_count(&line, json_array_size(json_object_get(manifest, "tasks")), "task");
  put_count(&line, count_errors(files), "error");
  puts(line.data);
  buf_fini(&line);
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
  int status = try_schemas(manifest, &err) < 0
                   ? cli_fail_err(CLI_FAILED, &err)
                   : print_manifest(manifest, &config.settings.defaults, args);
  json_decref(manifest);
  return status;
}
