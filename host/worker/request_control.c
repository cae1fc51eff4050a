/* What Lua does to other jobs and to queues: cancels a job, lets a queue or a task rest
 * and go on. Who did it, for the audit, is the job that asks. */
#include "worker/request_.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/redact.h"

/* Texts of the operation live with the body of the request. */
static const char *keep(struct request *r, const char *name, char *text)
{
  json_object_set_new(r->body, name, jx_string(text, strlen(text)));
  free(text);
  return jx_str(r->body, name, "");
}

const char *request__who(struct request *r)
{
  const struct flight *f = request__flight(r);
  if (!f)
    return "a job";
  return keep(r, "by", mem_printf("job %" PRId64 " (%s)", f->job.id, f->job.type));
}

/* ---- cancel ---- */

static void cancelled(struct store_op *op)
{
  struct request *r = op->arg;
  const struct store_bulk *bulk = &r->u.cancel.op;
  struct buf b = {0};
  buf_printf(&b, "{\"found\":%s,\"running\":%s}", bulk->count ? "true" : "false",
             bulk->told || bulk->again ? "true" : "false");
  queue_controlled(r->pool->queue, op);
  request__answer_op(r, &b);
  buf_fini(&b);
}

static const char *reason_of(struct request *r, const char *by)
{
  const char *why = jx_str(r->body, "reason", "");
  char *text = *why ? mem_printf("cancelled by %s: %s", by, why)
                    : mem_printf("cancelled by %s", by);
  json_t *reason = redact_json(jx_error("cancelled", text), 8);
  free(text);
  text = jx_dump(reason, NULL);
  json_decref(reason);
  return keep(r, "said", text);
}

void request__cancel(struct request *r)
{
  int64_t id = strtoll(jx_str(r->body, "id", "0"), NULL, 10);
  struct store_bulk *bulk = &r->u.cancel.op;
  r->u.cancel.id = id;
  bulk->by = request__who(r);
  bulk->reason = reason_of(r, bulk->by);
  bulk->filter.ids = &r->u.cancel.id;
  bulk->filter.n_ids = 1;
  bulk->max = 1;
  request__submit(r, STORE_CANCEL, cancelled);
}

/* ---- pause and resume ---- */

static void paused(struct store_op *op)
{
  struct request *r = op->arg;
  struct buf b = {0};
  buf_puts(&b, "true");
  queue_controlled(r->pool->queue, op);
  request__answer_op(r, &b);
  buf_fini(&b);
}

static bool is_known(const struct request *r, const char *task)
{
  return catalog_find(r->worker->generation->catalog, task) != NULL;
}

void request__pause(struct request *r)
{
  struct store_pause *pause = &r->u.pause;
  json_t *reason = json_object_get(r->body, "reason");
  if (json_is_string(reason))
    json_object_set_new(r->body, "reason", redact_json(json_incref(reason), 1));
  pause->by = request__who(r);
  pause->name = jx_str(r->body, "name", "");
  pause->task = jx_bool(r->body, "task", false);
  pause->resume = jx_bool(r->body, "resume", false);
  pause->reason = jx_str(r->body, "reason", NULL);
  if (pause->task && !pause->resume && !is_known(r, pause->name)) {
    struct err err;
    err_set(&err, "unknown_task", "no script declares a task \"%.200s\"", pause->name);
    request__refuse(r, &err);
    return;
  }
  request__submit(r, STORE_PAUSE, paused);
}
