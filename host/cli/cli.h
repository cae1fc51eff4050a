/* The command line: what a command is, what it is called with, how it may end. */
#ifndef CANDY_CLI_CLI_H
#define CANDY_CLI_CLI_H

#include "base/err.h"
#include "conf/conf.h"
#include <stdbool.h>
#include <stddef.h>

/* Exit codes, as docs/reference/cli.md tells them. */
enum cli_exit {
  CLI_OK,
  CLI_FAILED,   /* it did not work, or the host refused */
  CLI_USAGE,    /* the command line is wrong; nothing was done */
  CLI_NO_HOST,  /* no host runs on that data folder */
  CLI_JOB_LOST, /* the job that was waited for ended dead or cancelled */
};

struct cli_flag {
  const char *name;     /* without its dashes; NULL ends a list */
  const char *argument; /* as help shows it; NULL: takes none */
  bool repeatable;
  const char *help;
};

struct cli_args {
  const struct cli_command *command;
  struct conf_flag *options; /* in the order given; a flag without argument has "" */
  size_t n_options;
  const char **words; /* what is no flag */
  size_t n_words;
  bool json;
  bool help;
};

struct cli_command {
  const char *name;
  const char *operands; /* "ID...", as help shows them */
  const char *summary;
  const char *details;          /* more lines for `candy help NAME`, or NULL */
  const struct cli_flag *flags; /* its own, or NULL */
  size_t least, most;           /* how many operands */
  bool takes_settings; /* has the flags of all settings, not --data and --env alone */
  bool needs_no_conf;  /* called with conf NULL */
  bool ignores_place;  /* takes --data and --env, which callers give to every command */
  bool passes_on;      /* all that follows is somebody else's: words, flags or not */
  bool hidden;         /* for programs: no help lists it */
  int (*run)(struct conf *conf, const struct cli_args *args);
};

int cli_main(int argc, char **argv);

/* The settings with these flags above all; or NULL with err. Keeps no state: any thread
 * may do it. */
struct conf *cli_load_conf(const struct cli_args *args, struct err *err);

/* The value of a flag, or NULL when it was not given. */
const char *cli_option(const struct cli_args *args, const char *name);

/* Print "candy: ..." on standard error and return `code`. */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int cli_fail_err(int code, const struct err *err);

int cmd_run(struct conf *conf, const struct cli_args *args);
int cmd_check(struct conf *conf, const struct cli_args *args);
int cmd_migrate(struct conf *conf, const struct cli_args *args);
int cmd_enqueue(struct conf *conf, const struct cli_args *args);
int cmd_jobs(struct conf *conf, const struct cli_args *args);
int cmd_job(struct conf *conf, const struct cli_args *args);
int cmd_edit(struct conf *conf, const struct cli_args *args);
int cmd_cancel(struct conf *conf, const struct cli_args *args);
int cmd_queues(struct conf *conf, const struct cli_args *args);
int cmd_pause(struct conf *conf, const struct cli_args *args);
int cmd_resume(struct conf *conf, const struct cli_args *args);
int cmd_retry(struct conf *conf, const struct cli_args *args);
int cmd_purge(struct conf *conf, const struct cli_args *args);
int cmd_logs(struct conf *conf, const struct cli_args *args);
int cmd_tasks(struct conf *conf, const struct cli_args *args);
int cmd_crons(struct conf *conf, const struct cli_args *args);
int cmd_batches(struct conf *conf, const struct cli_args *args);
int cmd_backup(struct conf *conf, const struct cli_args *args);
int cmd_test(struct conf *conf, const struct cli_args *args);
int cmd_lua_path(struct conf *conf, const struct cli_args *args);
int cmd_testing_host(struct conf *conf, const struct cli_args *args);
int cmd_bench(struct conf *conf, const struct cli_args *args);
int cmd_version(struct conf *conf, const struct cli_args *args);
int cmd_help(struct conf *conf, const struct cli_args *args);

#endif
