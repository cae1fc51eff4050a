/* `candy batches [ID]`: how far batches are. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/option.h"
#include "cli/state.h"
#include "cli/table.h"
#include "cli/text.h"

#define PAGE_MAX      200 /* what the host gives at a time */
#define LIMIT_DEFAULT 50

static void add_number(struct table *table, const json_t *batch, const char *name)
{
  char text[32];
  snprintf(text, sizeof text, "%" PRId64, jx_int(batch, name, 0));
  table_add(table, text);
}

static void add_batch(struct table *table, const json_t *batch, int64_t now)
{
  char text[32];
  table_add(table, jx_str(batch, "id", ""));
  table_add(table, jx_str(batch, "state", ""));
  snprintf(text, sizeof text, "%.15g %%",
           json_number_value(json_object_get(batch, "percent")));
  table_add(table, text);
  add_number(table, batch, "total");
  add_number(table, batch, "completed");
  add_number(table, batch, "dead");
  add_number(table, batch, "cancelled");
  table_add(table, text_age(jx_int(batch, "created_at", now), now, text));
  table_add(table, jx_str(batch, "name", ""));
}

static void print_table(const json_t *items)
{
  static const struct table_column columns[] = {
      {"ID", NULL},        {"STATE", state_colour}, {"ENDED", NULL},
      {"JOBS", NULL},      {"COMPLETED", NULL},     {"DEAD", NULL},
      {"CANCELLED", NULL}, {"AGE", NULL},           {"NAME", NULL}};
  struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
  int64_t now = clock_wall_ms();
  for (size_t i = 0; i < json_array_size(items); i++)
    add_batch(table, json_array_get(items, i), now);
  table_print(table, stdout);
  table_free(&table);
  if (json_array_size(items) == 0)
    fputs("no batches\n", stderr);
}

static void print_followers(const json_t *batch)
{
  const char *event;
  json_t *follower;
  json_object_foreach(json_object_get(batch, "followers"), event, follower) {
    struct buf type = {0};
    const char *id = jx_str(follower, "id", NULL);
    text_clean(&type, jx_str(follower, "type", ""));
    printf("%-12s%s%s%s\n", event, type.data, id ? ", job " : ", not yet", id ? id : "");
    buf_fini(&type);
  }
}

static int show_one(const struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  struct buf target = {0};
  buf_puts(&target, "/batches/");
  ask_escape(&target, args->words[0]);
  int code = ask_host(&ask, conf, "GET", target.data, NULL);
  if (code == CLI_OK && args->json) {
    ask_print(&ask);
  } else if (code == CLI_OK) {
    json_t *one = json_pack("[O]", ask.json);
    print_table(one);
    print_followers(ask.json);
    json_decref(one);
  }
  ask_fini(&ask);
  buf_fini(&target);
  return code;
}

static int show_list(const struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  struct err err = {0};
  struct buf target = {0};
  char text[16];
  int64_t limit = 0;
  if (option_limit(args, &limit, &err) < 0)
    return cli_fail_err(CLI_USAGE, &err);
  if (limit == 0)
    limit = LIMIT_DEFAULT;
  snprintf(text, sizeof text, "%d", limit < PAGE_MAX ? (int)limit : PAGE_MAX);
  buf_puts(&target, "/batches");
  ask_query(&target, "limit", text);
  int code = ask_host(&ask, conf, "GET", target.data, NULL);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    print_table(json_object_get(ask.json, "items"));
  ask_fini(&ask);
  buf_fini(&target);
  return code;
}

int cmd_batches(struct conf *conf, const struct cli_args *args)
{
  return args->n_words ? show_one(conf, args) : show_list(conf, args);
}
