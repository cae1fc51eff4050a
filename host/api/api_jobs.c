/* GET /tasks and GET /tasks/:id: reading jobs. */
#include "api/api_.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/cursor.h"

/* ---- lists ---- */

struct list {
  struct store_list op;
  struct api_filter filter;
  struct http_request *req;
};

static void listed(struct store_op *op)
{
  struct list *l = op->arg;
  if (op->status < 0)
    api__store_problem(l->req, op->err);
  else
    cursor_reply(l->req, 'j', &l->op.items, l->op.next);
  store_op_fini(op);
  api_filter_fini(&l->filter);
  free(l);
}

void api_list(struct http_request *req, void *arg)
{
  static const char *const others[] = {"limit", "cursor", NULL};
  struct api *a = arg;
  struct list *l = mem_alloc(sizeof *l);
  l->req = req;
  api_filter_query(&l->filter, req, others);
  if (l->filter.problems) {
    http_problem_with(req, 422, "invalid", json_incref(l->filter.problems),
                      "the filter does not fit");
  } else if (cursor_read_page(req, 'j', &l->op.limit, &l->op.before)) {
    l->op.op = (struct store_op){.kind = STORE_JOBS, .done = listed, .arg = l};
    l->op.filter = l->filter.filter;
    store_submit(a->parts.store, &l->op.op);
    return;
  }
  api_filter_fini(&l->filter);
  free(l);
}

/* ---- one ---- */

struct get {
  struct store_get op;
  struct http_request *req;
  void (*other)(struct http_request *req, int64_t id);
};

static void got(struct store_op *op)
{
  struct get *g = op->arg;
  if (op->status < 0)
    api__store_problem(g->req, op->err);
  else if (g->op.json.len == 0)
    http_problem(g->req, 404, "no_such_job",
                 "there is no job %" PRId64 "; finished jobs are kept for a while only",
                 g->op.id);
  else if (g->other)
    g->other(g->req, g->op.id);
  else
    http_reply(g->req, 200, "application/json", g->op.json.data, g->op.json.len);
  store_op_fini(op);
  free(g);
}

void api__answer_job(struct api *a, struct http_request *req, int64_t id,
                     void (*other)(struct http_request *req, int64_t id))
{
  struct get *g = mem_alloc(sizeof *g);
  g->req = req;
  g->op.id = id;
  g->other = other;
  g->op.op = (struct store_op){.kind = STORE_JOB, .done = got, .arg = g};
  store_submit(a->parts.store, &g->op.op);
}

void api_get(struct http_request *req, void *arg)
{
  int64_t id = api_id(http_param(req, "id"));
  if (id < 0)
    http_problem(req, 404, "no_such_job", "there is no such job: ids are numbers");
  else
    api__answer_job(arg, req, id, NULL);
}
