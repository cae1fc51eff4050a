/* Jobs in the hands of workers that are to end, as the store tells (struct store_watch):
 * one that has not begun goes back, which ends it; one that has begun is told. How long
 * it may then go on is for the worker to see to, and where Lua never lets it, for
 * watch.c. */
#include "worker/pool_.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"

static struct wire_text text_of(const json_t *object, const char *name)
{
  const char *text = jx_str(object, name, "");
  return (struct wire_text){text, strlen(text)};
}

static void send_cancel(struct worker *w, uint32_t cell, const char *reason)
{
  const struct flight *f = &w->flights[cell];
  struct buf b = {0};
  json_t *why = jx_parse(reason, strlen(reason), NULL);
  struct message_cancel m = {.cell = cell,
                             .id = f->job.id,
                             .lease = f->job.lease,
                             .grace_ms = f->task->cancel_grace_ms,
                             .code = text_of(why, "code"),
                             .message = text_of(why, "message")};
  message_put_cancel(&b, &m);
  process_send_control(w->process, MESSAGE_CANCEL, b.data, b.len);
  watch__spoken_to(w);
  buf_fini(&b);
  json_decref(why);
}

static void tell(struct worker *w, uint32_t cell, const char *reason)
{
  struct flight *f = &w->flights[cell];
  if (f->revoked || f->told_ns || watch__take_back(w, cell))
    return;
  f->told_ns = clock_mono_ns();
  atomic_store(&process_page(w->process)->cells[cell].cancelled, 1);
  send_cancel(w, cell, reason);
}

/* Whether this worker has the job. */
static bool tell_worker(struct worker *w, int64_t id, int64_t lease, const char *reason)
{
  for (uint32_t cell = 0; cell < PAGE_CELLS && w->n_open > 0; cell++) {
    const struct flight *f = &w->flights[cell];
    if (!f->open || f->job.id != id || f->job.lease != lease)
      continue;
    tell(w, cell, reason);
    return true;
  }
  return false;
}

/* Nobody has it: its end is on the way to the store, which knows. */
static void on_cancel(void *arg, int64_t id, int64_t lease, const char *reason)
{
  struct pool *p = arg;
  for (int i = 0; i < p->n_seats; i++)
    if (p->seats[i].process && tell_worker(&p->seats[i], id, lease, reason))
      return;
}

/* For as long as the store lives, which ends before the pool. */
void cancel__start(struct pool *p)
{
  p->cancels = (struct store_watch){.cancel = on_cancel, .arg = p};
  store_watch(queue_store(p->queue), &p->cancels);
}
