/* SQL of scripts, for candy.db. */
#include "worker/request_.h"

#include "base/json.h"

static void sql_done(struct store_op *op)
{
  struct request *r = op->arg;
  request__answer_op(r, &r->u.sql.answer);
}

static void run_sql(struct request *r, enum store_kind kind)
{
  r->u.sql.sql = jx_str(r->body, "sql", "");
  r->u.sql.params = jx_str(r->body, "params", "[]");
  request__submit(r, kind, sql_done);
}

void request__query(struct request *r)
{
  run_sql(r, STORE_QUERY);
}

void request__exec(struct request *r)
{
  run_sql(r, STORE_EXEC);
}

/* ---- transactions ---- */

static void tx_begun(struct store_op *op)
{
  struct request *r = op->arg;
  struct buf b = {0};
  buf_printf(&b, "{\"tx\":%lld}", (long long)r->u.tx_begin.tx);
  request__answer_op(r, &b);
  buf_fini(&b);
}

void request__tx_begin(struct request *r)
{
  const struct flight *flight = request__flight(r);
  if (flight) {
    r->u.tx_begin.id = flight->job.id;
    r->u.tx_begin.lease = flight->job.lease;
  }
  request__submit(r, STORE_TX_BEGIN, tx_begun);
}

static void tx_sql_done(struct store_op *op)
{
  struct request *r = op->arg;
  request__answer_op(r, &r->u.tx_sql.sql.answer);
}

void request__tx_sql(struct request *r)
{
  r->u.tx_sql.sql.sql = jx_str(r->body, "sql", "");
  r->u.tx_sql.sql.params = jx_str(r->body, "params", "[]");
  r->u.tx_sql.tx = jx_int(r->body, "tx", 0);
  r->u.tx_sql.reads = jx_bool(r->body, "reads", false);
  request__submit(r, STORE_TX_SQL, tx_sql_done);
}

static void tx_ended(struct store_op *op)
{
  struct buf b = {0};
  buf_puts(&b, "{}");
  request__answer_op(op->arg, &b);
  buf_fini(&b);
}

void request__tx_end(struct request *r)
{
  r->u.tx_end.tx = jx_int(r->body, "tx", 0);
  r->u.tx_end.keep = jx_bool(r->body, "keep", false);
  request__submit(r, STORE_TX_END, tx_ended);
}
