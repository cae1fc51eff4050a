/* `candy enqueue`: a payload from the command line, a file or standard input becomes a
 * job; with --wait it is followed to its end (wait.h). */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/job_body.h"
#include "cli/wait.h"

/* ---- the request ---- */

static int write_body(struct buf *body, const struct cli_args *args, struct err *err)
{
  buf_puts(body, "{\"type\":");
  buf_json_string(body, args->words[0], strlen(args->words[0]));
  if (job_body_write(body, args, args->n_words > 1 ? args->words[1] : NULL, err) < 0)
    return -1;
  job_body_text(body, "key", cli_option(args, "key"));
  job_body_text(body, "deadline", cli_option(args, "deadline"));
  job_body_list(body, args, "after", "after");
  if (job_body_integer(body, args, "max-retries", "max_retries", err) < 0)
    return -1;
  buf_putc(body, '}');
  return 0;
}

/* ---- the command ---- */

static int read_wait(struct wait *wait, const struct cli_args *args, struct err *err)
{
  const char *limit = cli_option(args, "timeout");
  wait->limit_ms = -1;
  if (!limit)
    return 0;
  if (!cli_option(args, "wait"))
    return err_set(err, "usage", "--timeout goes with --wait");
  wait->limit_ms = duration_parse(limit);
  if (wait->limit_ms < 0)
    return err_set(err, "usage",
                   "--timeout: must be a duration such as \"30s\", not \"%s\"", limit);
  return 0;
}

static int enqueue(struct wait *wait, const struct cli_args *args, const struct buf *body)
{
  struct ask ask;
  int code = ask_host(&ask, wait->conf, "POST", "/tasks", body);
  if (code == CLI_OK) {
    wait->id = jx_str(ask.json, "id", "");
    if (jx_bool(ask.json, "duplicate", false) && !args->json)
      fprintf(stderr, "candy: job %s was there already and is the same\n", wait->id);
    if (cli_option(args, "wait"))
      code = wait_for(wait);
    else if (args->json)
      ask_print(&ask);
    else
      puts(wait->id);
  }
  ask_fini(&ask);
  return code;
}

int cmd_enqueue(struct conf *conf, const struct cli_args *args)
{
  struct err err = {0};
  struct buf body = {0};
  struct wait wait = {.conf = conf, .json = args->json};
  int code;
  if (read_wait(&wait, args, &err) < 0 || write_body(&body, args, &err) < 0)
    code = cli_fail_err(CLI_USAGE, &err);
  else
    code = enqueue(&wait, args, &body);
  buf_fini(&body);
  return code;
}
