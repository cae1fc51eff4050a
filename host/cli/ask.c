/* Requests and what may go wrong with them: see ask.h. */
#include "cli/ask.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/client.h"
#include "cli/text.h"

#define PATIENCE_S 60

/* One line for each field that the host did not like. */
static void print_errors(const json_t *errors)
{
  size_t i;
  const json_t *one;
  json_array_foreach(errors, i, one) {
    struct buf line = {0};
    text_clean(&line, jx_str(one, "pointer", ""));
    buf_puts(&line, ": ");
    text_clean(&line, jx_str(one, "message", jx_str(one, "code", "")));
    fprintf(stderr, "  %s\n", line.data);
    buf_fini(&line);
  }
}

/* A problem document (RFC 9457), or an answer that should be one. */
static int refused(int status, const json_t *problem)
{
  const char *what = jx_str(problem, "detail", jx_str(problem, "title", NULL));
  if (what)
    cli_fail(CLI_FAILED, "%s", what);
  else
    cli_fail(CLI_FAILED, "the host answered with status %d and no reason", status);
  print_errors(json_object_get(problem, "errors"));
  return CLI_FAILED;
}

static int read_answer(struct ask *ask, int status)
{
  struct err err = {0};
  if (ask->text.len)
    ask->json = jx_parse(ask->text.data, ask->text.len, &err);
  if (status < 200 || status > 299)
    return refused(status, ask->json);
  if (!ask->json && ask->text.len)
    return cli_fail(CLI_FAILED, "the host's answer is %s", err.text);
  return CLI_OK;
}

int ask_refused(const struct client_answer *answer)
{
  json_t *problem =
      answer->body.len ? jx_parse(answer->body.data, answer->body.len, NULL) : NULL;
  int code = refused(answer->status, problem);
  json_decref(problem);
  return code;
}

static int call(struct ask *ask, const struct client_request *request)
{
  struct err err = {0};
  struct client_answer answer;
  *ask = (struct ask){0};
  if (client_call(request, &answer, &err) < 0)
    return cli_fail_err(strcmp(err.code, "no_host") == 0 ? CLI_NO_HOST : CLI_FAILED,
                        &err);
  ask->text = answer.body; /* now ours */
  return read_answer(ask, answer.status);
}

int ask_host(struct ask *ask, const struct conf *conf, const char *method,
             const char *target, const struct buf *body)
{
  struct client_request request = {.data = conf->data,
                                   .method = method,
                                   .target = target,
                                   .body = body ? body->data : NULL,
                                   .len = body ? body->len : 0,
                                   .timeout_s = PATIENCE_S};
  return call(ask, &request);
}

int ask_host_patiently(struct ask *ask, const struct conf *conf, const char *method,
                       const char *target, const struct buf *body)
{
  struct client_request request = {.data = conf->data,
                                   .method = method,
                                   .target = target,
                                   .body = body->data,
                                   .len = body->len};
  return call(ask, &request);
}

void ask_fini(struct ask *ask)
{
  buf_fini(&ask->text);
  json_decref(ask->json);
  ask->json = NULL;
}

void ask_print(const struct ask *ask)
{
  fwrite(ask->text.data, 1, ask->text.len, stdout);
  fputc('\n', stdout);
}

void ask_escape(struct buf *target, const char *text)
{
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (isalnum(c) || strchr("-._~", c))
      buf_putc(target, *text);
    else
      buf_printf(target, "%%%02X", c);
  }
}

void ask_query(struct buf *target, const char *name, const char *value)
{
  if (!value)
    return;
  buf_putc(target, strchr(target->data, '?') ? '&' : '?');
  buf_puts(target, name);
  buf_putc(target, '=');
  ask_escape(target, value);
}
