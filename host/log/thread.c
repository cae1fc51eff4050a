/* From those who log to the sinks: a bounded buffer, and a thread that empties it. The
 * thread lingers for a moment after each batch: work is done for many lines at once, and
 * who logs has seldom to wake it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "log/log_.h"

#define INTAKE_MAX ((size_t)32 * 1024 * 1024)
/* The host's own lines (failures, deaths) find room when workers have filled theirs. */
#define WORKERS_MAX (INTAKE_MAX / 4 * 3)
#define LINGER_NS   (5 * CLOCK_MS)
#define LOOK_NS     (1000 * CLOCK_MS)

static const struct log_sink *const sinks[LOG_SINKS] = {
    [LOG_OUT] = &log__out_sink,
    [LOG_FILE] = &log__file_sink,
    [LOG_DIARY] = &log__diary_sink,
    [LOG_TABLE] = &log__table_sink,
};

/* In front of each text. */
struct record {
  uint32_t len;
  enum log_sinks but;
  char worker[24]; /* empty: the host */
};

static struct {
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t changed; /* there is something to take, or the end is near */
  uv_cond_t hurry;   /* somebody waits for what is there */
  uv_cond_t emptied;
  struct buf intake;
  long dropped;
  int waiting; /* for `emptied` */
  bool open, ending, asleep, idle, rotating;
  bool closed; /* the thread's own: all sinks but standard error are */
} the;

/* ---- in ---- */

static void add(const struct record *r, const char *text)
{
  size_t max = r->worker[0] ? WORKERS_MAX : INTAKE_MAX;
  if (the.intake.len + sizeof *r + r->len > max) {
    the.dropped++;
    return;
  }
  buf_append(&the.intake, r, sizeof *r);
  buf_append(&the.intake, text, r->len);
}

static void put_at_once(const char *worker, const char *text, size_t len)
{
  struct log_entry e;
  log__entry_init(&e, worker, text, len);
  log__out_now(&e);
  log__entry_fini(&e);
}

void log__put(enum log_sinks but, const char *worker, const char *text, size_t len)
{
  struct record r = {.len = (uint32_t)len, .but = but};
  snprintf(r.worker, sizeof r.worker, "%s", worker ? worker : "");
  if (!the.open) {
    put_at_once(worker, text, len);
    return;
  }
  uv_mutex_lock(&the.mutex);
  add(&r, text);
  if (the.asleep)
    uv_cond_signal(&the.changed);
  uv_mutex_unlock(&the.mutex);
}

void log__thread_rotate(void)
{
  if (!the.open)
    return;
  uv_mutex_lock(&the.mutex);
  the.rotating = true;
  uv_cond_signal(&the.changed);
  uv_mutex_unlock(&the.mutex);
}

/* ---- out ---- */

static void give(const struct record *r, const char *text)
{
  struct log_entry e;
  log__entry_init(&e, r->worker[0] ? r->worker : NULL, text, r->len);
  for (int i = 0; i < LOG_SINKS; i++)
    if (i != (int)r->but && (i == LOG_OUT || !the.closed))
      sinks[i]->take(&e);
  log__entry_fini(&e);
}

static void give_all(const struct buf *batch)
{
  struct record r;
  for (size_t at = 0; at < batch->len; at += sizeof r + r.len) {
    memcpy(&r, batch->data + at, sizeof r);
    give(&r, batch->data + at + sizeof r);
  }
}

/* True when a sink wants to be asked again in a second. */
static bool settle(void)
{
  bool again = false;
  for (int i = 0; i < LOG_SINKS; i++)
    again = sinks[i]->settle() || again;
  return again;
}

static void rotate(void)
{
  for (int i = 0; i < LOG_SINKS; i++)
    if (sinks[i]->rotate)
      sinks[i]->rotate();
}

static void say_dropped(long n)
{
  log__say(LOG_NO_SINK, LOG_WARN,
           "%ld lines were dropped: more was logged than the log can take", n);
}

/* ---- the thread ---- */

/* With the mutex held, as what follows. */
static void tell_emptied(void)
{
  the.idle = true;
  uv_cond_broadcast(&the.emptied);
}

static void sleep_until_changed(bool look_again)
{
  tell_emptied();
  the.asleep = true;
  if (look_again)
    uv_cond_timedwait(&the.changed, &the.mutex, LOOK_NS);
  else
    uv_cond_wait(&the.changed, &the.mutex);
  the.asleep = false;
}

static void turn(bool *look_again)
{
  struct buf batch = the.intake;
  long dropped = the.dropped;
  the.intake = (struct buf){0};
  bool rotating = the.rotating;
  the.dropped = 0;
  the.idle = the.rotating = false;
  uv_mutex_unlock(&the.mutex);
  give_all(&batch);
  buf_fini(&batch);
  if (rotating)
    rotate();
  *look_again = settle();
  if (dropped)
    say_dropped(dropped);
  uv_mutex_lock(&the.mutex);
  if (!the.ending && !the.waiting)
    uv_cond_timedwait(&the.hurry, &the.mutex, LINGER_NS);
}

/* What the sinks have to say of their end can be told on standard error alone. */
static void close_sinks(void)
{
  for (int i = 0; i < LOG_SINKS; i++)
    sinks[i]->close();
  the.closed = true;
  uv_mutex_lock(&the.mutex);
  struct buf last = the.intake;
  the.intake = (struct buf){0};
  uv_mutex_unlock(&the.mutex);
  give_all(&last);
  buf_fini(&last);
}

static void run(void *arg)
{
  bool look_again = false;
  (void)arg;
  uv_mutex_lock(&the.mutex);
  while (!the.ending || the.intake.len) {
    if (!the.intake.len)
      sleep_until_changed(look_again);
    turn(&look_again);
  }
  uv_mutex_unlock(&the.mutex);
  close_sinks();
  uv_mutex_lock(&the.mutex);
  tell_emptied();
  uv_mutex_unlock(&the.mutex);
}

/* ---- life ---- */

void log__thread_open(const struct log_config *config)
{
  uv_mutex_init(&the.mutex);
  uv_cond_init(&the.changed);
  uv_cond_init(&the.hurry);
  uv_cond_init(&the.emptied);
  for (int i = 0; i < LOG_SINKS; i++)
    sinks[i]->open(config);
  the.open = uv_thread_create(&the.thread, run, NULL) == 0;
}

/* With the mutex held; false when the patience is over. */
static bool wait_emptied(int64_t patience_ms)
{
  int64_t until = clock_mono_ns() + patience_ms * CLOCK_MS, left = 1;
  the.waiting++;
  the.idle = false;
  uv_cond_signal(&the.changed);
  uv_cond_signal(&the.hurry);
  while (!(the.idle && the.intake.len == 0) && left > 0) {
    left = until - clock_mono_ns();
    if (left > 0)
      uv_cond_timedwait(&the.emptied, &the.mutex, (uint64_t)left);
  }
  the.waiting--;
  return the.idle && the.intake.len == 0;
}

void log__thread_drain(int64_t patience_ms)
{
  if (!the.open)
    return;
  uv_mutex_lock(&the.mutex);
  wait_emptied(patience_ms);
  uv_mutex_unlock(&the.mutex);
}

/* A thread that is held up (by a disk that does not answer) is left behind: the process
 * ends anyway. */
bool log__thread_close(int64_t patience_ms)
{
  if (!the.open)
    return true;
  uv_mutex_lock(&the.mutex);
  the.ending = true;
  bool done = wait_emptied(patience_ms);
  the.open = false;
  uv_mutex_unlock(&the.mutex);
  if (done)
    uv_thread_join(&the.thread);
  return done;
}
