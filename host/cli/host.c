/* Putting a host together: see host.h for the order, host_.h for what is elsewhere. */
#include "cli/host_.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "loop/lock.h"
#include "worker/leftovers.h"

#define SETTLE_MS    5000 /* for finishes that a full disk holds up at the stop */
#define ORPHANS_MS   1000 /* for launchers whose worker is gone to end what they run */
#define CLOSE_MS     2000 /* for clients that still read their answer */
#define KEY_SHORT    16   /* a chosen key with less characters is warned of */
#define PATH_LONGEST 480  /* SQLite opens no longer ones */

static void stop(struct host *h);

static void fail(struct host *h, const struct err *err)
{
  if (h->status == 0) {
    h->status = -1;
    h->err = *err;
  }
  stop(h);
}

/* ---- starting, in order ---- */

static void handle(struct http_request *req, void *arg)
{
  struct host *h = arg;
  if (h->api && (h->is_ready || h->stopping)) {
    api_handle(req, h->api);
    return;
  }
  http_set_header(req, "Retry-After", "1");
  http_problem(req, 503, "starting", "the host is starting; try again in a second");
}

/* The last step of a start: a key that was made is stored only when it can be shown. */
static void key_added(void *arg, const char *made, const struct err *err)
{
  struct host *h = arg;
  struct host_ready info = {.url = h->url, .data = h->data, .admin_key = made};
  struct err why;
  if (err) {
    fail(h, err);
    return;
  }
  int shown = h->start.ready(&info);
  if (shown < 0)
    err_set(&why, "stdout", "cannot tell on standard output that the host is ready: %s%s",
            strerror(errno),
            made ? "; the admin key that was made is lost (the README tells how to get "
                   "another one)"
                 : "");
  if (shown < 0 && made) {
    fail(h, &why);
    return;
  }
  if (shown < 0)
    log_line(LOG_WARN, NULL, "%s", why.text);
  h->is_ready = !h->stopping;
}

static void sources_seen(void *arg, struct sources *sources, const struct err *err)
{
  struct host *h = arg;
  settings_judge(h->settings);
  if (err)
    pool_unreadable(h->pool, err);
  else
    pool_offer(h->pool, sources);
}

static void watch_sources(struct host *h)
{
  struct watch_config config = {.settings = h->settings,
                                .scripts = h->conf->scripts,
                                .n_scripts = h->conf->n_scripts,
                                .seen = sources_seen,
                                .warn = host__log_watch,
                                .arg = h};
  h->watch = watch_new(&h->loop, &config);
}

static void begin_test(struct host *h)
{
  const struct host_test *test = h->start.test;
  h->is_ready = true;
  test->begin(test->arg, &(struct host_parts){h, &h->loop, h->store, h->queue, h->pool});
}

/* Once both the keys and the scripts are there, which are got side by side. */
static void serve(struct host *h)
{
  struct err why;
  if (!h->keys || !h->has_scripts || h->stopping)
    return;
  watch_sources(h);
  if (http_listen_unix(h->server, h->data, "control.sock", &why) < 0)
    fail(h, &why);
  else
    keys_add_first(h->keys, h->store, h->conf->admin_key, key_added, h);
}

static void pool_ready(void *arg, const struct err *err)
{
  struct host *h = arg;
  if (h->has_scripts || h->stopping)
    return;
  h->has_scripts = !err;
  if (err)
    fail(h, err);
  else if (h->start.test)
    begin_test(h);
  else
    serve(h);
}

static void pool_stopped(void *arg);

static void warn_of_key(const struct host *h)
{
  const char *chosen = h->conf->admin_key;
  if (chosen && !keys_is_empty(h->keys) && !keys_check(h->keys, chosen))
    log_line(LOG_WARN, NULL,
             "CANDY_ADMIN_KEY is not the key of this data folder: it only sets the admin "
             "key on the first start");
  else if (chosen && strlen(chosen) < KEY_SHORT)
    log_line(
        LOG_WARN, NULL,
        "CANDY_ADMIN_KEY has less than %d characters: a key that can be guessed opens "
        "everything",
        KEY_SHORT);
}

