/* `candy queues`, `candy pause` and `candy resume`: what is in each queue, and what
 * rests.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/table.h"

/* ---- queues ---- */

static const char *const counts[] = {"available", "blocked", "scheduled",
                                     "retryable", "running", "dead"};

enum { AVAILABLE, BLOCKED, SCHEDULED, RETRYABLE, RUNNING, DEAD, COUNTS };

/* Where the host's counts end: of one queue, or of all queues together. */
#define AVAILABLE_MOST 10000
#define WAITING_MOST   100000 /* blocked; scheduled and retryable */
#define DEAD_MOST      10000

static void add_up(const json_t *queues, int64_t total[COUNTS])
{
  size_t i;
  json_t *queue;
  json_array_foreach(queues, i, queue)
    for (size_t k = 0; k < COUNTS; k++)
      total[k] += jx_int(queue, counts[k], 0);
}

static bool may_be_more(size_t which, int64_t n, const int64_t total[COUNTS])
{
  int64_t later = total[SCHEDULED] + total[RETRYABLE];
  if (which == AVAILABLE)
    return n >= AVAILABLE_MOST;
  if (which == BLOCKED)
    return n && total[BLOCKED] >= WAITING_MOST;
  if (which == DEAD)
    return n && total[DEAD] >= DEAD_MOST;
  return n && which != RUNNING && later >= WAITING_MOST;
}

static void add_count(struct table *table, int64_t n, bool more)
{
  char text[32];
  snprintf(text, sizeof text, "%" PRId64 "%s", n, more ? "+" : "");
  table_add(table, text);
}

static void add_pause(struct table *table, const json_t *paused)
{
  struct buf text = {0};
  const char *reason = jx_str(paused, "reason", NULL);
  buf_puts(&text, "");
  if (json_is_object(paused))
    buf_printf(&text, "by %s%s%s", jx_str(paused, "by", "?"), reason ? ": " : "",
               reason ? reason : "");
  table_add(table, text.data);
  buf_fini(&text);
}

static void add_queue(struct table *table, const json_t *queue,
                      const int64_t total[COUNTS])
{
  char age[32];
  int64_t oldest = jx_int(queue, "oldest_available_ms", 0);
  table_add(table, jx_str(queue, "name", ""));
  for (size_t i = 0; i < COUNTS; i++) {
    int64_t n = jx_int(queue, counts[i], 0);
    add_count(table, n, may_be_more(i, n, total));
  }
  table_add(table, oldest ? duration_format(oldest / 1000 * 1000, age) : "");
  add_pause(table, json_object_get(queue, "paused"));
}

static void print_queues(const json_t *items)
{
  static const struct table_column columns[] = {
      {"QUEUE", NULL},     {"AVAILABLE", NULL}, {"BLOCKED", NULL},
      {"SCHEDULED", NULL}, {"RETRYABLE", NULL}, {"RUNNING", NULL},
      {"DEAD", NULL},      {"OLDEST", NULL},    {"PAUSED", NULL}};
  int64_t total[COUNTS] = {0};
  add_up(items, total);
  struct table *table = table_new(columns, sizeof columns / sizeof columns[0]);
  for (size_t i = 0; i < json_array_size(items); i++)
    add_queue(table, json_array_get(items, i), total);
  table_print(table, stdout);
  table_free(&table);
  if (json_array_size(items) == 0)
    fputs("no queue has had a job yet\n", stderr);
}

static void print_tasks(const json_t *tasks)
{
  for (size_t i = 0; i < json_array_size(tasks); i++) {
    const json_t *task = json_array_get(tasks, i);
    const json_t *paused = json_object_get(task, "paused");
    const char *reason = jx_str(paused, "reason", NULL);
    printf("task %s is paused by %s%s%s\n", jx_str(task, "name", "?"),
           jx_str(paused, "by", "?"), reason ? ": " : "", reason ? reason : "");
  }
}

int cmd_queues(struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  int code = ask_host(&ask, conf, "GET", "/queues", NULL);
  if (code == CLI_OK && args->json) {
    ask_print(&ask);
  } else if (code == CLI_OK) {
    print_queues(json_object_get(ask.json, "items"));
    print_tasks(json_object_get(ask.json, "paused_tasks"));
  }
  ask_fini(&ask);
  return code;
}

/* ---- pause and resume ---- */

static bool is_task(const json_t *tasks, const char *name)
{
  size_t i = 0, n = json_array_size(tasks);
  while (i < n && strcmp(jx_str(json_array_get(tasks, i), "name", ""), name) != 0)
    i++;
  return i < n;
}

/* Any name is that of a queue, so that one who forgets --task would hear of no fault. */
static void tell_of_task(struct conf *conf, const char *name, const char *verb,
                         bool is_new)
{
  struct ask ask;
  if (ask_host(&ask, conf, "GET", "/definitions", NULL) == CLI_OK &&
      is_task(json_object_get(ask.json, "items"), name))
    fprintf(stderr,
            "candy: that is the queue; the task is meant by `candy %s --task %s`\n", verb,
            name);
  else if (is_new)
    fprintf(stderr,
            "candy: no queue \"%s\" has had a job yet; if that is a slip, `candy resume "
            "%s` takes it back\n",
            name, name);
  ask_fini(&ask);
}

/* A name that nothing was paused under is a slip more often than a second time. */
static void tell_pause(const struct ask *ask, bool task, const char *name, bool resume)
{
  const char *what = task ? "task" : "queue";
  if (!resume)
    printf("%s %s rests\n", what, name);
  else if (jx_bool(ask->json, "changed", true))
    printf("%s %s goes on\n", what, name);
  else
    printf("%s %s did not rest: nothing was paused under that name; `candy queues` lists "
           "what rests\n",
           what, name);
}

static int set_pause(struct conf *conf, const struct cli_args *args, const char *verb)
{
  struct ask ask;
  struct buf target = {0}, body = {0};
  bool task = cli_option(args, "task") != NULL;
  const char *reason = cli_option(args, "reason");
  buf_puts(&target, task ? "/definitions/" : "/queues/");
  ask_escape(&target, args->words[0]);
  buf_printf(&target, "/%s", verb);
  buf_puts(&body, "{");
  if (reason) {
    buf_puts(&body, "\"reason\":");
    buf_json_string(&body, reason, strlen(reason));
  }
  buf_putc(&body, '}');
  int code = ask_host(&ask, conf, "POST", target.data, &body);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    tell_pause(&ask, task, args->words[0], verb[0] == 'r');
  if (code == CLI_OK && !task)
    tell_of_task(conf, args->words[0], verb,
                 verb[0] == 'p' && !jx_bool(ask.json, "known", true));
  ask_fini(&ask);
  buf_fini(&target);
  buf_fini(&body);
  return code;
}

int cmd_pause(struct conf *conf, const struct cli_args *args)
{
  return set_pause(conf, args, "pause");
}

int cmd_resume(struct conf *conf, const struct cli_args *args)
{
  return set_pause(conf, args, "resume");
}
