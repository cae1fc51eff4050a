/* The writer: one thread that runs turns.
 *
 * A turn is one transaction over what was submitted while the last one ran, so that the
 * busier the store is, the more operations share a sync of the disk. Progress and
 * finishes go first, claims last, so that freed slots are filled in the same turn. SQL of
 * scripts goes behind all else but claims, for a short time only: nothing waits for it.
 *
 * An operation that fails takes back its own changes and leaves the others alone. Some
 * failures take the whole transaction with them (SQLite rolls back when a statement that
 * writes is interrupted, and scripts can say OR ROLLBACK): then the turn is played again
 * without the culprit, and SQL of scripts is left for the next turn. Failures of the
 * disk fail every operation of the turn.
 */
#include "store/sqlite.h"

#include "base/clock.h"

#include <stdlib.h>

/* A turn ends when one of these is reached; SQL of scripts and claims still run. */
#define TURN_ROWS 20000
#define TURN_NS   (100 * CLOCK_MS)

/* No more SQL of scripts begins in a turn after so long; one operation always does. */
#define SCRIPTS_NS (50 * CLOCK_MS)

enum slot_state {
  SLOT_WAITS, /* to run in this turn */
  SLOT_RAN,   /* its changes are in the transaction */
  SLOT_AGAIN, /* the same, and it goes on in the next turn */
  SLOT_LATER, /* the next turn's */
  SLOT_OUT,   /* has failed; nothing of it is in the transaction */
};

struct slot {
  struct store_op *op;
  enum slot_state state;
  int64_t count, told, again, cursor; /* of one that takes several turns, as this one
                                         found them */
};

struct turn {
  struct sqlite_writer *w;
  struct slot *slots;
  size_t n;
  int64_t late_ns;             /* when the phase that runs begins no more operations */
  struct sqlite_memory before; /* the writer's, to go back to */
};

enum { RAN, FELL, BROKE }; /* the transaction: goes on, is gone, must be given up */

static int (*const operations[])(struct sqlite_writer *, struct store_op *,
                                 struct err *) = {
    [STORE_ENQUEUE] = sqlite__enqueue,
    [STORE_FINISH] = sqlite__finish,
    [STORE_CLAIM] = sqlite__claim,
    [STORE_TYPES] = sqlite__types,
    [STORE_RECOVER] = sqlite__recover,
    [STORE_PROGRESS] = sqlite__progress,
    [STORE_REQUEUE] = sqlite__requeue,
    [STORE_PURGE] = sqlite__purge,
    [STORE_EXPIRE] = sqlite__expire,
    [STORE_EXEC] = sqlite__exec,
    [STORE_SCHEMA] = sqlite__schema,
    [STORE_KV_WRITE] = sqlite__kv_write,
    [STORE_KEY_ADD] = sqlite__key_add,
    [STORE_LOG_WRITE] = sqlite__log_write,
    [STORE_LOG_EXPIRE] = sqlite__log_expire,
    [STORE_VACUUM] = sqlite__vacuum,
    [STORE_LOCK] = sqlite__lock,
    [STORE_CANCEL] = sqlite__cancel,
    [STORE_DEADLINES] = sqlite__deadlines,
    [STORE_PAUSE] = sqlite__pause,
    [STORE_EDIT] = sqlite__edit,
    [STORE_BATCH] = sqlite__batch,
    [STORE_BATCH_CANCEL] = sqlite__batch_cancel,
};

/* ---- marks inside of a turn ---- */

int sqlite__mark(struct sqlite_writer *w, struct sqlite_mark *mark, struct err *err)
{
  mark->names = w->names.n;
  mark->next_due = w->memory.next_due;
  mark->changes = sqlite__gates_mark(w);
  mark->next_deadline = w->memory.next_deadline;
  mark->asked = w->memory.asked;
  mark->told = w->told.n;
  mark->todo = w->graph.n;
  mark->tallies = w->graph.tallies_n;
  return sqlite__run(&w->conn, SQL_SAVEPOINT, NO_ARGS, err) < 0 ? -1 : 0;
}

int sqlite__keep(struct sqlite_writer *w, struct err *err)
{
  return sqlite__run(&w->conn, SQL_RELEASE, NO_ARGS, err) < 0 ? -1 : 0;
}

