/* Claims: ready jobs become running ones, queues in turn, in the order of (priority,
 * sequence) within each.
 *
 * Scheduled jobs wait in a table of their own, so that claims never scan past them; what
 * is due gets its place in the sequence here. Rows of candy_ready that follow each other
 * are deleted by range, and the count is checked.
 */
#include "store/sqlite.h"

#include <stdlib.h>

#define DUE_STEP   5000 /* jobs that come due in one claim, at most */
#define QUEUES_MAX 64   /* queues that one claim visits; the next goes on behind them */
#define ASIDE_MAX  5000 /* jobs of unknown types that one claim meets, at most */
#define BYTES_MAX  (8u << 20) /* of texts; the job that goes beyond is the last */

/* Rows of candy_ready that are next to each other. */
struct run {
  int64_t priority, turn, first, last;
  int64_t n;
};

struct claiming {
  struct sqlite_writer *w;
  struct store_claim *op;
  int64_t queue;
  struct run *runs;
  size_t runs_n, runs_cap;
  size_t aside; /* jobs set aside so far */
  size_t cap;   /* of op->jobs */
};

/* Stands in for a text that is there, until the memory that texts live in is complete. */
static const char there[] = "";

/* ---- what is due ---- */

struct due {
  struct sqlite_place *rows;
  size_t n;
};

static int64_t due_seq(struct sqlite_writer *w, sqlite3_stmt *s)
{
  int64_t kept = sqlite3_column_int64(s, 7);
  return kept ? kept : w->memory.next++;
}

static int read_due(struct sqlite_writer *w, struct due *due, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_SCHEDULED_DUE, ARGS(arg_int(w->now), arg_int(DUE_STEP)));
  due->rows = mem_alloc(DUE_STEP * sizeof *due->rows);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err))
    due->rows[due->n++] = (struct sqlite_place){
        .id = sqlite3_column_int64(s, 0),
        .queue = sqlite3_column_int64(s, 2),
        .priority = sqlite3_column_int64(s, 3),
        .lease = sqlite3_column_int64(s, 4),
        .retry_count = sqlite3_column_int64(s, 5),
        .rescues = sqlite3_column_int64(s, 6),
        .seq = due_seq(w, s),
        .held = sqlite3_column_int64(s, 8),
    };
  return rc;
}

static int move_due(struct sqlite_writer *w, const struct due *due, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  for (size_t i = 0; i < due->n; i++) {
    const struct sqlite_place *p = &due->rows[i];
    if (sqlite__run(c, SQL_SCHEDULED_TAKE, ARGS(arg_int(p->id)), err) < 0 ||
        sqlite__add_ready(w, p, err) < 0)
      return -1;
  }
  return sqlite__number(c, SQL_SCHEDULED_NEXT, NO_ARGS, 0, &w->memory.next_due, err);
}

static int bring_due(struct sqlite_writer *w, struct err *err)
{
  if (w->memory.next_due == 0 || w->memory.next_due > w->now)
    return 0;
  struct due due = {0};
  int rc = read_due(w, &due, err);
  if (rc == 0)
    rc = move_due(w, &due, err);
  free(due.rows);
  return rc;
}

/* ---- one row ---- */

static void note_run(struct claiming *k, const struct sqlite_place *p)
{
  if (k->runs_n > 0) {
    struct run *last = &k->runs[k->runs_n - 1];
    if (last->priority == p->priority && last->turn == p->turn) {
      last->last = p->seq;
      last->n++;
      return;
    }
  }
  if (k->runs_n == k->runs_cap) {
    k->runs_cap *= 2;
    k->runs = mem_grow(k->runs, k->runs_cap * sizeof *k->runs);
  }
  k->runs[k->runs_n++] = (struct run){p->priority, p->turn, p->seq, p->seq, 1};
}

static const char *keep_column(struct claiming *k, sqlite3_stmt *s, int column)
{
  if (sqlite3_column_type(s, column) == SQLITE_NULL)
    return NULL;
  const void *bytes = sqlite3_column_blob(s, column);
  buf_append(&k->op->memory, bytes, (size_t)sqlite3_column_bytes(s, column));
  buf_putc(&k->op->memory, 0);
  return there;
}

/* Only a job that ran before can have one. */
static int keep_checkpoint(struct claiming *k, struct store_job *job, struct err *err)
{
  struct sqlite_conn *c = &k->w->conn;
  if (job->lease == 1)
    return 0;
  sqlite3_stmt *s = sqlite__start(c, SQL_CHECKPOINT, ARGS(arg_int(job->id)));
  int rc = sqlite__next(c, s, err);
  if (rc > 0) {
    job->checkpoint = keep_column(k, s, 0);
    sqlite__stop(s);
  }
  return rc < 0 ? -1 : 0;
}

static int set_aside(struct claiming *k, const struct sqlite_place *p,
                     enum sqlite_gate_kind kind, int64_t type, struct err *err)
{
  k->aside++;
  return sqlite__block(k->w, &(struct sqlite_gate_id){kind, type, ""}, p, err);
}

