/* POST /tasks: into the queue, answered when it is on disk. */
#include "api/api_.h"

#include <stdlib.h>
#include <string.h>

#include "queue/batch.h"

struct push {
  struct http_request *req;
  bool many;
};

json_t *api__duplicates(const struct store_new *jobs, size_t n)
{
  json_t *places = NULL;
  for (size_t i = 0; i < n; i++) {
    if (!jobs[i].duplicate)
      continue;
    places = places ? places : json_array();
    json_array_append_new(places, json_integer((json_int_t)i));
  }
  return places;
}

static json_t *answer_one(const struct store_new *job)
{
  json_t *answer = json_pack("{s:o}", "id", jx_id(job->id));
  if (job->duplicate)
    json_object_set_new(answer, "duplicate", json_true());
  return answer;
}

static json_t *answer_many(const struct store_new *jobs, size_t n)
{
  json_t *ids = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(ids, jx_id(jobs[i].id));
  return json_pack("{s:o, s:o*}", "ids", ids, "duplicates", api__duplicates(jobs, n));
}

static void pushed(void *arg, const struct store_new *jobs, size_t n,
                   const struct err *err)
{
  struct push *p = arg;
  json_t *problems = err ? batch_store_problem(jobs, n, p->many ? "" : NULL, err) : NULL;
  if (problems)
    http_problem_with(p->req, 422, err->code, problems, "%s", err->text);
  else if (err)
    api__store_problem(p->req, err);
  else
    http_reply_json(p->req, 202, p->many ? answer_many(jobs, n) : answer_one(&jobs[0]));
  free(p);
}

static void refuse(struct http_request *req, struct door_batch *batch)
{
  struct err err;
  door_explain(batch, &err);
  bool unknown = strcmp(err.code, "unknown_task") == 0;
  http_problem_with(req, 422, unknown ? "unknown_task" : "invalid",
                    json_incref(batch->problems), "%s", err.text);
}

void api_push(struct http_request *req, void *arg)
{
  struct api *a = arg;
  struct door_batch batch = {0};
  struct err err;
  bool many = false;
  if (a->draining) {
    http_set_header(req, "Retry-After", "5");
    http_problem(req, 503, "stopping", "the host is stopping and takes no new tasks");
  } else if (door_read(&batch, pool_catalog(a->parts.pool), req->body, req->body_len,
                       &many, &err) < 0) {
    http_problem(req, strcmp(err.code, "bad_json") == 0 ? 400 : 422, err.code, "%s",
                 err.text);
  } else if (batch.problems) {
    refuse(req, &batch);
  } else {
    struct push *p = mem_alloc(sizeof *p);
    door_trace(&batch, http_header(req, "traceparent"));
    p->req = req;
    p->many = many;
    queue_push(a->parts.queue, &batch, pushed, p);
  }
  door_fini(&batch);
}