/* Where the transaction is gone there is nothing left to undo. */
void sqlite__undo(struct sqlite_writer *w, const struct sqlite_mark *mark)
{
  struct sqlite_conn *c = &w->conn;
  if (sqlite3_get_autocommit(c->db))
    return;
  int rc = c->rc;
  sqlite__run(c, SQL_UNDO, NO_ARGS, NULL);
  sqlite__run(c, SQL_RELEASE, NO_ARGS, NULL);
  c->rc = rc;
  sqlite__names_cut(&w->names, mark->names);
  w->memory.next_due = mark->next_due;
  sqlite__gates_undo(w, mark->changes);
  w->memory.next_deadline = mark->next_deadline;
  w->memory.asked = mark->asked;
  sqlite__told_cut(&w->told, mark->told);
  w->graph.n = mark->todo;
  w->graph.tallies_n = mark->tallies;
  w->graph.joined.id = 0;
}

/* ---- one operation ---- */

/* Operations that others than the disk can make fail, after they changed something. */
static bool may_fail(const struct store_op *op)
{
  if (op->kind == STORE_ENQUEUE) {
    const struct store_enqueue *enqueue = (const struct store_enqueue *)op;
    const struct store_new *job = enqueue->jobs;
    return enqueue->n > 1 ||
           (enqueue->n == 1 && (job->tags || job->n_after || job->batch));
  }
  return op->kind == STORE_BATCH || op->kind == STORE_EXEC || op->kind == STORE_SCHEMA;
}

static void set_failed(struct store_op *op, const struct err *err)
{
  if (!op->err)
    op->err = mem_alloc(sizeof *op->err);
  *op->err = *err;
  op->status = -1;
}

static void reset(struct store_op *op)
{
  free(op->err);
  op->err = NULL;
  op->status = 0;
}

static int run_marked(struct turn *t, struct store_op *op, struct err *err)
{
  struct sqlite_mark mark;
  if (sqlite__mark(t->w, &mark, err) < 0)
    return -1;
  int rc = operations[op->kind](t->w, op, err);
  if (rc < 0)
    sqlite__undo(t->w, &mark);
  else if (sqlite__keep(t->w, err) < 0)
    rc = -1;
  return rc;
}

/* Runs one slot; FELL when the others have to be played again without it. */
static int run_slot(struct turn *t, struct slot *slot, struct err *err)
{
  struct sqlite_conn *c = &t->w->conn;
  struct store_op *op = slot->op;
  bool marked = may_fail(op);
  int64_t changes = sqlite3_total_changes64(c->db);
  sqlite__conn_forgive(c);
  reset(op);
  int rc = marked ? run_marked(t, op, err) : operations[op->kind](t->w, op, err);
  if (rc < 0)
    set_failed(op, err);
  if (sqlite__conn_grave(c))
    return BROKE;
  slot->state = rc < 0 ? SLOT_OUT : rc == TURN_AGAIN ? SLOT_AGAIN : SLOT_RAN;
  bool left_traces = rc < 0 && !marked && sqlite3_total_changes64(c->db) != changes;
  if (!sqlite3_get_autocommit(c->db) && !left_traces)
    return RAN;
  slot->state = SLOT_OUT;
  return FELL;
}

/* ---- the turn ---- */

enum phase { FINISHES, OTHERS, SCRIPTS, CLAIMS, PHASES };

static enum phase phase_of(const struct store_op *op)
{
  switch (op->kind) {
  case STORE_FINISH:
    return ((const struct store_finish *)op)->n_writes ? SCRIPTS : FINISHES;
  case STORE_PROGRESS:
    return FINISHES;
  case STORE_EXEC:
  case STORE_SCHEMA:
    return SCRIPTS;
  case STORE_CLAIM:
    return CLAIMS;
  default:
    return OTHERS;
  }
}

static int run_phase(struct turn *t, enum phase phase, struct err *err)
{
  if (phase == FINISHES)
    t->late_ns = clock_mono_ns() + TURN_NS;
  else if (phase == SCRIPTS)
    t->late_ns = clock_mono_ns() + SCRIPTS_NS;
  for (size_t i = 0; i < t->n; i++) {
    struct slot *slot = &t->slots[i];
    if (slot->state != SLOT_WAITS || phase_of(slot->op) != phase)
      continue;
    if (phase != CLAIMS && clock_mono_ns() > t->late_ns) {
      slot->state = SLOT_LATER;
      continue;
    }
    int rc = run_slot(t, slot, err);
    if (rc != RAN)
      return rc;
  }
  return RAN;
}