/* Columns of ready_scan behind the eight of the place. */
enum { TYPE = 8, WORKSPACE, MAX_RETRIES, CREATED_AT, BATCH, KEY, TAGS, PAYLOAD, TRACE };

static int start_running(struct claiming *k, sqlite3_stmt *s,
                         const struct sqlite_place *p, bool once, struct err *err)
{
  return sqlite__run(&k->w->conn, SQL_RUNNING_ADD,
                     ARGS(arg_int(p->id), arg_int(sqlite3_column_int64(s, TYPE)),
                          arg_int(p->queue), arg_int(p->priority), arg_int(p->turn),
                          arg_int(p->seq), arg_int(p->lease + 1), arg_int(p->retry_count),
                          arg_int(p->rescues), arg_int(k->w->now), arg_int(once),
                          arg_text(sqlite__text(s, KEY)),
                          arg_id(sqlite3_column_int64(s, BATCH))),
                     err) < 0
             ? -1
             : 0;
}

static int hand_out(struct claiming *k, sqlite3_stmt *s, const struct sqlite_place *p,
                    struct err *err)
{
  const struct sqlite_names *names = &k->w->names;
  struct store_claim *op = k->op;
  struct store_job *job = &op->jobs[op->n++];
  *job = (struct store_job){
      .id = p->id,
      .lease = p->lease + 1,
      .retry_count = (int)p->retry_count,
      .rescues = (int)p->rescues,
      .max_retries = sqlite3_column_int(s, MAX_RETRIES),
      .priority = (int)p->priority,
      .created_at = sqlite3_column_int64(s, CREATED_AT),
      .type = sqlite__name(names, sqlite3_column_int64(s, TYPE)),
      .queue = sqlite__name(names, p->queue),
      .workspace = sqlite__name(names, sqlite3_column_int64(s, WORKSPACE)),
      .payload_len = (size_t)sqlite3_column_bytes(s, PAYLOAD),
      .batch = llabs(sqlite3_column_int64(s, BATCH)),
  };
  job->key = keep_column(k, s, KEY);
  job->tags = keep_column(k, s, TAGS);
  job->payload = keep_column(k, s, PAYLOAD);
  job->trace = keep_column(k, s, TRACE);
  return keep_checkpoint(k, job, err);
}

static int flag_of(const struct sqlite_types *types, int64_t type)
{
  return (size_t)type <= types->n ? types->flags[type - 1] : TYPE_UNKNOWN;
}

static int take_row(struct claiming *k, sqlite3_stmt *s, struct err *err)
{
  struct sqlite_place p = {
      .queue = k->queue,
      .priority = sqlite3_column_int64(s, 0),
      .turn = sqlite3_column_int64(s, 1),
      .seq = sqlite3_column_int64(s, 2),
      .id = sqlite3_column_int64(s, 3),
      .lease = sqlite3_column_int64(s, 4),
      .retry_count = sqlite3_column_int64(s, 5),
      .rescues = sqlite3_column_int64(s, 6),
      .held = sqlite3_column_int64(s, 7),
  };
  int64_t type = sqlite3_column_int64(s, TYPE);
  int flag = flag_of(k->w->memory.types, type);
  note_run(k, &p);
  if (sqlite__leave_ready(k->w, &p, err) < 0)
    return -1;
  if (flag == TYPE_UNKNOWN)
    return set_aside(k, &p, GATE_TYPE, type, err);
  if (sqlite__is_paused(k->w, type))
    return set_aside(k, &p, GATE_PAUSED, type, err);
  if (start_running(k, s, &p, flag == TYPE_ONCE, err) < 0)
    return -1;
  return hand_out(k, s, &p, err);
}

/* ---- one queue ---- */

static int delete_runs(struct claiming *k, struct err *err)
{
  struct sqlite_conn *c = &k->w->conn;
  for (size_t i = 0; i < k->runs_n; i++) {
    const struct run *r = &k->runs[i];
    int64_t n = sqlite__run(c, SQL_READY_TAKE,
                            ARGS(arg_int(k->queue), arg_int(r->priority),
                                 arg_int(r->turn), arg_int(r->first), arg_int(r->last)),
                            err);
    if (n < 0)
      return -1;
    if (n != r->n)
      return err_set(err, "store_corrupt",
                     "%s: a claim took %lld rows of candy_ready where %lld were read",
                     c->path, (long long)n, (long long)r->n);
  }
  k->runs_n = 0;
  return 0;
}

static void reserve(struct claiming *k, size_t more)
{
  struct store_claim *op = k->op;
  if (op->n + more <= k->cap)
    return;
  k->cap = op->n + more;
  op->jobs = mem_grow(op->jobs, k->cap * sizeof *op->jobs);
}

static bool is_full(const struct claiming *k)
{
  return k->op->n >= k->op->max || k->op->memory.len >= BYTES_MAX ||
         k->aside >= ASIDE_MAX;
}

