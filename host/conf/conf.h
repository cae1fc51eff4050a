/* The settings of one run, gathered from every place that may hold one.
 *
 * From the weakest to the strongest: defaults, <conf dir>/candy.lua, <conf
 * dir>/<env>.lua, .env, .env.local, the process environment, flags. All of them go
 * through one table (setting.h). Paths are relative to the current folder. This layer
 * runs no Lua and starts no process: who calls conf_load says how conf files become
 * JSON.
 */
#ifndef CANDY_CONF_CONF_H
#define CANDY_CONF_CONF_H

#include "base/err.h"
#include "conf/env_file.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sizes are bytes, durations milliseconds; setting.c holds defaults and limits. */
struct conf {
  char *env;
  char *conf_dir;
  char *listen;
  int64_t port; /* 0: any free one */
  char *data;
  char **scripts;
  size_t n_scripts;
  char *store;
  bool store_relaxed;
  int64_t workers; /* 0: as many as there are cores */
  int64_t worker_slots;
  int64_t worker_memory;
  int64_t worker_stall;
  int64_t worker_result_max;
  int64_t task_timeout;
  int64_t task_max_retries;
  int64_t task_cancel_grace;
  int64_t keep_completed;
  int64_t keep_dead;
  int64_t keep_logs;
  int64_t keep_logs_max;
  int64_t stop_grace;
  int64_t http_body_max;
  int64_t http_connections_max;
  char *outgoing_proxy; /* NULL: none; never printed */
  char **outgoing_no_proxy;
  size_t n_outgoing_no_proxy;
  char **outgoing_private_allow;
  size_t n_outgoing_private_allow;
  char *outgoing_ca_file; /* NULL: the system's */
  char **process_allow;
  size_t n_process_allow;
  int64_t process_memory;
  int64_t process_max;
  int64_t file_job_max;
  char *log_level;
  char *log_folder;
  int64_t log_file_max;
  int64_t log_file_age;
  int64_t log_files_kept;
  char *admin_key;         /* NULL when not given; never printed */
  char *seal_key;          /* the same */
  bool alone;              /* .env files count for nothing: a test's */
  struct env_file secrets; /* what conf_secret looks through, strongest last */
};

/* A flag of the command line without its dashes, and its value as it was typed. */
struct conf_flag {
  const char *name;
  const char *value;
};

/* Turns conf files into JSON: 0 and in out[i] a new reference, or NULL where there is no
 * such file; or -1 and err, whose text begins with the path of the first that fails. */
typedef int conf_evaluate(void *arg, const char *const *paths, size_t n, json_t **out,
                          struct err *err);

struct conf_input {
  const struct conf_flag *flags; /* those that belong to a setting, in order */
  size_t n_flags;
  char *const *environment; /* NAME=value, ends with NULL */
  bool alone;               /* .env files are not read */
  conf_evaluate *evaluate;
  void *evaluate_arg;
};

/* Returns NULL with err, whose text names the place, the name and the value's fault; its
 * code is "usage" when a flag is to blame, and another one otherwise. */
struct conf *conf_load(const struct conf_input *input, struct err *err);
void conf_free(struct conf **conf);

/* The secret NAME: CANDY_SECRET_NAME of the environment or a .env file, else NAME of a
 * .env file. NULL when there is none. */
const char *conf_secret(const struct conf *conf, const char *name);
const char *conf_secret_of(const struct env_file *secrets, const char *name);

/* The same as conf->secrets, with the .env files as they are now. */
int conf_read_secrets(const struct conf *conf, struct env_file *secrets, struct err *err);

/* From the weaker to the stronger. */
#define CONF_ENV_FILES 2
extern const char *const conf_env_files[CONF_ENV_FILES];

/* The files that conf_load looks at for this environment, weakest first, whether they are
 * there or not. The caller frees each. */
#define CONF_FILES (2 + CONF_ENV_FILES)
void conf_files(const struct conf *conf, char *paths[CONF_FILES]);

#endif
