/* Which job's Lua runs next, and for how long: see worker.h.
 *
 * Jobs that may go on come before jobs that have not begun, but for one a turn. After
 * TURN_NS the loop turns,
 * so that messages are read, results leave and the host sees that the worker lives; what
 * is left over goes on in the next turn.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lua/outcome.h"
#include "lua/slot.h"

#define TURN_NS (10 * CLOCK_MS)

/* Results that have not left: with more of them nothing begins. */
#define PENDING_MAX ((size_t)4 * 1024 * 1024)

/* ---- the line of jobs ---- */

void turn_add(struct worker *w, const char *body, size_t len)
{
  struct job *job = mem_alloc(sizeof *job + len);
  memcpy(job->bytes, body, len);
  if (message_get_job(job->bytes, len, &job->m) < 0 || job->m.cell >= PAGE_CELLS) {
    free(job);
    run_end(w, "the host sent a job that cannot be read");
    return;
  }
  if (w->draining) {
    outcome_skipped(w, job);
    return;
  }
  if (w->line)
    w->line_end->next = job;
  else
    w->line = job;
  w->line_end = job;
  turn_wake(w);
}

static struct job *leave_line(struct worker *w)
{
  struct job *job = w->line;
  if (job)
    w->line = job->next;
  return job;
}

/* The host may have taken the job back: whoever moves its cell first has it. */
bool turn_begins(struct worker *w, const struct job *job)
{
  struct page_cell *cell = &w->page->cells[job->m.cell];
  uint32_t offered = PAGE_OFFERED;
  atomic_store_explicit(&cell->began_ns, w->now_ns, memory_order_relaxed);
  return atomic_compare_exchange_strong(&cell->state, &offered, PAGE_BEGUN);
}

static bool may_begin(const struct worker *w)
{
  return w->line && w->now_ns < w->turn_end_ns &&
         channel_pending(w->channel) < PENDING_MAX;
}

struct job *turn_take_job(struct worker *w)
{
  bool due = w->overdue || !w->ready.first;
  w->overdue = false;
  return due && may_begin(w) ? leave_line(w) : NULL;
}

void turn_drain(struct worker *w)
{
  struct job *job;
  w->draining = true;
  while ((job = leave_line(w)))
    outcome_skipped(w, job);
  turn_wake(w);
}

/* ---- turns ---- */

static void nothing(uv_idle_t *idle)
{
  (void)idle;
}

/* An active idle handle keeps the loop from sleeping. */
void turn_wake(struct worker *w)
{
  uv_idle_start(&w->again, nothing);
}

static struct fiber *next_fiber(struct worker *w)
{
  struct fiber *f = fiber_pop_ready(w);
  struct slot *s = !f && may_begin(w) ? slot_pop_free(w) : NULL;
  return s ? &s->main : f;
}

/* Fibers that always may go on must not keep a job from beginning: one does a turn. */
static void begin_overdue(struct worker *w)
{
  w->overdue = w->line && w->ready.first;
  struct slot *s = w->overdue && may_begin(w) ? slot_pop_free(w) : NULL;
  if (s)
    slot_run(&s->main);
  w->overdue = false;
}

static bool is_more(const struct worker *w)
{
  bool can_send = channel_pending(w->channel) < PENDING_MAX;
  return w->ready.first || (w->line && w->free_slots && can_send);
}

static void turn(uv_check_t *check)
{
  struct worker *w = check->data;
  struct fiber *f;
  w->now_ns = clock_mono_ns();
  w->turn_end_ns = w->now_ns + TURN_NS;
  atomic_store_explicit(&w->page->turned_ns, w->now_ns, memory_order_release);
  begin_overdue(w);
  while (w->now_ns < w->turn_end_ns && (f = next_fiber(w)))
    slot_run(f);
  if (!is_more(w))
    uv_idle_stop(&w->again);
  if (w->draining && w->busy_slots == 0)
    run_leave(w);
}

/* ---- life ---- */

void turn_init(struct worker *w)
{
  uv_idle_init(&w->loop, &w->again);
  uv_check_init(&w->loop, &w->check);
  w->check.data = w;
  uv_check_start(&w->check, turn);
  w->slots = mem_alloc(w->settings.slots * sizeof *w->slots);
  for (uint32_t i = w->settings.slots; i-- > 0;)
    slot_init(&w->slots[i], w, i);
}

void turn_fini(struct worker *w)
{
  struct job *job;
  while ((job = leave_line(w)))
    free(job);
  for (uint32_t i = 0; w->slots && i < w->settings.slots; i++)
    slot_fini(&w->slots[i]);
  uv_close((uv_handle_t *)&w->again, NULL);
  uv_close((uv_handle_t *)&w->check, NULL);
}
