/* What people do beside cancelling: queues and tasks rest and go on, waiting jobs are
 * changed; what there is in each queue, and who did what. */
#include "api/api_.h"

#include <stdlib.h>
#include <string.h>

#include "api/cursor.h"
#include "base/redact.h"

#define NAME_LONGEST 200

/* ---- queues ---- */

struct queues {
  struct store_queues op;
  struct http_request *req;
};

static void queues_known(struct store_op *op)
{
  struct queues *q = op->arg;
  if (op->status < 0)
    api__store_problem(q->req, op->err);
  else
    http_reply(q->req, 200, "application/json", q->op.json.data, q->op.json.len);
  store_op_fini(op);
  free(q);
}

void api_queues(struct http_request *req, void *arg)
{
  struct api *a = arg;
  struct queues *q = mem_alloc(sizeof *q);
  q->req = req;
  q->op.op = (struct store_op){.kind = STORE_QUEUES, .done = queues_known, .arg = q};
  store_submit(a->parts.store, &q->op.op);
}

/* ---- the audit ---- */

struct audit {
  struct store_audit op;
  struct http_request *req;
};

static void audited(struct store_op *op)
{
  struct audit *a = op->arg;
  if (op->status < 0)
    api__store_problem(a->req, op->err);
  else
    cursor_reply(a->req, 'a', &a->op.items, a->op.next);
  store_op_fini(op);
  free(a);
}

void api_audit(struct http_request *req, void *arg)
{
  struct api *api = arg;
  struct audit *a = mem_alloc(sizeof *a);
  a->req = req;
  if (!cursor_read_page(req, 'a', &a->op.limit, &a->op.before)) {
    free(a);
    return;
  }
  a->op.op = (struct store_op){.kind = STORE_AUDIT, .done = audited, .arg = a};
  store_submit(api->parts.store, &a->op.op);
}

/* ---- pause and resume ---- */

struct pause {
  struct store_pause op;
  struct api *api;
  struct http_request *req;
  char *name, *by, *reason;
};

static void pause_free(struct pause *p)
{
  store_op_fini(&p->op.op);
  free(p->name);
  free(p->by);
  free(p->reason);
  free(p);
}

static void paused(struct store_op *op)
{
  struct pause *p = op->arg;
  queue_controlled(p->api->parts.queue, op);
  if (op->status < 0)
    api__store_problem(p->req, op->err);
  else
    http_reply_json(p->req, 200,
                    json_pack("{s:s, s:b, s:b, s:b}", p->op.task ? "task" : "queue",
                              p->name, "paused", !p->op.resume, "changed", p->op.changed,
                              "known", p->op.known));
  pause_free(p);
}

/* The reason of the body, without secrets; NULL where there is none. */
static char *reason_of(const json_t *body)
{
  const char *given = jx_str(body, "reason", NULL);
  if (!given)
    return NULL;
  json_t *text = redact_json(json_string(given), 1);
  char *reason = mem_strdup(json_string_value(text));
  json_decref(text);
  return reason;
}

static bool is_name(const char *name)
{
  size_t len = strlen(name);
  return len > 0 && len <= NAME_LONGEST &&
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                      "_.:-/") == len;
}

static void set_pause(struct http_request *req, struct api *a, bool task, bool resume)
{
  const char *name = http_param(req, task ? "task" : "queue");
  json_t *body = api__reason_body(req, true);
  if (!body)
    return;
  if (!is_name(name)) {
    http_problem(req, 422, "invalid",
                 "a name is made of letters, digits and _ . : - / and has at most %d",
                 NAME_LONGEST);
  } else if (task && !resume && !catalog_find(pool_catalog(a->parts.pool), name)) {
    http_problem(req, 404, "unknown_task",
                 "no script declares a task \"%s\"; GET /definitions lists them", name);
  } else {
    struct pause *p = mem_alloc(sizeof *p);
    p->api = a;
    p->req = req;
    p->op.name = p->name = mem_strdup(name);
    p->op.by = p->by = mem_strdup(api__who(a, req));
    p->op.reason = p->reason = reason_of(body);
    p->op.task = task;
    p->op.resume = resume;
    p->op.op = (struct store_op){.kind = STORE_PAUSE, .done = paused, .arg = p};
    queue_control(a->parts.queue, &p->op.op);
  }
  json_decref(body);
}

