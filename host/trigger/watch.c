/* Watching the scripts: see watch.h.
 *
 *   a notice -> QUIET_MS without another one -> read on a thread -> hand on
 *
 * Who saves without a pause does not hold it up for longer than BUSY_MS. What changes
 * while it is read is read again, a few times in a row at most; so is a file that
 * somebody seems to be writing to.
 */
#include "trigger/watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "trigger/folders.h"

#define QUIET_MS   30
#define BUSY_MS    300
#define UNRIPE_MS  100
#define AGAIN_MOST 5
#define SLOW_MS    5000
#define BLIND_MS   1000 /* in place of that when folders can't be watched */

struct watch {
  uv_loop_t *loop;
  struct watch_config config;
  struct folders folders;
  uv_timer_t quiet, slow;
  int64_t noticed_ns; /* the first notice that has not been followed */
  int again;          /* reads in a row that were not handed on */
  bool reading, changed, blind, closing;
  int handles;

  uv_work_t work; /* reading: what follows belongs to the thread meanwhile */
  struct sources sources;
  struct err err;
  int status;
};

/* ---- the end ---- */

static void maybe_free(struct watch *w)
{
  if (!w->closing || w->handles > 0 || w->reading || w->folders.open > 0)
    return;
  free(w);
}

static void closed(uv_handle_t *handle)
{
  struct watch *w = handle->data;
  w->handles--;
  maybe_free(w);
}

static void folder_closed(void *arg)
{
  maybe_free(arg);
}

void watch_free(struct watch **watch)
{
  struct watch *w = *watch;
  *watch = NULL;
  if (!w)
    return;
  w->closing = true;
  folders_fini(&w->folders);
  uv_close((uv_handle_t *)&w->quiet, closed);
  uv_close((uv_handle_t *)&w->slow, closed);
}

/* ---- reading ---- */

static void read_now(uv_timer_t *timer);

static void read_on_thread(uv_work_t *work)
{
  struct watch *w = work->data;
  w->status = sources_read(&w->sources, w->config.scripts, w->config.n_scripts, &w->err);
  settings_read(w->config.settings, &w->sources);
}

static void look_blindly(struct watch *w, int why)
{
  char text[256];
  bool blind = why < 0;
  if (blind && !w->blind) {
    snprintf(text, sizeof text,
             "the folders of the scripts cannot all be watched (%s; is "
             "fs.inotify.max_user_watches too small?): a change is noticed within %d s",
             uv_strerror(why), BLIND_MS / 1000);
    w->config.warn(w->config.arg, text);
  }
  if (blind != w->blind)
    uv_timer_start(&w->slow, read_now, blind ? BLIND_MS : SLOW_MS,
                   blind ? BLIND_MS : SLOW_MS);
  w->blind = blind;
}

/* What is not whole yet is read again soon. */
static bool is_too_early(struct watch *w)
{
  if ((!w->changed && !w->sources.unripe) || w->again >= AGAIN_MOST)
    return false;
  w->again++;
  uv_timer_start(&w->quiet, read_now, w->sources.unripe ? UNRIPE_MS : QUIET_MS, 0);
  return true;
}

/* What was noticed meanwhile is still to be followed. */
static void go_on(struct watch *w)
{
  w->again = 0;
  w->noticed_ns = w->changed ? clock_mono_ns() : 0;
  if (w->changed)
    uv_timer_start(&w->quiet, read_now, QUIET_MS, 0);
}

static void hand_on(struct watch *w)
{
  bool added;
  look_blindly(
      w, folders_set(&w->folders, w->sources.folders, w->sources.n_folders, &added));
  w->changed = w->changed || added;
  if (is_too_early(w))
    return;
  w->sources.noticed_ns = w->noticed_ns;
  go_on(w);
  w->config.seen(w->config.arg, &w->sources, NULL);
}

static void has_read(uv_work_t *work, int status)
{
  struct watch *w = work->data;
  w->reading = false;
  if (w->closing) {
    sources_fini(&w->sources);
    maybe_free(w);
    return;
  }
  if (status == 0 && w->status == 0) {
    hand_on(w);
  } else {
    go_on(w);
    w->config.seen(w->config.arg, NULL, &w->err);
  }
  sources_fini(&w->sources);
}

static void read_now(uv_timer_t *timer)
{
  struct watch *w = timer->data;
  if (w->reading)
    return;
  uv_timer_stop(&w->quiet);
  w->reading = true;
  w->changed = false;
  uv_queue_work(w->loop, &w->work, read_on_thread, has_read);
}

/* ---- notices ---- */

static void noticed(void *arg)
{
  struct watch *w = arg;
  int64_t now = clock_mono_ns();
  w->changed = true;
  if (w->closing || w->reading)
    return;
  if (w->noticed_ns == 0)
    w->noticed_ns = now;
  int64_t left = BUSY_MS - (now - w->noticed_ns) / CLOCK_MS;
  uint64_t wait = left > QUIET_MS ? QUIET_MS : left > 0 ? (uint64_t)left : 0;
  uv_timer_start(&w->quiet, read_now, wait, 0);
}

/* ---- the start ---- */

struct watch *watch_new(uv_loop_t *loop, const struct watch_config *config)
{
  struct watch *w = mem_alloc(sizeof *w);
  w->loop = loop;
  w->config = *config;
  w->folders = (struct folders){
      .loop = loop, .changed = noticed, .closed = folder_closed, .arg = w};
  w->work.data = w;
  uv_timer_init(loop, &w->quiet);
  uv_timer_init(loop, &w->slow);
  w->quiet.data = w->slow.data = w;
  w->handles = 2;
  uv_timer_start(&w->slow, read_now, SLOW_MS, SLOW_MS);
  read_now(&w->quiet);
  return w;
}
