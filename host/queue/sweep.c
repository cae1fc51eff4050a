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

static void step(uv_timer_t *timer)
{
  struct queue *q = timer->data;
  if (q->sweeping)
    return;
  struct sweep *s = mem_alloc(sizeof *s);
  s->queue = q;
  if (q->sweeps_logs)
    s->u.logs = (struct store_log_expire){.op.kind = STORE_LOG_EXPIRE,
                                          .keep_ms = q->config.keep_logs_ms,
                                          .keep_rows = q->config.keep_logs,
                                          .max = STEP};
  else
    s->u.jobs = (struct store_expire){.op.kind = STORE_EXPIRE,
                                      .completed_ms = q->config.keep_completed_ms,
                                      .dead_ms = q->config.keep_dead_ms,
                                      .max = STEP};
  q->sweeping = true;
  s->u.op.done = swept;
  s->u.op.arg = s;
  store_submit(q->store, &s->u.op);
}

void queue__sweep_start(struct queue *q)
{
  uv_timer_start(&q->sweeper, step, PAUSE_MS, 0);
}
