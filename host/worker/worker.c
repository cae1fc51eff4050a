/* One seat of the pool: starts a process on it, listens to it, starts the next one when
 * it has gone. Deaths without a culprit in a row wait longer each time. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "worker/leftovers.h"

#define BACKOFF_MS     50
#define BACKOFF_MAX_MS 2000
#define HOPELESS       6 /* deaths in a row before anything was loaded */

/* ---- the seat ---- */

void worker__init(struct worker *w, struct pool *pool, int number)
{
  w->pool = pool;
  snprintf(w->name, sizeof w->name, "w%d", number + 1);
  w->flights = mem_alloc(PAGE_CELLS * sizeof *w->flights);
  w->free_cells = mem_alloc(PAGE_CELLS * sizeof *w->free_cells);
  uv_timer_init(pool->loop, &w->restart);
  w->restart.data = w;
}

void worker__close(struct worker *w, uv_close_cb closed)
{
  process_free(&w->process);
  generation__let_go(&w->generation);
  w->restart.data = w->pool;
  uv_close((uv_handle_t *)&w->restart, closed);
}

static void empty_cells(struct worker *w)
{
  w->n_free = w->n_open = 0;
  for (int cell = PAGE_CELLS - 1; cell >= 0; cell--)
    w->free_cells[w->n_free++] = (uint16_t)cell;
}

/* ---- the process ---- */

/* It leaves, and may take its time: somebody else begins on a free seat. */
static void replace(struct worker *w)
{
  struct pool *p = w->pool;
  if (w->state != WORKER_READY || p->state != POOL_RUNNING)
    return;
  worker__leave(w);
  p->restarts++;
  staff__fill(p);
}

static void on_message(void *arg, enum message_kind kind, const char *body, size_t len)
{
  struct worker *w = arg;
  switch (kind) {
  case MESSAGE_DONE:
    dispatch__done(w, body, len);
    break;
  case MESSAGE_REQUEST:
    request__serve(w, body, len);
    break;
  case MESSAGE_LOG:
    w->pool->config.message(w->pool->config.arg, w->name, body, len);
    break;
  case MESSAGE_MANIFEST:
    load__manifest(w, body, len);
    break;
  case MESSAGE_REPLACE:
    replace(w);
    break;
  default:
    process_kill(w->process, "said something that a worker never says");
  }
}

static uint64_t backoff_ms(const struct worker *w)
{
  if (w->deaths <= 1)
    return 0;
  uint64_t ms = (uint64_t)BACKOFF_MS << (w->deaths < 8 ? w->deaths - 2 : 6);
  return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static bool is_hopeless(const struct worker *w, const struct generation *g)
{
  return g != w->pool->current && w->number == g->number && w->deaths >= HOPELESS;
}

/* Where one worker of it has loaded, the files are to blame. */
static void give_up(const struct worker *w, struct generation *g)
{
  struct err err;
  if (g->manifest)
    err_set(&err, "load_failed", "one worker loaded, and a second one does not: %s",
            w->how);
  else
    err_set(&err, "worker_start", "the worker program does not start: %s", w->how);
  load__fail(g, &err);
}

static void on_restart(uv_timer_t *timer)
{
  struct worker *w = timer->data;
  struct generation *g = staff__lacking(w->pool);
  if (g && is_hopeless(w, g))
    give_up(w, g);
  else if (g)
    worker__start(w, g);
}

static void all_gone(struct pool *p)
{
  for (int i = 0; i < p->n_seats; i++)
    if (p->seats[i].process)
      return;
  if (!p->stopped) {
    p->stopped = true;
    p->config.stopped(p->config.arg);
  }
}

static void empty_seat(struct worker *w)
{
  w->state = WORKER_DOWN;
  w->incarnation++;
  leftovers_of_worker(w->pool->loop, w->pool->config.tmp, process_pid(w->process));
  process_free(&w->process);
  generation__let_go(&w->generation);
}

static void on_gone(void *arg, const char *how)
{
  struct worker *w = arg;
  struct pool *p = w->pool;
  snprintf(w->how, sizeof w->how, "%s", how);
  blame__gone(w, w->how);
  bool was_current = w->generation == p->current && w->state != WORKER_LEAVING;
  empty_seat(w);
  staff__gone(p);
  if (p->state == POOL_STOPPING) {
    all_gone(p);
  } else if (staff__lacking(p)) {
    p->restarts += was_current;
    uv_timer_start(&w->restart, on_restart, backoff_ms(w), 0);
  }
}

static void on_drained(void *arg)
{
  struct worker *w = arg;
  dispatch__pump(w->pool);
}

static const struct process_events process_events = {on_message, on_gone, on_drained};

static void not_started(struct worker *w, const struct err *err)
{
  pool__log(w->pool, POOL_ERROR, NULL, "worker %s: %s", w->name, err->text);
  snprintf(w->how, sizeof w->how, "%.100s", err->text);
  w->deaths++;
  uv_timer_start(&w->restart, on_restart, backoff_ms(w) + BACKOFF_MS, 0);
}

void worker__start(struct worker *w, struct generation *g)
{
  struct err err;
  empty_cells(w);
  if (w->number != g->number)
    w->deaths = 0;
  w->number = g->number;
  w->process = process_start(w->pool->loop, g->bundle, &process_events, w, &err);
  if (!w->process) {
    not_started(w, &err);
    return;
  }
  generation__hold(g);
  w->generation = g;
  w->state = WORKER_LOADING;
  w->dismissed = false;
  w->window_ns = clock_mono_ns();
  w->still_since_ns = w->still_seen_ns = w->unheard_ns = 0;
  pool__send_init(w->process, &w->pool->config, &g->settings, w->name, g->number,
                  g->excluded);
  watch__start(w->pool);
}

/* One that stands still would never hear of it, so it is watched. */
void worker__leave(struct worker *w)
{
  if (!w->process || w->state == WORKER_LEAVING)
    return;
  w->state = WORKER_LEAVING;
  process_send_control(w->process, MESSAGE_DRAIN, NULL, 0);
  watch__spoken_to(w);
  watch__start(w->pool);
}

void worker__dismiss(struct worker *w, const char *why)
{
  w->dismissed = true;
  process_kill(w->process, why);
}
