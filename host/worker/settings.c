/* The settings that a generation keeps: held, released, compared. Where they come from is
 * the host's affair (pool_configure). */
#include "worker/pool_.h"

void settings__copy(struct pool_settings *to, const struct pool_settings *from)
{
  settings__fini(to);
  *to = *from;
  json_incref(to->told);
}

void settings__fini(struct pool_settings *s)
{
  json_decref(s->told);
  *s = (struct pool_settings){0};
}

static bool same_keep(const struct queue_keep *a, const struct queue_keep *b)
{
  return a->completed_ms == b->completed_ms && a->dead_ms == b->dead_ms &&
         a->logs_ms == b->logs_ms && a->logs == b->logs;
}

bool settings__same(const struct pool_settings *a, const struct pool_settings *b)
{
  return a->slots == b->slots && a->stall_ms == b->stall_ms &&
         a->defaults.max_retries == b->defaults.max_retries &&
         a->defaults.timeout_ms == b->defaults.timeout_ms &&
         a->defaults.cancel_grace_ms == b->defaults.cancel_grace_ms &&
         same_keep(&a->keep, &b->keep) && json_equal(a->told, b->told);
}
