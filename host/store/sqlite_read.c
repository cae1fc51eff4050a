/* Readers: threads with a connection each, which answer what only looks. Each answer is
 * one read transaction, and none takes longer than 5 s. */
#include "store/sqlite.h"

#include "base/clock.h"
#include "store/view.h"

#include <stdlib.h>

#define READ_MS    5000
#define LIST_MAX   1000
#define COUNTED    10000 /* statistics count up to here */
#define LANES_SEEN 100

/* ---- a job's columns ---- */

/* In the order of `columns` in read.sql. */
enum {
  ID,
  STATE,
  TYPE,
  QUEUE,
  WORKSPACE,
  PRIORITY,
  KEY,
  TAGS,
  PARENT,
  MAX_RETRIES,
  TRACE,
  CREATED_AT,
  RUN_AT,
  RETRY_COUNT,
  RESCUES,
  BEGAN_AT,
  FINISHED_AT,
  WORKER,
  BLOCKED_BY,
  BATCH,
  HAS_PROGRESS,
  PERCENT,
  MESSAGE,
  LAST_ERROR,
  PAYLOAD, /* from here on only of a job in full */
  RESULT,
  SAVED,
  CANCELLING,
  DEADLINE,
};

static struct view_text text_of(sqlite3_stmt *s, int column)
{
  const char *text = sqlite__text(s, column);
  return (struct view_text){text, (size_t)sqlite3_column_bytes(s, column)};
}

/* What keeps a job back that could run else, or NULL. */
static const char *waiting_for(sqlite3_stmt *s, enum store_state state)
{
  if (state == STORE_PENDING)
    return "jobs";
  if (sqlite3_column_type(s, BLOCKED_BY) == SQLITE_NULL)
    return NULL;
  switch (sqlite3_column_int(s, BLOCKED_BY)) {
  case GATE_TYPE:
    return "task";
  case GATE_PAUSED:
    return "resume";
  case GATE_QUEUE:
  case GATE_QUEUE_KEY_ORDER:
  case GATE_TASK_KEY_ORDER:
    return "order";
  case GATE_QUEUE_KEY:
  case GATE_TASK_KEY:
  case GATE_TASK:
  case GATE_FULL:
    return "limit";
  default:
    return NULL;
  }
}

static void read_columns(sqlite3_stmt *s, struct view_job *job)
{
  enum store_state state = (enum store_state)sqlite3_column_int(s, STATE);
  bool has_percent = sqlite3_column_type(s, PERCENT) != SQLITE_NULL;
  *job = (struct view_job){
      .id = sqlite3_column_int64(s, ID),
      .state = state,
      .type = text_of(s, TYPE),
      .queue = text_of(s, QUEUE),
      .workspace = text_of(s, WORKSPACE),
      .priority = sqlite3_column_int(s, PRIORITY),
      .key = text_of(s, KEY),
      .tags = text_of(s, TAGS),
      .parent = sqlite3_column_int64(s, PARENT),
      .max_retries = sqlite3_column_int(s, MAX_RETRIES),
      .trace = text_of(s, TRACE),
      .created_at = sqlite3_column_int64(s, CREATED_AT),
      .run_at = sqlite3_column_int64(s, RUN_AT),
      .retry_count = sqlite3_column_int(s, RETRY_COUNT),
      .rescues = sqlite3_column_int(s, RESCUES),
      .began_at = sqlite3_column_int64(s, BEGAN_AT),
      .finished_at = sqlite3_column_int64(s, FINISHED_AT),
      .waiting_for = waiting_for(s, state),
      .batch = sqlite3_column_int64(s, BATCH),
      .has_progress = sqlite3_column_int(s, HAS_PROGRESS),
      .percent = has_percent ? sqlite3_column_double(s, PERCENT) : -1,
      .message = text_of(s, MESSAGE),
  };
  if (state != STORE_COMPLETED) /* what it overcame is in its attempts */
    job->error = text_of(s, LAST_ERROR);
}

/* ---- one job ---- */

/* What ended a job that waited is in its history, and no attempt. */
static bool is_attempt(sqlite3_stmt *s)
{
  return sqlite3_column_int64(s, 2) || text_of(s, 4).data;
}

static int put_failures(struct sqlite_conn *c, int64_t id, struct buf *b, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_FAILURES, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    if (!is_attempt(s))
      continue;
    view_attempt(b, &(struct view_attempt){
                        .state = sqlite3_column_int(s, 0) ? "rescued" : "failed",
                        .attempt = sqlite3_column_int(s, 1),
                        .began_at = sqlite3_column_int64(s, 2),
                        .ended_at = sqlite3_column_int64(s, 3),
                        .worker = text_of(s, 4),
                        .error = text_of(s, 5),
                    });
  }
  return rc;
}

