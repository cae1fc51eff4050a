/* GET /logs and GET /logs/:id: reading the log. What goes on by itself is in api_tail.c.
 */
#include "api/log_filter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/cursor.h"

static const char bad_context[] =
    "context must be a number from 0 to 20: so many lines around each hit";

/* ---- lists ---- */

struct list {
  struct store_log_list op;
  struct log_filter filter;
  struct http_request *req;
};

static void list_free(struct list *l)
{
  store_op_fini(&l->op.op);
  log_filter_fini(&l->filter);
  free(l);
}

static void listed(struct store_op *op)
{
  struct list *l = op->arg;
  if (op->status < 0)
    api__store_problem(l->req, op->err);
  else
    cursor_reply(l->req, 'l', &l->op.items, l->op.next);
  list_free(l);
}

/* Fills limit, cursor and context; false when one of them is wrong (then it is answered).
 */
static bool read_page(struct list *l)
{
  int64_t context = log_filter_context(http_query(l->req, "context"));
  l->op.context = (int)context;
  if (context < 0)
    http_problem(l->req, 422, "invalid", "%s", bad_context);
  return context >= 0 && cursor_read_page(l->req, 'l', &l->op.limit, &l->op.before);
}

static bool wants_tail(const struct http_request *req)
{
  const char *tail = http_query(req, "tail"), *accept = http_header(req, "Accept");
  return (tail && strcmp(tail, "0") != 0) ||
         (accept && strncasecmp(accept, "text/event-stream", 17) == 0);
}

void api_logs(struct http_request *req, void *arg)
{
  static const char *const others[] = {"limit", "cursor", "context", "tail", NULL};
  struct api *a = arg;
  if (wants_tail(req)) {
    api__tail(a, req);
    return;
  }
  struct list *l = mem_alloc(sizeof *l);
  l->req = req;
  log_filter_init(&l->filter, req, others);
  if (l->filter.base.problems) {
    http_problem_with(req, 422, "invalid", json_incref(l->filter.base.problems),
                      "the filter does not fit");
  } else if (read_page(l)) {
    l->op.op = (struct store_op){.kind = STORE_LOGS, .done = listed, .arg = l};
    l->op.filter = l->filter.filter;
    store_submit(a->parts.store, &l->op.op);
    return;
  }
  list_free(l);
}

/* ---- one ---- */

struct get {
  struct store_log_get op;
  struct http_request *req;
};

static void got(struct store_op *op)
{
  struct get *g = op->arg;
  if (op->status < 0)
    api__store_problem(g->req, op->err);
  else if (g->op.json.len == 0)
    http_problem(g->req, 404, "no_such_line",
                 "there is no line %" PRId64
                 " in the log; lines are kept for a while only",
                 g->op.id);
  else
    http_reply(g->req, 200, "application/json", g->op.json.data, g->op.json.len);
  store_op_fini(op);
  free(g);
}

void api_log(struct http_request *req, void *arg)
{
  struct api *a = arg;
  int64_t id = api_id(http_param(req, "id"));
  int64_t context = log_filter_context(http_query(req, "context"));
  if (id < 0 || context < 0) {
    if (id < 0)
      http_problem(req, 404, "no_such_line", "there is no such line: ids are numbers");
    else
      http_problem(req, 422, "invalid", "%s", bad_context);
    return;
  }
  struct get *g = mem_alloc(sizeof *g);
  g->req = req;
  g->op = (struct store_log_get){.op = {.kind = STORE_LOG, .done = got, .arg = g},
                                 .id = id,
                                 .context = (int)context};
  store_submit(a->parts.store, &g->op.op);
}
