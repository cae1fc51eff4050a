/* Sources that were read: compared, handed to workers, released. See sources.h. */
#include "worker/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "frame/bundle.h"

/* ---- life ---- */

bool sources_take(struct sources *s, const char *bundle, size_t len)
{
  struct bundle_file file;
  *s = (struct sources){.problems = json_object()};
  buf_reserve(&s->bundle, 0);
  buf_append(&s->bundle, bundle, len);
  const char *at = s->bundle.data, *end = at + len;
  for (const char *from = at; bundle_next(&at, end, &file); from = at) {
    s->files = mem_grow(s->files, (s->n + 1) * sizeof *s->files);
    s->files[s->n++] = (struct source_file){
        mem_strdup(file.path.data), (size_t)(from - s->bundle.data), (size_t)(at - from)};
  }
  if (at == end)
    return true;
  sources_fini(s);
  return false;
}

void sources_fini(struct sources *s)
{
  for (size_t i = 0; i < s->n; i++)
    free(s->files[i].path);
  for (size_t i = 0; i < s->n_folders; i++) {
    free(s->folders[i].path);
    free(s->folders[i].only);
  }
  free(s->files);
  free(s->folders);
  json_decref(s->problems);
  buf_fini(&s->bundle);
  *s = (struct sources){0};
}

/* ---- comparing ---- */

bool sources_same(const struct sources *a, const struct sources *b)
{
  return a->problems && b->problems && a->bundle.len == b->bundle.len &&
         memcmp(a->bundle.data, b->bundle.data, a->bundle.len) == 0 &&
         json_equal(a->problems, b->problems);
}

static const struct source_file *find(const struct sources *s, const char *path)
{
  for (size_t i = 0; i < s->n; i++)
    if (strcmp(s->files[i].path, path) == 0)
      return &s->files[i];
  return NULL;
}

static bool same_entry(const struct sources *a, const struct source_file *in_a,
                       const struct sources *b, const struct source_file *in_b)
{
  return in_a->len == in_b->len &&
         memcmp(a->bundle.data + in_a->at, b->bundle.data + in_b->at, in_a->len) == 0;
}

bool sources_same_file(const struct sources *a, const struct sources *b, const char *path)
{
  const struct source_file *in_a = find(a, path), *in_b = find(b, path);
  return in_a && in_b && same_entry(a, in_a, b, in_b);
}

/* {path: its number} */
static json_t *numbers(const struct sources *s)
{
  json_t *index = json_object();
  for (size_t i = 0; i < s->n; i++)
    json_object_set_new(index, s->files[i].path, json_integer((json_int_t)i));
  return index;
}

json_t *sources_changes(const struct sources *before, const struct sources *after)
{
  json_t *index = numbers(before), *changed = json_array(), *added = json_array();
  json_t *removed = json_array(), *number;
  const char *path;
  for (size_t i = 0; i < after->n; i++) {
    const struct source_file *file = &after->files[i];
    number = json_object_get(index, file->path);
    if (!number)
      json_array_append_new(added, json_string(file->path));
    else if (!same_entry(before, &before->files[json_integer_value(number)], after, file))
      json_array_append_new(changed, json_string(file->path));
    json_object_del(index, file->path);
  }
  json_object_foreach(index, path, number)
    json_array_append_new(removed, json_string(path));
  json_decref(index);
  return json_pack("{s:o, s:o, s:o}", "changed", changed, "added", added, "removed",
                   removed);
}

/* ---- for workers ---- */

static int write_all(int fd, const char *bytes, size_t len)
{
  while (len > 0) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno != EINTR)
      return -1;
    bytes += n > 0 ? n : 0;
    len -= n > 0 ? (size_t)n : 0;
  }
  return 0;
}

int sources_share(const struct sources *s, struct err *err)
{
  int fd = memfd_create("candy-scripts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || write_all(fd, s->bundle.data, s->bundle.len) < 0 ||
      fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) <
          0) {
    err_set(err, "scripts_memory", "cannot keep the scripts in memory: %s",
            strerror(errno));
    if (fd >= 0)
      close(fd);
    return -1;
  }
  return fd;
}
