/* candy run: one line on standard output when the host is ready, and nothing else. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/host.h"
#include "log/log.h"

static void print_for_programs(const struct host_ready *info)
{
  json_t *line =
      json_pack("{s:b, s:s, s:i, s:s, s:s*}", "ready", 1, "url", info->url, "pid",
                (int)getpid(), "data", info->data, "admin_key", info->admin_key);
  char *text = jx_dump(line, NULL);
  puts(text);
  free(text);
  json_decref(line);
}

static void print_for_people(const struct host_ready *info)
{
  printf("Candy %s is ready: %s  data: %s", CANDY_VERSION, info->url, info->data);
  if (info->admin_key)
    printf("  admin key (shown this once): %s", info->admin_key);
  putchar('\n');
}

static int ready(const struct host_ready *info)
{
  if (isatty(STDOUT_FILENO))
    print_for_people(info);
  else
    print_for_programs(info);
  if (fflush(stdout) == 0)
    return 0;
  int why = errno;
  if (!freopen("/dev/null", "w", stdout)) /* nobody will read what is left in it */
    clearerr(stdout);
  errno = why;
  return -1;
}

static struct conf *load(void *arg, struct err *err)
{
  return cli_load_conf(arg, err);
}

int cmd_run(struct conf *conf, const struct cli_args *args)
{
  struct err err;
  struct cli_args given = *args;
  struct host_start how = {.ready = ready, .load = load, .load_arg = &given};
  log_open(&(struct log_config){.level = conf->log_level,
                                .folder = conf->log_folder,
                                .file_max = conf->log_file_max,
                                .file_age_ms = conf->log_file_age,
                                .files_kept = (int)conf->log_files_kept});
  int status = host_run(conf, &how, &err);
  bool ended = log_close();
  int code = status < 0 ? cli_fail_err(CLI_FAILED, &err) : CLI_OK;
  if (!ended)
    _exit(code);
  return code;
}
