/* The SQLite backend's face: opening and closing, threads, and operations on their way
 * between the loop and the threads. */
#include "store/sqlite.h"

#include "base/clock.h"

#include <stdlib.h>

/* ---- lists ---- */

void sqlite__list_init(struct sqlite_list *list)
{
  list->first = NULL;
  list->last = &list->first;
}

void sqlite__list_add(struct sqlite_list *list, struct store_op *op)
{
  op->next = NULL;
  *list->last = op;
  list->last = &op->next;
}

void sqlite__list_move(struct sqlite_list *to, struct sqlite_list *from)
{
  if (!from->first)
    return;
  *to->last = from->first;
  to->last = from->last;
  sqlite__list_init(from);
}

struct store_op *sqlite__list_take(struct sqlite_list *list)
{
  struct store_op *op = list->first;
  if (op)
    list->first = op->next;
  if (!list->first)
    sqlite__list_init(list);
  return op;
}

/* ---- from the loop ----
 * A thread is woken when the lock is free again, or it would wake up only to wait for it.
 */

void sqlite__hold(struct sqlite *store)
{
  if (store->holds++ == 0)
    uv_ref((uv_handle_t *)store->wake);
}

void sqlite__let_go(struct sqlite *store)
{
  if (--store->holds == 0)
    uv_unref((uv_handle_t *)store->wake);
}

/* Where an operation waits that is no part of a turn. */
static struct sqlite_list *list_of(struct sqlite *store, enum store_kind kind)
{
  if (kind <= STORE_TX_END)
    return kind == STORE_TX_BEGIN ? &store->begins : &store->statements;
  return kind == STORE_QUERY || kind >= STORE_CHECK ? &store->queries : &store->reads;
}

static void submit(struct store *base, struct store_op *op)
{
  struct sqlite *store = (struct sqlite *)base;
  store->outstanding++;
  sqlite__hold(store);
  if (op->kind < STORE_TX_BEGIN) {
    sqlite__list_add(&store->submitted, op);
    return;
  }
  uv_mutex_lock(&store->lock);
  sqlite__list_add(list_of(store, op->kind), op);
  uv_mutex_unlock(&store->lock);
  if (op->kind <= STORE_TX_END)
    uv_cond_signal(&store->to_write);
  else
    uv_cond_broadcast(&store->to_read);
}

static void flush(struct store *base)
{
  struct sqlite *store = (struct sqlite *)base;
  if (!store->submitted.first)
    return;
  uv_mutex_lock(&store->lock);
  sqlite__list_move(&store->writes, &store->submitted);
  uv_mutex_unlock(&store->lock);
  uv_cond_signal(&store->to_write);
}

/* ---- back on the loop ---- */

static void tell(struct sqlite *store, struct sqlite_told *told)
{
  for (size_t i = 0; i < told->n; i++) {
    const struct sqlite_tell *t = &told->all[i];
    if (t->ended)
      store__ended(&store->base,
                   &(struct store_job){.id = t->id,
                                       .lease = t->lease,
                                       .retry_count = t->retry_count,
                                       .type = t->type,
                                       .workspace = t->workspace,
                                       .trace = t->trace},
                   t->state, t->reason);
    else
      store__cancel(&store->base, t->id, t->lease, t->reason);
  }
  sqlite__told_fini(told);
}

/* Cancellations come behind the operations, so that who claimed a job knows it by then.
 */
static void deliver(struct sqlite *store)
{
  struct sqlite_list finished;
  sqlite__list_init(&finished);
  uv_mutex_lock(&store->lock);
  sqlite__list_move(&finished, &store->finished);
  store->base.next_due = store->next_due;
  store->base.next_deadline = store->next_deadline;
  struct err fatal = store->fatal;
  struct sqlite_told told = store->told;
  store->told = (struct sqlite_told){0};
  bool came_back = store->came_back;
  store->came_back = false;
  uv_mutex_unlock(&store->lock);
  while (finished.first) {
    struct store_op *op = finished.first;
    finished.first = op->next;
    store->outstanding--;
    sqlite__let_go(store);
    store__done(&store->base, op);
  }
  tell(store, &told);
  if (came_back && store->base.ready)
    store->base.ready(store->base.ready_arg);
  if (fatal.code[0] && !store->fatal_told) {
    store->fatal_told = true;
    if (store->config.fatal)
      store->config.fatal(store->config.arg, &fatal);
  }
}

