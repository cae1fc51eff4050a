/* The sink that is the log table. The thread of the log gathers lines in batches, the
 * loop hands them to the store: one batch at a time, and so that the store has time
 * for jobs alone in between. While the store takes nothing, lines wait, up to a limit. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "log/log_.h"

#define BATCH_LINES 1000
#define BATCH_BYTES ((size_t)1024 * 1024)
#define KEPT_LINES  ((size_t)200 * 1000)
#define KEPT_BYTES  ((size_t)64 * 1024 * 1024)
#define PAUSE_MS    100  /* in which lines gather */
#define AGAIN_MS    500  /* after trouble */
#define PATIENCE_MS 1000 /* for what is left at the end */
#define SAY_NS      (10000 * CLOCK_MS)

struct batch {
  struct store_log_write op;
  struct store_log_line lines[BATCH_LINES];
  size_t bytes;
  struct arena memory;
  struct batch *next;
};

static struct {
  uv_mutex_t mutex; /* guards what the thread and the loop share: up to `attached` */
  struct batch *first, *last;
  size_t lines, bytes;
  long lost;
  bool attached, open;

  /* the loop's own */
  uv_loop_t *loop;
  struct store *store;
  uv_async_t arrived;
  uv_timer_t pause;
  int64_t sent_ns, said_ns;
  bool in_flight, in_trouble, detaching;
  int handles;
} table;

/* ---- the thread's side ---- */

static const char *copy(struct batch *b, const char *text)
{
  b->bytes += text ? strlen(text) : 0;
  return arena_strdup(&b->memory, text);
}

static void put(struct batch *b, const struct log_entry *e)
{
  struct store_log_line *l = &b->lines[b->op.n++];
  size_t before = b->bytes;
  l->time = e->time;
  l->level = (int)e->level;
  l->message = copy(b, e->message.data);
  l->job = e->job ? strtoll(e->job, NULL, 10) : 0;
  l->attempt = e->attempt;
  l->type = copy(b, e->type);
  l->worker = copy(b, e->worker);
  l->trace = copy(b, e->trace);
  l->workspace = copy(b, e->workspace);
  l->fields = copy(b, e->fields.len ? e->fields.data : NULL);
  table.lines++;
  table.bytes += b->bytes - before;
}

/* The batch that takes the next line; the first one may be with the store already. */
static struct batch *open_batch(void)
{
  struct batch *b = table.last;
  if (b && !b->op.op.arg && b->op.n < BATCH_LINES && b->bytes < BATCH_BYTES)
    return b;
  b = mem_alloc(sizeof *b);
  *(table.last ? &table.last->next : &table.first) = b;
  table.last = b;
  return b;
}

/* What scripts say leaves room for how jobs ended. */
static bool has_room(const struct log_entry *e)
{
  size_t parts = e->worker && e->event == LOG_PLAIN ? 3 : 4;
  return table.lines < KEPT_LINES / 4 * parts && table.bytes < KEPT_BYTES / 4 * parts;
}

static void take(const struct log_entry *e)
{
  uv_mutex_lock(&table.mutex);
  if (!has_room(e))
    table.lost++;
  else
    put(open_batch(), e);
  uv_mutex_unlock(&table.mutex);
}

static bool settle(void)
{
  uv_mutex_lock(&table.mutex);
  if (table.attached && (table.first || table.lost))
    uv_async_send(&table.arrived);
  uv_mutex_unlock(&table.mutex);
  return false;
}

static void open_table(const struct log_config *config)
{
  (void)config;
  uv_mutex_init(&table.mutex);
  table.open = true;
}

/* ---- the loop's side ---- */

static void batch_free(struct batch *b)
{
  table.lines -= b->op.n;
  table.bytes -= b->bytes;
  arena_fini(&b->memory);
  free(b);
}

static long take_lost(void)
{
  uv_mutex_lock(&table.mutex);
  long lost = table.lost;
  table.lost = 0;
  uv_mutex_unlock(&table.mutex);
  return lost;
}

static void say_lost(void)
{
  int64_t now = clock_mono_ns();
  if (table.in_trouble || (table.said_ns && now - table.said_ns < SAY_NS))
    return;
  long lost = take_lost();
  if (!lost)
    return;
  table.said_ns = now;
  log__say(
      LOG_TABLE, LOG_WARN,
      "%ld lines are not in the log table, which would have taken too much time from "
      "jobs; the log file has them",
      lost);
}

static void trouble(const struct err *err)
{
  if (!table.in_trouble)
    log__say(LOG_TABLE, LOG_WARN,
             "the log table takes nothing for now: its lines wait in memory: %s",
             err->text);
  table.in_trouble = true;
}