/* The attempt that runs, that completed the job or that was cancelled, which is in no
 * history. */
static void put_last_attempt(sqlite3_stmt *s, const struct view_job *job, struct buf *b)
{
  bool cancelled = job->state == STORE_CANCELLED && job->began_at;
  if (job->state != STORE_RUNNING && job->state != STORE_COMPLETED && !cancelled)
    return;
  view_attempt(b, &(struct view_attempt){
                      .state = store_state_names[job->state],
                      .attempt = job->retry_count + 1,
                      .began_at = job->began_at,
                      .ended_at = job->finished_at,
                      .worker = text_of(s, WORKER),
                      .error = cancelled ? job->error : (struct view_text){0},
                  });
}

/* What a pending job still waits for, as a JSON array of ids. */
static int read_after(struct sqlite_conn *c, int64_t id, struct buf *b, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_AFTER_OF, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  buf_putc(b, '[');
  for (; rc > 0; rc = sqlite__next(c, s, err))
    buf_printf(b, "%s\"%lld\"", b->len > 1 ? "," : "",
               (long long)sqlite3_column_int64(s, 0));
  buf_putc(b, ']');
  if (rc < 0)
    buf_fini(b);
  return rc;
}

int sqlite__read_job(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_get *get = (struct store_get *)op;
  sqlite3_stmt *s = sqlite__start(c, SQL_JOB, ARGS(arg_int(get->id)));
  struct view_job job;
  struct buf after = {0};
  get->json = (struct buf){0};
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  read_columns(s, &job);
  job.payload = text_of(s, PAYLOAD);
  job.result = text_of(s, RESULT);
  job.checkpoint = text_of(s, SAVED);
  job.cancelling = text_of(s, CANCELLING);
  job.deadline = sqlite3_column_int64(s, DEADLINE);
  if (job.state == STORE_PENDING && read_after(c, get->id, &after, err) < 0) {
    sqlite__stop(s);
    return -1;
  }
  job.after = (struct view_text){after.data, after.len};
  view_begin(&get->json, &job);
  buf_fini(&after);
  rc = put_failures(c, get->id, &get->json, err);
  put_last_attempt(s, &job, &get->json);
  view_edits(&get->json);
  if (rc == 0)
    rc = sqlite__put_edits(c, get->id, &get->json, err);
  view_end(&get->json);
  sqlite__stop(s);
  return rc;
}

/* ---- lists ---- */

static int64_t clamp(int64_t limit)
{
  if (limit < 1)
    return 1;
  return limit > LIST_MAX ? LIST_MAX : limit;
}

/* One row more than asked for tells whether there is another page. */
static int put_page(struct sqlite_conn *c, sqlite3_stmt *s, struct store_list *list,
                    struct err *err)
{
  int64_t limit = clamp(list->limit), n = 0, last = 0;
  sqlite__bind_named(s, ":limit", arg_int(limit + 1));
  int rc = sqlite__next(c, s, err);
  buf_putc(&list->items, '[');
  for (; rc > 0 && n < limit; rc = sqlite__next(c, s, err), n++) {
    struct view_job job;
    read_columns(s, &job);
    if (n)
      buf_putc(&list->items, ',');
    view_summary(&list->items, &job);
    last = job.id;
  }
  buf_putc(&list->items, ']');
  list->next = rc > 0 ? last : 0;
  return rc < 0 ? -1 : 0;
}

int sqlite__read_jobs(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_list *list = (struct store_list *)op;
  struct sqlite_filter f;
  sqlite__filter_init(&f, &list->filter, ALL_STATES);
  list->items = (struct buf){0};
  sqlite3_stmt *s = sqlite__filter_prepare(c, &f, "list", err);
  int64_t before = list->before ? list->before : INT64_MAX;
  int rc = s ? sqlite__filter_range(c, &f, s, 0, before, err) : -1;
  if (rc == 0)
    rc = put_page(c, s, list, err);
  sqlite3_finalize(s);
  sqlite__filter_fini(&f);
  return rc;
}

/* ---- statistics ---- */

/* Each lane (queue and priority) is in order, so the first of each is the oldest. */
static int find_oldest(struct sqlite_conn *c, int64_t *since, struct err *err)
{
  int64_t queue = 0, priority = 0;
  for (int i = 0; i < LANES_SEEN; i++) {
    sqlite3_stmt *s = sqlite__start(c, SQL_LANE, ARGS(arg_int(queue), arg_int(priority)));
    int rc = sqlite__next(c, s, err);
    if (rc <= 0)
      return rc;
    queue = sqlite3_column_int64(s, 0);
    priority = sqlite3_column_int64(s, 1);
    int64_t first = sqlite3_column_int64(s, 2);
    if (*since == 0 || first < *since)
      *since = first;
    sqlite__stop(s);
  }
  return 0;
}

