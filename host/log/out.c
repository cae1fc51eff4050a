/* The sink that is standard error: a thread of its own that may block, in front of it a
 * buffer that is bounded, so that nobody else ever does. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "log/log_.h"

#define KEPT_MAX ((size_t)4 * 1024 * 1024)
#define WRITE_AT ((size_t)64 * 1024) /* or when a batch of lines is over */

static struct {
  uv_thread_t thread;
  uv_mutex_t mutex;
  uv_cond_t changed; /* there is something to write, or the end is near */
  uv_cond_t written; /* the thread has taken, or written, what there was */
  struct buf waiting;
  long dropped;
  bool open, ending, idle, for_people;
} out;

static void write_all(const char *bytes, size_t len)
{
  while (len > 0) {
    ssize_t n = write(STDERR_FILENO, bytes, len);
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (n < 0 && errno == EAGAIN)
      poll(&ready, 1, -1);
    else if (n < 0 && errno != EINTR)
      return; /* there is no place left to complain to */
    bytes += n > 0 ? n : 0;
    len -= n > 0 ? (size_t)n : 0;
  }
}

/* Takes what waits; false at the end. With the mutex held. */
static bool take(struct buf *lines)
{
  while (out.waiting.len == 0 && !out.ending) {
    out.idle = true;
    uv_cond_broadcast(&out.written);
    uv_cond_wait(&out.changed, &out.mutex);
  }
  out.idle = false;
  *lines = out.waiting;
  out.waiting = (struct buf){0};
  if (out.dropped)
    buf_printf(lines, "candy: %ld lines of the log were dropped: nobody read them\n",
               out.dropped);
  out.dropped = 0;
  return lines->len > 0;
}

static void run(void *arg)
{
  struct buf lines = {0};
  (void)arg;
  uv_mutex_lock(&out.mutex);
  while (take(&lines)) {
    uv_mutex_unlock(&out.mutex);
    write_all(lines.data, lines.len);
    buf_fini(&lines);
    uv_mutex_lock(&out.mutex);
  }
  out.idle = true;
  uv_cond_broadcast(&out.written);
  uv_mutex_unlock(&out.mutex);
}

static void open_out(const struct log_config *config)
{
  (void)config;
  out.for_people = isatty(STDERR_FILENO) != 0;
  uv_mutex_init(&out.mutex);
  uv_cond_init(&out.changed);
  uv_cond_init(&out.written);
  out.open = uv_thread_create(&out.thread, run, NULL) == 0;
}

/* A thread that still waits for a reader is left behind: the process ends anyway. */
bool log__out_close(int64_t patience_ms)
{
  int64_t until = clock_mono_ns() + patience_ms * CLOCK_MS, left = 1;
  if (!out.open)
    return true;
  uv_mutex_lock(&out.mutex);
  out.ending = true;
  uv_cond_signal(&out.changed);
  while (!(out.idle && out.waiting.len == 0) && left > 0) {
    left = until - clock_mono_ns();
    if (left > 0)
      uv_cond_timedwait(&out.written, &out.mutex, (uint64_t)left);
  }
  bool done = out.idle && out.waiting.len == 0;
  out.open = false;
  uv_mutex_unlock(&out.mutex);
  if (done)
    uv_thread_join(&out.thread);
  return done;
}

static void keep(const char *bytes, size_t len)
{
  uv_mutex_lock(&out.mutex);
  if (out.waiting.len + len <= KEPT_MAX)
    buf_append(&out.waiting, bytes, len);
  else
    out.dropped++;
  if (out.idle && out.waiting.len >= WRITE_AT)
    uv_cond_signal(&out.changed);
  uv_mutex_unlock(&out.mutex);
}

static void take_entry(const struct log_entry *e)
{
  struct buf b = {0};
  if (out.for_people) {
    log__for_people(&b, e);
    keep(b.data, b.len);
    buf_fini(&b);
  } else {
    keep(e->line.data, e->line.len);
  }
}

void log__out_now(const struct log_entry *e)
{
  struct buf b = {0};
  if (isatty(STDERR_FILENO))
    log__for_people(&b, e);
  else
    log__for_programs(&b, e);
  write_all(b.data, b.len);
  buf_fini(&b);
}

/* Waking the thread for each line would cost more than the line. */
static bool settle_out(void)
{
  uv_mutex_lock(&out.mutex);
  if (out.idle && out.waiting.len)
    uv_cond_signal(&out.changed);
  uv_mutex_unlock(&out.mutex);
  return false;
}

/* Standard error is open for longer than the thread of the log: log__out_close. */
static void close_out(void)
{
}

const struct log_sink log__out_sink = {open_out, take_entry, settle_out, close_out, NULL};