static void wake(uv_async_t *handle)
{
  struct sqlite *store = handle->data;
  if (!store)
    return;
  deliver(store);
  sqlite__backup_deliver(store);
}

/* ---- life ---- */

static void init(struct sqlite *store, uv_loop_t *loop, const struct store_config *config)
{
  store->base.backend = &store_sqlite;
  store->base.now = clock_steady_ms;
  store->config = *config;
  sqlite__list_init(&store->submitted);
  sqlite__list_init(&store->writes);
  sqlite__list_init(&store->reads);
  sqlite__list_init(&store->queries);
  sqlite__list_init(&store->finished);
  sqlite__list_init(&store->begins);
  sqlite__list_init(&store->statements);
  uv_mutex_init(&store->lock);
  uv_cond_init(&store->to_write);
  uv_cond_init(&store->to_read);
  uv_cond_init(&store->to_deliver);
  store->wake = mem_alloc(sizeof *store->wake);
  uv_async_init(loop, store->wake, wake);
  store->wake->data = store;
  uv_unref((uv_handle_t *)store->wake);
}

static void free_handle(uv_handle_t *handle)
{
  free(handle);
}

static void free_store(struct sqlite *store)
{
  for (int i = 0; i < SQLITE_READERS; i++)
    sqlite__conn_close(&store->readers[i].conn);
  sqlite__writer_close(&store->writer);
  sqlite__told_fini(&store->told);
  store->wake->data = NULL;
  uv_close((uv_handle_t *)store->wake, free_handle);
  uv_mutex_destroy(&store->lock);
  uv_cond_destroy(&store->to_write);
  uv_cond_destroy(&store->to_read);
  uv_cond_destroy(&store->to_deliver);
  free(store->path);
  free(store->full);
  free(store);
}

static int open_readers(struct sqlite *store, struct err *err)
{
  for (int i = 0; i < SQLITE_READERS; i++) {
    struct sqlite_reader *r = &store->readers[i];
    r->store = store;
    if (sqlite__conn_open(&r->conn, store->path, err) < 0 ||
        sqlite__conn_reads(&r->conn, err) < 0)
      return -1;
    sqlite__full_init(store, &r->conn);
  }
  return 0;
}

static int open_store(struct store **out, uv_loop_t *loop, const char *url,
                      const struct store_config *config, struct err *err)
{
  struct sqlite *store = mem_alloc(sizeof *store);
  init(store, loop, config);
  const char *path = url + strlen("sqlite:");
  store->path = *path ? mem_strdup(path) : mem_printf("%s/candy.db", config->folder);
  if (sqlite__writer_open(store, err) < 0 || open_readers(store, err) < 0) {
    free_store(store);
    return -1;
  }
  store->base.next_due = store->next_due;
  store->base.next_deadline = store->next_deadline;
  uv_thread_create(&store->writer_thread, sqlite__writer_main, store);
  for (int i = 0; i < SQLITE_READERS; i++)
    uv_thread_create(&store->readers[i].thread, sqlite__reader_main, &store->readers[i]);
  *out = &store->base;
  return 0;
}

static void drain(struct sqlite *store)
{
  flush(&store->base);
  while (store->outstanding > 0) {
    uv_mutex_lock(&store->lock);
    while (!store->finished.first)
      uv_cond_wait(&store->to_deliver, &store->lock);
    uv_mutex_unlock(&store->lock);
    deliver(store);
    flush(&store->base);
  }
}

static void close_store(struct store *base)
{
  struct sqlite *store = (struct sqlite *)base;
  uv_mutex_lock(&store->lock);
  store->closing = true;
  uv_cond_signal(&store->to_write);
  uv_mutex_unlock(&store->lock);
  drain(store);
  uv_mutex_lock(&store->lock);
  store->stopping = true;
  uv_cond_broadcast(&store->to_write);
  uv_cond_broadcast(&store->to_read);
  uv_mutex_unlock(&store->lock);
  uv_thread_join(&store->writer_thread);
  for (int i = 0; i < SQLITE_READERS; i++)
    uv_thread_join(&store->readers[i].thread);
  sqlite__backup_stop(store);
  sqlite__mark_clean(&store->writer.conn, true, NULL);
  free_store(store);
}

const struct store_backend store_sqlite = {
    .scheme = "sqlite",
    .open = open_store,
    .submit = submit,
    .flush = flush,
    .backup = sqlite__backup_begin,
    .close = close_store,
};
