/* Retention: finished jobs are forgotten when their time is over, a small step a turn,
 * so that no other write waits for it. */
#include "queue/queue_.h"

#include <stdlib.h>

#define STEP     5000
#define PAUSE_MS 1     /* between the steps of one sweep */
#define EVERY_MS 60000 /* between sweeps */

static void step(uv_timer_t *timer);

static void swept(struct store_op *op)
{
  struct store_expire *e = (struct store_expire *)op;
  struct queue *q = op->arg;
  bool more = op->status == 0 && e->count >= e->max;
  q->sweeping = false;
  if (!uv_is_closing((uv_handle_t *)&q->sweeper))
    uv_timer_start(&q->sweeper, step, more ? PAUSE_MS : EVERY_MS, 0);
  store_op_fini(op);
  free(e);
}

static void step(uv_timer_t *timer)
{
  struct queue *q = timer->data;
  struct store_expire *e = mem_alloc(sizeof *e);
  if (q->sweeping) {
    free(e);
    return;
  }
  q->sweeping = true;
  e->op = (struct store_op){.kind = STORE_EXPIRE, .done = swept, .arg = q};
  e->completed_ms = q->config.keep_completed_ms;
  e->dead_ms = q->config.keep_dead_ms;
  e->max = STEP;
  store_submit(q->store, &e->op);
}

void queue__sweep_start(struct queue *q)
{
  uv_timer_start(&q->sweeper, step, PAUSE_MS, 0);
}
