/* `candy tasks`: what the scripts declare, and which files could not be loaded. */
#include "cli/cli.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/table.h"
#include "cli/text.h"

static bool is_required(const json_t *schema, const char *name)
{
  const json_t *required = json_object_get(schema, "required");
  for (size_t i = 0; i < json_array_size(required); i++) {
    const char *one = json_string_value(json_array_get(required, i));
    if (one && strcmp(one, name) == 0)
      return true;
  }
  return false;
}

/* "repo since? labels[]?", after the payload shorthand. */
static void write_fields(struct buf *out, json_t *schema)
{
  const char *name;
  json_t *field;
  buf_puts(out, "");
  json_object_foreach(json_object_get(schema, "properties"), name, field) {
    bool is_list = strcmp(jx_str(field, "type", ""), "array") == 0;
    buf_printf(out, "%s%s%s%s", out->len ? " " : "", name, is_list ? "[]" : "",
               is_required(schema, name) ? "" : "?");
  }
}

static void add_task(struct table *table, const json_t *task)
{
  char retries[32], timeout[32];
  struct buf fields = {0}, where = {0};
  snprintf(retries, sizeof retries, "%" PRId64, jx_int(task, "max_retries", 0));
  write_fields(&fields, json_object_get(task, "schema"));
  buf_printf(&where, "%s:%" PRId64, jx_str(task, "file", "?"), jx_int(task, "line", 0));
  table_add(table, jx_str(task, "name", ""));
  table_add(table, jx_str(task, "queue", "default"));
  table_add(table, retries);
  table_add(table, duration_format(jx_int(task, "timeout_ms", 0), timeout));
  table_add(table, where.data);
  table_add(table, fields.data);
  buf_fini(&fields);
  buf_fini(&where);
}

static void print_table(const json_t *items)
{
  static const struct table_column columns[] = {{"TASK", NULL},    {"QUEUE", NULL},
                                                {"RETRIES", NULL}, {"TIMEOUT", NULL},
                                                {"WHERE", NULL},   {"PAYLOAD", NULL}};
  struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
  for (size_t i = 0; i < json_array_size(items); i++)
    add_task(table, json_array_get(items, i));
  table_print(table, stdout);
  table_free(&table);
  if (json_array_size(items) == 0)
    fputs("no tasks are declared\n", stderr);
}

static void print_failures(const json_t *files)
{
  for (size_t i = 0; i < json_array_size(files); i++) {
    const json_t *file = json_array_get(files, i);
    const json_t *error = json_object_get(file, "error");
    const char *text = jx_str(error, "message", json_string_value(error));
    if (text)
      cli_fail(CLI_FAILED, "%s: %s", jx_str(file, "path", "?"), text);
  }
}

/* What is listed is what runs: say so when the folders hold something else. */
static void print_problem(const json_t *scripts)
{
  const json_t *problem = json_object_get(scripts, "problem");
  const char *text = jx_str(problem, "message", NULL);
  if (text)
    cli_fail(CLI_FAILED, "the newest scripts do not run: %s", text);
}

int cmd_tasks(struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  int code = ask_host(&ask, conf, "GET", "/definitions", NULL);
  if (code == CLI_OK && args->json) {
    ask_print(&ask);
  } else if (code == CLI_OK) {
    print_table(json_object_get(ask.json, "items"));
    print_failures(json_object_get(ask.json, "files"));
    print_problem(json_object_get(ask.json, "scripts"));
  }
  ask_fini(&ask);
  return code;
}
