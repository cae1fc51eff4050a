/* `candy jobs`: a list of jobs, fetched page by page. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/option.h"
#include "cli/state.h"
#include "cli/table.h"
#include "cli/text.h"

#define PAGE_MAX      200 /* what the host gives at a time */
#define LIMIT_DEFAULT 50

struct list {
  const struct conf *conf;
  const struct cli_args *args;
  int64_t limit; /* how many are still wanted */
  char since[32];
  json_t *items;
  char *cursor; /* NULL: the first page, or none follows */
};

/* ---- options ---- */

static int read_limit(struct list *list, struct err *err)
{
  bool all = cli_option(list->args, "all") != NULL;
  if (option_limit(list->args, &list->limit, err) < 0)
    return -1;
  if (all && list->limit)
    return err_set(err, "usage", "--limit and --all exclude each other");
  if (list->limit == 0)
    list->limit = all ? INT64_MAX : LIMIT_DEFAULT;
  return 0;
}

/* ---- fetching ---- */

static void write_target(const struct list *list, struct buf *target)
{
  static const char *const filters[] = {"state", "type", "queue", "tag", "search"};
  char limit[16];
  snprintf(limit, sizeof limit, "%d",
           list->limit < PAGE_MAX ? (int)list->limit : PAGE_MAX);
  buf_puts(target, "/tasks");
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
    ask_query(target, filters[i], cli_option(list->args, filters[i]));
  ask_query(target, "since", list->since[0] ? list->since : NULL);
  ask_query(target, "limit", limit);
  ask_query(target, "cursor", list->cursor);
}

static int fetch_page(struct list *list)
{
  struct ask ask;
  struct buf target = {0};
  write_target(list, &target);
  int code = ask_host(&ask, list->conf, "GET", target.data, NULL);
  if (code == CLI_OK) {
    json_t *items = json_object_get(ask.json, "items");
    const char *next = jx_str(ask.json, "next_cursor", NULL);
    free(list->cursor);
    list->cursor = json_array_size(items) > 0 ? mem_strdup(next) : NULL;
    list->limit -= (int64_t)json_array_size(items);
    json_array_extend(list->items, items);
  }
  ask_fini(&ask);
  buf_fini(&target);
  return code;
}

static int fetch(struct list *list)
{
  int code;
  do
    code = fetch_page(list);
  while (code == CLI_OK && list->cursor && list->limit > 0);
  return code;
}

/* ---- printing ---- */

static void print_json(const struct list *list)
{
  json_t *answer =
      json_pack("{s:O, s:s?}", "items", list->items, "next_cursor", list->cursor);
  char *text = jx_dump(answer, NULL);
  puts(text);
  free(text);
  json_decref(answer);
}

static void add_field(struct table *table, const json_t *job, const char *name)
{
  struct buf text = {0};
  text_of(&text, json_object_get(job, name));
  table_add(table, text.data);
  buf_fini(&text);
}

static void add_attempt(struct table *table, const json_t *job)
{
  char text[64];
  snprintf(text, sizeof text, "%" PRId64 "/%" PRId64, jx_int(job, "attempt", 1),
           jx_int(job, "max_retries", 0) + 1);
  table_add(table, text);
}

static void add_job(struct table *table, const json_t *job, int64_t now)
{
  char age[32];
  const json_t *error = json_object_get(job, "error");
  add_field(table, job, "id");
  add_field(table, job, "state");
  add_field(table, job, "type");
  add_field(table, job, "queue");
  add_attempt(table, job);
  table_add(table, text_age(jx_int(job, "created_at", now), now, age));
  table_add(table, jx_str(error, "message", jx_str(error, "code", "")));
}

static void print_table(const struct list *list)
{
  static const struct table_column columns[] = {
      {"ID", NULL},      {"STATE", state_colour}, {"TYPE", NULL}, {"QUEUE", NULL},
      {"ATTEMPT", NULL}, {"AGE", NULL},           {"ERROR", NULL}};
  struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
  int64_t now = clock_wall_ms();
  for (size_t i = 0; i < json_array_size(list->items); i++)
    add_job(table, json_array_get(list->items, i), now);
  table_print(table, stdout);
  table_free(&table);
  if (json_array_size(list->items) == 0)
    fputs("no jobs\n", stderr);
  else if (list->cursor)
    fputs("more follow: --limit N or --all lists them\n", stderr);
}

int cmd_jobs(struct conf *conf, const struct cli_args *args)
{
  struct err err = {0};
  struct list list = {.conf = conf, .args = args, .items = json_array()};
  int code;
  if (option_since(args, list.since, &err) < 0 || read_limit(&list, &err) < 0)
    code = cli_fail_err(CLI_USAGE, &err);
  else
    code = fetch(&list);
  if (code == CLI_OK && args->json)
    print_json(&list);
  else if (code == CLI_OK)
    print_table(&list);
  json_decref(list.items);
  free(list.cursor);
  return code;
}
