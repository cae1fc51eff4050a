/* `candy crons`: when tasks are due, as the scripts declare it. */
#include "cli/cli.h"

#include <inttypes.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/table.h"

static void add_cron(struct table *table, const json_t *cron)
{
  struct buf where = {0}, payload = {0};
  buf_printf(&where, "%s:%" PRId64, jx_str(cron, "file", "?"), jx_int(cron, "line", 0));
  jx_append(&payload, json_object_get(cron, "payload"));
  table_add(table, jx_str(cron, "name", ""));
  table_add(table, jx_str(cron, "expression", ""));
  table_add(table, jx_str(cron, "tz", "UTC"));
  table_add(table, jx_str(cron, "task", ""));
  table_add(table, where.data);
  table_add(table, payload.data);
  buf_fini(&where);
  buf_fini(&payload);
}

static void print_table(const json_t *items)
{
  static const struct table_column columns[] = {{"CRON", NULL},  {"WHEN", NULL},
                                                {"ZONE", NULL},  {"TASK", NULL},
                                                {"WHERE", NULL}, {"PAYLOAD", NULL}};
  struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
  for (size_t i = 0; i < json_array_size(items); i++)
    add_cron(table, json_array_get(items, i));
  table_print(table, stdout);
  table_free(&table);
  if (json_array_size(items) == 0)
    fputs("no crons are declared\n", stderr);
}

int cmd_crons(struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  int code = ask_host(&ask, conf, "GET", "/crons", NULL);
  if (code == CLI_OK && args->json) {
    ask_print(&ask);
  } else if (code == CLI_OK) {
    print_table(json_object_get(ask.json, "items"));
    fputs("crons are declared and checked; they are not run yet\n", stderr);
  }
  ask_fini(&ask);
  return code;
}
