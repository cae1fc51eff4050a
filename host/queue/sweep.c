/* Retention: finished jobs and lines of the log are forgotten when their time is over, a
 * small step a turn, so that no other write waits for it. */
#include "queue/queue_.h"

#include <stdlib.h>

#define STEP     5000
#define PAUSE_MS 1     /* between the steps of one sweep */
#define EVERY_MS 60000 /* between sweeps */

struct sweep {
  struct queue *queue;

  union {
    struct store_op op;
    struct store_expire jobs;
    struct store_log_expire logs;
  } u;
};

static void step(uv_timer_t *timer);

void queue_keep(struct queue *q, const struct queue_keep *keep)
{
  q->config.keep = *keep;
}

/* Jobs first, as long as there are any to forget; lines after them. */
static void swept(struct store_op *op)
{
  struct sweep *s = op->arg;
  struct queue *q = s->queue;
  bool jobs = op->kind == STORE_EXPIRE;
  bool more = op->status == 0 && (jobs ? s->u.jobs.count : s->u.logs.count) >= STEP;
  q->sweeping = false;
  q->sweeps_logs = jobs != more;
  if (!uv_is_closing((uv_handle_t *)&q->sweeper))
    uv_timer_start(&q->sweeper, step, more || q->sweeps_logs ? PAUSE_MS : EVERY_MS, 0);
  store_op_fini(op);
  free(s);
}

static void prepare(struct sweep *s, enum store_kind kind)
{
  const struct queue_keep *keep = &s->queue->config.keep;
  if (kind == STORE_LOG_EXPIRE)
    s->u.logs = (struct store_log_expire){.op.kind = STORE_LOG_EXPIRE,
                                          .keep_ms = keep->logs_ms,
                                          .keep_rows = keep->logs,
                                          .max = STEP};
  else
    s->u.jobs = (struct store_expire){.op.kind = STORE_EXPIRE,
                                      .completed_ms = keep->completed_ms,
                                      .dead_ms = keep->dead_ms,
                                      .max = STEP};
}

static void step(uv_timer_t *timer)
{
  struct queue *q = timer->data;
  if (q->sweeping)
    return;
  struct sweep *s = mem_alloc(sizeof *s);
  s->queue = q;
  prepare(s, q->sweeps_logs ? STORE_LOG_EXPIRE : STORE_EXPIRE);
  q->sweeping = true;
  s->u.op.done = swept;
  s->u.op.arg = s;
  store_submit(q->store, &s->u.op);
}

void queue__sweep_start(struct queue *q)
{
  uv_timer_start(&q->sweeper, step, PAUSE_MS, 0);
}

/* ---- on demand ---- */

struct expiry {
  struct sweep step;
  struct queue_expired count;
  void (*done)(void *arg, const struct queue_expired *count, const struct err *err);
  void *arg;
};

static void go_on(struct expiry *e, enum store_kind kind);

static void stepped(struct store_op *op)
{
  struct expiry *e = op->arg;
  bool jobs = op->kind == STORE_EXPIRE, good = op->status == 0;
  int64_t n = !good ? 0 : jobs ? e->step.u.jobs.count : e->step.u.logs.count;
  bool more = good && n >= STEP;
  *(jobs ? &e->count.jobs : &e->count.lines) += n;
  if (good && (more || jobs)) {
    store_op_fini(op);
    go_on(e, jobs && more ? STORE_EXPIRE : STORE_LOG_EXPIRE);
    return;
  }
  e->done(e->arg, &e->count, op->err);
  store_op_fini(op);
  free(e);
}

static void go_on(struct expiry *e, enum store_kind kind)
{
  prepare(&e->step, kind);
  e->step.u.op.done = stepped;
  e->step.u.op.arg = e;
  store_submit(e->step.queue->store, &e->step.u.op);
}

void queue_expire(struct queue *q,
                  void (*done)(void *arg, const struct queue_expired *count,
                               const struct err *err),
                  void *arg)
{
  struct expiry *e = mem_alloc(sizeof *e);
  e->step.queue = q;
  e->done = done;
  e->arg = arg;
  go_on(e, STORE_EXPIRE);
}
