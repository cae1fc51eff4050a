/* Loading: one layer over the other, weakest first. See conf.h for their order.
 *
 * Variables and flags are applied twice: first because they say which conf files to read,
 * then again because they win over them.
 */
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/json.h"
#include "conf/nearest.h"
#include "conf/setting.h"
#include "conf/value.h"

#define SECRET_PREFIX SETTING_ENV_PREFIX "SECRET_"

/* Variables that came from one place, in the order found there. */
struct layer {
  const char *path; /* NULL: the process environment */
  struct env_file variables;
};

enum { DOTENV, DOTENV_LOCAL, PROCESS, LAYERS };

struct load {
  const struct conf_input *input;
  struct conf *conf;
  struct layer layers[LAYERS];
};

static bool begins(const char *text, const char *prefix)
{
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- defaults, variables, flags ---- */

static int apply_defaults(struct conf *conf, struct err *err)
{
  for (size_t i = 0; i < setting_count; i++) {
    const struct setting *setting = &setting_table[i];
    if (setting->fallback && value_from_text(conf, setting, setting->fallback, err) < 0)
      return err_wrap(err, "the default of %s", setting->name);
  }
  return 0;
}

static int unknown_variable(const char *name, struct err *err)
{
  char hint[2 * NEAREST_MAX], known[64];
  struct nearest nearest = {.word = name};
  for (size_t i = 0; i < setting_count; i++)
    nearest_offer(&nearest, setting_env_name(&setting_table[i], known));
  return err_set(err, "bad_conf",
                 "%s: no such setting%s; `candy help settings` lists them all", name,
                 nearest_hint(&nearest, "", hint));
}

static int apply_variable(struct conf *conf, const struct layer *layer,
                          const struct env_pair *pair, struct err *err)
{
  const char *name = pair->name;
  if (strcmp(name, "PORT") == 0 && !env_file_get(&layer->variables, "CANDY_PORT"))
    name = "CANDY_PORT";
  if (!begins(name, SETTING_ENV_PREFIX) || begins(name, SECRET_PREFIX))
    return 0;
  const struct setting *setting = setting_by_env(name);
  if (!setting)
    return unknown_variable(name, err);
  if (value_from_text(conf, setting, pair->value, err) < 0)
    return err_wrap(err, "%s", pair->name);
  return 0;
}

static int apply_layer(struct conf *conf, const struct layer *layer, struct err *err)
{
  for (size_t i = 0; i < layer->variables.n; i++) {
    const struct env_pair *pair = &layer->variables.pairs[i];
    if (apply_variable(conf, layer, pair, err) == 0)
      continue;
    return layer->path ? err_wrap(err, "%s:%d", layer->path, pair->line) : -1;
  }
  return 0;
}

static bool came_before(const struct conf_input *input, size_t i)
{
  for (size_t j = 0; j < i; j++)
    if (strcmp(input->flags[j].name, input->flags[i].name) == 0)
      return true;
  return false;
}

/* The first --scripts takes the place of what was there, each further one adds to it. */
static int apply_flag(struct conf *conf, const struct conf_input *input, size_t i,
                      struct err *err)
{
  const struct conf_flag *flag = &input->flags[i];
  const struct setting *setting = setting_by_flag(flag->name);
  if (!setting)
    return err_set(err, "usage", "no setting has this flag");
  if (setting->kind != SETTING_LIST)
    return value_from_text(conf, setting, flag->value, err);
  if (!came_before(input, i))
    value_clear(conf, setting);
  return value_append(conf, setting, flag->value, err);
}

static int apply_flags(struct conf *conf, const struct conf_input *input, struct err *err)
{
  for (size_t i = 0; i < input->n_flags; i++) {
    if (apply_flag(conf, input, i, err) == 0)
      continue;
    snprintf(err->code, sizeof err->code, "usage");
    return err_wrap(err, "--%s", input->flags[i].name);
  }
  return 0;
}

static int apply_outside(struct load *load, struct err *err)
{
  for (size_t i = 0; i < LAYERS; i++)
    if (apply_layer(load->conf, &load->layers[i], err) < 0)
      return -1;
  return apply_flags(load->conf, load->input, err);
}

/* ---- conf files ---- */

/* The setting itself, and the table that it is in. */
static void offer_key(struct nearest *nearest, const char *name)
{
  char group[64];
  snprintf(group, sizeof group, "%.*s", (int)strcspn(name, "."), name);
  nearest_offer(nearest, name);
  nearest_offer(nearest, group);
}

static int unknown_key(const char *name, struct err *err)
{
  char hint[2 * NEAREST_MAX], variable[64];
  const struct setting *setting = setting_by_name(name);
  if (setting)
    return err_set(err, "bad_conf", "%s: cannot be set in a conf file, only by %s", name,
                   setting_env_name(setting, variable));
  struct nearest nearest = {.word = name};
  for (size_t i = 0; i < setting_count; i++)
    if (!setting_table[i].not_in_files)
      offer_key(&nearest, setting_table[i].name);
  return err_set(err, "bad_conf",
                 "%s: no such setting%s; `candy help settings` lists them all", name,
                 nearest_hint(&nearest, "", hint));
}

/* Lua does not tell an empty list from an empty table. */
static bool is_table(const json_t *value)
{
  return json_is_object(value) || (json_is_array(value) && json_array_size(value) == 0);
}

static int apply_table(struct conf *conf, const char *prefix, json_t *table,
                       struct err *err);

static int apply_key(struct conf *conf, const char *name, json_t *value, struct err *err)
{
  if (setting_is_group(name)) {
    if (is_table(value)) {
      char *prefix = mem_printf("%s.", name);
      int status = apply_table(conf, prefix, value, err);
      free(prefix);
      return status;
    }
    return err_set(err, "bad_conf", "%s: must be a table of settings, not %s", name,
                   jx_kind(value));
  }
  const struct setting *setting = setting_by_name(name);
  if (!setting || setting->not_in_files)
    return unknown_key(name, err);
  if (value_from_json(conf, setting, value, err) < 0)
    return err_wrap(err, "%s", name);
  return 0;
}

static int apply_table(struct conf *conf, const char *prefix, json_t *table,
                       struct err *err)
{
  const char *key;
  json_t *value;
  int status = 0;
  json_object_foreach(table, key, value) {
    char *name = mem_printf("%s%s", prefix, key);
    status = apply_key(conf, name, value, err);
    free(name);
    if (status < 0)
      break;
  }
  return status;
}

static int apply_file(struct load *load, const char *path, json_t *table, struct err *err)
{
  int status = 0;
  if (!is_table(table))
    status = err_set(err, "bad_conf", "must return a table of settings, not %s",
                     jx_kind(table));
  else
    status = apply_table(load->conf, "", table, err);
  return status < 0 ? err_wrap(err, "%s", path) : 0;
}

const char *const conf_env_files[CONF_ENV_FILES] = {".env", ".env.local"};

enum { MAIN_FILE, OVERLAY, LUA_FILES, ENV_FILES = LUA_FILES };

void conf_files(const struct conf *conf, char *paths[CONF_FILES])
{
  paths[MAIN_FILE] = mem_printf("%s/candy.lua", conf->conf_dir);
  paths[OVERLAY] = mem_printf("%s/%s.lua", conf->conf_dir, conf->env);
  for (int i = 0; i < CONF_ENV_FILES; i++)
    paths[ENV_FILES + i] = mem_strdup(conf_env_files[i]);
}

static int check_folder(const struct conf *conf, struct err *err)
{
  struct stat st;
  if (strcmp(conf->conf_dir, setting_by_name("conf")->fallback) == 0 ||
      (stat(conf->conf_dir, &st) == 0 && S_ISDIR(st.st_mode)))
    return 0;
  return err_set(err, "bad_conf", "CANDY_CONF: there is no folder \"%s\"",
                 conf->conf_dir);
}

/* The three environments that everyone has need no overlay; another name without one is
 * more likely a slip than a wish. */
static int no_overlay(const char *env, const char *path, struct err *err)
{
  static const char *const usual[] = {"development", "staging", "production"};
  struct nearest nearest = {.word = env};
  char hint[2 * NEAREST_MAX];
  for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
    if (strcmp(env, usual[i]) == 0)
      return 0;
    nearest_offer(&nearest, usual[i]);
  }
  return err_set(err, "bad_conf",
                 "there is no %s for the environment \"%s\"%s: create that file, or set "
                 "CANDY_ENV to development, staging or production",
                 path, env, nearest_hint(&nearest, "", hint));
}