static void keys_known(void *arg, struct keys *keys, const struct err *err)
{
  struct host *h = arg;
  h->keys = keys;
  if (err) {
    fail(h, err);
  } else if (!h->stopping) {
    warn_of_key(h);
    h->api = api_new(
        &(struct api_parts){h->store, h->queue, h->pool, keys, h->settings, &h->loop});
    serve(h);
  }
}

static void recovered(struct store_op *op)
{
  struct host *h = op->arg;
  if (op->status < 0) {
    fail(h, op->err);
  } else if (!h->stopping) {
    if (h->recover.released || h->recover.lost)
      log_line(
          LOG_INFO, NULL,
          "took up after an end without a stop: %lld jobs go back to the queue, %lld "
          "that must not run twice are dead",
          (long long)h->recover.released, (long long)h->recover.lost);
    if (!h->start.test)
      keys_load(h->store, keys_known, h);
  }
  store_op_fini(op);
}

static int open_store(struct host *h, struct err *err)
{
  struct store_config config = {.folder = h->data,
                                .relaxed = h->conf->store_relaxed,
                                .fatal = host__store_broke,
                                .arg = h};
  return store_open(&h->store, &h->loop, h->conf->store, &config, err);
}

static int listen_tcp(struct host *h, struct err *err)
{
  const struct conf *c = h->conf;
  struct http_limits limits = {.body_max = (size_t)c->http_body_max,
                               .connections_max = (int)c->http_connections_max};
  h->server = http_server_new(&h->loop, &limits, handle, h);
  if (http_listen_tcp(h->server, c->listen, (int)c->port, &h->port, err) < 0)
    return -1;
  bool any = strcmp(c->listen, "0.0.0.0") == 0 || strcmp(c->listen, "::") == 0;
  bool v6 = strchr(c->listen, ':') != NULL;
  h->url = mem_printf("http://%s%s%s:%d", v6 && !any ? "[" : "",
                      any ? "localhost" : c->listen, v6 && !any ? "]" : "", h->port);
  return 0;
}

int host_lock(const struct conf *conf, char **data, struct err *err)
{
  char full[PATH_MAX];
  if (lock_folder(conf->data, err) < 0)
    return -1;
  *data = mem_strdup(realpath(conf->data, full) ? full : conf->data);
  if (strlen(*data) > PATH_LONGEST)
    return err_set(err, "data_path_too_long",
                   "the path of the data folder has %zu bytes, and SQLite takes %d at "
                   "most; choose another one by --data",
                   strlen(*data), PATH_LONGEST);
  if (strncmp(conf->store, "sqlite:", 7) == 0 && conf->store[7])
    return lock_database(conf->store + 7, err);
  return 0;
}

static int start(struct host *h, struct err *err)
{
  if (host_lock(h->conf, &h->data, err) < 0)
    return -1;
  h->vault = vault_new(h->conf, h->data);
  h->tmp = mem_printf("%s/tmp", h->data);
  leftovers_of_all(&h->loop, h->tmp);
  if (sources_read(&h->sources, h->conf->scripts, h->conf->n_scripts, err) < 0 ||
      open_store(h, err) < 0 || (!h->start.test && listen_tcp(h, err) < 0))
    return -1;
  log_attach(&h->loop, h->store);
  host__make_settings(h);
  host__make_pool(h, pool_ready, pool_stopped);
  host__make_queue(h);
  h->recover.op = (struct store_op){.kind = STORE_RECOVER, .done = recovered, .arg = h};
  store_submit(h->store, &h->recover.op);
  pool_start(h->pool, h->queue); /* what it asks of the store comes after the recovery */
  return 0;
}

/* ---- stopping, in order ---- */

static void closed(void *arg)
{
  struct host *h = arg;
  http_server_free(&h->server);
}

static void close_all(struct host *h)
{
  if (h->closing)
    return;
  h->closing = true;
  for (size_t i = 0; i < sizeof h->signals / sizeof h->signals[0]; i++)
    uv_close((uv_handle_t *)&h->signals[i], NULL);
  uv_close((uv_handle_t *)&h->settle, NULL);
  orphans_fini(&h->orphans);
  if (h->server)
    http_server_close(h->server, CLOSE_MS, closed, h);
}

