/* What the pool and the queue of a host are given: see host_.h. */
#include "cli/host_.h"

#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/pool_settings.h"
#include "log/log.h"
#include "queue/event.h"

/* ---- the log of the parts ---- */

static void log_pool(void *arg, enum pool_level level, json_t *fields, const char *text)
{
  static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};

  (void)arg;
  log_line(levels[level], fields, "%s", text);
}

void host__log_watch(void *arg, const char *text)
{
  (void)arg;
  log_line(LOG_WARN, NULL, "%s", text);
}

static void log_worker(void *arg, const char *worker, const char *body, size_t len)
{
  (void)arg;
  log_message(worker, body, len);
}

/* Handlers emit no events of their own jobs: one that fails would go on for ever. */
static void emit_dead(struct host *h, const struct store_job *job, const char *error)
{
  const struct catalog *catalog = h->pool ? pool_catalog(h->pool) : NULL;
  const struct catalog_task *task = catalog_find(catalog, job->type);
  if (!catalog || (task && task->handler))
    return;
  json_t *cause = error ? jx_parse(error, strlen(error), NULL) : NULL;
  event_emit(h->queue, catalog, "job.dead",
             json_pack("{s:o, s:s, s:o?}", "id", jx_id(job->id), "type", job->type,
                       "error", cause));
}

static void ended(void *arg, const struct store_job *job, const struct store_finish *end)
{
  const struct host_test *test = ((struct host *)arg)->start.test;
  log_ended(job, end);
  if (test)
    test->ended(test->arg, job, end);
  if (end->became == STORE_DEAD)
    emit_dead(arg, job, end->reason.len ? end->reason.data : end->error);
}

static void log_trouble(void *arg, const struct err *err)
{
  (void)arg;
  if (err)
    log_line(LOG_ERROR, json_pack("{s:s}", "code", err->code),
             "the store takes nothing in for now; ends of jobs wait in memory: %s",
             err->text);
  else
    log_line(LOG_INFO, NULL, "the store takes things in again");
}

void host__store_broke(void *arg, const struct err *err)
{
  (void)arg;
  log_line(LOG_ERROR, json_pack("{s:s}", "code", err->code),
           "the store can't be trusted any more: %s", err->text);
  log_close();
  _exit(1); /* what was acknowledged is on disk; the next start reads it from there */
}

/* ---- what the workers do not have ---- */

static int get_secret(void *arg, const char *name, struct buf *value, struct err *err)
{
  struct host *h = arg;
  return vault_secret(h->vault, name, value, err);
}

static int seal(void *arg, const char *text, const char *context, struct buf *sealed,
                struct err *err)
{
  struct host *h = arg;
  return vault_seal(h->vault, text, context, sealed, err);
}

static int open_sealed(void *arg, const char *sealed, const char *context,
                       struct buf *text, struct err *err)
{
  struct host *h = arg;
  return vault_open(h->vault, sealed, context, text, err);
}

static void hide_secret(void *arg, const char *value)
{
  (void)arg;
  log_hide(value);
}

static void rotate_logs(void *arg)
{
  (void)arg;
  log_rotate();
}

static void scripts_event(void *arg, const char *name, const json_t *fields)
{
  struct host *h = arg;
  event_emit(h->queue, pool_catalog(h->pool), name, json_deep_copy(fields));
}

static void wake_pool(void *arg)
{
  struct host *h = arg;
  if (h->pool)
    pool_wake(h->pool);
}

/* ---- settings ---- */

static void settings_changed(void *arg, const struct conf *conf)
{
  struct host *h = arg;
  struct pool_settings settings = pool_settings_of(conf);
  pool_configure(h->pool, &settings);
  json_decref(settings.told);
}

static void settings_taken(void *arg, const struct pool_settings *settings)
{
  (void)arg;
  log_set_level(jx_str(settings->told, "log_level", "info"));
}

void host__make_settings(struct host *h)
{
  struct settings_config config = {.started = h->conf,
                                   .load = h->start.load,
                                   .load_arg = h->start.load_arg,
                                   .changed = settings_changed,
                                   .arg = h};
  h->settings = settings_new(&config);
}

/* ---- in a test ---- */

static void pump(void *arg)
{
  const struct host_test *test = ((struct host *)arg)->start.test;
  test->pump(test->arg);
}

static void outside(void *arg, const char *what, const json_t *body, struct request *ask)
{
  const struct host_test *test = ((struct host *)arg)->start.test;
  test->outside(test->arg, what, body, ask);
}

static const struct pool_test pool_test = {pump, outside};

/* ---- the pool and the queue ---- */

static int cores(void)
{
  unsigned n = uv_available_parallelism();
  return n > 0 && n < 1024 ? (int)n : 1;
}

void host__make_pool(struct host *h, void (*ready)(void *arg, const struct err *err),
                     void (*stopped)(void *arg))
{
  const struct conf *c = h->conf;
  struct pool_config config = {
      .workers = c->workers ? (int)c->workers : cores(),
      .settings = pool_settings_of(c),
      .env = c->env,
      .tmp = h->tmp,
      .mark = h->mark,
      .data = h->data,
      .ready = ready,
      .stopped = stopped,
      .message = log_worker,
      .log = log_pool,
      .vault = {get_secret, seal, open_sealed, hide_secret},
      .rotate_logs = rotate_logs,
      .event = scripts_event,
      .taken = settings_taken,
      .test = h->start.test ? &pool_test : NULL,
      .arg = h,
  };
  h->pool = pool_new(&h->loop, &config, &h->sources);
  json_decref(config.settings.told);
}

void host__make_queue(struct host *h)
{
  struct queue_config config = {.keep = queue_keep_of(h->conf),
                                .wake = wake_pool,
                                .ended = ended,
                                .trouble = log_trouble,
                                .arg = h};
  h->queue = queue_new(&h->loop, h->store, &config);
}