/* What is written once a turn, however many operations it has. */
static int save_memory(struct turn *t, struct err *err)
{
  struct sqlite_writer *w = t->w;
  if (sqlite__gates_save(w, err) < 0)
    return -1;
  if (w->memory.next == t->before.next)
    return 0;
  return sqlite__run(&w->conn, SQL_META_SET,
                     ARGS(arg_text("next"), arg_int(w->memory.next)), err) < 0
             ? -1
             : 0;
}

static int try_turn(struct turn *t, struct err *err)
{
  struct sqlite_conn *c = &t->w->conn;
  sqlite__conn_forgive(c);
  if (sqlite__run(c, SQL_BEGIN, NO_ARGS, err) < 0)
    return BROKE;
  int rc = RAN;
  for (int phase = FINISHES; phase < PHASES && rc == RAN; phase++) {
    if (phase == CLAIMS && sqlite__graph_settle(t->w, err) < 0)
      return BROKE;
    rc = run_phase(t, (enum phase)phase, err);
  }
  if (rc != RAN)
    return rc;
  if (sqlite__graph_settle(t->w, err) < 0 || sqlite__graph_save(t->w, err) < 0)
    return BROKE;
  if (save_memory(t, err) < 0 || sqlite__run(c, SQL_COMMIT, NO_ARGS, err) < 0)
    return BROKE;
  return RAN;
}

void sqlite__set_types(struct sqlite_writer *w, struct sqlite_types *types)
{
  if (w->memory.types != w->types_before && w->memory.types != types)
    free(w->memory.types);
  w->memory.types = types;
}

/* Some operations go from turn to turn and count what they have done. */
static bool is_bulk(const struct store_op *op)
{
  return op->kind == STORE_REQUEUE || op->kind == STORE_PURGE || op->kind == STORE_CANCEL;
}

static void save_count(struct slot *slot)
{
  const struct store_bulk *bulk = (const struct store_bulk *)slot->op;
  if (slot->op->kind == STORE_EXPIRE)
    slot->count = ((const struct store_expire *)slot->op)->count;
  else if (slot->op->kind == STORE_LOG_EXPIRE)
    slot->count = ((const struct store_log_expire *)slot->op)->count;
  else if (slot->op->kind == STORE_PAUSE)
    slot->count = ((const struct store_pause *)slot->op)->began;
  if (!is_bulk(slot->op))
    return;
  slot->count = bulk->count;
  slot->told = bulk->told;
  slot->again = bulk->again;
  slot->cursor = bulk->cursor;
}

static void restore_count(const struct slot *slot)
{
  struct store_bulk *bulk = (struct store_bulk *)slot->op;
  if (slot->op->kind == STORE_EXPIRE)
    ((struct store_expire *)slot->op)->count = slot->count;
  else if (slot->op->kind == STORE_LOG_EXPIRE)
    ((struct store_log_expire *)slot->op)->count = slot->count;
  else if (slot->op->kind == STORE_PAUSE)
    ((struct store_pause *)slot->op)->began = slot->count != 0;
  if (!is_bulk(slot->op))
    return;
  bulk->count = slot->count;
  bulk->told = slot->told;
  bulk->again = slot->again;
  bulk->cursor = slot->cursor;
}

static void roll_back(struct turn *t)
{
  struct sqlite_writer *w = t->w;
  for (size_t i = 0; i < t->n; i++)
    restore_count(&t->slots[i]);
  int rc = w->conn.rc;
  if (!sqlite3_get_autocommit(w->conn.db))
    sqlite__run(&w->conn, SQL_ROLLBACK, NO_ARGS, NULL);
  w->conn.rc = rc;
  sqlite__set_types(w, w->types_before);
  sqlite__names_cut(&w->names, t->before.names);
  if (w->memory.gates != w->gates_before)
    sqlite__gates_free(&w->memory.gates);
  sqlite__told_cut(&w->told, 0);
  w->pauses.known = false;
  w->memory = t->before;
  sqlite__graph_back(w);
  sqlite__gates_undo(w, 0);
}

/* Without SQL of scripts, so that a turn has at most one slow failure. */
static void play_again(struct turn *t)
{
  for (size_t i = 0; i < t->n; i++) {
    struct slot *slot = &t->slots[i];
    if (slot->state != SLOT_OUT)
      slot->state = phase_of(slot->op) == SCRIPTS ? SLOT_LATER : SLOT_WAITS;
  }
}

