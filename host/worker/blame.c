/* Who is to blame when a worker is gone, and what becomes of everything it held.
 *
 *   the job whose Lua was running       failed once, with how the worker ended
 *   other jobs that had begun           rescued: back to the queue, not counted
 *   jobs that had not begun             back to the queue as if nothing had been
 *   begun jobs that must not run twice  dead, outcome unknown
 *   the file whose top level was running   it is for load.c to say
 *
 * When the host stops and kills what does not end, or an old generation is ended, nobody
 * is to blame.
 */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum guilt { GUILTY, RESCUED, RELEASED, LOST };

struct verdict {
  uint32_t culprit; /* a cell, or UINT32_MAX */
  char *error;      /* JSON, of the culprit or of the accident */
};

static const char *code_of(const char *how, bool out_of_memory)
{
  if (out_of_memory)
    return "out_of_memory";
  if (strstr(how, "timed out"))
    return "timeout";
  if (strstr(how, "no heartbeat"))
    return "heartbeat_lost";
  if (strstr(how, "cancelled"))
    return "cancelled";
  if (strncmp(how, "killed:", 7) == 0)
    return "killed";
  return "crashed";
}

static char *error_of(struct worker *w, const char *how)
{
  bool oom = atomic_load(&process_page(w->process)->out_of_memory) != 0;
  const char *text = oom ? "out of memory: its worker could not go on" : how;
  json_t *error = jx_error(code_of(how, oom), text);
  char *json = jx_dump(error, NULL);
  json_decref(error);
  return json;
}

static bool has_begun(struct worker *w, uint32_t cell)
{
  return atomic_load(&process_page(w->process)->cells[cell].state) != PAGE_OFFERED;
}

static enum guilt judge(struct worker *w, uint32_t cell, uint32_t culprit)
{
  uint32_t state = atomic_load(&process_page(w->process)->cells[cell].state);
  if (!has_begun(w, cell))
    return RELEASED;
  if (!w->flights[cell].task->rerun)
    return LOST;
  if (w->pool->state == POOL_STOPPING || w->generation->state == GENERATION_ENDED)
    return RELEASED;
  return cell == culprit && state == PAGE_BEGUN ? GUILTY : RESCUED;
}

static void settle(struct worker *w, uint32_t cell, const struct verdict *v)
{
  static void (*const ends[])(struct queue *,
                              const struct queue_end *) = {[GUILTY] = queue_failed,
                                                           [RESCUED] = queue_rescued,
                                                           [RELEASED] = queue_released,
                                                           [LOST] = queue_lost_once};
  struct queue_end end = {.error = v->error, .delay_ms = -1};
  dispatch__end(w, cell, &end);
  if (!has_begun(w, cell)) /* it may have been about to */
    end.began_at = 0;
  ends[judge(w, cell, v->culprit)](w->pool->queue, &end);
}

static void settle_all(struct worker *w, const struct verdict *v)
{
  for (uint32_t cell = 0; cell < PAGE_CELLS && w->n_open > 0; cell++) {
    if (!w->flights[cell].open)
      continue;
    if (!w->flights[cell].revoked) /* a revoked one went back long ago */
      settle(w, cell, v);
    dispatch__close_flight(w, cell);
  }
}

static void log_gone(struct worker *w, const char *how)
{
  pool__log(w->pool, POOL_WARN,
            json_pack("{s:s, s:i}", "worker", w->name, "jobs", w->n_open),
            "worker %s is gone: %s", w->name, how);
}

/* Ends that were wanted: a drain, or a kill that is our own affair. */
static bool was_wanted(const struct worker *w, const char *how)
{
  if (w->dismissed)
    return true;
  return w->state == WORKER_LEAVING && strcmp(how, "ended with code 0") == 0;
}

void blame__gone(struct worker *w, const char *how)
{
  struct page *page = process_page(w->process);
  uint32_t busy = atomic_load(&page->busy);
  uint32_t current = atomic_load(&page->current);
  bool wanted = was_wanted(w, how);
  struct verdict v = {.culprit = busy == PAGE_JOB ? current : UINT32_MAX};
  w->deaths = busy == PAGE_JOB || wanted ? 0 : w->deaths + 1;
  if (!wanted)
    log_gone(w, how);
  if (busy == PAGE_LOAD)
    load__file_died(w, current, how);
  v.error = error_of(w, how);
  settle_all(w, &v);
  free(v.error);
  if (w->generation->state == GENERATION_APPLYING)
    w->generation->state = GENERATION_LOADING; /* another one loads again */
}
