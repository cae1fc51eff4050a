/* Lines of JSON from and to the spec: see testing_.h. What is written waits for its
 * reader: the spec reads whenever we have something to say. */
#include "cli/testing_.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "log/log.h"

#define LINE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define QUIET_MS                                                                         \
  1 /* a worker has nothing else to do when it asks no more for so long                  \
     */

/* What a job asked of the outside. */
struct testing_ask {
  struct testing_ask *next;
  struct request *request;
  int number;     /* as the spec knows it; 0: a sleep */
  int64_t due_ms; /* of a sleep */
};

/* ---- out ---- */

static void say(struct testing *t, struct buf *line)
{
  size_t at = 0;
  buf_putc(line, '\n');
  while (at < line->len) {
    ssize_t n = write(STDOUT_FILENO, line->data + at, line->len - at);
    if (n < 0 && errno != EINTR) {
      host_stop(t->parts.host); /* nobody reads: the spec is gone */
      break;
    }
    at += n > 0 ? (size_t)n : 0;
  }
  buf_fini(line);
}

void testing__answer_text(struct testing *t, const char *json, size_t len)
{
  struct buf line = {0};
  t->busy = false;
  buf_puts(&line, "{\"answer\":");
  buf_append(&line, json, len);
  buf_putc(&line, '}');
  say(t, &line);
}

void testing__answer(struct testing *t, json_t *value)
{
  size_t len;
  char *text = jx_dump(value, &len);
  json_decref(value);
  testing__answer_text(t, text, len);
  free(text);
}

void testing__refuse(struct testing *t, const struct err *err)
{
  struct buf line = {0};
  json_t *error = json_pack("{s:o}", "error", jx_error(err->code, err->text));
  t->busy = false;
  jx_append(&line, error);
  json_decref(error);
  say(t, &line);
}

/* ---- what jobs ask ---- */

static struct testing_ask *take(struct testing_ask **at)
{
  struct testing_ask *ask = *at;
  *at = ask->next;
  return ask;
}

static void end(struct testing_ask *ask, json_t *value, const struct err *err)
{
  pool_answer(&ask->request, value, err);
  free(ask);
}

/* The sleep that is over first; NULL when there is none, or when the spec is still to
 * answer something, which takes no time at all. */
static struct testing_ask **first_sleep(struct testing *t)
{
  struct testing_ask **first = NULL;
  for (struct testing_ask **at = &t->asks; *at; at = &(*at)->next) {
    if ((*at)->number)
      return NULL;
    if (!first || (*at)->due_ms < (*first)->due_ms)
      first = at;
  }
  return first;
}

static void sleep_is_over(uv_timer_t *timer)
{
  struct testing *t = timer->data;
  struct testing_ask **at = first_sleep(t);
  if (!at)
    return;
  struct testing_ask *ask = take(at);
  if (ask->due_ms > t->now)
    testing__set_clock(t, ask->due_ms);
  end(ask, json_true(), NULL);
  if (first_sleep(t))
    uv_timer_start(&t->sleeper, sleep_is_over, QUIET_MS, 0);
}

static void ask_spec(struct testing *t, struct testing_ask *ask, const json_t *body)
{
  struct buf line = {0};
  ask->number = ++t->last_ask;
  buf_printf(&line, "{\"ask\":%d,\"http\":", ask->number);
  jx_append(&line, body);
  buf_putc(&line, '}');
  say(t, &line);
}

void testing__outside(void *arg, const char *what, const json_t *body,
                      struct request *request)
{
  struct testing *t = arg;
  struct testing_ask *ask = mem_alloc(sizeof *ask), **last = &t->asks;
  ask->request = request;
  while (*last)
    last = &(*last)->next;
  *last = ask;
  if (strcmp(what, "http") == 0)
    ask_spec(t, ask, body);
  else
    ask->due_ms = t->now + jx_int(body, "ms", 0);
  uv_timer_start(&t->sleeper, sleep_is_over, QUIET_MS, 0);
}

static void replied(struct testing *t, const json_t *line)
{
  struct testing_ask **at = &t->asks;
  struct err err;
  const json_t *error = json_object_get(line, "error");
  int64_t number = jx_int(line, "reply", 0);
  while (*at && (*at)->number != number)
    at = &(*at)->next;
  if (!*at)
    return;
  if (error)
    err_set(&err, jx_str(error, "code", "failed"), "%s", jx_str(error, "message", ""));
  end(take(at), json_incref(json_object_get(line, "value")), error ? &err : NULL);
  uv_timer_start(&t->sleeper, sleep_is_over, QUIET_MS, 0);
}

/* ---- in ---- */

static void take_line(struct testing *t, const char *text, size_t len)
{
  struct err err;
  json_t *line = jx_parse(text, len, &err);
  if (line && json_object_get(line, "reply")) {
    replied(t, line);
    json_decref(line);
    return;
  }
  if (!line || t->busy) { /* candy.testing does neither */
    log_line(LOG_ERROR, NULL, "the spec said something that makes no sense: %s",
             line ? "it has not had the answer before" : err.text);
    json_decref(line);
    host_stop(t->parts.host);
    return;
  }
  json_decref(t->asked);
  t->asked = line;
  t->busy = true;
  testing__serve(t);
}

static void take_lines(struct testing *t)
{
  size_t from = 0;
  const char *stop;
  while (!t->ended && from < t->line.len &&
         (stop = memchr(t->line.data + from, '\n', t->line.len - from))) {
    size_t len = (size_t)(stop - t->line.data) - from;
    take_line(t, t->line.data + from, len);
    from += len + 1;
  }
  if (from > 0) {
    memmove(t->line.data, t->line.data + from, t->line.len - from);
    t->line.len -= from;
  }
}

static void lend(uv_handle_t *handle, size_t size, uv_buf_t *into)
{
  static char bytes[64 * 1024];
  (void)handle, (void)size;
  *into = uv_buf_init(bytes, sizeof bytes);
}

static void arrived(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
  struct testing *t = stream->data;
  if (n < 0 || t->line.len > LINE_MAX_BYTES) {
    host_stop(t->parts.host);
    return;
  }
  buf_append(&t->line, bytes->base, (size_t)n);
  take_lines(t);
}

/* ---- life ---- */

void testing__listen(struct testing *t)
{
  uv_timer_init(t->parts.loop, &t->sleeper);
  uv_pipe_init(t->parts.loop, &t->in, 0);
  uv_pipe_open(&t->in, t->control);
  t->sleeper.data = t->in.data = t;
  uv_read_start((uv_stream_t *)&t->in, lend, arrived);
}

void testing__leave(struct testing *t)
{
  struct err err;
  err_set(&err, "stopped", "the test is over");
  while (t->asks)
    end(take(&t->asks), NULL, &err);
  uv_close((uv_handle_t *)&t->sleeper, NULL);
  uv_close((uv_handle_t *)&t->in, NULL);
}
