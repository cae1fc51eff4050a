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
#define SHUT_MAX   5000 /* jobs without a slot that one claim meets in a queue, at most */
#define SHUT_FEW   32   /* the same while others of the queue run */
#define BUSY_MS    20   /* that is, when something was found there so long ago */
#define LOOK_MS    2    /* and further on is looked for others after this time */
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
  size_t shut;  /* jobs that went to wait for a slot, and how many may in this queue */
  size_t shut_max, found;   /* found: of op->n when this queue's turn began */
  bool shut_few, shut_left; /* only a few in this queue; there were more in one */
  size_t cap;               /* of op->jobs */
};

/* Stands in for a text that is there, until the memory that texts live in is complete. */
static const char there[] = "";

/* ---- what is due ---- */

struct due {
  struct sqlite_place *rows;
  size_t n;
};

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
        .seq = sqlite3_column_int64(s, 7),
        .held = sqlite3_column_int64(s, 8),
        .turn = sqlite3_column_int64(s, 9),
    };
  return rc;
}

/* Behind those that are there, unless it has kept its place. */
static int enter(struct sqlite_writer *w, struct sqlite_place *p, struct err *err)
{
  if (p->seq)
    return sqlite__add_ready(w, p, err);
  p->seq = w->memory.next++;
  if (sqlite__place_again(w, p, err) < 0)
    return -1;
  return sqlite__add_ready(w, p, err);
}

