/* links: base conf */
/* Loads the settings and prints them as one JSON object, or the error on stderr.
 *
 *   conf [--FLAG VALUE]... [? NAME]   the settings, or the secret NAME
 *   conf settings                     the table of settings itself
 *
 * Conf files hold JSON here: the evaluation of Lua is another module's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "conf/conf.h"
#include "conf/setting.h"
#include "conf/value.h"

static int evaluate_file(const char *path, json_t **out, struct err *err)
{
  *out = NULL;
  FILE *in = fopen(path, "re");
  if (!in)
    return errno == ENOENT ? 0
                           : err_set(err, "bad_conf", "%s: %s", path, strerror(errno));
  char text[65536];
  size_t n = fread(text, 1, sizeof text, in);
  fclose(in);
  *out = jx_parse(text, n, err);
  return *out ? 0 : err_wrap(err, "%s", path);
}

static int evaluate(void *arg, const char *const *paths, size_t n, json_t **out,
                    struct err *err)
{
  (void)arg;
  for (size_t i = 0; i < n; i++) {
    if (evaluate_file(paths[i], &out[i], err) == 0)
      continue;
    while (i-- > 0)
      json_decref(out[i]);
    return -1;
  }
  return 0;
}

static json_t *list(const struct conf *conf, const struct setting *setting)
{
  const char *at = (const char *)conf;
  char *const *items = *(char **const *)(const void *)(at + setting->offset);
  size_t n = *(const size_t *)(const void *)(at + setting->count);
  json_t *array = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(array, json_string(items[i]));
  return array;
}

static json_t *value_of(const struct conf *conf, const struct setting *setting)
{
  const char *at = (const char *)conf + setting->offset;
  if (setting->kind == SETTING_LIST)
    return list(conf, setting);
  if (setting->kind == SETTING_BOOL)
    return json_boolean(*(const bool *)(const void *)at);
  if (setting->kind >= SETTING_COUNT)
    return json_integer(*(const int64_t *)(const void *)at);
  const char *text = *(char *const *)(const void *)at;
  return text ? json_string(text) : json_null();
}

static int print(json_t *value)
{
  char *text = jx_dump(value, NULL);
  puts(text);
  free(text);
  json_decref(value);
  return 0;
}

static int print_table(void)
{
  json_t *table = json_array();
  for (size_t i = 0; i < setting_count; i++) {
    const struct setting *s = &setting_table[i];
    char variable[64];
    struct buf expects = {0};
    value_expects(s, &expects);
    json_array_append_new(
        table, json_pack("{s:s, s:s, s:s?, s:s?, s:b, s:b, s:s, s:s}", "name", s->name,
                         "variable", setting_env_name(s, variable), "flag", s->flag,
                         "default", s->fallback, "in_files", !s->not_in_files, "live",
                         s->live, "help", s->help, "expects", expects.data));
    buf_fini(&expects);
  }
  return print(table);
}

static int print_conf(const struct conf *conf)
{
  json_t *all = json_object();
  for (size_t i = 0; i < setting_count; i++)
    json_object_set_new(all, setting_table[i].name, value_of(conf, &setting_table[i]));
  return print(all);
}

static int print_secret(const struct conf *conf, const char *name)
{
  const char *secret = conf_secret(conf, name);
  return print(secret ? json_string(secret) : json_null());
}

int main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[1], "settings") == 0)
    return print_table();

  struct conf_flag flags[16];
  size_t n = 0;
  int at = 1;
  for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2)
    flags[n++] = (struct conf_flag){argv[at] + 2, argv[at + 1]};
  struct conf_input input = {
      .flags = flags, .n_flags = n, .environment = environ, .evaluate = evaluate};
  struct err err = {0};
  struct conf *conf = conf_load(&input, &err);
  if (!conf) {
    fprintf(stderr, "%s: %s\n", err.code, err.text);
    return 1;
  }
  if (at + 1 < argc)
    print_secret(conf, argv[at + 1]);
  else
    print_conf(conf);
  conf_free(&conf);
  return 0;
}
