/* `candy enqueue`: a payload from the command line, a file or standard input becomes a
 * job; with --wait it is followed to its end (wait.h). */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/wait.h"

/* ---- the payload ---- */

static int read_stream(FILE *in, struct buf *out)
{
  char chunk[65536];
  size_t n;
  while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
    buf_append(out, chunk, n);
  return ferror(in) ? -1 : 0;
}

static int read_file(const char *path, struct buf *out, struct err *err)
{
  FILE *in = fopen(path, "re");
  if (!in || read_stream(in, out) < 0)
    err_set(err, "usage", "payload: cannot read %s: %s", path, strerror(errno));
  else
    err_clear(err);
  if (in)
    fclose(in);
  return err->code[0] ? -1 : 0;
}

/* Appends the payload as the bytes that came, once it is known to be JSON. */
static int add_payload(struct buf *body, const char *word, struct err *err)
{
  struct buf text = {0};
  int status = 0;
  if (word[0] == '@')
    status = read_file(word + 1, &text, err);
  else if (strcmp(word, "-") == 0)
    status = read_stream(stdin, &text) == 0
                 ? 0
                 : err_set(err, "usage", "payload: cannot read standard input: %s",
                           strerror(errno));
  else
    buf_puts(&text, word);

  if (status == 0) {
    json_t *value = jx_parse(text.data, text.len, err);
    status = value ? 0 : err_wrap(err, "payload");
    json_decref(value);
  }
  buf_puts(body, ",\"payload\":");
  buf_append(body, text.data, text.len);
  buf_fini(&text);
  return status;
}

/* ---- the options ---- */

static void add_text(struct buf *body, const char *name, const char *text)
{
  if (!text)
    return;
  buf_printf(body, ",\"%s\":", name);
  buf_json_string(body, text, strlen(text));
}

static int add_integer(struct buf *body, const struct cli_args *args, const char *flag,
                       const char *name, struct err *err)
{
  const char *text = cli_option(args, flag);
  char *end;
  if (!text)
    return 0;
  errno = 0;
  long long n = strtoll(text, &end, 10);
  if (errno || end == text || *end)
    return err_set(err, "usage", "--%s: must be a whole number, not \"%s\"", flag, text);
  buf_printf(body, ",\"%s\":%lld", name, n);
  return 0;
}

static int add_delay(struct buf *body, const char *text, struct err *err)
{
  if (text && duration_parse(text) < 0)
    return err_set(err, "usage", "--delay: must be a duration such as \"5m\", not \"%s\"",
                   text);
  add_text(body, "delay", text);
  return 0;
}

static int add_run_at(struct buf *body, const char *text, struct err *err)
{
  int64_t ms = 0;
  if (!text)
    return 0;
  if (*text && text[strspn(text, "0123456789")] == 0 && strlen(text) < 16)
    ms = strtoll(text, NULL, 10);
  else if (clock_parse(text, &ms) < 0)
    return err_set(err, "usage",
                   "--run-at: must be a time such as \"2026-11-22T08:00:00Z\" or "
                   "milliseconds since 1970, not \"%s\"",
                   text);
  buf_printf(body, ",\"run_at\":%" PRId64, ms);
  return 0;
}

static void add_tags(struct buf *body, const struct cli_args *args)
{
  size_t n = 0;
  for (size_t i = 0; i < args->n_options; i++) {
    if (strcmp(args->options[i].name, "tag") != 0)
      continue;
    buf_puts(body, n++ ? "," : ",\"tags\":[");
    buf_json_string(body, args->options[i].value, strlen(args->options[i].value));
  }
  if (n)
    buf_putc(body, ']');
}

static int write_body(struct buf *body, const struct cli_args *args, struct err *err)
{
  const char *delay = cli_option(args, "delay");
  const char *run_at = cli_option(args, "run-at");
  if (delay && run_at)
    return err_set(err, "usage", "--delay and --run-at exclude each other");
  buf_puts(body, "{\"type\":");
  buf_json_string(body, args->words[0], strlen(args->words[0]));
  if (args->n_words > 1 && add_payload(body, args->words[1], err) < 0)
    return -1;
  add_text(body, "queue", cli_option(args, "queue"));
  add_text(body, "key", cli_option(args, "key"));
  add_tags(body, args);
  if (add_delay(body, delay, err) < 0 || add_run_at(body, run_at, err) < 0 ||
      add_integer(body, args, "priority", "priority", err) < 0 ||
      add_integer(body, args, "max-retries", "max_retries", err) < 0)
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
