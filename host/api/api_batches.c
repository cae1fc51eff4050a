/* Batches: in, looked at, cancelled. */
#include "api/api_.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/cursor.h"
#include "queue/batch.h"

/* ---- in ---- */

static void refuse(struct http_request *req, json_t *problems, const struct err *err)
{
  http_problem_with(req, 422, err->code, problems, "%s", err->text);
}

static void pushed(void *arg, const struct store_batch *batch, const struct err *err)
{
  struct http_request *req = arg;
  if (err) {
    json_t *problems = batch_store_problem(batch->jobs, batch->n, "/jobs", err);
    if (problems)
      refuse(req, problems, err);
    else
      api__store_problem(req, err);
    return;
  }
  json_t *ids = json_array();
  for (size_t i = 0; i < batch->n; i++)
    json_array_append_new(ids, jx_id(batch->jobs[i].id));
  http_reply_json(req, 202,
                  json_pack("{s:o, s:o, s:o*}", "id", jx_id(batch->id), "ids", ids,
                            "duplicates", api__duplicates(batch->jobs, batch->n)));
}

static void refuse_order(struct http_request *req, const struct batch_order *order)
{
  struct err err;
  door_explain(&order->door, &err);
  if (strcmp(err.code, "unknown_task") != 0)
    snprintf(err.code, sizeof err.code, "invalid");
  refuse(req, json_incref(order->door.problems), &err);
}

void api_batch_push(struct http_request *req, void *arg)
{
  struct api *a = arg;
  struct batch_order order = {0};
  struct err err;
  if (a->draining) {
    http_set_header(req, "Retry-After", "5");
    http_problem(req, 503, "stopping", "the host is stopping and takes no new tasks");
  } else if (batch_read(&order, pool_catalog(a->parts.pool), req->body, req->body_len,
                        &err) < 0) {
    http_problem(req, 400, err.code, "%s", err.text);
  } else if (order.door.problems) {
    refuse_order(req, &order);
  } else {
    door_trace(&order.door, http_header(req, "traceparent"));
    batch_push(a->parts.queue, &order, pushed, req);
  }
  batch_fini(&order);
}

/* ---- looking ---- */

struct look {
  struct store_batches op;
  struct http_request *req;
};

static void refuse_unknown(struct http_request *req)
{
  http_problem(req, 404, "no_such_batch",
               "there is no such batch; finished ones are kept for a while only");
}

static void looked(struct store_op *op)
{
  struct look *l = op->arg;
  if (op->status < 0)
    api__store_problem(l->req, op->err);
  else if (!l->op.id)
    cursor_reply(l->req, 'b', &l->op.items, l->op.next);
  else if (l->op.items.len == 0)
    refuse_unknown(l->req);
  else
    http_reply(l->req, 200, "application/json", l->op.items.data, l->op.items.len);
  store_op_fini(op);
  free(l);
}

static void submit_look(struct api *a, struct look *l)
{
  l->op.op = (struct store_op){.kind = STORE_BATCHES, .done = looked, .arg = l};
  store_submit(a->parts.store, &l->op.op);
}

void api_batch_list(struct http_request *req, void *arg)
{
  struct look *l = mem_alloc(sizeof *l);
  l->req = req;
  if (cursor_read_page(req, 'b', &l->op.limit, &l->op.before))
    submit_look(arg, l);
  else
    free(l);
}

static void answer_batch(struct api *a, struct http_request *req, int64_t id)
{
  struct look *l = mem_alloc(sizeof *l);
  l->req = req;
  l->op.id = id;
  submit_look(a, l);
}

void api_batch_get(struct http_request *req, void *arg)
{
  int64_t id = api_id(http_param(req, "id"));
  if (id > 0)
    answer_batch(arg, req, id);
  else
    refuse_unknown(req);
}

/* ---- cancelling ---- */

struct cancel {
  struct store_batch_cancel op;
  struct api *api;
  struct http_request *req;
  char *by;
};

static void cancelled(struct store_op *op)
{
  struct cancel *c = op->arg;
  if (op->status < 0)
    api__store_problem(c->req, op->err);
  else if (!c->op.found)
    refuse_unknown(c->req);
  else if (!c->op.running)
    http_problem(c->req, 409, "batch_ended",
                 "batch %" PRId64 " has ended: there is nothing to cancel", c->op.id);
  else
    answer_batch(c->api, c->req, c->op.id);
  store_op_fini(op);
  free(c->by);
  free(c);
}

void api_batch_cancel(struct http_request *req, void *arg)
{
  int64_t id = api_id(http_param(req, "id"));
  struct api *a = arg;
  if (id <= 0) {
    refuse_unknown(req);
    return;
  }
  json_t *body = api__reason_body(req, false);
  if (!body)
    return;
  json_decref(body);
  struct cancel *c = mem_alloc(sizeof *c);
  c->api = a;
  c->req = req;
  c->op.id = id;
  c->op.by = c->by = mem_strdup(api__who(a, req));
  c->op.op = (struct store_op){.kind = STORE_BATCH_CANCEL, .done = cancelled, .arg = c};
  store_submit(a->parts.store, &c->op.op);
}
