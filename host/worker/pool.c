/* The pool's life: see pool.h. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

/* ---- life ---- */

struct pool *pool_new(uv_loop_t *loop, const struct pool_config *config,
                      struct sources *sources)
{
  struct pool *p = mem_alloc(sizeof *p);
  uv_timer_t *timers[] = {&p->watch, &p->grace, &p->retry, &p->load};
  p->loop = loop;
  p->config = *config;
  settings__copy(&p->wanted, &config->settings);
  p->offered = *sources;
  *sources = (struct sources){0};
  p->n_seats = (2 + POOL_OLD) * config->workers;
  p->seats = mem_alloc((size_t)p->n_seats * sizeof *p->seats);
  for (int i = 0; i < p->n_seats; i++)
    worker__init(&p->seats[i], p, i);
  for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
    uv_timer_init(loop, timers[i]);
    timers[i]->data = p;
  }
  p->holders = (int)(sizeof timers / sizeof timers[0]) + p->n_seats;
  return p;
}

void pool__release(struct pool *p)
{
  if (--p->holders > 0)
    return;
  for (int i = 0; i < p->n_seats; i++) {
    free(p->seats[i].flights);
    free(p->seats[i].free_cells);
  }
  free(p->seats);
  generation__let_go(&p->current);
  generation__let_go(&p->next);
  for (int i = 0; i < POOL_OLD; i++)
    generation__let_go(&p->old[i]);
  json_decref(p->problem);
  last_good_fini(&p->last_good);
  sources_fini(&p->offered);
  sources_fini(&p->failed);
  settings__fini(&p->wanted);
  settings__fini(&p->failed_settings);
  free(p);
}

static void closed(uv_handle_t *handle)
{
  pool__release(handle->data);
}

void pool_free(struct pool **pool)
{
  struct pool *p = *pool;
  *pool = NULL;
  if (!p)
    return;
  p->state = POOL_STOPPING;
  for (int i = 0; i < p->n_seats; i++)
    worker__close(&p->seats[i], closed);
  uv_close((uv_handle_t *)&p->watch, closed);
  uv_close((uv_handle_t *)&p->grace, closed);
  uv_close((uv_handle_t *)&p->retry, closed);
  uv_close((uv_handle_t *)&p->load, closed);
}

void pool_start(struct pool *p, struct queue *queue)
{
  p->queue = queue;
  cancel__start(p);
  reload__start(p);
}

/* ---- stopping ---- */

static void grace_is_over(uv_timer_t *timer)
{
  struct pool *p = timer->data;
  for (int i = 0; i < p->n_seats; i++)
    if (p->seats[i].process)
      process_kill(p->seats[i].process, "the host stops and its grace is over");
}

void pool_stop(struct pool *p, int64_t grace_ms)
{
  bool none = true;
  p->state = POOL_STOPPING;
  uv_timer_stop(&p->load);
  for (int i = 0; i < p->n_seats; i++) {
    uv_timer_stop(&p->seats[i].restart);
    none = none && !p->seats[i].process;
    worker__leave(&p->seats[i]);
  }
  if (none && !p->stopped) {
    p->stopped = true;
    p->config.stopped(p->config.arg);
    return;
  }
  uv_timer_start(&p->grace, grace_is_over, (uint64_t)grace_ms, 0);
}

/* ---- what workers are told ---- */

void pool__send_init(struct process *process, const struct pool_config *c,
                     const struct pool_settings *settings, const char *worker,
                     int generation, json_t *excluded)
{
  json_t *exclude = json_array(), *error;
  const char *path;
  size_t len;
  json_object_foreach(excluded, path, error)
    json_array_append_new(exclude, json_string(path));
  json_t *init = json_pack("{s:s, s:i, s:s, s:s*, s:s*, s:o}", "worker", worker,
                           "generation", generation, "env", c->env, "tmp", c->tmp, "mark",
                           c->mark, "exclude", exclude);
  json_object_update(init, settings->told);
  if (c->test)
    json_object_set_new(init, "is_test", json_integer(1));
  char *text = jx_dump(init, &len);
  process_send(process, MESSAGE_INIT, text, len);
  free(text);
  json_decref(init);
}

void pool_tell_time(struct pool *p)
{
  for (int i = 0; i < p->n_seats; i++)
    if (p->seats[i].process)
      atomic_store(&process_page(p->seats[i].process)->wall_ms, clock_standing_ms());
}

/* ---- what others ask ---- */

void pool_wake(struct pool *p)
{
  p->maybe_ready = true;
  dispatch__pump(p);
}

const struct catalog *pool_catalog(const struct pool *p)
{
  return p->current ? p->current->catalog : NULL;
}

void pool_health(const struct pool *p, struct pool_health *h)
{
  *h = (struct pool_health){.workers = p->config.workers,
                            .restarts = p->restarts,
                            .last_claim_ms = p->last_claim_ms};
  for (int i = 0; i < p->n_seats; i++) {
    h->alive += p->seats[i].state == WORKER_READY;
    h->busy += p->seats[i].n_open > 0;
    h->open += p->seats[i].n_open;
  }
}

json_t *pool_files(const struct pool *p)
{
  const struct generation *g = p->current;
  json_t *files = json_array(), *file, *error;
  const char *path;
  size_t i;
  if (!g)
    return files;
  json_array_foreach(json_object_get(g->manifest, "files"), i, file)
    if (!json_object_get(g->excluded, jx_str(file, "path", "")))
      json_array_append(files, file);
  json_object_foreach(g->excluded, path, error)
    json_array_append_new(files, json_pack("{s:s, s:O}", "path", path, "error", error));
  return files;
}

void pool__log(struct pool *p, enum pool_level level, json_t *fields, const char *fmt,
               ...)
{
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  int n = vasprintf(&text, fmt, args);
  va_end(args);
  p->config.log(p->config.arg, level, fields, n < 0 ? fmt : text);
  free(text);
}
