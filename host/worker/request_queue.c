/* Jobs as Lua asks for them: new ones, and the progress of one that runs. */
#include "worker/request_.h"

#include <stdio.h>

#include "base/json.h"
#include "base/redact.h"

#define CHECKPOINT_MAX ((size_t)1024 * 1024)
#define MESSAGE_MAX    1000

/* ---- enqueue ---- */

static void pushed(void *arg, const struct store_new *jobs, size_t n,
                   const struct err *err)
{
  struct request *r = arg;
  struct buf b = {0};
  if (err) {
    request__refuse(r, err);
    return;
  }
  for (size_t i = 0; i < n; i++)
    message_put_pushed(&b, &(struct message_pushed){jobs[i].id, jobs[i].duplicate});
  request__answer_bytes(r, &b);
  buf_fini(&b);
}

/* `pointer`: where the job stands among those of the request. */
static int add_job(struct request *r, struct door_batch *batch,
                   const struct message_new *m, const char *pointer, struct err *err)
{
  json_t *options = NULL;
  if (m->options.data && !(options = jx_parse(m->options.data, m->options.len, err)))
    return -1;
  struct json_span type = {m->type.data, m->type.len};
  struct json_span payload = {m->payload.data, m->payload.len};
  door_add_sound(batch, r->worker->generation->catalog, type, payload, options, pointer);
  json_decref(options);
  return 0;
}

static int add_jobs(struct request *r, struct door_batch *batch, struct err *err)
{
  const char *at = r->bytes.data, *end = at + r->bytes.len;
  struct message_new m;
  int more = message_next_new(&at, end, &m);
  bool alone = at == end;
  for (size_t i = 0; more > 0; i++) {
    char pointer[32] = "";
    if (!alone)
      snprintf(pointer, sizeof pointer, "/%zu", i);
    if (add_job(r, batch, &m, pointer, err) < 0)
      return -1;
    more = message_next_new(&at, end, &m);
  }
  return more < 0 ? err_set(err, "bad_request", REQUEST_NONSENSE) : 0;
}

static int check_batch(const struct door_batch *batch, struct err *err)
{
  if (batch->problems) {
    door_explain(batch, err);
    return -1;
  }
  if (batch->n == 0 || batch->n > DOOR_JOBS_MAX)
    return err_set(err, "too_many_tasks", "a push takes 1 to %d jobs, not %zu",
                   DOOR_JOBS_MAX, batch->n);
  return 0;
}

void request__enqueue(struct request *r)
{
  struct door_batch batch = {0};
  struct err err;
  if (add_jobs(r, &batch, &err) < 0 || check_batch(&batch, &err) < 0) {
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
