/* POST /tasks: into the queue, answered when it is on disk. */
#include "api/api_.h"

#include <stdlib.h>
#include <string.h>

struct push {
  struct http_request *req;
  bool many;
};

static void pushed(void *arg, const struct store_new *jobs, size_t n,
                   const struct err *err)
{
  struct push *p = arg;
  if (err) {
    api__store_problem(p->req, err);
  } else if (!p->many) {
    http_reply_json(p->req, 202, json_pack("{s:o}", "id", jx_id(jobs[0].id)));
  } else {
    json_t *ids = json_array();
    for (size_t i = 0; i < n; i++)
      json_array_append_new(ids, jx_id(jobs[i].id));
    http_reply_json(p->req, 202, json_pack("{s:o}", "ids", ids));
  }
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