/* Reads up to `limit` rows and takes them; returns how many there were, or -1. */
static int64_t take_rows(struct claiming *k, size_t limit, struct err *err)
{
  struct sqlite_conn *c = &k->w->conn;
  int64_t n = 0;
  reserve(k, limit);
  sqlite3_stmt *s =
      sqlite__start(c, SQL_READY_SCAN, ARGS(arg_int(k->queue), arg_int((int64_t)limit)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0 && !is_full(k); rc = sqlite__next(c, s, err), n++) {
    if (take_row(k, s, err) < 0) {
      sqlite__stop(s);
      return -1;
    }
  }
  sqlite__stop(s);
  if (rc < 0 || delete_runs(k, err) < 0)
    return -1;
  return n;
}

/* Up to `share` jobs of one queue. Returns 1 when there may be more. */
static int claim_queue(struct claiming *k, int64_t queue, size_t share, struct err *err)
{
  size_t until = k->op->n + share;
  k->queue = queue;
  while (k->op->n < until && !is_full(k)) {
    size_t limit = until - k->op->n;
    int64_t n = take_rows(k, limit, err);
    if (n < 0)
      return -1;
    if ((size_t)n < limit && !is_full(k))
      return 0;
  }
  return 1;
}

/* ---- queues in turn ---- */

struct queues {
  int64_t ids[QUEUES_MAX];
  size_t n;
};

/* Queues behind `after` that have ready jobs, up to and with `last`. */
static int read_queues(struct sqlite_writer *w, struct queues *queues, int64_t after,
                       int64_t last, struct err *err)
{
  while (queues->n < QUEUES_MAX) {
    int64_t id = 0;
    if (sqlite__number(&w->conn, SQL_READY_QUEUE, ARGS(arg_int(after)), 0, &id, err) < 0)
      return -1;
    if (id == 0 || id > last)
      return 0;
    if (!sqlite__is_paused(w, id))
      queues->ids[queues->n++] = id;
    after = id;
  }
  return 0;
}

/* One round: each queue gets its share of what is left. Those that may have more stay. */
static int claim_round(struct claiming *k, struct queues *queues, struct err *err)
{
  size_t stay = 0;
  for (size_t i = 0; i < queues->n; i++) {
    size_t left = k->op->max - k->op->n, share = left / (queues->n - i);
    if (is_full(k))
      break;
    int more = claim_queue(k, queues->ids[i], share ? share : 1, err);
    if (more < 0)
      return -1;
    k->w->memory.last_queue = queues->ids[i];
    if (more)
      queues->ids[stay++] = queues->ids[i];
  }
  queues->n = stay;
  return 0;
}

static int claim_all(struct claiming *k, struct err *err)
{
  struct queues queues = {.n = 0};
  struct sqlite_writer *w = k->w;
  int64_t last = w->memory.last_queue;
  if (read_queues(w, &queues, last, INT64_MAX, err) < 0 ||
      read_queues(w, &queues, 0, last, err) < 0)
    return -1;
  while (queues.n > 0 && !is_full(k))
    if (claim_round(k, &queues, err) < 0)
      return -1;
  return 0;
}

/* Now that the memory does not move any more: texts follow each other as hand_out kept
 * them. */
static void settle_texts(struct store_claim *op)
{
  const char *at = op->memory.data;
  for (size_t i = 0; i < op->n; i++) {
    struct store_job *job = &op->jobs[i];
    const char **texts[] = {&job->key, &job->tags, &job->payload, &job->trace,
                            &job->checkpoint};
    for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
      if (!*texts[j])
        continue;
      *texts[j] = at;
      at += (texts[j] == &job->payload ? job->payload_len : strlen(at)) + 1;
    }
  }
}

/* Whether a claim would find something, but for jobs that come due. */
static int is_more(struct sqlite_writer *w, bool *more, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  int64_t id = 0;
  if (!w->pauses.queues) {
    int rc = sqlite__number(c, SQL_READY_ANY, NO_ARGS, 0, &id, err);
    *more = id != 0;
    return rc;
  }
  do {
    if (sqlite__number(c, SQL_READY_QUEUE, ARGS(arg_int(id)), 0, &id, err) < 0)
      return -1;
  } while (id && sqlite__is_paused(w, id));
  *more = id != 0;
  return 0;
}

int sqlite__claim(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_claim *claim = (struct store_claim *)op;
  free(claim->jobs);
  claim->jobs = NULL;
  claim->n = claim->memory.len = 0;
  claim->more = false;
  if (!w->memory.types)
    return 0;
  int rc = sqlite__pass_deadlines(w, err);
  if (rc != 0) { /* what is too late must not begin: first all of them */
    claim->more = true;
    return rc < 0 ? -1 : 0;
  }
  struct claiming k = {.w = w, .op = claim, .runs_cap = 8};
  k.runs = mem_alloc(k.runs_cap * sizeof *k.runs);
  rc = sqlite__load_pauses(w, err);
  if (rc == 0)
    rc = bring_due(w, err);
  if (rc == 0)
    rc = claim_all(&k, err);
  if (rc == 0)
    rc = is_more(w, &claim->more, err);
  free(k.runs);
  if (rc == 0)
    settle_texts(claim);
  else
    claim->n = 0;
  return rc;
}