static int64_t at_most(int64_t n, int64_t limit)
{
  return n < limit ? n : limit;
}

int sqlite__read_stats(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  static const enum store_state states[] = {
      STORE_SCHEDULED, STORE_AVAILABLE, STORE_RUNNING, STORE_RETRYABLE,
      STORE_COMPLETED, STORE_CANCELLED, STORE_DEAD};

  enum { STATES = sizeof states / sizeof states[0] };
  struct store_stats *stats = (struct store_stats *)op;
  int64_t since = 0;
  memset(stats->counts, 0, sizeof stats->counts);
  stats->oldest_available_ms = 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_STATS, NO_ARGS);
  if (sqlite__next(c, s, err) < 0)
    return -1;
  for (int i = 0; i < STATES; i++)
    stats->counts[states[i]] = sqlite3_column_int64(s, i);
  int64_t blocked = sqlite3_column_int64(s, STATES);
  stats->counts[STORE_PENDING] = sqlite3_column_int64(s, STATES + 1);
  stats->set_aside = sqlite3_column_int64(s, STATES + 2);
  sqlite__stop(s);
  stats->counts[STORE_AVAILABLE] =
      at_most(stats->counts[STORE_AVAILABLE] + blocked, COUNTED);
  if (find_oldest(c, &since, err) < 0)
    return -1;
  int64_t age = clock_steady_ms() - since;
  if (since)
    stats->oldest_available_ms = age > 0 ? age : 0;
  return 0;
}

/* ---- the thread ---- */

static int read_query(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_sql *sql = (struct store_sql *)op;
  return sqlite__script_query(c, sql->sql, sql->params,
                              clock_mono_ns() + SCRIPT_READ_MS * CLOCK_MS, &sql->answer,
                              err);
}

static int (*const operations[])(struct sqlite_conn *, struct store_op *,
                                 struct err *) = {
    [STORE_JOB] = sqlite__read_job,          [STORE_JOBS] = sqlite__read_jobs,
    [STORE_STATS] = sqlite__read_stats,      [STORE_QUERY] = read_query,
    [STORE_KV_READ] = sqlite__read_kv,       [STORE_KEYS] = sqlite__read_keys,
    [STORE_LOG] = sqlite__read_log,          [STORE_LOGS] = sqlite__read_logs,
    [STORE_BATCHES] = sqlite__read_batches,  [STORE_CHILDREN] = sqlite__read_children,
    [STORE_SPACE] = sqlite__space,           [STORE_CHECK] = sqlite__check,
    [STORE_CHECKPOINT] = sqlite__checkpoint, [STORE_COUNT] = sqlite__read_count,
    [STORE_QUEUES] = sqlite__read_queues,    [STORE_AUDIT] = sqlite__read_audit,
};

static int run_in_transaction(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  if (sqlite__run(c, SQL_BEGIN_READ, NO_ARGS, err) < 0)
    return -1;
  sqlite__guard_enter(c, SPEAKER_HOST, clock_mono_ns() + READ_MS * CLOCK_MS);
  int rc = operations[op->kind](c, op, err);
  sqlite__guard_leave(c);
  sqlite__run(c, SQL_ROLLBACK, NO_ARGS, NULL);
  return rc;
}

static void answer(struct sqlite_conn *c, struct store_op *op)
{
  struct err err;
  sqlite__conn_forgive(c);
  int rc = op->kind < STORE_CHECK ? run_in_transaction(c, op, &err)
                                  : operations[op->kind](c, op, &err);
  op->status = rc < 0 ? -1 : 0;
  if (rc < 0) {
    op->err = mem_alloc(sizeof *op->err);
    *op->err = err;
  }
}

/* The next operation for this reader, or NULL when there never will be one. */
static struct store_op *next_read(struct sqlite_reader *reader)
{
  struct sqlite *store = reader->store;
  bool takes_queries = reader != &store->readers[0];
  uv_mutex_lock(&store->lock);
  while (!store->reads.first && !(takes_queries && store->queries.first) &&
         !store->stopping)
    uv_cond_wait(&store->to_read, &store->lock);
  struct store_op *op = sqlite__list_take(&store->reads);
  if (!op && takes_queries)
    op = sqlite__list_take(&store->queries);
  uv_mutex_unlock(&store->lock);
  return op;
}

void sqlite__reader_main(void *arg)
{
  struct sqlite_reader *reader = arg;
  struct sqlite *store = reader->store;
  for (struct store_op *op; (op = next_read(reader));) {
    answer(&reader->conn, op);
    uv_mutex_lock(&store->lock);
    sqlite__list_add(&store->finished, op);
    uv_cond_signal(&store->to_deliver);
    uv_mutex_unlock(&store->lock);
    uv_async_send(store->wake);
  }
}
