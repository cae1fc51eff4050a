/* The queue's life, the way in and the way out: see queue.h. The ends of attempts are in
 * finish.c, retention in sweep.c. */
#include "queue/queue_.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

#define TROUBLE_MS 5000 /* what failed is tried again more often than that */

/* ---- waking ---- */

static void wake(struct queue *q)
{
  q->config.wake(q->config.arg);
}

static void passed(struct store_op *op)
{
  struct queue *q = op->arg;
  q->passing = false;
  queue__note(q, op);
  queue__settled(q);
  store_op_fini(op);
  free(op);
}

/* Claims see to deadlines as well, but there are none while all workers are busy. */
static void pass_deadlines(struct queue *q)
{
  int64_t next = q->store->next_deadline;
  if (q->passing || next == 0 || next > q->store->now())
    return;
  struct store_deadlines *op = mem_alloc(sizeof *op);
  op->op = (struct store_op){.kind = STORE_DEADLINES, .done = passed, .arg = q};
  q->passing = true;
  store_submit(q->store, &op->op);
}

static void came_due(uv_timer_t *timer)
{
  pass_deadlines(timer->data);
  wake(timer->data);
}

static int64_t next_time(const struct queue *q)
{
  int64_t due = q->store->next_due, deadline = q->store->next_deadline;
  if (q->passing || deadline == 0)
    return due;
  return due && due < deadline ? due : deadline;
}

static void came_back(void *queue)
{
  queue__settled(queue);
}

static void watch_next_due(struct queue *q)
{
  int64_t due = next_time(q);
  if (due == 0) {
    uv_timer_stop(&q->due);
    return;
  }
  int64_t in = due - q->store->now();
  if (in > 60000)
    in = 60000; /* the wall clock may be set meanwhile: look again */
  uv_timer_start(&q->due, came_due, in > 1 ? (uint64_t)in : 1, 0);
}

void queue__settled(struct queue *q)
{
  watch_next_due(q);
  wake(q);
}

/* A job that waited, or whose host died, has ended: no finish tells it. */
static void ended(void *arg, const struct store_job *job, enum store_state became,
                  const char *reason)
{
  struct queue *q = arg;
  struct store_finish end = {.id = job->id,
                             .lease = job->lease,
                             .outcome = STORE_FAIL,
                             .verdict = STORE_DONE,
                             .became = became,
                             .error = reason};
  if (q->config.ended)
    q->config.ended(q->config.arg, job, &end);
}

/* ---- trouble ---- */

void queue__note(struct queue *q, const struct store_op *op)
{
  bool trouble = op->status < 0 && strncmp(op->err->code, "store_", 6) == 0;
  bool had = q->trouble[0] != 0;
  if (op->status < 0 && !trouble)
    return;
  q->trouble_ns = clock_mono_ns();
  snprintf(q->trouble, sizeof q->trouble, "%s", trouble ? op->err->code : "");
  if (trouble != had && q->config.trouble)
    q->config.trouble(q->config.arg, trouble ? op->err : NULL);
}

const char *queue_trouble(const struct queue *q)
{
  bool fresh = clock_mono_ns() - q->trouble_ns < TROUBLE_MS * CLOCK_MS;
  return fresh ? q->trouble : "";
}

/* ---- life ---- */

struct queue *queue_new(uv_loop_t *loop, struct store *store,
                        const struct queue_config *config)
{
  struct queue *q = mem_alloc(sizeof *q);
  q->store = store;
  q->config = *config;
  q->locks = locks_new(loop, store);
  srand48((long)clock_mono_ns()); /* retry delays: hosts must not draw the same ones */
  q->handles = 3;
  uv_timer_init(loop, &q->due);
  uv_timer_init(loop, &q->again);
  uv_timer_init(loop, &q->sweeper);
  q->due.data = q->again.data = q->sweeper.data = q;
  watch_next_due(q);
  queue__sweep_start(q);
  store_watch_ready(store, came_back, q);
  q->ends = (struct store_watch){.ended = ended, .arg = q};
  store_watch(store, &q->ends); /* which ends before the queue */
  return q;
}

static void closed(uv_handle_t *handle)
{
  struct queue *q = handle->data;
  if (--q->handles == 0)
    free(q);
}

void queue_free(struct queue **queue)
{
  struct queue *q = *queue;
  *queue = NULL;
  if (!q)
    return;
  locks_free(&q->locks); /* from here on nothing is given back: the next start does it */
  finish__drop_waiting(q);
  uv_close((uv_handle_t *)&q->due, closed);
  uv_close((uv_handle_t *)&q->again, closed);
  uv_close((uv_handle_t *)&q->sweeper, closed);
}

size_t queue_unsettled(const struct queue *q)
{
  return q->unsettled;
}

struct store *queue_store(struct queue *q)
{
  return q->store;
}

struct locks *queue_locks(struct queue *q)
{
  return q->locks;
}

/* ---- in ---- */

struct push {
  struct store_enqueue op;
  struct queue *queue;
  struct door_batch batch;
  queue_pushed pushed;
  void *arg;
};

static void pushed(struct store_op *op)
{
  struct push *p = op->arg;
  queue__note(p->queue, op);
  queue__settled(p->queue);
  p->pushed(p->arg, p->op.jobs, p->op.n, op->err);
  store_op_fini(op);
  door_fini(&p->batch);
  free(p);
}

void queue_push(struct queue *q, struct door_batch *batch, queue_pushed done, void *arg)
{
  struct push *p = mem_alloc(sizeof *p);
  p->queue = q;
  p->batch = *batch;
  *batch = (struct door_batch){0};
  p->pushed = done;
  p->arg = arg;
  p->op.op = (struct store_op){.kind = STORE_ENQUEUE, .done = pushed, .arg = p};
  p->op.jobs = p->batch.jobs;
  p->op.n = p->batch.n;
  store_submit(q->store, &p->op.op);
  wake(q); /* a claim in the same turn finds them */
}

void queue_bulk(struct queue *q, struct store_bulk *op)
{
  store_submit(q->store, &op->op);
  wake(q);
}

void queue_control(struct queue *q, struct store_op *op)
{
  store_submit(q->store, op);
}

void queue_controlled(struct queue *q, const struct store_op *op)
{
  queue__note(q, op);
  queue__settled(q);
}

/* ---- out ---- */

void queue_claim(struct queue *q, struct store_claim *op)
{
  store_submit(q->store, &op->op);
}

void queue_claimed(struct queue *q, const struct store_claim *op)
{
  if (op->op.status < 0 ||
      op->n > 0) /* an empty claim writes nothing: it proves nothing */
    queue__note(q, &op->op);
  watch_next_due(q);
}
