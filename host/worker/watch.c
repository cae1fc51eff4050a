/* Standing still: looks at the workers' pages while there is something to look at.
 *
 * A worker is inside Lua without a break since page.since_ns. After 100 ms, jobs that it
 * has not begun are taken back, and the clocks of the others it runs rest. It is killed
 * when that goes on for longer than the stall limit, or when the job that does it has
 * used up its own time limit.
 */
#include "worker/pool_.h"

#include <stdio.h>

#include "base/clock.h"

#define EVERY_MS 20
#define STILL_NS (100 * CLOCK_MS)
#define GRACE_NS (100 * CLOCK_MS) /* a worker ends its own late jobs if it can */

/* ---- taking back ---- */

static bool take_cell(struct page *page, uint32_t cell)
{
  uint32_t offered = PAGE_OFFERED;
  return atomic_compare_exchange_strong(&page->cells[cell].state, &offered, PAGE_REVOKED);
}

static void take_back(struct worker *w)
{
  struct page *page = process_page(w->process);
  for (uint32_t cell = 0; cell < PAGE_CELLS && w->n_open > 0; cell++) {
    struct flight *f = &w->flights[cell];
    if (!f->open || f->revoked || !take_cell(page, cell))
      continue;
    f->revoked = true;
    queue_released(w->pool->queue, &(struct queue_end){.job = &f->job});
  }
}

/* ---- clocks ---- */

/* Everyone but the job that stood in the way gets the time back. */
static void give_rest(struct worker *w, uint32_t culprit, int64_t from, int64_t to)
{
  struct page *page = process_page(w->process);
  for (uint32_t cell = 0; cell < PAGE_CELLS && w->n_open > 0; cell++) {
    struct flight *f = &w->flights[cell];
    int64_t began = atomic_load(&page->cells[cell].began_ns);
    if (!f->open || cell == culprit || began == 0)
      continue;
    int64_t start = began > from ? began : from;
    f->rested_ns += to > start ? to - start : 0;
  }
}

static bool out_of_time(struct worker *w, uint32_t cell, int64_t now)
{
  const struct flight *f = &w->flights[cell];
  int64_t began = atomic_load(&process_page(w->process)->cells[cell].began_ns);
  if (!f->open || began == 0)
    return false;
  return now - began - f->rested_ns > f->task->timeout_ms * CLOCK_MS + GRACE_NS;
}

/* ---- one worker ---- */

static void kill_still(struct worker *w, uint32_t busy, uint32_t current, int64_t now,
                       int64_t still)
{
  char reason[64], limit[32];
  if (still > w->pool->config.stall_ms * CLOCK_MS) {
    snprintf(reason, sizeof reason, "killed: stood still for %s",
             duration_format(w->pool->config.stall_ms, limit));
    process_kill(w->process, reason);
  } else if (busy == PAGE_JOB && current < PAGE_CELLS && out_of_time(w, current, now)) {
    snprintf(reason, sizeof reason, "killed: timed out after %s",
             duration_format(w->flights[current].task->timeout_ms, limit));
    process_kill(w->process, reason);
  }
}

static void look_at(struct worker *w, int64_t now)
{
  struct page *page = process_page(w->process);
  uint32_t busy = atomic_load(&page->busy);
  uint32_t current = atomic_load(&page->current);
  int64_t since = atomic_load(&page->since_ns);
  if (process_killed(w->process) || busy == PAGE_IDLE || now - since < STILL_NS) {
    w->still_since_ns = 0;
    return;
  }
  if (w->still_since_ns != since) { /* it has just been found standing */
    w->still_since_ns = w->still_seen_ns = since;
    take_back(w);
  }
  give_rest(w, busy == PAGE_JOB ? current : UINT32_MAX, w->still_seen_ns, now);
  w->still_seen_ns = now;
  kill_still(w, busy, current, now, now - since);
}

static void look(uv_timer_t *timer)
{
  struct pool *p = timer->data;
  int64_t now = clock_mono_ns();
  bool something = false;
  for (int i = 0; i < p->n; i++) {
    struct worker *w = &p->workers[i];
    if (!w->process || (w->n_open == 0 && w->state == WORKER_READY))
      continue;
    something = true;
    look_at(w, now);
  }
  if (!something)
    uv_timer_stop(timer);
}

void watch__start(struct pool *p)
{
  if (!uv_is_active((uv_handle_t *)&p->watch))
    uv_timer_start(&p->watch, look, EVERY_MS, EVERY_MS);
}