static void fail_all(struct turn *t, const struct err *err)
{
  for (size_t i = 0; i < t->n; i++) {
    set_failed(t->slots[i].op, err);
    t->slots[i].state = SLOT_OUT;
  }
}

static void run_turn(struct turn *t)
{
  struct sqlite_writer *w = t->w;
  struct err err = {0};
  w->now = clock_steady_ms();
  w->memory.names = w->names.n;
  w->types_before = w->memory.types;
  sqlite__graph_begin(w);
  w->gates_before = w->memory.gates;
  t->before = w->memory;
  int rc = try_turn(t, &err);
  while (rc == FELL) {
    roll_back(t);
    play_again(t);
    rc = try_turn(t, &err);
  }
  w->graph.stuck = rc == BROKE;
  if (rc == BROKE) {
    roll_back(t);
    fail_all(t, &err);
    if (sqlite__conn_broken(&w->conn))
      w->broken = err;
  }
  if (w->types_before != w->memory.types)
    free(w->types_before);
  if (w->gates_before != w->memory.gates)
    sqlite__gates_free(&w->gates_before);
  sqlite__gates_settle(w);
}

/* ---- the thread ---- */

static size_t rows_of(const struct store_op *op)
{
  if (op->kind == STORE_ENQUEUE)
    return ((const struct store_enqueue *)op)->n;
  if (op->kind == STORE_BATCH)
    return ((const struct store_batch *)op)->n;
  if (op->kind == STORE_CLAIM)
    return ((const struct store_claim *)op)->max;
  if (op->kind == STORE_FINISH) {
    const struct store_finish *finish = (const struct store_finish *)op;
    return 1 + finish->n_children + finish->n_writes + (finish->fan ? finish->fan->n : 0);
  }
  if (op->kind == STORE_LOG_WRITE)
    return ((const struct store_log_write *)op)->n;
  return 1;
}

/* Moves as many operations as fit in a turn into slots; at least one. */
static void fill(struct turn *t, struct sqlite_list *from)
{
  size_t rows = 0, cap = 0;
  while (from->first && rows < TURN_ROWS) {
    struct store_op *op = from->first;
    if (t->n == cap) {
      cap = cap ? cap * 2 : 64;
      t->slots = mem_grow(t->slots, cap * sizeof *t->slots);
    }
    from->first = op->next;
    rows += rows_of(op);
    t->slots[t->n] = (struct slot){.op = op, .state = SLOT_WAITS};
    save_count(&t->slots[t->n++]);
  }
  if (!from->first)
    sqlite__list_init(from);
}

static int64_t earlier(int64_t a, int64_t b) /* 0 is never */
{
  return b == 0 || (a && a < b) ? a : b;
}

/* What is told first: see store.h. */
static int rank(const struct store_op *op)
{
  if (op->kind == STORE_FINISH || op->kind == STORE_PROGRESS)
    return 0;
  return op->kind == STORE_CLAIM ? 1 : 2;
}

#define RANKS 3

static void split(const struct turn *t, struct sqlite_list *finished,
                  struct sqlite_list *later)
{
  struct sqlite_list ranked[RANKS];
  for (int r = 0; r < RANKS; r++)
    sqlite__list_init(&ranked[r]);
  for (size_t i = 0; i < t->n; i++) {
    enum slot_state state = t->slots[i].state;
    bool goes_on = state == SLOT_LATER || state == SLOT_AGAIN;
    struct store_op *op = t->slots[i].op;
    sqlite__list_add(goes_on ? later : &ranked[rank(op)], op);
  }
  for (int r = 0; r < RANKS; r++)
    sqlite__list_move(finished, &ranked[r]);
}

/* Under the lock: the results to the loop, what is left to the front of the list. */
static void hand_back(struct sqlite *store, struct turn *t)
{
  struct sqlite_list finished, later;
  sqlite__list_init(&finished);
  sqlite__list_init(&later);
  split(t, &finished, &later);
  store->fatal = store->writer.broken;
  sqlite__list_move(&later, &store->writes);
  sqlite__list_move(&store->writes, &later);
  sqlite__list_move(&store->finished, &finished);
  sqlite__told_move(&store->told, &store->writer.told);
  store->next_due =
      earlier(store->writer.memory.next_due, sqlite__gates_open_at(&store->writer));
  store->next_deadline = store->writer.memory.next_deadline;
  sqlite__full_note(store);
  store->came_back = store->came_back || store->writer.graph.begun > 0;
}