static void recovered(void)
{
  if (!table.in_trouble)
    return;
  long lost = take_lost();
  table.in_trouble = false;
  if (lost)
    log__say(LOG_NO_SINK, LOG_WARN,
             "the log table takes lines again; %ld found no room in memory, only the log "
             "file has them",
             lost);
  else
    log__say(LOG_NO_SINK, LOG_INFO, "the log table takes lines again; none is lost");
}

static void drop_first(void)
{
  uv_mutex_lock(&table.mutex);
  struct batch *b = table.first;
  table.first = b->next;
  if (!table.first)
    table.last = NULL;
  batch_free(b);
  uv_mutex_unlock(&table.mutex);
}

static void send_first(void);

static void pause_is_over(uv_timer_t *timer)
{
  (void)timer;
  send_first();
}

/* At the end there is no time for pauses. */
static void send_later(uint64_t ms)
{
  if (table.attached && !uv_is_active((uv_handle_t *)&table.pause))
    uv_timer_start(&table.pause, pause_is_over, table.detaching ? 0 : ms, 0);
}

/* While there is much to write, the store has as long for jobs alone as a batch took. */
static uint64_t pause_ms(bool full)
{
  uint64_t took = (uint64_t)((clock_mono_ns() - table.sent_ns) / CLOCK_MS);
  return full || took > PAUSE_MS ? took : PAUSE_MS;
}

static void written(struct store_op *op)
{
  struct batch *b = op->arg;
  bool is_store = op->status < 0 && strncmp(op->err->code, "store_", 6) == 0;
  table.in_flight = false;
  if (is_store) {
    trouble(op->err);
  } else if (op->status < 0) {
    log__say(LOG_TABLE, LOG_ERROR, "%zu lines were refused by the log table: %s", b->op.n,
             op->err->text);
  }
  store_op_fini(op);
  if (is_store) {
    send_later(AGAIN_MS);
    return;
  }
  recovered();
  drop_first();
  uv_mutex_lock(&table.mutex);
  bool more = table.first != NULL, full = table.lines >= BATCH_LINES;
  uv_mutex_unlock(&table.mutex);
  if (more)
    send_later(pause_ms(full));
}

static void send_first(void)
{
  uv_mutex_lock(&table.mutex);
  struct batch *b = table.attached && !table.in_flight ? table.first : NULL;
  if (b)
    b->op.op = (struct store_op){.kind = STORE_LOG_WRITE, .done = written, .arg = b};
  uv_mutex_unlock(&table.mutex);
  if (!b)
    return;
  b->op.lines = b->lines;
  table.in_flight = true;
  table.sent_ns = clock_mono_ns();
  store_submit(table.store, &b->op.op);
}

static void arrived(uv_async_t *async)
{
  (void)async;
  say_lost();
  if (!table.in_flight)
    send_later(PAUSE_MS);
}

void log_attach(uv_loop_t *loop, struct store *store)
{
  if (!table.open)
    return;
  table.loop = loop;
  table.store = store;
  uv_async_init(loop, &table.arrived, arrived);
  uv_timer_init(loop, &table.pause);
  uv_unref((uv_handle_t *)&table.arrived);
  log__ended_open(loop);
  uv_mutex_lock(&table.mutex);
  table.attached = true;
  uv_mutex_unlock(&table.mutex);
  send_later(PAUSE_MS);
}

/* ---- the end ---- */

static void end_patience(uv_timer_t *timer)
{
  (void)timer;
}

static bool is_empty(void)
{
  uv_mutex_lock(&table.mutex);
  bool empty = !table.first;
  uv_mutex_unlock(&table.mutex);
  return empty;
}

static void write_the_rest(void)
{
  uv_timer_t patience;
  int64_t until = clock_mono_ns() + PATIENCE_MS * CLOCK_MS;
  uv_timer_init(table.loop, &patience);
  uv_timer_start(&patience, end_patience, PATIENCE_MS, 0);
  uv_timer_stop(&table.pause);
  send_first();
  while (!is_empty() && clock_mono_ns() < until)
    uv_run(table.loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&patience, NULL);
  uv_run(table.loop, UV_RUN_NOWAIT);
}

void log_detach(void)
{
  if (!table.attached)
    return;
  log__ended_close();
  log__thread_drain(PATIENCE_MS);
  table.detaching = true;
  write_the_rest();
  uv_mutex_lock(&table.mutex);
  table.attached = false;
  size_t left = table.lines;
  uv_mutex_unlock(&table.mutex);
  if (left)
    log__say(LOG_TABLE, LOG_WARN,
             "%zu lines of the end are not in the log table; the log file has them",
             left);
  uv_close((uv_handle_t *)&table.arrived, NULL);
  uv_close((uv_handle_t *)&table.pause, NULL);
}

/* What came after log_detach has nowhere to go. A batch that the store still has is
 * released by `written`. */
static void close_table(void)
{
  while (!table.in_flight && table.first)
    drop_first();
}

const struct log_sink log__table_sink = {open_table, take, settle, close_table, NULL};
