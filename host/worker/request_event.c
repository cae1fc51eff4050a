/* Events of scripts: candy.emit. */
#include "worker/request_.h"

#include <inttypes.h>

#include "base/json.h"
#include "queue/event.h"

static void emitted(void *arg, const struct store_new *jobs, size_t n,
                    const struct err *err)
{
  struct request *r = arg;
  (void)jobs;
  if (err)
    request__refuse(r, err);
  else
    request__answer_json(r, json_pack("{s:I}", "handlers", (json_int_t)n));
}

static json_t *jobs_of(const struct request *r, struct err *err)
{
  const struct flight *flight = request__flight(r);
  const json_t *data = json_object_get(r->body, "data");
  char source[24];
  snprintf(source, sizeof source, "%" PRId64, flight ? flight->job.id : 0);
  struct event event = {.name = jx_str(r->body, "event", ""),
                        .data = jx_text(data, ""),
                        .data_len = json_string_length(data),
                        .source = flight ? source : "host",
                        .depth = flight ? flight->depth : 0};
  return event_jobs(pool_catalog(r->pool), &event, err);
}

void request__emit(struct request *r)
{
  struct door_batch batch = {0};
  const struct flight *flight = request__flight(r);
  struct err err;
  json_t *jobs = jobs_of(r, &err);
  if (!jobs) {
    request__refuse(r, &err);
    return;
  }
  door_add_all(&batch, pool_catalog(r->pool), jobs);
  json_decref(jobs);
  if (flight)
    door_descend(&batch, &flight->job);
  if (batch.problems) {
    door_explain(&batch, &err);
    request__refuse(r, &err);
  } else if (batch.n == 0) {
    emitted(r, NULL, 0, NULL);
  } else {
    queue_push(r->pool->queue, &batch, emitted, r);
  }
  door_fini(&batch);
}
