/* links: base */
/* Reaches the JSON Schema validator: reads a JSON line at a time and answers each with
 * one.
 *
 *   {"schema":..., "instances":[...], "remotes_dir":"...", "max":16}
 *       -> {"error":{code,text}} or
 * {"counts":[n...],"results":[[{pointer,code,message}...]...]}
 *   {"suite":"file of the JSON Schema test suite", "remotes_dir":"..."}
 *       -> the file's groups, each with "error" or with tests that have "problems"
 *
 * A suite is read here, since Lua would lose the difference between 1 and 1.0. Documents
 * under remotes_dir are known as http://localhost:1234/<path>.
 */
#include "base/schema.h"

#include "base/json.h"
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX 1000

static json_t *remotes;
static size_t root_len;

static json_t *load(const char *path)
{
  struct buf b = {0};
  struct err err;
  FILE *file = fopen(path, "r");
  for (int c; file && (c = getc(file)) != EOF;)
    buf_putc(&b, (char)c);
  json_t *document = jx_parse(b.data ? b.data : "", b.len, &err);
  if (!document)
    fprintf(stderr, "%s: %s\n", path, err.text);
  if (file)
    fclose(file);
  buf_fini(&b);
  return document;
}

static int add_remote(const char *path, const struct stat *info, int type,
                      struct FTW *ftw)
{
  char uri[4096];
  (void)info;
  (void)ftw;
  json_t *document = type == FTW_F ? load(path) : NULL;
  snprintf(uri, sizeof uri, "http://localhost:1234%s", path + root_len);
  if (document)
    json_object_set_new(remotes, uri, document);
  return 0;
}

static void load_remotes(const char *dir)
{
  if (!dir || remotes)
    return;
  remotes = json_object();
  root_len = strlen(dir);
  nftw(dir, add_remote, 16, FTW_PHYS);
}

static json_t *check(const struct schema *schema, const json_t *value, size_t max,
                     size_t *found)
{
  struct schema_problem problems[MAX];
  json_t *list = json_array();
  *found = schema_check(schema, value, problems, max);
  size_t n = *found < max ? *found : max;
  for (size_t i = 0; i < n; i++)
    json_array_append_new(list,
                          json_pack("{ss ss ss}", "pointer", problems[i].pointer, "code",
                                    problems[i].code, "message", problems[i].message));
  schema_problems_fini(problems, n);
  return list;
}

static json_t *error_of(const struct err *err)
{
  return json_pack("{s{ss ss}}", "error", "code", err->code, "text", err->text);
}

static json_t *run_instances(const json_t *line)
{
  struct err err;
  size_t i, found, max = (size_t)jx_int(line, "max", 16);
  json_t *value, *counts = json_array(), *results = json_array();
  struct schema *schema = schema_new(json_object_get(line, "schema"), remotes, &err);
  json_array_foreach(json_object_get(line, "instances"), i, value) {
    if (!schema)
      break;
    json_array_append_new(results, check(schema, value, max, &found));
    json_array_append_new(counts, json_integer((json_int_t)found));
  }
  json_t *answer = json_pack("{so so}", "counts", counts, "results", results);
  if (!schema) {
    json_decref(answer);
    answer = error_of(&err);
  }
  schema_free(&schema);
  return answer;
}

static void run_group(json_t *group)
{
  struct err err;
  size_t i, found;
  json_t *test;
  struct schema *schema = schema_new(json_object_get(group, "schema"), remotes, &err);
  json_object_del(group, "schema");
  json_array_foreach(json_object_get(group, "tests"), i, test) {
    if (schema)
      json_object_set_new(test, "problems",
                          check(schema, json_object_get(test, "data"), 16, &found));
    json_object_del(test, "data");
  }
  if (!schema)
    json_object_update_new(group, error_of(&err));
  schema_free(&schema);
}

static json_t *run_suite(const char *path)
{
  size_t i;
  json_t *group, *groups = load(path);
  json_array_foreach(groups, i, group)
    run_group(group);
  return json_pack("{so*}", "groups", groups);
}

static json_t *answer(const char *text, size_t len)
{
  struct err err;
  json_t *line = jx_parse(text, len, &err);
  if (!line)
    return error_of(&err);
  load_remotes(jx_str(line, "remotes_dir", NULL));
  const char *suite = jx_str(line, "suite", NULL);
  json_t *reply = suite ? run_suite(suite) : run_instances(line);
  json_decref(line);
  return reply;
}

int main(void)
{
  char *line = NULL;
  size_t cap = 0;
  ssize_t len;
  while ((len = getline(&line, &cap, stdin)) > 0) {
    json_t *reply = answer(line, (size_t)len);
    size_t size;
    char *text = jx_dump(reply, &size);
    fwrite(text, 1, size, stdout);
    putchar('\n');
    free(text);
    json_decref(reply);
  }
  free(line);
  json_decref(remotes);
  return 0;
}
