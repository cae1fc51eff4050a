/* Jobs as Lua asks for them: new ones, and the progress of one that runs. */
#include "worker/request_.h"

#include "base/json.h"
#include "base/redact.h"

#define CHECKPOINT_MAX ((size_t)1024 * 1024)
#define MESSAGE_MAX    1000

/* ---- enqueue ---- */

static void pushed(void *arg, const struct store_new *jobs, size_t n,
                   const struct err *err)
{
  struct request *r = arg;
  if (err) {
    request__refuse(r, err);
    return;
  }
  json_t *ids = json_array(), *duplicates = json_array();
  for (size_t i = 0; i < n; i++) {
    json_array_append_new(ids, jx_id(jobs[i].id));
    if (jobs[i].duplicate)
      json_array_append_new(duplicates, json_integer((json_int_t)i + 1));
  }
  request__answer_json(r, json_pack("{s:o, s:o}", "ids", ids, "duplicates", duplicates));
}

void request__enqueue(struct request *r)
{
  struct door_batch batch = {0};
  struct err err;
  json_t *jobs = json_object_get(r->body, "jobs");
  door_add_all(&batch, r->worker->generation->catalog, jobs);
  if (batch.problems)
    door_explain(&batch, &err);
  else if (batch.n == 0 || batch.n > DOOR_JOBS_MAX)
    err_set(&err, "too_many_tasks", "a push takes 1 to %d jobs, not %zu", DOOR_JOBS_MAX,
            batch.n);
  else
    err_clear(&err);
  if (err.code[0]) {
    request__refuse(r, &err);
  } else {
    const struct flight *flight = request__flight(r);
    if (flight)
      door_descend(&batch, &flight->job);
    queue_push(r->pool->queue, &batch, pushed, r);
  }
  door_fini(&batch);
}

/* ---- progress ---- */

static void progress_done(struct store_op *op)
{
  struct request *r = op->arg;
  struct buf b = {0};
  buf_printf(&b, "{\"stale\":%s}", r->u.progress.stale ? "true" : "false");
  request__answer_op(r, &b);
  buf_fini(&b);
}

static int check_progress(const struct request *r, struct err *err)
{
  const json_t *checkpoint = json_object_get(r->body, "checkpoint");
  const json_t *message = json_object_get(r->body, "message");
  if (!request__flight(r))
    return err_set(err, "no_job", "only a running job has progress");
  if (json_string_length(checkpoint) > CHECKPOINT_MAX)
    return err_set(
        err, "checkpoint_too_large",
        "the checkpoint has %zu bytes as JSON; at most %zu are kept: keep large "
        "data in a table",
        json_string_length(checkpoint), (size_t)CHECKPOINT_MAX);
  if (json_string_length(message) > MESSAGE_MAX)
    return err_set(err, "message_too_large", "a progress message has at most %d bytes",
                   MESSAGE_MAX);
  return 0;
}

/* It is shown to people and kept, as errors are; a checkpoint is the script's own data.
 */
static void hide_secrets(json_t *body)
{
  json_t *message = json_object_get(body, "message");
  if (json_is_string(message))
    json_object_set_new(body, "message", redact_json(json_incref(message), 1));
}

void request__progress(struct request *r)
{
  struct store_progress *p = &r->u.progress;
  const json_t *percent = json_object_get(r->body, "percent");
  struct err err;
  if (check_progress(r, &err) < 0) {
    request__refuse(r, &err);
    return;
  }
  hide_secrets(r->body);
  const struct flight *flight = request__flight(r);
  p->id = flight->job.id;
  p->lease = flight->job.lease;
  p->percent = json_is_number(percent) ? json_number_value(percent) : -1;
  p->message = jx_str(r->body, "message", NULL);
  p->checkpoint = jx_str(r->body, "checkpoint", NULL);
  request__submit(r, STORE_PROGRESS, progress_done);
}