/* All are evaluated before the first is applied, since that takes one process for all. */
static int apply_tables(struct load *load, char *paths[LUA_FILES], struct err *err)
{
  json_t *tables[LUA_FILES];
  int status = load->input->evaluate(load->input->evaluate_arg,
                                     (const char *const *)paths, LUA_FILES, tables, err);
  if (status < 0)
    return -1;
  if (!tables[OVERLAY])
    status = no_overlay(load->conf->env, paths[OVERLAY], err);
  for (int i = 0; i < LUA_FILES; i++) {
    if (status == 0 && tables[i])
      status = apply_file(load, paths[i], tables[i], err);
    json_decref(tables[i]);
  }
  return status;
}

static int apply_files(struct load *load, struct err *err)
{
  if (check_folder(load->conf, err) < 0)
    return -1;
  char *paths[CONF_FILES];
  conf_files(load->conf, paths);
  int status = apply_tables(load, paths, err);
  for (int i = 0; i < CONF_FILES; i++)
    free(paths[i]);
  return status;
}

/* ---- the whole ---- */

static int read_layers(struct load *load, struct err *err)
{
  struct layer *layers = load->layers;
  layers[DOTENV].path = conf_env_files[0];
  layers[DOTENV_LOCAL].path = conf_env_files[1];
  for (char *const *at = load->input->environment; *at; at++) {
    const char *equals = strchr(*at, '=');
    if (!equals)
      continue;
    char *name = mem_copy(*at, (size_t)(equals - *at));
    env_file_add(&layers[PROCESS].variables, name, equals + 1, 0);
    free(name);
  }
  load->conf->alone = load->input->alone;
  if (load->input->alone)
    return 0;
  if (env_file_read(&layers[DOTENV].variables, layers[DOTENV].path, err) < 0)
    return -1;
  return env_file_read(&layers[DOTENV_LOCAL].variables, layers[DOTENV_LOCAL].path, err);
}

