/* What every backend shares: opening by URL, a turn at the end of each iteration of the
 * loop, and the release of what operations carry. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

const char *const store_state_names[STORE_STATES] = {
    [STORE_SCHEDULED] = "scheduled", [STORE_AVAILABLE] = "available",
    [STORE_RUNNING] = "running",     [STORE_RETRYABLE] = "retryable",
    [STORE_PENDING] = "pending",     [STORE_COMPLETED] = "completed",
    [STORE_CANCELLED] = "cancelled", [STORE_DEAD] = "dead",
};

static const struct store_backend *const backends[] = {&store_sqlite};

static const struct store_backend *find_backend(const char *url)
{
  for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
    size_t n = strlen(backends[i]->scheme);
    if (strncmp(url, backends[i]->scheme, n) == 0 && url[n] == ':')
      return backends[i];
  }
  return NULL;
}

/* Prepare callbacks run right before the loop waits for input, so this sees all that
 * one iteration has submitted. */
static void flush(uv_prepare_t *flusher)
{
  struct store *store = flusher->data;
  store->backend->flush(store);
}

int store_open(struct store **out, uv_loop_t *loop, const char *url,
               const struct store_config *config, struct err *err)
{
  const struct store_backend *backend = find_backend(url);
  if (!backend)
    return err_set(err, "store_url",
                   "cannot open a store at \"%.200s\": use \"sqlite:\" or "
                   "\"sqlite:/path/to/file.db\"",
                   url);
  if (backend->open(out, loop, url, config, err) < 0)
    return -1;
  uv_prepare_t *flusher = mem_alloc(sizeof *flusher);
  flusher->data = *out;
  (*out)->flusher = flusher;
  uv_prepare_init(loop, flusher);
  uv_prepare_start(flusher, flush);
  uv_unref((uv_handle_t *)flusher);
  return 0;
}

static void free_handle(uv_handle_t *handle)
{
  free(handle);
}

void store_close(struct store **store)
{
  struct store *s = *store;
  if (!s)
    return;
  *store = NULL;
  uv_close((uv_handle_t *)s->flusher, free_handle);
  s->backend->close(s);
}

void store_submit(struct store *store, struct store_op *op)
{
  op->status = 0;
  op->err = NULL;
  op->next = NULL;
  struct store_bulk *bulk = (struct store_bulk *)op;
  if (op->kind == STORE_REQUEUE || op->kind == STORE_PURGE || op->kind == STORE_CANCEL)
    bulk->count = bulk->told = bulk->again = bulk->cursor = 0;
  else if (op->kind == STORE_VACUUM)
    ((struct store_vacuum *)op)->began = false;
  if (op->kind == STORE_LOG_EXPIRE)
    ((struct store_log_expire *)op)->count = 0;
  store->backend->submit(store, op);
}

/* ---- watches ---- */

void store_watch(struct store *store, struct store_watch *watch)
{
  watch->next = store->watches;
  store->watches = watch;
}

void store_unwatch(struct store *store, struct store_watch *watch)
{
  for (struct store_watch **at = &store->watches; *at; at = &(*at)->next)
    if (*at == watch) {
      *at = watch->next;
      return;
    }
}

void store_watch_ready(struct store *store, void (*ready)(void *arg), void *arg)
{
  store->ready = ready;
  store->ready_arg = arg;
}

/* The operation is gone after its `done`. */
void store__done(struct store *store, struct store_op *op)
{
  bool logged = op->kind == STORE_LOG_WRITE && op->status == 0;
  op->done(op);
  for (struct store_watch *w = logged ? store->watches : NULL, *next; w; w = next) {
    next = w->next;
    if (w->logged)
      w->logged(w->arg);
  }
}

void store__cancel(struct store *store, int64_t id, int64_t lease, const char *reason)
{
  for (struct store_watch *w = store->watches, *next; w; w = next) {
    next = w->next;
    if (w->cancel)
      w->cancel(w->arg, id, lease, reason);
  }
}

void store__ended(struct store *store, const struct store_job *job,
                  enum store_state became, const char *reason)
{
  for (struct store_watch *w = store->watches, *next; w; w = next) {
    next = w->next;
    if (w->ended)
      w->ended(w->arg, job, became, reason);
  }
}

int store_backup(struct store *store, const char *file,
                 void (*done)(void *arg, const struct err *err), void *arg,
                 struct err *err)
{
  return store->backend->backup(store, file, done, arg, err);
}

static void claim_fini(struct store_claim *claim)
{
  free(claim->jobs);
  claim->jobs = NULL;
  claim->n = 0;
  buf_fini(&claim->memory);
}

static void check_fini(struct store_check *check)
{
  buf_fini(&check->problems);
  buf_fini(&check->skipped);
}

void store_op_fini(struct store_op *op)
{
  free(op->err);
  op->err = NULL;
  if (op->kind == STORE_CLAIM)
    claim_fini((struct store_claim *)op);
  else if (op->kind == STORE_FINISH)
    buf_fini(&((struct store_finish *)op)->reason);
  else if (op->kind == STORE_EXEC || op->kind == STORE_QUERY || op->kind == STORE_TX_SQL)
    buf_fini(&((struct store_sql *)op)->answer);
  else if (op->kind == STORE_KV_READ || op->kind == STORE_KV_WRITE)
    buf_fini(&((struct store_kv *)op)->answer);
  else if (op->kind == STORE_LOCK)
    free(((struct store_lock *)op)->changes);
  else if (op->kind == STORE_CHECK)
    check_fini((struct store_check *)op);
  else if (op->kind == STORE_JOB)
    buf_fini(&((struct store_get *)op)->json);
  else if (op->kind == STORE_BATCHES)
    buf_fini(&((struct store_batches *)op)->items);
  else if (op->kind == STORE_CHILDREN)
    buf_fini(&((struct store_children *)op)->items);
  else if (op->kind == STORE_JOBS)
    buf_fini(&((struct store_list *)op)->items);
  else if (op->kind == STORE_QUEUES)
    buf_fini(&((struct store_queues *)op)->json);
  else if (op->kind == STORE_AUDIT)
    buf_fini(&((struct store_audit *)op)->items);
  else if (op->kind == STORE_KEYS)
    free(((struct store_keys *)op)->keys);
  else if (op->kind == STORE_LOG)
    buf_fini(&((struct store_log_get *)op)->json);
  else if (op->kind == STORE_LOGS)
    buf_fini(&((struct store_log_list *)op)->items);
}
