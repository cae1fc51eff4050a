/* Standing still: looks at the workers' pages while there is something to look at.
 *
 * A worker stands still when it is inside Lua without a break (since page.since_ns), or
 * when its loop has not turned since it was last spoken to (unheard_ns; one with jobs
 * that has been quiet for a second is spoken to for that). After 100 ms, jobs that it has
 * not begun are taken back, it gets no new ones, and the clocks of the jobs that are not
 * to blame rest. It is killed when that goes on for longer than the stall limit, or when
 * the job that does it has used up its own time limit.
 *
 * When the host itself was stopped for a while, nobody is judged by that time.
 */
#include "worker/pool_.h"

#include <stdio.h>

#include "base/clock.h"

#define EVERY_MS 20
#define STILL_NS (100 * CLOCK_MS)
#define QUIET_NS (1000 * CLOCK_MS)
#define LATE_NS  (400 * CLOCK_MS) /* a host that looks so late was stopped itself */
#define GRACE_NS (100 * CLOCK_MS) /* a worker ends its own late jobs if it can */

/* ---- taking back ---- */

bool watch__take_back(struct worker *w, uint32_t cell)
{
  struct flight *f = &w->flights[cell];
  struct page *page = process_page(w->process);
  uint32_t offered = PAGE_OFFERED;
  if (!f->open || f->revoked ||
      !atomic_compare_exchange_strong(&page->cells[cell].state, &offered, PAGE_REVOKED))
    return false;
  f->revoked = true;
  queue_released(w->pool->queue, &(struct queue_end){.job = &f->job});
  return true;
}

static void take_back(struct worker *w)
{
  for (uint32_t cell = 0; cell < PAGE_CELLS && w->n_open > 0; cell++)
    watch__take_back(w, cell);
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

/* Whether the job that stands in the way has had `ms` since a moment of its own. */
static bool has_had(const struct flight *f, int64_t since, int64_t rested, int64_t ms,
                    int64_t now)
{
  return f->open && since > 0 && now - since - rested > ms * CLOCK_MS + GRACE_NS;
}

static bool out_of_time(struct worker *w, uint32_t cell, int64_t now)
{
  const struct flight *f = &w->flights[cell];
  int64_t began = atomic_load(&process_page(w->process)->cells[cell].began_ns);
  return has_had(f, began, f->rested_ns, f->task->timeout_ms, now);
}

/* The rest that it had before its last heartbeat does not count. */
static bool is_silent(struct worker *w, uint32_t cell, int64_t now)
{
  struct flight *f = &w->flights[cell];
  const struct page_cell *c = &process_page(w->process)->cells[cell];
  int64_t beat = atomic_load(&c->beat_ns);
  if (beat != f->beat_ns) {
    f->beat_ns = beat;
    f->beat_rested_ns = f->rested_ns;
  }
  return f->task->heartbeat_ms > 0 &&
         has_had(f, beat ? beat : atomic_load(&c->began_ns),
                 f->rested_ns - f->beat_rested_ns, f->task->heartbeat_ms, now);
}

static bool is_past_grace(struct worker *w, uint32_t cell, int64_t now)
{
  const struct flight *f = &w->flights[cell];
  return has_had(f, f->told_ns, 0, f->task->cancel_grace_ms, now);
}

/* ---- one worker ---- */

void watch__spoken_to(struct worker *w)
{
  if (w->unheard_ns == 0)
    w->unheard_ns = clock_mono_ns();
}

/* The loop must turn for each frame: since when has it not? 0: it has. */
static int64_t unheard_since(struct worker *w, int64_t now)
{
  int64_t turned = atomic_load(&process_page(w->process)->turned_ns);
  if (w->unheard_ns && turned > w->unheard_ns)
    w->unheard_ns = 0;
  if (w->unheard_ns == 0 && w->n_open > 0 && now - turned > QUIET_NS) {
    process_send_control(w->process, MESSAGE_PING, NULL, 0);
    watch__spoken_to(w);
  }
  return w->unheard_ns;
}

/* Since when it stands still, or 0; `current` is the job that is to blame, if any. */
static int64_t still_since(struct worker *w, int64_t now, uint32_t *current)
{
  struct page *page = process_page(w->process);
  uint32_t busy = atomic_load(&page->busy);
  int64_t since =
      busy == PAGE_IDLE ? unheard_since(w, now) : atomic_load(&page->since_ns);
  *current = busy == PAGE_JOB ? atomic_load(&page->current) : UINT32_MAX;
  if (since && since < w->pool->forgiven_ns)
    since = w->pool->forgiven_ns;
  return since && now - since >= STILL_NS ? since : 0;
}

static void kill_for(struct worker *w, const char *why, int64_t ms)
{
  char reason[80], limit[32];
  snprintf(reason, sizeof reason, "killed: %s %s", why, duration_format(ms, limit));
  process_kill(w->process, reason);
}

static void kill_still(struct worker *w, uint32_t current, int64_t now, int64_t still)
{
  int64_t stall_ms = w->generation->settings.stall_ms;
  const struct catalog_task *task =
      current < PAGE_CELLS && w->flights[current].open ? w->flights[current].task : NULL;
  if (still > stall_ms * CLOCK_MS)
    kill_for(w, "stood still for", stall_ms);
  else if (task && out_of_time(w, current, now))
    kill_for(w, "timed out after", task->timeout_ms);
  else if (task && is_silent(w, current, now))
    kill_for(w, "no heartbeat for", task->heartbeat_ms);
  else if (task && is_past_grace(w, current, now))
    kill_for(w, "cancelled, and still running after", task->cancel_grace_ms);
}

static void moves_again(struct worker *w)
{
  if (w->still_since_ns == 0)
    return;
  w->still_since_ns = 0;
  dispatch__pump(w->pool);
}

static void look_at(struct worker *w, int64_t now)
{
  uint32_t current;
  int64_t since = process_killed(w->process) ? 0 : still_since(w, now, &current);
  if (!since) {
    moves_again(w);
    return;
  }
  if (w->still_since_ns != since) /* it has just been found standing */
    w->still_since_ns = w->still_seen_ns = since;
  take_back(w);
  give_rest(w, current, w->still_seen_ns, now);
  w->still_seen_ns = now;
  kill_still(w, current, now, now - since);
}

/* ---- all of them ---- */

static void forgive(struct pool *p, int64_t from, int64_t to)
{
  p->forgiven_ns = to;
  for (int i = 0; i < p->n_seats; i++)
    if (p->seats[i].process)
      give_rest(&p->seats[i], UINT32_MAX, from, to);
}

static void look(uv_timer_t *timer)
{
  struct pool *p = timer->data;
  int64_t now = clock_mono_ns(), before = p->looked_ns;
  bool something = false;
  p->looked_ns = now;
  if (now - before > LATE_NS) { /* we were stopped: look again before judging */
    forgive(p, before, now);
    return;
  }
  for (int i = 0; i < p->n_seats; i++) {
    struct worker *w = &p->seats[i];
    bool rests = w->state == WORKER_READY || w->state == WORKER_WAITING;
    bool idle = !w->process || (w->n_open == 0 && rests);
    something = something || !idle;
    if (idle)
      moves_again(w);
    else
      look_at(w, now);
  }
  if (!something)
    uv_timer_stop(timer);
}

void watch__start(struct pool *p)
{
  if (uv_is_active((uv_handle_t *)&p->watch))
    return;
  p->looked_ns = clock_mono_ns();
  uv_timer_start(&p->watch, look, EVERY_MS, EVERY_MS);
}
