/* `candy retry` and `candy purge`: jobs by their ids, or all that filters choose. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"

static const char *const filters[] = {"state", "type", "queue", "tag", "search"};

#define FILTERS (sizeof filters / sizeof filters[0])
#define ROUND   10000 /* jobs that the host handles at a time, to stay free for others */

struct bulk {
  const char *target;
  const char *done;
  bool repeats; /* until none is left; jobs that are retried may die as fast as we ask */
};

static const struct bulk retry = {"/tasks/retry", "retried", false};
static const struct bulk purge = {"/tasks/purge", "purged", true};

static bool has_filter(const struct cli_args *args)
{
  for (size_t i = 0; i < FILTERS; i++)
    if (cli_option(args, filters[i]))
      return true;
  return cli_option(args, "all") != NULL;
}

/* An empty filter would choose everything: it comes from a variable that was not set. */
static int check_filters(const struct cli_args *args)
{
  for (size_t i = 0; i < FILTERS; i++) {
    const char *value = cli_option(args, filters[i]);
    if (value && !*value)
      return cli_fail(CLI_USAGE, "--%s is empty: leave it out to choose any", filters[i]);
  }
  return CLI_OK;
}

static int check(const struct cli_args *args)
{
  if (args->n_words && has_filter(args))
    return cli_fail(CLI_USAGE, "ids and filters exclude each other");
  if (!args->n_words && !has_filter(args))
    return cli_fail(CLI_USAGE, "which jobs? Give ids, a filter such as --type, or --all "
                               "for every dead job");
  return check_filters(args);
}

static json_t *word(const char *text)
{
  return jx_string(text, strlen(text));
}

static json_t *choose(const struct cli_args *args)
{
  json_t *chosen = json_pack("{s:i}", "max", ROUND);
  if (args->n_words) {
    json_t *ids = json_array();
    for (size_t i = 0; i < args->n_words; i++)
      json_array_append_new(ids, word(args->words[i]));
    json_object_set_new(chosen, "ids", ids);
    return chosen;
  }
  json_object_set_new(chosen, "state", json_string("dead"));
  for (size_t i = 0; i < FILTERS; i++)
    if (cli_option(args, filters[i]))
      json_object_set_new(chosen, filters[i], word(cli_option(args, filters[i])));
  return chosen;
}

/* Fewer than were named: the others are unknown, or not in a state that allows it. */
static int tell(const struct cli_args *args, const struct bulk *bulk, int64_t count)
{
  if (args->json)
    printf("{\"count\":%" PRId64 "}\n", count);
  else
    printf("%" PRId64 " %s %s\n", count, count == 1 ? "job" : "jobs", bulk->done);
  if (!bulk->repeats && count == ROUND)
    fputs("there may be more: the same command again goes on with them\n", stderr);
  if (count >= (int64_t)args->n_words)
    return CLI_OK;
  return cli_fail(CLI_FAILED,
                  "%zu of %zu ids could not be %s: no such job, or not in a state for it",
                  args->n_words - (size_t)count, args->n_words, bulk->done);
}

static int one_round(struct conf *conf, const struct bulk *bulk, const struct buf *body,
                     int64_t *count)
{
  struct ask ask;
  int code = ask_host_patiently(&ask, conf, "POST", bulk->target, body);
  *count = jx_int(ask.json, "count", 0);
  ask_fini(&ask);
  return code;
}

static int run_bulk(struct conf *conf, const struct cli_args *args,
                    const struct bulk *bulk)
{
  struct buf body = {0};
  int64_t count, total = 0;
  int code = check(args);
  if (code != CLI_OK)
    return code;
  json_t *chosen = choose(args);
  jx_append(&body, chosen);
  json_decref(chosen);
  do {
    code = one_round(conf, bulk, &body, &count);
    total += count;
  } while (code == CLI_OK && bulk->repeats && count == ROUND);
  if (code == CLI_OK || total > 0) {
    int told = tell(args, bulk, total);
    code = code == CLI_OK ? told : code;
  }
  buf_fini(&body);
  return code;
}

/* One id is asked for by itself, since then the host says why it refuses. */
static int retry_one(struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  struct buf target = {0};
  buf_puts(&target, "/tasks/");
  ask_escape(&target, args->words[0]);
  buf_puts(&target, "/retry");
  int code = ask_host(&ask, conf, "POST", target.data, NULL);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    puts("1 job retried");
  ask_fini(&ask);
  buf_fini(&target);
  return code;
}

int cmd_retry(struct conf *conf, const struct cli_args *args)
{
  if (args->n_words == 1 && !has_filter(args))
    return retry_one(conf, args);
  return run_bulk(conf, args, &retry);
}

int cmd_purge(struct conf *conf, const struct cli_args *args)
{
  return run_bulk(conf, args, &purge);
}
