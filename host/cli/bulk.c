/* `candy cancel`, `candy retry` and `candy purge`: jobs by their ids, or all that filters
 * choose, which --preview counts without doing anything. */
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
  const char *verb;
  const char *done;
  const char *state; /* of those that are chosen where nobody says it */
  bool repeats; /* until none is left; jobs that are retried may die as fast as we ask */
};

struct tally {
  int64_t count;
  int64_t running; /* of these: they were told to end, and have not yet */
  int64_t already; /* beside these: they were told before, and have not ended yet */
};

#define LIVING "scheduled,available,retryable,pending,running"

static const struct bulk cancel = {"cancel", "cancelled", LIVING, true};
static const struct bulk retry = {"retry", "retried", "dead", false};
static const struct bulk purge = {"purge", "purged", "dead", true};

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
    return cli_fail(CLI_USAGE, "which jobs? Give ids, a filter such as --type, or --all");
  return check_filters(args);
}

static json_t *word(const char *text)
{
  return jx_string(text, strlen(text));
}

static json_t *choose(const struct cli_args *args, const struct bulk *bulk)
{
  json_t *chosen = json_pack("{s:i}", "max", ROUND);
  if (cli_option(args, "preview"))
    json_object_set_new(chosen, "preview", json_true());
  if (cli_option(args, "reason"))
    json_object_set_new(chosen, "reason", word(cli_option(args, "reason")));
  if (args->n_words) {
    json_t *ids = json_array();
    for (size_t i = 0; i < args->n_words; i++)
      json_array_append_new(ids, word(args->words[i]));
    json_object_set_new(chosen, "ids", ids);
    return chosen;
  }
  json_object_set_new(chosen, "state", json_string(bulk->state));
  for (size_t i = 0; i < FILTERS; i++)
    if (cli_option(args, filters[i]))
      json_object_set_new(chosen, filters[i], word(cli_option(args, filters[i])));
  return chosen;
}

static void tell_count(const struct bulk *bulk, const struct tally *t, bool json)
{
  if (json && bulk == &cancel)
    printf("{\"count\":%" PRId64 ",\"running\":%" PRId64 ",\"already\":%" PRId64 "}\n",
           t->count, t->running, t->already);
  else if (json)
    printf("{\"count\":%" PRId64 "}\n", t->count);
  else
    printf("%" PRId64 " %s %s\n", t->count, t->count == 1 ? "job" : "jobs", bulk->done);
  if (!json && t->running)
    printf("%" PRId64 " of them %s and %s told to end\n", t->running,
           t->running == 1 ? "runs" : "run", t->running == 1 ? "was" : "were");
  if (!json && t->already)
    printf("%" PRId64 " more %s told to end before, and %s still\n", t->already,
           t->already == 1 ? "was" : "were", t->already == 1 ? "runs" : "run");
}

/* Fewer than were named: the others are unknown, or not in a state that allows it. */
static int tell(const struct cli_args *args, const struct bulk *bulk,
                const struct tally *tally)
{
  int64_t count = tally->count + tally->already;
  tell_count(bulk, tally, args->json);
  if (!bulk->repeats && count == ROUND)
    fputs("there may be more: the same command again goes on with them\n", stderr);
  if (count >= (int64_t)args->n_words)
    return CLI_OK;
  return cli_fail(CLI_FAILED,
                  "%zu of %zu ids could not be %s: no such job, or not in a state for it",
                  args->n_words - (size_t)count, args->n_words, bulk->done);
}

static int one_round(struct conf *conf, const struct bulk *bulk, const struct buf *body,
                     struct tally *round)
{
  struct ask ask;
  char target[32];
  snprintf(target, sizeof target, "/tasks/%s", bulk->verb);
  int code = ask_host_patiently(&ask, conf, "POST", target, body);
  round->count = jx_int(ask.json, "count", 0);
  round->running = jx_int(ask.json, "running", 0);
  round->already = jx_int(ask.json, "already", 0);
  ask_fini(&ask);
  return code;
}

static int preview(struct conf *conf, const struct cli_args *args,
                   const struct bulk *bulk, const struct buf *body)
{
  struct ask ask;
  char target[32];
  snprintf(target, sizeof target, "/tasks/%s", bulk->verb);
  int code = ask_host_patiently(&ask, conf, "POST", target, body);
  int64_t count = jx_int(ask.json, "count", 0);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    printf("%s%" PRId64 " %s would be %s\n",
           jx_bool(ask.json, "more", false) ? "at least " : "", count,
           count == 1 ? "job" : "jobs", bulk->done);
  ask_fini(&ask);
  return code;
}

static int run_rounds(struct conf *conf, const struct cli_args *args,
                      const struct bulk *bulk, const struct buf *body)
{
  struct tally round, total = {0};
  int code;
  do {
    code = one_round(conf, bulk, body, &round);
    total.count += round.count;
    total.running += round.running;
    total.already = round.already; /* among them those that earlier rounds told */
  } while (code == CLI_OK && bulk->repeats && round.count > 0 &&
           round.count + round.already >= ROUND);
  if (code == CLI_OK || total.count > 0) {
    int told = tell(args, bulk, &total);
    code = code == CLI_OK ? told : code;
  }
  return code;
}

static int run_bulk(struct conf *conf, const struct cli_args *args,
                    const struct bulk *bulk)
{
  struct buf body = {0};
  int code = check(args);
  if (code != CLI_OK)
    return code;
  json_t *chosen = choose(args, bulk);
  jx_append(&body, chosen);
  json_decref(chosen);
  code = cli_option(args, "preview") ? preview(conf, args, bulk, &body)
                                     : run_rounds(conf, args, bulk, &body);
  buf_fini(&body);
  return code;
}

static void tell_one(const struct ask *ask, const struct bulk *bulk)
{
  if (json_is_object(json_object_get(ask->json, "cancelling")))
    printf("job %s runs and was told to end\n", jx_str(ask->json, "id", "?"));
  else
    printf("1 job %s\n", bulk->done);
}

/* One id is asked for by itself, since then the host says why it refuses. */
static int run_one(struct conf *conf, const struct cli_args *args,
                   const struct bulk *bulk)
{
  struct ask ask;
  struct buf target = {0}, body = {0};
  const char *reason = cli_option(args, "reason");
  json_t *request = reason ? json_pack("{s:o}", "reason", word(reason)) : json_object();
  buf_puts(&target, "/tasks/");
  ask_escape(&target, args->words[0]);
  buf_printf(&target, "/%s", bulk->verb);
  jx_append(&body, request);
  int code = ask_host(&ask, conf, "POST", target.data, &body);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    tell_one(&ask, bulk);
  ask_fini(&ask);
  json_decref(request);
  buf_fini(&target);
  buf_fini(&body);
  return code;
}

static int run(struct conf *conf, const struct cli_args *args, const struct bulk *bulk)
{
  if (args->n_words == 1 && !has_filter(args) && !cli_option(args, "preview"))
    return run_one(conf, args, bulk);
  return run_bulk(conf, args, bulk);
}

int cmd_cancel(struct conf *conf, const struct cli_args *args)
{
  return run(conf, args, &cancel);
}

int cmd_retry(struct conf *conf, const struct cli_args *args)
{
  return run(conf, args, &retry);
}

int cmd_purge(struct conf *conf, const struct cli_args *args)
{
  return run_bulk(conf, args, &purge);
}