void api_pause_queue(struct http_request *req, void *arg)
{
  set_pause(req, arg, false, false);
}

void api_resume_queue(struct http_request *req, void *arg)
{
  set_pause(req, arg, false, true);
}

void api_pause_task(struct http_request *req, void *arg)
{
  set_pause(req, arg, true, false);
}

void api_resume_task(struct http_request *req, void *arg)
{
  set_pause(req, arg, true, true);
}

/* ---- changes of a job ---- */

/* Its type is read first, for the shape of its payload. */
struct change {
  struct store_get get;
  struct store_edit op;
  struct api *api;
  struct http_request *req;
  struct door_batch batch;
  char *by;
};

static void change_free(struct change *c)
{
  store_op_fini(&c->get.op);
  store_op_fini(&c->op.op);
  door_fini(&c->batch);
  free(c->by);
  free(c);
}

static void refuse_busy(struct http_request *req, int64_t id)
{
  http_problem(req, 409, "not_waiting",
               "job %lld does not wait any more: only jobs that have not begun can be "
               "changed",
               (long long)id);
}

static void changed(struct store_op *op)
{
  struct change *c = op->arg;
  queue_controlled(c->api->parts.queue, op);
  if (op->status < 0)
    api__store_problem(c->req, op->err);
  else
    api__answer_job(c->api, c->req, c->op.id, c->op.done ? NULL : refuse_busy);
  change_free(c);
}

static void submit_change(struct change *c, const struct door_given *given)
{
  const struct store_new *job = &c->batch.jobs[0];
  struct store_edit *e = &c->op;
  e->by = c->by;
  e->payload = given->payload ? job->payload : NULL;
  e->payload_len = job->payload_len;
  e->queue = job->queue;
  e->sets_priority = given->priority;
  e->sets_time = given->time;
  e->sets_tags = given->tags;
  e->priority = job->priority;
  e->run_at = job->run_at;
  e->delay_ms = job->delay_ms;
  e->tags = job->tags;
  e->op = (struct store_op){.kind = STORE_EDIT, .done = changed, .arg = c};
  queue_control(c->api->parts.queue, &e->op);
}

static void refuse_change(struct change *c)
{
  struct err err;
  door_explain(&c->batch, &err);
  http_problem_with(c->req, 422, "invalid", json_incref(c->batch.problems), "%s",
                    err.text);
}

static void type_known(struct store_op *op)
{
  struct change *c = op->arg;
  struct door_given given;
  struct err err;
  json_t *job = jx_parse(c->get.json.data, c->get.json.len, NULL);
  const struct catalog *catalog = pool_catalog(c->api->parts.pool);
  if (op->status < 0)
    api__store_problem(c->req, op->err);
  else if (!job)
    api__answer_job(c->api, c->req, c->get.id, NULL); /* which there is none */
  else if (door_read_change(&c->batch, catalog, jx_str(job, "type", ""),
                            (struct json_span){c->req->body, c->req->body_len}, &given,
                            &err) < 0)
    http_problem(c->req, strcmp(err.code, "bad_json") == 0 ? 400 : 422, err.code, "%s",
                 err.text);
  else if (c->batch.problems)
    refuse_change(c);
  else
    submit_change(c, &given);
  json_decref(job);
  if (!c->op.op.done)
    change_free(c);
}

void api_edit(struct http_request *req, void *arg)
{
  struct api *a = arg;
  int64_t id = api_id(http_param(req, "id"));
  if (id < 0) {
    http_problem(req, 404, "no_such_job", "there is no such job: ids are numbers");
    return;
  }
  struct change *c = mem_alloc(sizeof *c);
  c->api = a;
  c->req = req;
  c->by = mem_strdup(api__who(a, req));
  c->get.id = c->op.id = id;
  c->get.op = (struct store_op){.kind = STORE_JOB, .done = type_known, .arg = c};
  store_submit(a->parts.store, &c->get.op);
}
