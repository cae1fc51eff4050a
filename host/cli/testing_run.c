/* Runs of jobs in a test: see testing_.h. Jobs run one after the other, each claimed,
 * handed out and finished as in any host, so that what they do comes in one order. */
#include "cli/testing_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define AT_A_TIME 256 /* jobs that stand before the one that is to run */

static void go_on(struct testing *t);

/* ---- the end ---- */

static void free_held(struct testing_run *run)
{
  while (run->held) {
    struct store_claim *claim = run->held;
    run->held = claim->op.arg;
    store_op_fini(&claim->op);
    free(claim);
  }
}

void testing__drop_run(struct testing *t)
{
  free_held(&t->run);
  json_decref(t->run.ended);
  t->run = (struct testing_run){0};
}

static void answer(struct testing *t, bool more)
{
  json_t *ended = json_incref(t->run.ended);
  testing__drop_run(t);
  testing__answer(t, json_pack("{s:o, s:b, s:I, s:I}", "ended", ended, "more", more,
                               "now", (json_int_t)t->now, "next_due",
                               (json_int_t)t->parts.store->next_due));
}

static void refuse(struct testing *t, const struct err *err)
{
  struct err copy = *err;
  testing__drop_run(t);
  testing__refuse(t, &copy);
}

/* ---- what became of an attempt ---- */

static const char *outcome_of(const struct store_finish *end)
{
  static const char *const names[] = {
      [STORE_OK] = "completed",     [STORE_RETRY] = "retryable",
      [STORE_FAIL] = "dead",        [STORE_SNOOZE] = "snoozed",
      [STORE_RELEASE] = "released", [STORE_RESCUE] = "rescued",
      [STORE_FAN_OUT] = "pending"};
  if (end->became == STORE_CANCELLED || end->became == STORE_DEAD)
    return store_state_names[end->became];
  return names[end->outcome];
}

static json_t *json_of(const char *text)
{
  json_t *value = text ? jx_parse(text, strlen(text), NULL) : NULL;
  return value ? value : json_null();
}

void testing__ended(void *arg, const struct store_job *job,
                    const struct store_finish *end)
{
  struct testing *t = arg;
  struct testing_run *run = &t->run;
  if (!run->handed || job->id != run->id)
    return;
  run->handed = false;
  if (end->became == STORE_AVAILABLE)
    return; /* its worker left before: again */
  json_array_append_new(
      run->ended,
      json_pack("{s:o, s:s, s:i, s:s, s:I, s:o, s:o}", "id", jx_id(job->id), "type",
                job->type, "attempt", job->retry_count + 1, "outcome", outcome_of(end),
                "delay_ms", (json_int_t)end->delay_ms, "result", json_of(end->result),
                "error", json_of(end->reason.len ? end->reason.data : end->error)));
}

/* ---- claims ---- */

static void hand(struct testing *t, const struct store_job *job)
{
  t->run.handed = true;
  t->run.id = job->id;
  pool_hand(t->parts.pool, job);
}

/* Those that were before it go back to their places. */
static void give_back(struct testing *t)
{
  for (struct store_claim *c = t->run.held; c; c = c->op.arg)
    for (size_t i = 0; i < c->n; i++)
      if (c->jobs[i].id != t->run.id)
        queue_released(t->parts.queue, &(struct queue_end){.job = &c->jobs[i]});
}

static const struct store_job *find(const struct store_claim *claim, int64_t id)
{
  for (size_t i = 0; i < claim->n; i++)
    if (claim->jobs[i].id == id)
      return &claim->jobs[i];
  return NULL;
}

static void claimed_for_run(struct testing *t, struct store_claim *claim)
{
  struct err err;
  const struct store_job *job = find(claim, t->run.id);
  claim->op.arg = t->run.held;
  t->run.held = claim;
  if (job || claim->n == 0)
    give_back(t);
  if (job) {
    hand(t, job);
    free_held(&t->run);
  } else if (claim->n == 0) {
    err_set(&err, "not_due",
            "the job %lld cannot run now: it waits for its time, or for other jobs "
            "(a limit, an order); app:drain() and app:advance() let those go on",
            (long long)t->run.id);
    refuse(t, &err);
  } else {
    go_on(t);
  }
}

static void claimed_for_drain(struct testing *t, struct store_claim *claim)
{
  size_t n = claim->n;
  bool over = (int64_t)json_array_size(t->run.ended) >= t->run.most;
  if (n > 0 && over)
    queue_released(t->parts.queue, &(struct queue_end){.job = &claim->jobs[0]});
  else if (n > 0)
    hand(t, &claim->jobs[0]);
  t->run.more = n > 0 && over;
  store_op_fini(&claim->op);
  free(claim);
  if (n == 0)
    answer(t, false);
}

static void claimed(struct store_op *op)
{
  struct testing *t = op->arg;
  struct store_claim *claim = (struct store_claim *)op;
  t->run.claiming = false;
  queue_claimed(t->parts.queue, claim);
  if (op->status == 0 && t->run.mode == TESTING_RUN) {
    claimed_for_run(t, claim);
    return;
  }
  if (op->status == 0 && t->run.mode == TESTING_DRAIN) {
    claimed_for_drain(t, claim);
    return;
  }
  if (op->status < 0 && t->run.mode != TESTING_IDLE)
    refuse(t, op->err);
  store_op_fini(op);
  free(claim);
}

static void claim(struct testing *t)
{
  struct store_claim *claim = mem_alloc(sizeof *claim);
  claim->op = (struct store_op){.kind = STORE_CLAIM, .done = claimed, .arg = t};
  claim->max = t->run.mode == TESTING_DRAIN ? 1 : AT_A_TIME;
  t->run.claiming = true;
  queue_claim(t->parts.queue, claim);
}

/* ---- the run ---- */

static void go_on(struct testing *t)
{
  struct testing_run *run = &t->run;
  size_t count = json_array_size(run->ended);
  if (run->mode == TESTING_IDLE || run->claiming || run->handed ||
      queue_unsettled(t->parts.queue) > 0)
    return;
  if (run->mode == TESTING_RUN && count > 0)
    answer(t, false);
  else if (run->more)
    answer(t, true);
  else if (pool_takes(t->parts.pool))
    claim(t);
}

void testing__pump(void *arg)
{
  go_on(arg);
}

void testing__run(struct testing *t)
{
  const char *id = jx_str(t->asked, "id", "");
  t->run = (struct testing_run){
      .mode = TESTING_RUN, .id = strtoll(id, NULL, 10), .ended = json_array()};
  go_on(t);
}

void testing__drain(struct testing *t)
{
  t->run = (struct testing_run){.mode = TESTING_DRAIN,
                                .most = jx_int(t->asked, "max", 1000),
                                .ended = json_array()};
  go_on(t);
}
