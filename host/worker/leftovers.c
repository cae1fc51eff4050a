/* Moving away and removing: see leftovers.h. What a host that is killed meanwhile leaves
 * behind lies in <tmp>-removed, and is removed by the next one. */
#include "worker/leftovers.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "loop/remove.h"

#define TRIES    10
#define PAUSE_MS 50 /* what a program was still writing is over after some of them */

struct removal {
  uv_work_t work;
  char *path;
};

static void run(uv_work_t *work)
{
  struct removal *r = work->data;
  for (int i = 0; i < TRIES && remove_tree(r->path) < 0; i++)
    uv_sleep(PAUSE_MS);
}

static void done(uv_work_t *work, int status)
{
  struct removal *r = work->data;
  (void)status;
  free(r->path);
  free(r);
}

static void remove_later(uv_loop_t *loop, char *path)
{
  struct removal *r = mem_alloc(sizeof *r);
  r->work.data = r;
  r->path = path;
  uv_queue_work(loop, &r->work, run, done);
}

/* The folder's new path, or NULL when it is not there. */
static char *move_away(const char *path, const char *tmp)
{
  char *away = mem_printf("%s-removed", tmp);
  mkdir(away, 0700);
  free(away);
  char *to = mem_printf("%s-removed/%lld", tmp, (long long)clock_mono_ns());
  if (rename(path, to) == 0)
    return to;
  free(to);
  return NULL;
}

void leftovers_of_worker(uv_loop_t *loop, const char *tmp, int pid)
{
  char *path = mem_printf("%s/%d", tmp, pid);
  struct stat info;
  char *moved = stat(path, &info) == 0 ? move_away(path, tmp) : NULL;
  if (moved)
    remove_later(loop, moved);
  free(path);
}

void leftovers_of_all(uv_loop_t *loop, const char *tmp)
{
  struct stat info;
  char *removed = mem_printf("%s-removed", tmp);
  if (stat(tmp, &info) == 0)
    free(move_away(tmp, tmp));
  if (stat(removed, &info) == 0)
    remove_later(loop, removed);
  else
    free(removed);
}