static int move_due(struct sqlite_writer *w, const struct due *due, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  for (size_t i = 0; i < due->n; i++) {
    struct sqlite_place *p = &due->rows[i];
    if (sqlite__run(c, SQL_SCHEDULED_TAKE, ARGS(arg_int(p->id)), err) < 0 ||
        enter(w, p, err) < 0)
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

static bool extend(struct run *r, const struct sqlite_place *p)
{
  if (r->priority != p->priority || r->turn != p->turn)
    return false;
  r->last = p->seq;
  r->n++;
  return true;
}

static void note_run(struct claiming *k, const struct sqlite_place *p)
{
  if (k->runs_n > 0 && extend(&k->runs[k->runs_n - 1], p))
    return;
  if (k->runs_n == k->runs_cap) {
    k->runs_cap = k->runs_cap ? 2 * k->runs_cap : 8;
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

static int set_aside(struct claiming *k, const struct sqlite_subject *job,
                     struct sqlite_place *p, enum sqlite_gate_kind kind, struct err *err)
{
  k->aside++;
  if (kind == GATE_PAUSED)
    sqlite__rest_task(k->w, job, p);
  else if (sqlite__give_up_slots(k->w, p, err) < 0)
    return -1;
  return sqlite__block(k->w, &(struct sqlite_gate_id){kind, job->type, ""}, p, err);
}

/* Columns of ready_scan behind the eight of the place. */
enum {
  TYPE = 8,
  WORKSPACE,
  MAX_RETRIES,
  CREATED_AT,
  BATCH,
  PRIORITY,
  KEY,
  TAGS,
  PAYLOAD,
  TRACE
};

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
      .priority = sqlite3_column_int(s, PRIORITY),
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

/* Returns 1 when it may run, 0 when it went to wait for a slot, or -1. */
static int pass_gates(struct claiming *k, const struct sqlite_subject *job,
                      struct sqlite_place *p, struct err *err)
{
  struct sqlite_gate_id shut;
  if (!sqlite__has_policy(k->w, job->type, job->queue))
    return 1;
  if (sqlite__pass_gates(k->w, job, p, &shut))
    return 1;
  k->shut++;
  return sqlite__block(k->w, &shut, p, err);
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
  struct sqlite_subject job = {
      .type = sqlite3_column_int64(s, TYPE),
      .queue = k->queue,
      .key = sqlite__text(s, KEY),
  };
  int flag = flag_of(k->w->memory.types, job.type);
  note_run(k, &p);
  if (sqlite__leave_ready(k->w, &p, err) < 0)
    return -1;
  if (flag == TYPE_UNKNOWN)
    return set_aside(k, &job, &p, GATE_TYPE, err);
  if (sqlite__is_paused(k->w, job.type) && !sqlite__rests_in_line(k->w, &job, &p))
    return set_aside(k, &job, &p, GATE_PAUSED, err);
  int may_run = pass_gates(k, &job, &p, err);
  if (may_run <= 0)
    return may_run;
  if (start_running(k, s, &p, flag == TYPE_ONCE, err) < 0)
    return -1;
  return hand_out(k, s, &p, err);
}

/* ---- one queue ---- */

static void reserve(struct claiming *k, size_t more)
{
  struct store_claim *op = k->op;
  if (op->n + more <= k->cap)
    return;
  k->cap = op->n + more;
  op->jobs = mem_grow(op->jobs, k->cap * sizeof *op->jobs);
}

/* ---- jobs without a slot ---- */

/* When a job of the queue was found last. Not put back when a turn falls: it decides
 * about haste alone. */
static int64_t *found_at(struct sqlite_writer *w, int64_t queue)
{
  if ((size_t)queue > w->found_n) {
    size_t n = w->names.n;
    w->found_at = mem_grow(w->found_at, n * sizeof *w->found_at);
    memset(w->found_at + w->found_n, 0, (n - w->found_n) * sizeof *w->found_at);
    w->found_n = n;
  }
  return &w->found_at[queue - 1];
}

/* They are met in small steps while others run: most often those end before claims come
 * to the ones that wait for their slots, and then these need not be moved. */
static void begin_queue(struct claiming *k, int64_t queue)
{
  k->queue = queue;
  k->found = k->op->n;
  k->shut_few = k->w->now - *found_at(k->w, queue) < BUSY_MS;
  k->shut_max = k->shut + (k->shut_few ? SHUT_FEW : SHUT_MAX);
}

static void end_queue(struct claiming *k)
{
  if (k->op->n > k->found)
    *found_at(k->w, k->queue) = k->w->now;
}

static bool has_met_enough(struct claiming *k)
{
  bool enough = k->shut >= k->shut_max;
  k->shut_left = k->shut_left || (enough && k->shut_few);
  return enough;
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
  for (; rc > 0 && !is_full(k) && !has_met_enough(k); rc = sqlite__next(c, s, err), n++) {
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

/* Up to `share` jobs of one queue. Returns 1 when there may be more now. */
static int claim_queue(struct claiming *k, size_t share, struct err *err)
{
  size_t until = k->op->n + share;
  while (k->op->n < until && !is_full(k)) {
    size_t limit = until - k->op->n;
    int64_t room = sqlite__queue_room(k->w, k->queue);
    if (room <= 0)
      return 0;
    if (room < (int64_t)limit)
      limit = (size_t)room;
    int64_t n = take_rows(k, limit, err);
    if (n < 0)
      return -1;
    if (((size_t)n < limit && !is_full(k)) || has_met_enough(k))
      return 0;
  }
  return 1;
}

/* ---- queues in turn ---- */

struct queues {
  int64_t ids[QUEUES_MAX];
  size_t n;
};

/* The next queue behind `after` that has ready jobs and room; 0: none. */
static int next_queue(struct sqlite_writer *w, int64_t after, int64_t *id,
                      struct err *err)
{
  *id = after;
  do {
    if (sqlite__number(&w->conn, SQL_READY_QUEUE, ARGS(arg_int(*id)), 0, id, err) < 0)
      return -1;
  } while (*id && (sqlite__is_paused(w, *id) || sqlite__queue_room(w, *id) <= 0));
  return 0;
}

/* Queues behind `after`, up to and with `last`. */
static int read_queues(struct sqlite_writer *w, struct queues *queues, int64_t after,
                       int64_t last, struct err *err)
{
  while (queues->n < QUEUES_MAX) {
    int64_t id = 0;
    if (next_queue(w, after, &id, err) < 0)
      return -1;
    if (id == 0 || id > last)
      return 0;
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
    begin_queue(k, queues->ids[i]);
    int more = claim_queue(k, share ? share : 1, err);
    if (more < 0)
      return -1;
    end_queue(k);
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

/* Whether others are to be claimed at once; those behind many that wait are for later. */
static int look_further(struct claiming *k, struct err *err)
{
  struct sqlite_memory *memory = &k->w->memory;
  int64_t any = 0;
  memory->look_at = k->shut_left ? k->w->now + LOOK_MS : 0;
  if (memory->look_at == 0 && next_queue(k->w, 0, &any, err) < 0)
    return -1;
  k->op->more = any != 0 || k->w->memory.settling != SETTLED;
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
  if (w->memory.settling != SETTLED && sqlite__settle_types(w, err) < 0)
    return -1;
  claim->more = w->memory.settling == SETTLING_GATES;
  if (claim->more)
    return 0;
  int rc = sqlite__pass_deadlines(w, err);
  if (rc != 0) { /* what is too late must not begin: first all of them */
    claim->more = true;
    return rc < 0 ? -1 : 0;
  }
  struct claiming k = {.w = w, .op = claim};
  rc = sqlite__graph_settle(w, err); /* what waited for those is claimed here */
  if (rc == 0)
    rc = sqlite__load_pauses(w, err);
  if (rc == 0)
    rc = bring_due(w, err);
  if (rc == 0)
    rc = sqlite__rest_queues(w, err);
  if (rc == 0)
    rc = sqlite__open_gates(w, err);
  if (rc == 0)
    rc = claim_all(&k, err);
  if (rc == 0)
    rc = look_further(&k, err);
  free(k.runs);
  if (rc == 0)
    settle_texts(claim);
  else
    claim->n = 0;
  return rc;
}
