/* `candy job ID`: everything that is known of one job. */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/ask.h"
#include "cli/state.h"
#include "cli/text.h"

#define LABEL 12 /* columns that a field's name takes */

static void print_line(const char *label, const char *text, const char *colour)
{
  struct buf clean = {0};
  text_clean(&clean, text);
  bool paint = colour && text_has_colours(stdout);
  printf("%-*s%s%s%s\n", LABEL, label, paint ? colour : "", clean.data,
         paint ? "\033[0m" : "");
  buf_fini(&clean);
}

static void print_field(const json_t *job, const char *name)
{
  struct buf text = {0};
  text_of(&text, json_object_get(job, name));
  if (text.len)
    print_line(name, text.data,
               strcmp(name, "state") == 0 ? state_colour(text.data) : NULL);
  buf_fini(&text);
}

static void print_time(const json_t *job, const char *label, const char *name)
{
  char time[32], age[32], line[80];
  int64_t ms = jx_int(job, name, 0);
  int64_t now = clock_wall_ms();
  if (!ms)
    return;
  if (ms <= now)
    snprintf(line, sizeof line, "%s (%s ago)", clock_format(ms, time),
             text_age(ms, now, age));
  else
    snprintf(line, sizeof line, "%s (in %s)", clock_format(ms, time),
             text_age(now, ms, age));
  print_line(label, line, NULL);
}

static bool is_dead_unbegun(const json_t *job)
{
  return strcmp(jx_str(job, "state", ""), "dead") == 0 &&
         json_array_size(json_object_get(job, "attempts")) == 0;
}

static void print_attempt_count(const json_t *job)
{
  char line[64];
  int64_t attempt = is_dead_unbegun(job) ? 0 : jx_int(job, "attempt", 1);
  snprintf(line, sizeof line, "%" PRId64 " of %" PRId64, attempt,
           jx_int(job, "max_retries", 0) + 1);
  print_line("attempt", line, NULL);
}

static void print_progress(const json_t *job)
{
  char line[256];
  const json_t *progress = json_object_get(job, "progress");
  if (!json_is_object(progress)) {
    print_field(job, "progress");
    return;
  }
  snprintf(line, sizeof line, "%" PRId64 " %% %s", jx_int(progress, "percent", 0),
           jx_str(progress, "message", ""));
  print_line("progress", line, NULL);
}

static void put_list(struct buf *line, const json_t *list)
{
  for (size_t i = 0; i < json_array_size(list); i++) {
    buf_puts(line, i ? ", " : "");
    text_of(line, json_array_get(list, i));
  }
}

static void print_tags(const json_t *job)
{
  struct buf line = {0};
  put_list(&line, json_object_get(job, "tags"));
  if (line.len)
    print_line("tags", line.data, NULL);
  buf_fini(&line);
}

/* What keeps it back, in the words of people. */
static void print_wait(const json_t *job)
{
  static const struct {
    const char *name, *text;
  } reasons[] = {{"task", "a script that declares its task"},
                 {"resume", "its queue or its task, which rests"},
                 {"limit", "a limit"},
                 {"order", "the job before it, in strict order"},
                 {"jobs", "other jobs"}};

  const char *name = jx_str(job, "waiting_for", "");
  const json_t *after = json_object_get(job, "after");
  struct buf line = {0};
  for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    if (strcmp(reasons[i].name, name) == 0)
      buf_puts(&line, reasons[i].text);
  if (line.len && json_array_size(after) > 0) {
    buf_puts(&line, ": ");
    put_list(&line, after);
  }
  if (line.len)
    print_line("waits for", line.data, NULL);
  buf_fini(&line);
}

/* Why it was cancelled, is dead before it began, or was told to end: an attempt that
 * tells it there may be none. */
static void print_why(const json_t *job)
{
  bool ended = strcmp(jx_str(job, "state", ""), "cancelled") == 0 || is_dead_unbegun(job);
  const json_t *told = json_object_get(job, ended ? "error" : "cancelling");
  const char *why = jx_str(told, "message", "");
  if (*why)
    print_line(ended ? "why" : "cancelling", why, NULL);
}

static void print_block(const char *indent, const char *text)
{
  struct buf clean = {0};
  text_clean_lines(&clean, indent, text);
  if (clean.len)
    fputs(clean.data, stdout);
  buf_fini(&clean);
}

/* JSON over several lines, a number beyond 64 bits rounded: --json has it exactly. */
static void print_json(const json_t *job, const char *name)
{
  const json_t *value = json_object_get(job, name);
  if (!value || json_is_null(value))
    return;
  char *text = json_dumps(value, JSON_INDENT(2) | JSON_ENCODE_ANY);
  printf("\n%s\n", name);
  print_block("  ", text ? text : "");
  free(text);
}

static void print_attempt_head(const json_t *attempt)
{
  char time[32], took[32];
  int64_t began = jx_int(attempt, "began_at", 0);
  int64_t ended = jx_int(attempt, "ended_at", 0);
  struct buf worker = {0}, line = {0};
  text_of(&worker, json_object_get(attempt, "worker"));
  buf_printf(&line, "%" PRId64 "  %s", jx_int(attempt, "attempt", 0),
             jx_str(attempt, "state", ""));
  if (began)
    buf_printf(&line, "  %s", clock_format(began, time));
  if (began && ended >= began)
    buf_printf(&line, "  took %s", duration_format(ended - began, took));
  if (worker.len)
    buf_printf(&line, "  on worker %s", worker.data);
  print_block("  ", line.data);
  buf_fini(&worker);
  buf_fini(&line);
}

static void print_error(const json_t *error)
{
  const char *message = jx_str(error, "message", "");
  const char *traceback = jx_str(error, "traceback", NULL);
  char *line = mem_printf("%s: %s", jx_str(error, "code", "error"), message);
  print_block("     ", line);
  if (traceback)
    print_block("     ", traceback);
  free(line);
}

static void print_attempts(const json_t *attempts)
{
  if (json_array_size(attempts) > 0)
    puts("\nattempts");
  for (size_t i = 0; i < json_array_size(attempts); i++) {
    const json_t *attempt = json_array_get(attempts, i);
    const json_t *error = json_object_get(attempt, "error");
    print_attempt_head(attempt);
    if (json_is_object(error))
      print_error(error);
  }
}

static void print_job(const json_t *job)
{
  print_field(job, "id");
  print_field(job, "state");
  print_why(job);
  print_wait(job);
  print_field(job, "type");
  print_field(job, "queue");
  print_field(job, "priority");
  print_field(job, "key");
  print_tags(job);
  print_attempt_count(job);
  print_time(job, "created", "created_at");
  print_time(job, "run at", "run_at");
  print_time(job, "deadline", "deadline");
  print_time(job, "finished", "finished_at");
  print_progress(job);
  print_json(job, "payload");
  print_json(job, "result");
  print_attempts(json_object_get(job, "attempts"));
}

int cmd_job(struct conf *conf, const struct cli_args *args)
{
  struct ask ask;
  struct buf target = {0};
  buf_puts(&target, "/tasks/");
  ask_escape(&target, args->words[0]);
  int code = ask_host(&ask, conf, "GET", target.data, NULL);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    print_job(ask.json);
  ask_fini(&ask);
  buf_fini(&target);
  return code;
}
