/* Jobs cancelled, ended ones run again, finished ones forgotten: one by its id, or many
 * by a filter, which can be tried out first. */
#include "api/api_.h"
#include "base/redact.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEFAULT 10000
#define COUNT_MAX   100000 /* previews count no further */
#define ASKED_MAX   4000

struct bulk {
  struct store_bulk op;
  struct store_count count;
  struct api *api;
  struct api_filter filter;
  struct http_request *req;
  int64_t id; /* of POST /tasks/:id/... */
  char *reason, *by, *asked;
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
  store_op_fini(&b->count.op);
  api_filter_fini(&b->filter);
  free(b->reason);
  free(b->by);
  free(b->asked);
  free(b);
}

/* {"code":"cancelled","message":...}: what the job's readers see of it */
static char *reason_of(struct bulk *b, const json_t *body)
{
  const char *given = jx_str(body, "reason", ""), *who = api__who(b->api, b->req);
  char *text = *given ? mem_printf("cancelled by %s: %s", who, given)
                      : mem_printf("cancelled by %s", who);
  json_t *reason = redact_json(jx_error("cancelled", text), 8);
  char *json = jx_dump(reason, NULL);
  json_decref(reason);
  free(text);
  return json;
}

/* For the audit; what is too long for that is left out. */
static char *asked_of(const json_t *body)
{
  size_t len;
  char *text = jx_dump(body, &len);
  if (len <= ASKED_MAX)
    return text;
  free(text);
  return mem_strdup("null");
}

static void submit(struct bulk *b, enum store_kind kind, const json_t *body,
                   void (*done)(struct store_op *op))
{
  if (kind == STORE_CANCEL)
    b->op.reason = b->reason = reason_of(b, body);
  b->op.by = b->by = mem_strdup(api__who(b->api, b->req));
  b->op.asked = b->asked = asked_of(body);
  b->op.op = (struct store_op){.kind = kind, .done = done, .arg = b};
  queue_bulk(b->api->parts.queue, &b->op);
}

/* ---- one ---- */

static void refuse_living(struct http_request *req, int64_t id)
{
  http_problem(req, 409, "not_dead",
               "job %lld is neither dead nor cancelled: only such jobs can be retried; "
               "GET /tasks/%lld tells its state",
               (long long)id, (long long)id);
}

static void refuse_ended(struct http_request *req, int64_t id)
{
  http_problem(req, 409, "has_ended",
               "job %lld has ended: only jobs that wait or run can be cancelled",
               (long long)id);
}

static void one_done(struct store_op *op)
{
  struct bulk *b = op->arg;
  void (*refuse)(struct http_request *, int64_t) =
      op->kind == STORE_CANCEL ? refuse_ended : refuse_living;
  if (op->status < 0)
    api__store_problem(b->req, op->err);
  else
    api__answer_job(b->api, b->req, b->id, b->op.count == 0 ? refuse : NULL);
  bulk_free(b);
}

static void one(struct http_request *req, struct api *a, enum store_kind kind)
{
  int64_t id = api_id(http_param(req, "id"));
  if (id < 0) {
    http_problem(req, 404, "no_such_job", "there is no such job: ids are numbers");
    return;
  }
  json_t *body = api__reason_body(req, kind == STORE_CANCEL);
  if (!body)
    return;
  struct bulk *b = bulk_new(a, req);
  b->id = id;
  b->op.filter.ids = &b->id;
  b->op.filter.n_ids = 1;
  b->op.max = 1;
  submit(b, kind, body, one_done);
  json_decref(body);
}

void api_retry(struct http_request *req, void *arg)
{
  one(req, arg, STORE_REQUEUE);
}

void api_cancel(struct http_request *req, void *arg)
{
  one(req, arg, STORE_CANCEL);
}

/* ---- many ---- */

static void counted(struct store_op *op)
{
  struct bulk *b = op->arg;
  if (op->status < 0)
    api__store_problem(b->req, op->err);
  else if (op->kind == STORE_CANCEL)
    http_reply_json(
        b->req, 200,
        json_pack("{s:I, s:I, s:I}", "count", (json_int_t)(b->op.count - b->op.again),
                  "running", (json_int_t)b->op.told, "already", (json_int_t)b->op.again));
  else
    http_reply_json(b->req, 200, json_pack("{s:I}", "count", (json_int_t)b->op.count));
  bulk_free(b);
}

static void previewed(struct store_op *op)
{
  struct bulk *b = op->arg;
  if (op->status < 0)
    api__store_problem(b->req, op->err);
  else
    http_reply_json(b->req, 200,
                    json_pack("{s:I, s:b, s:b}", "count", (json_int_t)b->count.count,
                              "preview", true, "more", b->count.more));
  bulk_free(b);
}

static void preview(struct bulk *b, enum store_kind kind)
{
  b->count =
      (struct store_count){.op = {.kind = STORE_COUNT, .done = previewed, .arg = b},
                           .bulk = kind,
                           .filter = b->op.filter,
                           .max = COUNT_MAX};
  store_submit(b->api->parts.store, &b->count.op);
}

static bool is_too_wide(const struct store_filter *f)
{
  return !f->states && !f->n_types && !f->n_queues && !f->n_ids && !f->tag &&
         !f->search && !f->since && !f->until && !f->batch && !f->parent;
}

#define ENDED    (1u << STORE_CANCELLED | 1u << STORE_DEAD)
#define FINISHED (1u << STORE_COMPLETED | ENDED)
#define ALL      ((1u << STORE_STATES) - 1)

/* The states that an operation takes jobs in, and what to say of others. */
static const struct {
  unsigned fitting;
  const char *fault;
} rules[] = {
    [STORE_PURGE] = {FINISHED, "only completed, cancelled and dead jobs can be purged"},
    [STORE_REQUEUE] = {ENDED, "only dead and cancelled jobs can be retried"},
    [STORE_CANCEL] = {ALL & ~FINISHED, "only jobs that wait or run can be cancelled"},
};

/* A preview or a maximum that was meant and is not understood must not do it to all. */
static const char *bad_member(const json_t *body)
{
  const json_t *max = json_object_get(body, "max");
  const json_t *preview = json_object_get(body, "preview");
  if (!api__fits_reason(json_object_get(body, "reason")))
    return API_REASON_FAULT;
  if (preview && !json_is_null(preview) && !json_is_boolean(preview))
    return "preview must be true or false";
  if (max && !json_is_null(max) && json_integer_value(max) < 1)
    return "max must be an integer from 1";
  return NULL;
}

/* What keeps the request from being carried out, or NULL. */
static const char *fault_of(const struct bulk *b, const json_t *body,
                            enum store_kind kind, const char **code)
{
  *code = "filter_required";
  if (!json_is_object(body) || is_too_wide(&b->op.filter))
    return "say which jobs: an object with at least one of state, type, queue, tag, "
           "search, since, until, ids, batch, parent";
  *code = "invalid";
  if (b->op.filter.states & ~rules[kind].fitting)
    return rules[kind].fault;
  return bad_member(body);
}

static void many(struct http_request *req, struct api *a, enum store_kind kind)
{
  static const char *const others[] = {"max", "preview", "reason", NULL};
  const char *fault, *code;
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
  else if ((fault = fault_of(b, body, kind, &code)))
    http_problem(req, 422, code, "%s", fault);
  else if (jx_bool(body, "preview", false))
    preview(b, kind);
  else
    submit(b, kind, body, counted);
  if (!b->op.op.done && !b->count.op.done)
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

void api_cancel_many(struct http_request *req, void *arg)
{
  many(req, arg, STORE_CANCEL);
}
