/* Dead jobs again, finished jobs forgotten: one by its id, or many by a filter. */
#include "api/api_.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEFAULT 10000

struct bulk {
  struct store_bulk op;
  struct api *api;
  struct api_filter filter;
  struct http_request *req;
  int64_t id; /* of POST /tasks/:id/retry */
};

static struct bulk *bulk_new(struct api *a, struct http_request *req)
{
  struct bulk *b = mem_alloc(sizeof *b);
  b->api = a;
  b->req = req;
  return b;
}

static void bulk_free(struct bulk *b)
{
  store_op_fini(&b->op.op);
  api_filter_fini(&b->filter);
  free(b);
}

static void submit(struct bulk *b, enum store_kind kind,
                   void (*done)(struct store_op *op))
{
  b->op.op = (struct store_op){.kind = kind, .done = done, .arg = b};
  queue_bulk(b->api->parts.queue, &b->op);
}

/* ---- one ---- */

static void refuse_living(struct http_request *req, int64_t id)
{
  http_problem(
      req, 409, "not_dead",
      "job %lld is not dead: only dead jobs can be retried; GET /tasks/%lld tells "
      "its state",
      (long long)id, (long long)id);
}

static void retried(struct store_op *op)
{
  struct bulk *b = op->arg;
  if (op->status < 0)
    api__store_problem(b->req, op->err);
  else
    api__answer_job(b->api, b->req, b->id, b->op.count == 0 ? refuse_living : NULL);
  bulk_free(b);
}

void api_retry(struct http_request *req, void *arg)
{
  int64_t id = api_id(http_param(req, "id"));
  if (id < 0) {
    http_problem(req, 404, "no_such_job", "there is no such job: ids are numbers");
    return;
  }
  struct bulk *b = bulk_new(arg, req);
  b->id = id;
  b->op.filter.ids = &b->id;
  b->op.filter.n_ids = 1;
  b->op.max = 1;
  submit(b, STORE_REQUEUE, retried);
}

/* ---- many ---- */

static void counted(struct store_op *op)
{
  struct bulk *b = op->arg;
  if (op->status < 0)
    api__store_problem(b->req, op->err);
  else
    http_reply_json(b->req, 200, json_pack("{s:I}", "count", (json_int_t)b->op.count));
  bulk_free(b);
}

static bool is_too_wide(const struct store_filter *f)
{
  return !f->states && !f->n_types && !f->n_queues && !f->n_ids && !f->tag &&
         !f->search && !f->since && !f->until;
}

#define FINISHED (1u << STORE_COMPLETED | 1u << STORE_CANCELLED | 1u << STORE_DEAD)

/* What keeps the request from being carried out, or NULL. */
static const char *fault_of(const struct bulk *b, const json_t *body,
                            enum store_kind kind)
{
  unsigned fitting = kind == STORE_PURGE ? FINISHED : 1u << STORE_DEAD;
  if (!json_is_object(body) || is_too_wide(&b->op.filter))
    return "say which jobs: an object with at least one of state, type, queue, tag, "
           "search, "
           "since, until, ids";
  if (b->op.filter.states & ~fitting)
    return kind == STORE_PURGE ? "only completed, cancelled and dead jobs can be purged"
                               : "only dead jobs can be retried";
  return b->op.max < 1 ? "max must be a number from 1" : NULL;
}

static void many(struct http_request *req, struct api *a, enum store_kind kind)
{
  static const char *const others[] = {"max", NULL};
  struct err err;
  struct bulk *b = bulk_new(a, req);
  json_t *body = jx_parse(req->body, req->body_len, &err);
  if (body)
    api_filter_json(&b->filter, body, others);
  b->op.filter = b->filter.filter;
  b->op.max = jx_int(body, "max", MAX_DEFAULT);
  if (!body)
    http_problem(req, 400, err.code, "%s", err.text);
  else if (b->filter.problems)
    http_problem_with(req, 422, "invalid", json_incref(b->filter.problems),
                      "the filter does not fit");
  else if (fault_of(b, body, kind))
    http_problem(req, 422, "filter_required", "%s", fault_of(b, body, kind));
  else
    submit(b, kind, counted);
  if (!b->op.op.done)
    bulk_free(b);
  json_decref(body);
}

void api_retry_many(struct http_request *req, void *arg)
{
  many(req, arg, STORE_REQUEUE);
}

void api_purge_many(struct http_request *req, void *arg)
{
  many(req, arg, STORE_PURGE);
}
