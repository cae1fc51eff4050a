/* A job that is looked at until it has ended: see wait.h. */
#include "cli/wait.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_span.h"
#include "cli/ask.h"
#include "cli/text.h"

#define LOOK_FIRST_MS 10 /* between two looks: doubles */
#define LOOK_LAST_MS  500

static bool has_ended(const char *state)
{
  return strcmp(state, "completed") == 0 || strcmp(state, "dead") == 0 ||
         strcmp(state, "cancelled") == 0;
}

/* ---- attempts that failed ---- */

/* `is_last`: no attempt has followed it. */
static void tell_failure(const struct wait *wait, const json_t *job,
                         const json_t *attempt, bool is_last)
{
  char next[64] = "is tried again", time[32];
  int64_t run_at = jx_int(job, "run_at", 0);
  if (is_last && run_at && strcmp(jx_str(job, "state", ""), "retryable") == 0)
    snprintf(next, sizeof next, "will be retried at %s", text_time(run_at, time));
  cli_fail(CLI_OK, "job %s failed (attempt %" PRId64 " of %" PRId64 "), %s: %s", wait->id,
           jx_int(attempt, "attempt", 0), jx_int(job, "max_retries", 0) + 1, next,
           jx_str(json_object_get(attempt, "error"), "message", "?"));
}

/* The attempt that a job ended with is not among them: tell_end speaks of it. */
static void tell_failures(struct wait *wait, const json_t *job)
{
  const json_t *attempts = json_object_get(job, "attempts");
  size_t n = json_array_size(attempts);
  bool ended = has_ended(jx_str(job, "state", ""));
  for (size_t i = 0; i < n && !(ended && i == n - 1); i++) {
    const json_t *attempt = json_array_get(attempts, i);
    int64_t number = jx_int(attempt, "attempt", 0);
    if (number <= wait->told || strcmp(jx_str(attempt, "state", ""), "failed") != 0)
      continue;
    wait->told = number;
    tell_failure(wait, job, attempt, i == n - 1);
  }
}

/* ---- the end ---- */

/* The result as the bytes that the host sent. */
static void print_result(const struct ask *ask)
{
  struct json_span job = json_span_trim(ask->text.data);
  struct json_span result;
  if (json_span_member(job, "result", &result))
    fwrite(result.at, 1, result.len, stdout);
  else
    fputs("null", stdout);
  fputc('\n', stdout);
}

static const char *last_error(const json_t *job)
{
  const json_t *attempts = json_object_get(job, "attempts");
  const json_t *error = json_object_get(job, "error");
  for (size_t i = json_array_size(attempts); i-- > 0 && !json_is_object(error);)
    error = json_object_get(json_array_get(attempts, i), "error");
  return jx_str(error, "message", NULL);
}

static int tell_end(const struct wait *wait, const struct ask *ask, const char *state)
{
  bool completed = strcmp(state, "completed") == 0;
  if (wait->json)
    ask_print(ask);
  else if (completed)
    print_result(ask);
  if (completed)
    return CLI_OK;
  const char *why = last_error(ask->json);
  return cli_fail(CLI_JOB_LOST, "job %s ended %s%s%s", wait->id, state, why ? ": " : "",
                  why ? why : "");
}

/* ---- looking ---- */

static bool is_over(struct wait *wait, const struct ask *ask, int64_t deadline, int *code)
{
  const char *state = jx_str(ask->json, "state", "unknown");
  tell_failures(wait, ask->json);
  if (has_ended(state))
    *code = tell_end(wait, ask, state);
  else if (deadline && clock_mono_ns() >= deadline)
    *code = cli_fail(CLI_FAILED, "job %s is still %s; look again with: candy job %s",
                     wait->id, state, wait->id);
  else
    return false;
  return true;
}

/* Looks once: true when there is no more to wait for, and `code` says how it ended. */
static bool look(struct wait *wait, const char *target, int64_t deadline, int *code)
{
  struct ask ask;
  bool over = true;
  *code = ask_host(&ask, wait->conf, "GET", target, NULL);
  if (*code == CLI_OK)
    over = is_over(wait, &ask, deadline, code);
  else
    cli_fail(*code, "job %s is enqueued; it cannot be waited for", wait->id);
  ask_fini(&ask);
  return over;
}

int wait_for(struct wait *wait)
{
  struct buf target = {0};
  int64_t deadline = wait->limit_ms < 0 ? 0 : clock_mono_ns() + wait->limit_ms * CLOCK_MS;
  int code, pause = LOOK_FIRST_MS;
  buf_puts(&target, "/tasks/");
  ask_escape(&target, wait->id);
  while (!look(wait, target.data, deadline, &code)) {
    poll(NULL, 0, pause);
    pause = pause * 2 < LOOK_LAST_MS ? pause * 2 : LOOK_LAST_MS;
  }
  buf_fini(&target);
  return code;
}
