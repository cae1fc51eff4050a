/* One seat of the pool: starts a process on it, listens to it, starts the next one when
 * it has gone. Deaths without a culprit in a row wait longer each time. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
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

/* A seat that nobody sits on or is due to; else NULL. */
static struct worker *free_seat(struct pool *p)
{
  for (int i = 0; i < p->n_seats; i++)
    if (p->seats[i].state == WORKER_DOWN &&
        !uv_is_active((uv_handle_t *)&p->seats[i].restart))
      return &p->seats[i];
  return NULL;
}

/* Ends a worker that has been leaving already; its jobs are rescued. */
static void make_room(struct worker *but)
{
  struct pool *p = but->pool;
  for (int i = 0; i < p->n_seats; i++) {
    struct worker *w = &p->seats[i];
    if (w != but && w->state == WORKER_LEAVING && !process_killed(w->process)) {
      process_kill(w->process, "killed: it had been leaving, and others need its seat");
      return;
    }
  }
}

/* It leaves, and may take its time: somebody else begins on a free seat. */
static void replace(struct worker *w)
{
  struct pool *p = w->pool;
  if (w->state != WORKER_READY || p->state != POOL_RUNNING)
    return;
  struct worker *next = free_seat(p);
  worker__leave(w);
  p->restarts++;
  if (next)
    worker__start(next);
  else
    make_room(w);
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
    generation__manifest(w, body, len);
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

static void on_restart(uv_timer_t *timer)
{
  worker__start(timer->data);
}

/* How many seats have a worker that takes jobs, or will have one soon. */
static int staffed(const struct pool *p)
{
  int n = 0;
  for (int i = 0; i < p->n_seats; i++)
    n += p->seats[i].state == WORKER_LOADING || p->seats[i].state == WORKER_READY ||
         uv_is_active((const uv_handle_t *)&p->seats[i].restart);
  return n;
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

static bool give_up(struct worker *w, const char *how)
{
  struct err err;
  if (w->pool->state != POOL_LOADING || w->deaths < HOPELESS)
    return false;
  err_set(&err, "worker_start", "the worker program does not start: %s", how);
  w->pool->config.ready(w->pool->config.arg, &err);
  return true;
}

static void on_gone(void *arg, const char *how)
{
  struct worker *w = arg;
  struct pool *p = w->pool;
  char reason[128];
  snprintf(reason, sizeof reason, "%s", how);
  blame__gone(w, reason);
  w->state = WORKER_DOWN;
  w->incarnation++;
  leftovers_of_worker(p->loop, p->config.tmp, process_pid(w->process));
  process_free(&w->process);
  if (p->state == POOL_STOPPING)
    all_gone(p);
  else if (!give_up(w, reason) && staffed(p) < p->config.workers) {
    p->restarts++;
    uv_timer_start(&w->restart, on_restart, backoff_ms(w), 0);
  }
}

static void on_drained(void *arg)
{
  struct worker *w = arg;
  dispatch__pump(w->pool);
}

static const struct process_events process_events = {on_message, on_gone, on_drained};

void worker__start(struct worker *w)
{
  struct err err;
  empty_cells(w);
  w->process = process_start(w->pool->loop, w->pool->bundle, &process_events, w, &err);
  if (!w->process) {
    pool__log(w->pool, POOL_ERROR, NULL, "worker %s: %s", w->name, err.text);
    w->deaths++;
    if (!give_up(w, err.text))
      uv_timer_start(&w->restart, on_restart, backoff_ms(w) + BACKOFF_MS, 0);
    return;
  }
  w->state = WORKER_LOADING;
  w->window_ns = clock_mono_ns();
  w->still_since_ns = w->still_seen_ns = w->unheard_ns = 0;
  pool__send_init(w->process, &w->pool->config, w->name, w->pool->excluded);
  watch__start(w->pool);
}

void worker__leave(struct worker *w)
{
  if (!w->process || w->state == WORKER_LEAVING)
    return;
  w->state = WORKER_LEAVING;
  process_send_control(w->process, MESSAGE_DRAIN);
}
