/* Upkeep on demand, for candy.maintenance: the host does it in steps, between which the
 * queue goes on, and answers with figures when it is done. */
#include "worker/request_.h"

#include <stdlib.h>

#include "base/json.h"

/* What every operation of the store is answered with: its error, or figures. */
static void answer_figures(struct request *r, json_t *figures)
{
  struct buf b = {0};
  jx_append(&b, figures);
  json_decref(figures);
  request__answer_op(r, &b);
  buf_fini(&b);
}

/* ---- forgetting, shrinking ---- */

static void expired(void *arg, const struct queue_expired *count, const struct err *err)
{
  if (err)
    request__refuse(arg, err);
  else
    request__answer_json(arg, json_pack("{s:I, s:I}", "jobs", (json_int_t)count->jobs,
                                        "log_lines", (json_int_t)count->lines));
}

void request__retention(struct request *r)
{
  queue_expire(r->pool->queue, expired, r);
}

static void vacuumed(struct store_op *op)
{
  struct request *r = op->arg;
  answer_figures(r, json_pack("{s:I, s:I}", "freed_pages", (json_int_t)r->u.vacuum.freed,
                              "free_pages", (json_int_t)r->u.vacuum.left));
}

void request__vacuum(struct request *r)
{
  request__submit(r, STORE_VACUUM, vacuumed);
}

static void checkpointed(struct store_op *op)
{
  struct request *r = op->arg;
  answer_figures(r,
                 json_pack("{s:I, s:I, s:b}", "pages", (json_int_t)r->u.checkpoint.pages,
                           "moved_pages", (json_int_t)r->u.checkpoint.moved, "busy",
                           r->u.checkpoint.busy));
}

void request__checkpoint(struct request *r)
{
  request__submit(r, STORE_CHECKPOINT, checkpointed);
}

void request__rotate_logs(struct request *r)
{
  if (r->pool->config.rotate_logs)
    r->pool->config.rotate_logs(r->pool->config.arg);
  request__answer_json(r, json_object());
}

/* ---- looking ---- */

static void checked(struct store_op *op)
{
  struct request *r = op->arg;
  const struct store_check *check = &r->u.check;
  struct buf b = {0};
  r->pool->checking = false;
  buf_printf(&b, "{\"ok\":%s,\"tables\":%lld,\"problems\":[%s],\"skipped\":[%s]}",
             check->n_problems ? "false" : "true", (long long)check->tables,
             check->problems.len ? check->problems.data : "",
             check->skipped.len ? check->skipped.data : "");
  request__answer_op(r, &b);
  buf_fini(&b);
}

/* It keeps one of the few readers busy for a while. */
void request__integrity(struct request *r)
{
  struct err err;
  if (r->pool->checking) {
    err_set(&err, "maintenance_busy",
            "the store is being looked at already: wait for the end of that");
    request__refuse(r, &err);
    return;
  }
  r->pool->checking = true;
  request__submit(r, STORE_CHECK, checked);
}

/* Two operations, one after the other. */
struct stats {
  struct store_stats jobs;
  struct store_space space;
  struct request *request;
};

static json_t *stats_json(const struct stats *s)
{
  json_t *jobs = json_object();
  for (int i = 0; i < STORE_STATES; i++)
    json_object_set_new(jobs, store_state_names[i],
                        json_integer((json_int_t)s->jobs.counts[i]));
  json_object_set_new(jobs, "set_aside", json_integer((json_int_t)s->jobs.set_aside));
  return json_pack("{s:o, s:I, s:{s:I, s:I, s:I}}", "jobs", jobs, "oldest_available_ms",
                   (json_int_t)s->jobs.oldest_available_ms, "store", "bytes",
                   (json_int_t)s->space.bytes, "free_bytes",
                   (json_int_t)s->space.free_bytes, "log_bytes",
                   (json_int_t)s->space.log_bytes);
}

static void end_stats(struct stats *s, const struct err *err)
{
  if (err)
    request__refuse(s->request, err);
  else
    request__answer_json(s->request, stats_json(s));
  store_op_fini(&s->jobs.op);
  store_op_fini(&s->space.op);
  free(s);
}

static void space_known(struct store_op *op)
{
  end_stats(op->arg, op->err);
}

static void jobs_known(struct store_op *op)
{
  struct stats *s = op->arg;
  if (op->status < 0)
    end_stats(s, op->err);
  else
    store_submit(queue_store(s->request->pool->queue), &s->space.op);
}

void request__stats(struct request *r)
{
  struct stats *s = mem_alloc(sizeof *s);
  s->request = r;
  s->jobs.op = (struct store_op){.kind = STORE_STATS, .done = jobs_known, .arg = s};
  s->space.op = (struct store_op){.kind = STORE_SPACE, .done = space_known, .arg = s};
  store_submit(queue_store(r->pool->queue), &s->jobs.op);
}
