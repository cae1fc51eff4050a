/* What commands give a job by their words and options, as members of the JSON object that
 * the host is asked with: see job_body.h. */
#include "cli/job_body.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

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

void job_body_text(struct buf *body, const char *name, const char *text)
{
  if (!text)
    return;
  buf_printf(body, ",\"%s\":", name);
  buf_json_string(body, text, strlen(text));
}

int job_body_integer(struct buf *body, const struct cli_args *args, const char *flag,
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
  job_body_text(body, "delay", text);
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

void job_body_list(struct buf *body, const struct cli_args *args, const char *flag,
                   const char *name)
{
  size_t n = 0;
  for (size_t i = 0; i < args->n_options; i++) {
    if (strcmp(args->options[i].name, flag) != 0)
      continue;
    if (n++)
      buf_putc(body, ',');
    else
      buf_printf(body, ",\"%s\":[", name);
    buf_json_string(body, args->options[i].value, strlen(args->options[i].value));
  }
  if (n)
    buf_putc(body, ']');
}

int job_body_write(struct buf *body, const struct cli_args *args, const char *payload,
                   struct err *err)
{
  const char *delay = cli_option(args, "delay");
  const char *run_at = cli_option(args, "run-at");
  if (delay && run_at)
    return err_set(err, "usage", "--delay and --run-at exclude each other");
  if (payload && add_payload(body, payload, err) < 0)
    return -1;
  job_body_text(body, "queue", cli_option(args, "queue"));
  job_body_list(body, args, "tag", "tags");
  if (add_delay(body, delay, err) < 0 || add_run_at(body, run_at, err) < 0)
    return -1;
  return job_body_integer(body, args, "priority", "priority", err);
}
