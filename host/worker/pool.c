/* The pool's life: see pool.h. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"

/* ---- life ---- */

struct pool *pool_new(uv_loop_t *loop, const struct pool_config *config,
                      struct sources *sources, struct err *err)
{
  int bundle = sources_share(sources, err);
  if (bundle < 0)
    return NULL;
  struct pool *p = mem_alloc(sizeof *p);
  p->loop = loop;
  p->config = *config;
  p->sources = *sources;
  *sources = (struct sources){0};
  p->bundle = bundle;
  p->excluded = json_deep_copy(p->sources.problems);
  p->n_seats = 2 * config->workers;
  p->seats = mem_alloc((size_t)p->n_seats * sizeof *p->seats);
  for (int i = 0; i < p->n_seats; i++)
    worker__init(&p->seats[i], p, i);
  uv_timer_init(loop, &p->watch);
  uv_timer_init(loop, &p->grace);
  uv_timer_init(loop, &p->retry);
  p->watch.data = p->grace.data = p->retry.data = p;
  p->handles = 3 + p->n_seats;
  return p;
}

static void release(uv_handle_t *handle)
{
  struct pool *p = handle->data;
  if (--p->handles > 0)
    return;
  for (int i = 0; i < p->n_seats; i++) {
    free(p->seats[i].flights);
    free(p->seats[i].free_cells);
  }
  free(p->seats);
  catalog_free(&p->catalog);
  json_decref(p->manifest);
  json_decref(p->excluded);
  sources_fini(&p->sources);
  close(p->bundle);
  free(p);
}

void pool_free(struct pool **pool)
{
  struct pool *p = *pool;
  *pool = NULL;
  if (!p)
    return;
  for (int i = 0; i < p->n_seats; i++)
    worker__close(&p->seats[i], release);
  uv_close((uv_handle_t *)&p->watch, release);
  uv_close((uv_handle_t *)&p->grace, release);
  uv_close((uv_handle_t *)&p->retry, release);
}

static void log_left_out(struct pool *p, const char *path, const char *text)
{
  pool__log(p, POOL_ERROR, json_pack("{s:s}", "file", path),
            "%s is left out: %s; the other files run", path, text);
}

void pool_start(struct pool *p, struct queue *queue)
{
  const char *path;
  json_t *error;
  p->queue = queue;
  json_object_foreach(p->excluded, path, error)
    log_left_out(p, path, jx_str(error, "message", "?"));
  pool__restart_loading(p);
}

/* The first worker alone finds out what the files declare; the others follow. */
void pool__restart_loading(struct pool *p)
{
  p->state = POOL_LOADING;
  worker__start(&p->seats[0]);
}

void pool__exclude(struct pool *p, const char *path, const char *code, const char *text)
{
  json_object_set_new(p->excluded, path, jx_error(code, text));
  log_left_out(p, path, text);
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

static json_t *list(char *const *items, size_t n)
{
  json_t *array = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(array, json_string(items[i]));
  return array;
}

static void add_files_and_programs(json_t *init, const struct pool_config *c)
{
  json_object_update_new(init, json_pack("{s:s, s:I, s:o, s:I, s:i, s:s}", "tmp", c->tmp,
                                         "file_job_max", (json_int_t)c->file_job_max,
                                         "process_allow",
                                         list(c->process_allow, c->n_process_allow),
                                         "process_memory", (json_int_t)c->process_memory,
                                         "process_max", c->process_max, "mark", c->mark));
}

void pool__send_init(struct process *process, const struct pool_config *c,
                     const char *worker, json_t *excluded)
{
  json_t *exclude = json_array(), *error;
  const char *path;
  size_t len;
  json_object_foreach(excluded, path, error)
    json_array_append_new(exclude, json_string(path));
  json_t *init = json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:s, s:s, s:o}", "worker",
                           worker, "generation", 1, "slots", c->slots, "memory_max",
                           (json_int_t)c->memory, "result_max", (json_int_t)c->result_max,
                           "timeout_ms", (json_int_t)c->defaults.timeout_ms, "env",
                           c->env, "log_level", c->log_level, "exclude", exclude);
  add_files_and_programs(init, c);
  char *text = jx_dump(init, &len);
  process_send(process, MESSAGE_INIT, text, len);
  free(text);
  json_decref(init);
}

/* ---- what others ask ---- */

void pool_wake(struct pool *p)
{
  p->maybe_ready = true;
  dispatch__pump(p);
}

const struct catalog *pool_catalog(const struct pool *p)
{
  return p->catalog;
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
  json_t *files = json_array(), *file, *error;
  const char *path;
  size_t i;
  json_array_foreach(json_object_get(p->manifest, "files"), i, file)
    if (!json_object_get(p->excluded, jx_str(file, "path", "")))
      json_array_append(files, file);
  json_object_foreach(p->excluded, path, error)
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
