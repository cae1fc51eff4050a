/* Jobs out to the workers and their ends back: claims about what runs in the next 20 ms,
 * hands each job to the least busy worker, and passes on how it ended. */
#include "worker/pool_.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "queue/event.h"

#define WINDOW_NS (20 * CLOCK_MS)
#define BACKLOG_MAX                                                                      \
  (PAGE_CELLS - 128) /* a batch at the worker, one on its way, one at the store */
#define PENDING_MAX ((size_t)4 * 1024 * 1024) /* bytes on their way to a worker */
#define RETRY_MS    500

/* ---- how much fits ---- */

static bool takes_jobs(const struct worker *w)
{
  return w->state == WORKER_READY && w->still_since_ns == 0 &&
         process_pending(w->process) < PENDING_MAX;
}

/* A worker gets its slots full and, beyond them, as many jobs as it finished in the last
 * 20 ms: quick jobs never wait for a round trip, slow ones are not hoarded. */
static int room(struct worker *w)
{
  int64_t now = clock_mono_ns();
  if (!takes_jobs(w))
    return 0;
  if (now - w->window_ns >= WINDOW_NS) {
    int64_t backlog = w->finished * WINDOW_NS / (now - w->window_ns);
    w->backlog = backlog < BACKLOG_MAX ? (int)backlog : BACKLOG_MAX;
    w->finished = 0;
    w->window_ns = now;
  }
  int free_places = w->generation->settings.slots + w->backlog - w->n_open;
  return free_places < w->n_free ? free_places : w->n_free;
}

static struct worker *least_busy(const struct pool *p)
{
  struct worker *best = NULL;
  for (int i = 0; i < p->n_seats; i++) {
    struct worker *w = &p->seats[i];
    if (takes_jobs(w) && w->n_free > 0 && (!best || w->n_open < best->n_open))
      best = w;
  }
  return best;
}

/* ---- out ---- */

static struct wire_text text_of(const char *s)
{
  return (struct wire_text){s, s ? strlen(s) : 0};
}

static void send_job(struct worker *w, uint32_t cell, const struct store_job *job)
{
  struct buf b = {0};
  struct message_job m = {.cell = cell,
                          .id = job->id,
                          .lease = job->lease,
                          .retry_count = (uint32_t)job->retry_count,
                          .max_retries = (uint32_t)job->max_retries,
                          .created_at = job->created_at,
                          .batch = job->batch,
                          .type = text_of(job->type),
                          .queue = text_of(job->queue),
                          .workspace = text_of(job->workspace),
                          .key = text_of(job->key),
                          .tags = text_of(job->tags),
                          .checkpoint = text_of(job->checkpoint),
                          .trace = text_of(job->trace),
                          .payload = {job->payload, job->payload_len}};
  message_put_job(&b, &m);
  process_send(w->process, MESSAGE_JOB, b.data, b.len);
  buf_fini(&b);
}

static void give(struct worker *w, const struct catalog_task *task,
                 const struct store_job *job)
{
  uint32_t cell = w->free_cells[--w->n_free];
  struct flight *f = &w->flights[cell];
  *f = (struct flight){.open = true, .job = *job, .task = task};
  if (task->handler)
    f->depth = event_depth(job->payload, job->payload_len);
  f->job.type = task->name;
  f->job.queue = f->job.workspace = f->job.key = NULL;
  f->job.tags = f->job.checkpoint = f->job.payload = NULL;
  if (job->trace) {
    snprintf(f->trace, sizeof f->trace, "%s", job->trace);
    f->job.trace = f->trace;
  }
  w->n_open++;
  struct page *page = process_page(w->process);
  atomic_store(&page->cells[cell].began_ns, 0);
  atomic_store(&page->cells[cell].beat_ns, 0);
  atomic_store(&page->cells[cell].cancelled, 0);
  atomic_store(&page->cells[cell].state, PAGE_OFFERED);
  send_job(w, cell, job);
  watch__spoken_to(w);
}

static void hand_out(struct pool *p, const struct store_job *job)
{
  const struct catalog_task *task = catalog_find(pool_catalog(p), job->type);
  struct worker *w = least_busy(p);
  if (task && w && p->state == POOL_RUNNING)
    give(w, task, job);
  else
    queue_released(p->queue, &(struct queue_end){.job = job});
}

/* What has been handed out leaves before the loop goes on to other answers, each of which
 * may cost the time of waking up a client. */
static void send_off(struct pool *p)
{
  for (int i = 0; i < p->n_seats; i++)
    if (takes_jobs(&p->seats[i]))
      process_flush(p->seats[i].process);
}

static void retry_claim(uv_timer_t *timer)
{
  pool_wake(timer->data);
}

