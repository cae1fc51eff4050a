/* A job's temporary folder: see folder.h. */
#include "lua/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/remove.h"

/* ---- making ---- */

static void close_folder(struct resource *resource)
{
  struct folder *f = (struct folder *)(void *)resource;
  f->slot->folder = NULL;
  f->slot = NULL;
  folder_leave(f);
}

struct folder *folder_of(struct slot *s)
{
  struct worker *w = s->worker;
  if (s->folder)
    return s->folder;
  struct folder *f = mem_alloc(sizeof *f);
  f->slot = s;
  f->worker = w;
  f->path = mem_printf("%s/%d/%" PRId64 "-%" PRIu32, w->settings.tmp, (int)getpid(),
                       s->job->m.id, ++w->last_folder);
  uv_mutex_init(&f->making);
  f->fd = -1;
  f->users = 1;
  s->folder = f;
  resource_open(&f->resource, s, close_folder);
  return f;
}

/* Makes the folder and those above it, up to that of all workers. */
static int make(const char *path)
{
  char *above = mem_strdup(path);
  char *worker = strrchr(above, '/');
  *worker = 0;
  char *all = strrchr(above, '/');
  *all = 0;
  int status = mkdir(above, 0700);
  *all = '/';
  if (status == 0 || errno == EEXIST)
    status = mkdir(above, 0700);
  if (status == 0 || errno == EEXIST)
    status = mkdir(path, 0700);
  free(above);
  return status;
}

int folder_make(struct folder *f)
{
  int error = 0;
  uv_mutex_lock(&f->making);
  if (f->fd < 0 && make(f->path) == 0)
    f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (f->fd < 0)
    error = errno;
  uv_mutex_unlock(&f->making);
  errno = error;
  return error ? -1 : 0;
}

/* ---- removing ---- */

static void removed(uv_work_t *work, int status)
{
  struct folder *f = work->data;
  (void)status;
  uv_mutex_destroy(&f->making);
  free(f->path);
  free(f);
}

/* What stays for some reason is removed by the host, after this worker. */
static void remove_it(uv_work_t *work)
{
  struct folder *f = work->data;
  close(f->fd);
  remove_tree(f->path);
}

void folder_use(struct folder *f)
{
  f->users++;
}

void folder_leave(struct folder *f)
{
  if (--f->users > 0)
    return;
  f->removal.data = f;
  if (f->fd < 0)
    removed(&f->removal, 0);
  else
    uv_queue_work(&f->worker->loop, &f->removal, remove_it, removed);
}

/* ---- what it may hold ---- */

bool folder_take(struct folder *f, int64_t bytes)
{
  int64_t used = atomic_fetch_add(&f->used, bytes) + bytes;
  if (bytes <= 0) {
    if (used < 0) /* what a program wrote was removed: it had not been counted */
      atomic_fetch_sub(&f->used, used);
    return true;
  }
  if (used <= f->worker->settings.file_job_max)
    return true;
  atomic_fetch_sub(&f->used, bytes);
  return false;
}
