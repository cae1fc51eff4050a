/* Watched folders: see folders.h. */
#include "trigger/folders.h"

#include <stdlib.h>
#include <string.h>

struct folder {
  uv_fs_event_t handle;
  struct folders *set;
  char *path, *only;
  dev_t device;
  ino_t inode;
  bool wanted, dead; /* dead: the folder itself was moved or removed */
};

/* ---- one folder ---- */

static void closed(uv_handle_t *handle)
{
  struct folder *d = handle->data;
  struct folders *set = d->set;
  free(d->path);
  free(d->only);
  free(d);
  set->open--;
  set->closed(set->arg);
}

static const char *base_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* What editors write beside a file until they put it in its place. */
static bool is_leftover(const char *name)
{
  size_t len = strlen(name);
  return name[0] == '.' || name[0] == '#' || (len > 0 && name[len - 1] == '~');
}

/* A folder that has gone says so under its own name. */
static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
  struct folder *d = handle->data;
  (void)events;
  if (status < 0 || !name || strcmp(name, base_name(d->path)) == 0)
    d->dead = true;
  else if (d->only ? strcmp(name, d->only) != 0 : is_leftover(name))
    return;
  d->set->changed(d->set->arg);
}

static struct folder *folder_new(struct folders *f, const struct source_folder *wanted)
{
  struct folder *d = mem_alloc(sizeof *d);
  d->set = f;
  d->path = mem_strdup(wanted->path);
  d->only = wanted->only ? mem_strdup(wanted->only) : NULL;
  d->device = wanted->device;
  d->inode = wanted->inode;
  d->handle.data = d;
  uv_fs_event_init(f->loop, &d->handle);
  f->open++;
  return d;
}

static bool is_same(const struct folder *d, const struct source_folder *wanted)
{
  bool same_only = d->only && wanted->only ? strcmp(d->only, wanted->only) == 0
                                           : d->only == wanted->only;
  return !d->dead && same_only && d->device == wanted->device &&
         d->inode == wanted->inode && strcmp(d->path, wanted->path) == 0;
}

/* ---- the set ---- */

static struct folder *find(struct folders *f, const struct source_folder *wanted)
{
  for (size_t i = 0; i < f->n; i++)
    if (is_same(f->list[i], wanted))
      return f->list[i];
  return NULL;
}

static int add(struct folders *f, const struct source_folder *wanted)
{
  struct folder *d = folder_new(f, wanted);
  d->wanted = true;
  int status = uv_fs_event_start(&d->handle, on_event, d->path, 0);
  if (status < 0) {
    uv_close((uv_handle_t *)&d->handle, closed);
    return status;
  }
  f->list = mem_grow(f->list, (f->n + 1) * sizeof(struct folder *));
  f->list[f->n++] = d;
  return 0;
}

static void close_unwanted(struct folders *f)
{
  size_t kept = 0;
  for (size_t i = 0; i < f->n; i++)
    if (f->list[i]->wanted)
      f->list[kept++] = f->list[i];
    else
      uv_close((uv_handle_t *)&f->list[i]->handle, closed);
  f->n = kept;
}

int folders_set(struct folders *f, const struct source_folder *wanted, size_t n,
                bool *added)
{
  int status = 0;
  *added = false;
  for (size_t i = 0; i < f->n; i++)
    f->list[i]->wanted = false;
  for (size_t i = 0; i < n; i++) {
    struct folder *d = find(f, &wanted[i]);
    if (d) {
      d->wanted = true;
      continue;
    }
    int failed = add(f, &wanted[i]);
    if (failed < 0 && failed != UV_ENOENT && !wanted[i].only)
      status = failed;
    *added = *added || failed == 0;
  }
  close_unwanted(f);
  return status;
}

void folders_fini(struct folders *f)
{
  bool added;
  folders_set(f, NULL, 0, &added);
  free(f->list);
  f->list = NULL;
}