static void claimed(struct store_op *op)
{
  struct store_claim *claim = (struct store_claim *)op;
  struct pool *p = op->arg;
  p->claiming = false;
  queue_claimed(p->queue, claim);
  if (op->status < 0) {
    uv_timer_start(&p->retry, retry_claim, RETRY_MS, 0);
  } else {
    p->maybe_ready = p->maybe_ready || claim->more;
    for (size_t i = 0; i < claim->n; i++)
      hand_out(p, &claim->jobs[i]);
    if (claim->n > 0) {
      send_off(p);
      p->last_claim_ms = clock_wall_ms();
      watch__start(p);
    }
    dispatch__pump(p);
  }
  store_op_fini(op);
  free(claim);
}

void dispatch__pump(struct pool *p)
{
  int places = 0;
  if (p->config.test) {
    p->config.test->pump(p->config.arg);
    return;
  }
  if (p->claiming || !p->maybe_ready || p->state != POOL_RUNNING)
    return;
  for (int i = 0; i < p->n_seats; i++) {
    int free_places = room(&p->seats[i]);
    places += free_places > 0 ? free_places : 0;
  }
  if (places == 0)
    return;
  struct store_claim *claim = mem_alloc(sizeof *claim);
  claim->op = (struct store_op){.kind = STORE_CLAIM, .done = claimed, .arg = p};
  claim->max = (size_t)places;
  p->claiming = true;
  p->maybe_ready = false;
  queue_claim(p->queue, claim);
}

/* ---- in tests ---- */

bool pool_takes(const struct pool *p)
{
  return p->state == POOL_RUNNING && least_busy(p) != NULL;
}

void pool_hand(struct pool *p, const struct store_job *job)
{
  hand_out(p, job);
  watch__start(p);
}

/* ---- back ---- */

/* Wall time of a moment on the monotonic clock, for the history. */
static int64_t wall_of(int64_t mono_ns)
{
  if (mono_ns == 0)
    return 0;
  return clock_wall_ms() - (clock_mono_ns() - mono_ns) / CLOCK_MS;
}

void dispatch__end(struct worker *w, uint32_t cell, struct queue_end *end)
{
  struct page *page = process_page(w->process);
  end->job = &w->flights[cell].job;
  end->worker = w->name;
  end->depth = w->flights[cell].depth;
  end->backoff = w->flights[cell].task->backoff;
  end->locks = &w->flights[cell].locks;
  end->began_at = wall_of(atomic_load(&page->cells[cell].began_ns));
}

void dispatch__close_flight(struct worker *w, uint32_t cell)
{
  struct page *page = process_page(w->process);
  atomic_store(&page->cells[cell].state, PAGE_FREE);
  w->flights[cell].open = false;
  locks_end(&w->flights[cell].locks); /* of a revoked one, that had no end of its own */
  w->free_cells[w->n_free++] = (uint16_t)cell;
  w->n_open--;
}

static const char bad_effects[] =
    "{\"code\":\"bad_effects\",\"message\":\"its writes and child jobs did not arrive "
    "whole\"}";

static void end_with_effects(struct worker *w, struct queue_end *end,
                             const struct message_done *m)
{
  const struct catalog *catalog = w->generation->catalog;
  json_t *effects = NULL;
  if (m->effects.data)
    effects = jx_parse(m->effects.data, m->effects.len, NULL);
  end->result = m->body.data ? m->body.data : "null";
  end->result_len = m->body.data ? m->body.len : 4;
  end->effects = effects;
  if (m->effects.data && !effects) {
    end->error = bad_effects;
    queue_failed(w->pool->queue, end);
  } else if (m->outcome == MESSAGE_FANNED_OUT) {
    queue_fanned_out(w->pool->queue, catalog, end);
  } else {
    queue_completed(w->pool->queue, catalog, end);
  }
  json_decref(effects);
}

static void end_flight(struct worker *w, const struct message_done *m)
{
  struct queue *q = w->pool->queue;
  struct queue_end end = {.delay_ms = m->delay_ms};
  if (m->outcome == MESSAGE_FAILED || m->outcome == MESSAGE_PERMANENT)
    end.error = m->body.data;
  dispatch__end(w, m->cell, &end);
  switch (m->outcome) {
  case MESSAGE_COMPLETED:
  case MESSAGE_FANNED_OUT:
    end_with_effects(w, &end, m);
    break;
  case MESSAGE_FAILED:
    queue_failed(q, &end);
    break;
  case MESSAGE_PERMANENT:
    queue_permanent(q, &end);
    break;
  case MESSAGE_SNOOZED:
    queue_snoozed(q, &end);
    break;
  default:
    end.began_at = 0;
    if (!w->flights[m->cell].revoked) /* else it went back when it was revoked */
      queue_released(q, &end);
  }
}

void dispatch__done(struct worker *w, const char *body, size_t len)
{
  struct message_done m;
  if (message_get_done(body, len, &m) < 0 || m.cell >= PAGE_CELLS ||
      !w->flights[m.cell].open || w->flights[m.cell].job.id != m.id ||
      w->flights[m.cell].job.lease != m.lease) {
    process_kill(w->process, "finished a job that it did not have");
    return;
  }
  end_flight(w, &m);
  dispatch__close_flight(w, m.cell);
  w->finished += m.outcome != MESSAGE_SKIPPED;
  w->deaths = 0;
  dispatch__pump(w->pool);
}
