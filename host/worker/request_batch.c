/* Batches and children as Lua asks for them. */
#include "worker/request_.h"

#include <stdlib.h>

#include "base/json.h"
#include "queue/batch.h"

static int64_t id_of(const struct request *r, const char *name)
{
  return strtoll(jx_str(r->body, name, "0"), NULL, 10);
}

static void refuse_unknown(struct request *r)
{
  struct err err;
  err_set(&err, "no_such_batch",
          "there is no batch %s; finished ones are kept for a while only",
          jx_str(r->body, "id", "?"));
  store_op_fini(&r->u.op);
  request__refuse(r, &err);
}

/* Their places in the list, from 1. */
static json_t *duplicates(const struct store_batch *batch)
{
  json_t *places = json_array();
  for (size_t i = 0; i < batch->n; i++)
    if (batch->jobs[i].duplicate)
      json_array_append_new(places, json_integer((json_int_t)i + 1));
  return places;
}

static void pushed(void *arg, const struct store_batch *batch, const struct err *err)
{
  struct request *r = arg;
  if (err)
    request__refuse(r, err);
  else
    request__answer_json(r, json_pack("{s:o, s:o}", "id", jx_id(batch->id), "duplicates",
                                      duplicates(batch)));
}

void request__batch(struct request *r)
{
  struct batch_order order = {0};
  const struct flight *flight = request__flight(r);
  struct err err;
  batch_read_specs(&order, r->worker->generation->catalog, r->body);
  if (order.door.problems) {
    door_explain(&order.door, &err);
    request__refuse(r, &err);
  } else {
    if (flight)
      door_descend(&order.door, &flight->job);
    batch_push(r->pool->queue, &order, pushed, r);
  }
  batch_fini(&order);
}

static void got(struct store_op *op)
{
  struct request *r = op->arg;
  if (op->status == 0 && r->u.batches.items.len == 0) {
    refuse_unknown(r);
    return;
  }
  struct buf text = r->u.batches.items;
  r->u.batches.items = (struct buf){0};
  request__answer_op(r, &text);
  buf_fini(&text);
}

void request__batch_get(struct request *r)
{
  r->u.batches.id = id_of(r, "id");
  if (r->u.batches.id <= 0) { /* which would be a page of them */
    refuse_unknown(r);
    return;
  }
  request__submit(r, STORE_BATCHES, got);
}

static void cancelled(struct store_op *op)
{
  struct request *r = op->arg;
  struct buf text = {0};
  if (op->status == 0 && !r->u.batch_cancel.found) {
    refuse_unknown(r);
    return;
  }
  buf_printf(&text, "{\"running\":%s}", r->u.batch_cancel.running ? "true" : "false");
  request__answer_op(r, &text);
  buf_fini(&text);
}

void request__batch_cancel(struct request *r)
{
  r->u.batch_cancel.id = id_of(r, "id");
  r->u.batch_cancel.by = request__who(r);
  request__submit(r, STORE_BATCH_CANCEL, cancelled);
}

/* ---- children ---- */

static void put_id(struct buf *b, const char *name, int64_t id)
{
  if (id)
    buf_printf(b, ",\"%s\":\"%lld\"", name, (long long)id);
}

static void told(struct store_op *op)
{
  struct request *r = op->arg;
  const struct store_children *c = &r->u.children;
  struct buf text = {0};
  if (op->status == 0) {
    buf_printf(&text, "{\"found\":%s,\"failed\":%s", c->found ? "true" : "false",
               c->failed ? "true" : "false");
    put_id(&text, "next", c->next);
    put_id(&text, "first_dead", c->first_dead);
    buf_puts(&text, ",\"items\":");
    buf_append(&text, c->items.data, c->items.len);
    buf_putc(&text, '}');
  }
  request__answer_op(r, &text);
  buf_fini(&text);
}

void request__children(struct request *r)
{
  const struct flight *flight = request__flight(r);
  struct err err;
  if (!flight) {
    err_set(&err, "no_job", "only a running job has children");
    request__refuse(r, &err);
    return;
  }
  r->u.children.id = flight->job.id;
  r->u.children.after = id_of(r, "after");
  request__submit(r, STORE_CHILDREN, told);
}