static void settle(uv_timer_t *timer)
{
  struct host *h = timer->data;
  if (h->queue && queue_unsettled(h->queue) > 0 && clock_mono_ns() < h->settle_until_ns)
    return;
  if (h->queue && queue_unsettled(h->queue) > 0)
    log_line(
        LOG_ERROR, NULL,
        "%zu finished jobs could not be written (%s): they run again at the next start",
        queue_unsettled(h->queue), queue_trouble(h->queue));
  close_all(h);
  uv_stop(&h->loop); /* the rest is closed by release() */
}

static void pool_stopped(void *arg)
{
  struct host *h = arg;
  h->settle_until_ns = clock_mono_ns() + SETTLE_MS * CLOCK_MS;
  uv_timer_start(&h->settle, settle, 0, 2);
}

static void stop(struct host *h)
{
  if (h->stopping)
    return;
  h->stopping = true;
  if (h->start.test)
    h->start.test->end(h->start.test->arg);
  watch_free(&h->watch);
  if (h->api)
    api_drain(h->api);
  if (h->pool)
    pool_stop(h->pool, h->start.test ? 0 : h->conf->stop_grace);
  else
    pool_stopped(h);
}

void host_stop(struct host *h)
{
  stop(h);
}

static void on_signal(uv_signal_t *handle, int number)
{
  struct host *h = handle->data;
  if (h->start.test) { /* whose end may be told twice, and who waits for no job */
    stop(h);
    return;
  }
  if (h->stopping) {
    log_close();
    _exit(1); /* what runs is given back at the next start */
  }
  log_line(LOG_INFO, NULL, "%s: stopping; jobs that run may finish within %lld s",
           number == SIGTERM ? "SIGTERM" : "interrupted",
           (long long)(h->conf->stop_grace / 1000));
  stop(h);
}

/* ---- the whole life ---- */

/* Programs that jobs run may lose everybody who is to end them: then that is us. Who is
 * the first process of a machine, or had children before it was a host, is given orphans
 * of others, too: there, ours are known by their mark alone. */
static void adopt(struct host *h)
{
  pid_t child;
  snprintf(h->mark, sizeof h->mark, "CANDY_HOST=%d.%08x%08x", (int)getpid(),
           randombytes_random(), randombytes_random());
  bool others = getpid() == 1 || orphans_children(&child, 1) > 0;
  orphans_init(&h->orphans, &h->loop, others ? h->mark : NULL, ORPHANS_MS);
}

static void watch_signals(struct host *h)
{
  static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk, not an end */
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    uv_signal_init(&h->loop, &h->signals[i]);
    h->signals[i].data = h;
    if (!h->start.test || numbers[i] == SIGTERM)
      uv_signal_start(&h->signals[i], on_signal, numbers[i]);
    uv_unref((uv_handle_t *)&h->signals[i]);
  }
  uv_timer_init(&h->loop, &h->settle);
  h->settle.data = h;
}

/* Clients may wait for the store, and the store's last answers go to the pool and the
 * queue: so the server goes first, those two last. */
static void release(struct host *h)
{
  close_all(h);
  while (h->server)
    uv_run(&h->loop, UV_RUN_ONCE);
  log_detach();
  if (h->store)
    store_close(&h->store);
  watch_free(&h->watch);
  pool_free(&h->pool);
  queue_free(&h->queue);
  uv_run(&h->loop, UV_RUN_DEFAULT);
  api_free(&h->api);
  keys_free(&h->keys);
  settings_free(&h->settings);
  sources_fini(&h->sources);
  vault_free(&h->vault);
  orphans_end(&h->orphans);
  uv_loop_close(&h->loop);
  free(h->data);
  free(h->tmp);
  free(h->url);
}

int host_run(const struct conf *conf, const struct host_start *how, struct err *err)
{
  struct host h = {.conf = conf, .start = *how};
  if (sodium_init() < 0)
    return err_set(err, "crypto", "libsodium does not start on this machine");
  umask(0077); /* payloads are nobody else's */
  uv_loop_init(&h.loop);
  watch_signals(&h);
  adopt(&h);
  if (start(&h, err) == 0)
    uv_run(&h.loop, UV_RUN_DEFAULT);
  else
    h.status = -2; /* err has it */
  release(&h);
  if (h.status == -1)
    *err = h.err;
  return h.status < 0 ? -1 : 0;
}
