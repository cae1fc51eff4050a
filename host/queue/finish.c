/* From the end of an attempt to the store: builds the finish, and follows it until it is
 * on disk. A turn that fails as a whole (a full disk) is said again, later; an effect
 * that is refused turns the completion into a failure of that job alone. */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/redact.h"
#include "queue/batch.h"
#include "queue/event.h"
#include "queue/policy.h"
#include "queue/queue_.h"

#define AGAIN_MS 500

struct finish {
  struct store_finish op;
  struct queue *queue;
  struct finish *next;                /* while it waits to be said again */
  struct door_batch children, fanned; /* fanned: those that it waits for */
  struct store_fan fan;
  struct arena memory;
  struct store_job job;      /* the numbers of it, its type and trace */
  int64_t retry_ms;          /* if it fails: until it is tried again */
  struct lock_holder *locks; /* of the job, until the end is on disk; or NULL */
};

/* ---- building ---- */

/* What a failure tells is kept for long and read by many. */
static const char *without_secrets(struct arena *a, const char *error)
{
  char *hidden = error ? redact_json_text(error) : NULL;
  const char *copy = arena_strdup(a, hidden ? hidden : error);
  free(hidden);
  return copy;
}

static struct finish *finish_new(struct queue *q, const struct queue_end *end,
                                 enum store_outcome outcome)
{
  struct finish *f = mem_alloc(sizeof *f);
  struct arena *a = &f->memory;
  f->queue = q;
  f->job = *end->job;
  f->job.type = arena_strdup(a, end->job->type);
  f->job.trace = arena_strdup(a, end->job->trace);
  f->retry_ms = policy_delay_ms(&end->backoff, f->job.retry_count + 1, drand48());
  f->op.op.kind = STORE_FINISH;
  f->op.op.arg = f;
  f->op.id = end->job->id;
  f->op.lease = end->job->lease;
  f->op.outcome = outcome;
  f->op.began_at = end->began_at;
  f->op.worker = arena_strdup(a, end->worker);
  f->op.error = without_secrets(a, end->error);
  if (end->locks) {
    f->locks = *end->locks;
    *end->locks = NULL;
  }
  return f;
}

static void finish_free(struct finish *f)
{
  locks_end(&f->locks);
  store_op_fini(&f->op.op);
  door_fini(&f->children);
  door_fini(&f->fanned);
  arena_fini(&f->memory);
  free(f);
}

static void settled(struct store_op *op);

static void say(struct finish *f)
{
  f->op.op.done = settled;
  store_submit(f->queue->store, &f->op.op);
}

static void begin(struct finish *f)
{
  f->queue->unsettled++;
  say(f);
}

static void report(const struct finish *f)
{
  const struct queue_config *c = &f->queue->config;
  if (c->ended)
    c->ended(c->arg, &f->job, &f->op);
}

static char *error_json(struct arena *a, const char *code, const char *text)
{
  struct buf b = {0};
  json_t *error = jx_error(code, text);
  jx_append(&b, error);
  json_decref(error);
  char *copy = arena_copy(a, b.data, b.len);
  buf_fini(&b);
  return copy;
}

/* A failure that counts: again, or dead. */
static void fail(struct finish *f, int64_t delay_ms)
{
  int n = f->job.retry_count + 1;
  f->op.outcome = n <= f->job.max_retries ? STORE_RETRY : STORE_FAIL;
  f->op.delay_ms = delay_ms >= 0 ? delay_ms : f->retry_ms;
}

/* ---- following ---- */

/* The store would not have an effect: nothing of the completion has happened, and the
 * job fails with the reason. */
static void turn_into_failure(struct finish *f, const char *code, const char *text)
{
  f->op.error = error_json(&f->memory, code, text);
  f->op.result = NULL;
  f->op.n_writes = f->op.n_children = 0;
  f->op.fan = NULL;
  fail(f, -1);
}

static void refused(struct finish *f)
{
  struct err *err = f->op.op.err;
  turn_into_failure(f, err ? err->code : "effect_failed",
                    err ? err->text : "a write of this job was refused");
  store_op_fini(&f->op.op);
  say(f);
}

static void again(uv_timer_t *timer)
{
  struct queue *q = timer->data;
  struct finish *f = q->waiting;
  q->waiting = NULL;
  while (f) {
    struct finish *next = f->next;
    say(f);
    f = next;
  }
}

static void settled(struct store_op *op)
{
  struct finish *f = op->arg;
  struct queue *q = f->queue;
  queue__note(q, op);
  if (op->status < 0) {
    store_op_fini(op);
    f->next = q->waiting;
    q->waiting = f;
    uv_timer_start(&q->again, again, AGAIN_MS, 0);
    return;
  }
  if (f->op.verdict == STORE_REFUSED) {
    refused(f);
    return;
  }
  q->unsettled--;
  if (f->op.verdict == STORE_DONE)
    report(f);
  finish_free(f);
  queue__settled(q);
}