static void keep_secrets(struct load *load)
{
  for (size_t i = 0; i < LAYERS; i++) {
    const struct env_file *variables = &load->layers[i].variables;
    for (size_t j = 0; j < variables->n; j++) {
      const struct env_pair *pair = &variables->pairs[j];
      if (i == PROCESS && !begins(pair->name, SECRET_PREFIX))
        continue;
      env_file_add(&load->conf->secrets, pair->name, pair->value, pair->line);
    }
  }
}

struct conf *conf_load(const struct conf_input *input, struct err *err)
{
  struct load load = {.input = input, .conf = mem_alloc(sizeof *load.conf)};
  int status = read_layers(&load, err);
  if (status == 0)
    status = apply_defaults(load.conf, err);
  if (status == 0)
    status = apply_outside(&load, err);
  if (status == 0)
    status = apply_files(&load, err);
  if (status == 0)
    status = apply_outside(&load, err);
  if (status == 0)
    keep_secrets(&load);
  else
    conf_free(&load.conf);
  for (size_t i = 0; i < LAYERS; i++)
    env_file_fini(&load.layers[i].variables);
  return load.conf;
}

void conf_free(struct conf **conf)
{
  if (!*conf)
    return;
  for (size_t i = 0; i < setting_count; i++)
    value_clear(*conf, &setting_table[i]);
  env_file_fini(&(*conf)->secrets);
  free(*conf);
  *conf = NULL;
}

/* ---- secrets ---- */

const char *conf_secret_of(const struct env_file *secrets, const char *name)
{
  char *own = mem_printf(SECRET_PREFIX "%s", name);
  const char *value = env_file_get(secrets, own);
  free(own);
  if (value || begins(name, SETTING_ENV_PREFIX))
    return value;
  return env_file_get(secrets, name);
}

const char *conf_secret(const struct conf *conf, const char *name)
{
  return conf_secret_of(&conf->secrets, name);
}

/* Those of the environment are the ones that stand in no line. */
int conf_read_secrets(const struct conf *conf, struct env_file *secrets, struct err *err)
{
  for (int i = 0; i < CONF_ENV_FILES && !conf->alone; i++)
    if (env_file_read(secrets, conf_env_files[i], err) < 0)
      return -1;
  for (size_t i = 0; i < conf->secrets.n; i++) {
    const struct env_pair *pair = &conf->secrets.pairs[i];
    if (pair->line == 0)
      env_file_add(secrets, pair->name, pair->value, 0);
  }
  return 0;
}