static void turn(struct sqlite *store)
{
  struct turn t = {.w = &store->writer};
  uv_mutex_lock(&store->lock);
  fill(&t, &store->writes);
  uv_mutex_unlock(&store->lock);
  if (t.n == 0 && !sqlite__graph_waits(t.w))
    return;
  if (t.w->broken.code[0])
    fail_all(&t, &t.w->broken);
  else
    run_turn(&t);
  uv_mutex_lock(&store->lock);
  hand_back(store, &t);
  uv_mutex_unlock(&store->lock);
  uv_cond_signal(&store->to_deliver);
  uv_async_send(store->wake);
  free(t.slots);
}

static bool has_work(const struct sqlite *store)
{
  return store->writes.first || store->begins.first || store->statements.first ||
         (!store->stopping && sqlite__graph_waits(&store->writer)) ||
         (!store->stopping && sqlite__backup_copies(store));
}

/* What the writer does for itself when it has rested for so long. */
static int64_t rest_ns_of(const struct sqlite_writer *w)
{
  int64_t wal_ns = sqlite__wal_rest_ns(w);
  return wal_ns ? wal_ns : sqlite__log_index_rest_ns(w);
}

static void use_rest(struct sqlite_writer *w)
{
  if (sqlite__wal_rest_ns(w))
    sqlite__wal_step(w);
  else
    sqlite__log_index_step(w);
}

/* Under the lock: waits for something to do, but for no longer than a step of upkeep may
 * wait. Returns whether it has. */
static bool rest(struct sqlite *store)
{
  int64_t rest_ns = rest_ns_of(&store->writer);
  if (rest_ns)
    return uv_cond_timedwait(&store->to_write, &store->lock, (uint64_t)rest_ns) ==
           UV_ETIMEDOUT;
  uv_cond_wait(&store->to_write, &store->lock);
  return false;
}

/* Waits for something to do; false when there never will be. */
static bool wait_for_work(struct sqlite *store, bool *idle)
{
  *idle = false;
  uv_mutex_lock(&store->lock);
  while (!has_work(store) && !store->stopping && !*idle)
    *idle = rest(store);
  bool go_on = has_work(store) || !store->stopping;
  uv_mutex_unlock(&store->lock);
  return go_on;
}

void sqlite__writer_main(void *arg)
{
  struct sqlite *store = arg;
  bool idle;
  while (wait_for_work(store, &idle)) {
    turn(store);
    sqlite__tx_serve(store);
    sqlite__backup_step(store);
    if (idle)
      use_rest(&store->writer);
  }
}

int sqlite__writer_open(struct sqlite *store, struct err *err)
{
  struct sqlite_writer *w = &store->writer;
  struct sqlite_conn *c = &w->conn;
  if (sqlite__conn_open(c, store->path, err) < 0 ||
      sqlite__conn_writes(c, store->config.relaxed, err) < 0 ||
      sqlite__migrate(c, err) < 0 || sqlite__names_load(c, &w->names, err) < 0 ||
      sqlite__number(c, SQL_META_GET, ARGS(arg_text("next")), 1, &w->memory.next, err) <
          0 ||
      sqlite__number(c, SQL_SCHEDULED_NEXT, NO_ARGS, 0, &w->memory.next_due, err) < 0 ||
      sqlite__number(c, SQL_DEADLINE_NEXT, NO_ARGS, 0, &w->memory.next_deadline, err) <
          0 ||
      sqlite__number(c, SQL_CANCEL_COUNT, NO_ARGS, 0, &w->memory.asked, err) < 0 ||
      sqlite__logs_load(w, err) < 0 || sqlite__graph_load(w, err) < 0)
    return -1;
  store->next_due = w->memory.next_due;
  store->next_deadline = w->memory.next_deadline;
  return 0;
}

void sqlite__writer_close(struct sqlite_writer *w)
{
  sqlite__conn_close(&w->conn);
  sqlite__names_fini(&w->names);
  sqlite__told_fini(&w->told);
  sqlite__pauses_fini(&w->pauses);
  sqlite__graph_fini(w);
  free(w->memory.types);
  sqlite__gates_free(&w->memory.gates);
  free(w->found_at);
}