/* At the end: what a full disk held up stays in `running`, for the next start. */
void finish__drop_waiting(struct queue *q)
{
  while (q->waiting) {
    struct finish *f = q->waiting;
    q->waiting = f->next;
    finish_free(f);
  }
}

/* ---- the ways an attempt ends ---- */

static void copy_writes(struct finish *f, const json_t *writes)
{
  size_t i, n = json_array_size(writes);
  json_t *write;
  f->op.writes = arena_alloc(&f->memory, n * sizeof *f->op.writes);
  json_array_foreach(writes, i, write) {
    const json_t *sql = json_array_get(write, 0), *params = json_array_get(write, 1);
    f->op.writes[i].sql = arena_strdup(&f->memory, jx_text(sql, ""));
    f->op.writes[i].params = arena_strdup(&f->memory, jx_text(params, "[]"));
  }
  f->op.n_writes = n;
}

static int read_children(struct finish *f, const struct catalog *catalog,
                         const struct queue_end *end, struct err *err)
{
  char source[24];
  snprintf(source, sizeof source, "%" PRId64, f->op.id);
  struct event from = {.source = source, .depth = end->depth};
  json_t *children =
      event_children(catalog, json_object_get(end->effects, "children"), &from, err);
  if (!children)
    return -1;
  door_add_all(&f->children, catalog, children);
  json_decref(children);
  if (!f->children.problems)
    return 0;
  door_explain(&f->children, err);
  return err_wrap(err, "a child job was refused");
}

static void copy_children(struct finish *f, const struct catalog *catalog,
                          const struct queue_end *end)
{
  struct err err;
  if (read_children(f, catalog, end, &err) < 0) {
    turn_into_failure(f, err.code, err.text);
    return;
  }
  door_descend(&f->children, &f->job);
  f->op.children = f->children.jobs;
  f->op.n_children = f->children.n;
}

void queue_completed(struct queue *q, const struct catalog *catalog,
                     const struct queue_end *end)
{
  struct finish *f = finish_new(q, end, STORE_OK);
  f->op.result = arena_copy(&f->memory, end->result, end->result_len);
  if (end->effects) {
    copy_writes(f, json_object_get(end->effects, "writes"));
    copy_children(f, catalog, end);
  }
  begin(f);
}

static void copy_fan(struct finish *f, const struct catalog *catalog,
                     const struct queue_end *end)
{
  struct err err;
  if (batch_read_fan(&f->fanned, &f->fan, catalog, json_object_get(end->effects, "fan"),
                     &err) < 0) {
    turn_into_failure(f, err.code, err.text);
    return;
  }
  door_descend(&f->fanned, &f->job);
  f->op.fan = &f->fan;
}

void queue_fanned_out(struct queue *q, const struct catalog *catalog,
                      const struct queue_end *end)
{
  struct finish *f = finish_new(q, end, STORE_FAN_OUT);
  copy_writes(f, json_object_get(end->effects, "writes"));
  copy_children(f, catalog, end);
  if (f->op.outcome == STORE_FAN_OUT)
    copy_fan(f, catalog, end);
  begin(f);
}

void queue_failed(struct queue *q, const struct queue_end *end)
{
  struct finish *f = finish_new(q, end, STORE_RETRY);
  fail(f, end->delay_ms);
  begin(f);
}

void queue_permanent(struct queue *q, const struct queue_end *end)
{
  begin(finish_new(q, end, STORE_FAIL));
}

void queue_snoozed(struct queue *q, const struct queue_end *end)
{
  struct finish *f = finish_new(q, end, STORE_SNOOZE);
  f->op.delay_ms = end->delay_ms > 0 ? end->delay_ms : 0;
  begin(f);
}

void queue_released(struct queue *q, const struct queue_end *end)
{
  begin(finish_new(q, end, STORE_RELEASE));
}

void queue_lost_once(struct queue *q, const struct queue_end *end)
{
  struct finish *f = finish_new(q, end, STORE_FAIL);
  struct err err;
  json_t *cause = end->error ? jx_parse(end->error, strlen(end->error), &err) : NULL;
  char *text =
      mem_printf("it began and was lost (%s); whether it took effect is not known, "
                 "so it is not run again by itself",
                 jx_str(cause, "message", "its worker died"));
  f->op.error = error_json(&f->memory, "outcome_unknown", text);
  free(text);
  json_decref(cause);
  begin(f);
}

void queue_rescued(struct queue *q, const struct queue_end *end)
{
  struct finish *f = finish_new(q, end, STORE_RESCUE);
  if (f->job.rescues + 1 > POLICY_RESCUES) {
    f->op.outcome = STORE_FAIL;
    f->op.error = error_json(&f->memory, "rescued_too_often",
                             "its worker died under it 6 times through no fault that "
                             "could be pinned on it");
  }
  begin(f);
}
