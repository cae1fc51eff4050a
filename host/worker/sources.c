/* Reading scripts folders: see sources.h. */
#include "worker/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "frame/bundle.h"

#define FILE_MAX_BYTES ((off_t)4 * 1024 * 1024)
#define DEPTH_MAX      8
#define FILES_MAX      10000 /* links in a circle end here */
#define PIECE          ((size_t)64 * 1024)

static int bad_file(struct err *err, const char *path, int error)
{
  return err_set(err, "scripts_unreadable", "cannot read %s: %s", path, strerror(error));
}

static int read_open(struct buf *text, int fd, const char *path, struct err *err)
{
  struct stat st;
  if (fstat(fd, &st) < 0)
    return bad_file(err, path, errno);
  if (st.st_size > FILE_MAX_BYTES)
    return err_set(err, "script_too_large",
                   "%s has %lld bytes; a script may have 4 MiB: keep data in files of "
                   "their own",
                   path, (long long)st.st_size);
  ssize_t n = 1;
  while (n > 0 && text->len <= (size_t)FILE_MAX_BYTES) {
    buf_reserve(text, PIECE);
    n = read(fd, text->data + text->len, PIECE);
    text->len += n > 0 ? (size_t)n : 0;
  }
  return n < 0 ? bad_file(err, path, errno) : 0;
}

static int read_file(struct buf *text, const char *path, struct err *err)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return bad_file(err, path, errno);
  int status = read_open(text, fd, path, err);
  close(fd);
  return status;
}

/* "a/b.lua" -> "a.b", "a/init.lua" -> "a"; the caller frees it. */
static char *module_name(const char *relative)
{
  char *name = mem_strdup(relative);
  size_t len = strlen(name) - strlen(".lua");
  name[len] = 0;
  if (len > 5 && strcmp(name + len - 5, "/init") == 0)
    name[len - 5] = 0;
  for (char *p = name; *p; p++)
    if (*p == '/')
      *p = '.';
  return name;
}

static bool loads_at_start(const char *relative)
{
  const char *slash = strchr(relative, '/');
  return !slash || strcmp(slash, "/init.lua") == 0;
}

static void add_entry_of(struct sources *s, const char *path, const char *relative,
                         const struct buf *text)
{
  char *name = module_name(relative);
  struct bundle_file file = {.load = loads_at_start(relative),
                             .name = {name, strlen(name)},
                             .path = {path, strlen(path)},
                             .source = {text->data, text->len}};
  bundle_put(&s->bundle, &file);
  s->paths = mem_grow(s->paths, (s->n + 1) * sizeof *s->paths);
  s->paths[s->n++] = mem_strdup(path);
  free(name);
}

/* A path that is no UTF-8 can't be told as it is: its odd bytes are told as "?". */
static void add_problem(struct sources *s, const char *path, const struct err *err)
{
  char *told = mem_strdup(path);
  json_t *key = json_string(told);
  for (char *p = told; !key && *p; p++)
    if ((unsigned char)*p >= 0x80)
      *p = '?';
  json_decref(key);
  json_object_set_new(s->problems, told, jx_error(err->code, err->text));
  free(told);
}

static void add_file(struct sources *s, const char *path, const char *relative)
{
  struct buf text = {0};
  struct err err;
  json_t *told = json_string(path);
  int status = told ? read_file(&text, path, &err)
                    : err_set(&err, "bad_name", "its name is not valid UTF-8: rename it");
  if (status == 0)
    add_entry_of(s, path, relative, &text);
  else
    add_problem(s, path, &err);
  json_decref(told);
  buf_fini(&text);
}

static bool is_lua(const char *name)
{
  size_t len = strlen(name);
  return len > 4 && strcmp(name + len - 4, ".lua") == 0;
}

static int visible(const struct dirent *entry)
{
  return entry->d_name[0] != '.' && entry->d_name[0] != '#';
}

static int add_folder(struct sources *s, const char *folder, size_t root, int depth,
                      struct err *err);

static void add_below(struct sources *s, const char *path, size_t root, int depth)
{
  struct err err;
  if (depth < DEPTH_MAX && add_folder(s, path, root, depth + 1, &err) < 0)
    add_problem(s, path, &err);
}

static void add_entry(struct sources *s, const char *path, size_t root, int depth)
{
  struct stat st;
  struct err err;
  if (stat(path, &st) < 0) {
    bad_file(&err, path, errno);
    if (is_lua(path)) /* a link to nothing, most likely */
      add_problem(s, path, &err);
  } else if (S_ISDIR(st.st_mode)) {
    add_below(s, path, root, depth);
  } else if (S_ISREG(st.st_mode) && is_lua(path)) {
    add_file(s, path, path + root + 1);
  }
}

static int add_folder(struct sources *s, const char *folder, size_t root, int depth,
                      struct err *err)
{
  struct dirent **entries = NULL;
  int n = scandir(folder, &entries, visible, alphasort);
  if (n < 0)
    return bad_file(err, folder, errno);
  for (int i = 0; i < n; i++) {
    char *path = mem_printf("%s/%s", folder, entries[i]->d_name);
    if (s->n < FILES_MAX)
      add_entry(s, path, root, depth);
    free(path);
    free(entries[i]);
  }
  free(entries);
  return 0;
}

static bool is_default_and_missing(const char *folder)
{
  return strcmp(folder, "scripts") == 0 && access(folder, F_OK) < 0;
}

int sources_read(struct sources *s, char *const *folders, size_t n, struct err *err)
{
  *s = (struct sources){.problems = json_object()};
  buf_reserve(&s->bundle, 0);
  for (size_t i = 0; i < n; i++) {
    char *folder = mem_strdup(folders[i]);
    size_t len = strlen(folder);
    while (len > 1 && folder[len - 1] == '/')
      folder[--len] = 0;
    int status = 0;
    if (!is_default_and_missing(folder))
      status = add_folder(s, folder, len, 0, err);
    free(folder);
    if (status < 0) {
      err_wrap(err, "scripts folder \"%s\"", folders[i]);
      sources_fini(s);
      return -1;
    }
  }
  return 0;
}

void sources_fini(struct sources *s)
{
  for (size_t i = 0; i < s->n; i++)
    free(s->paths[i]);
  free(s->paths);
  json_decref(s->problems);
  buf_fini(&s->bundle);
  *s = (struct sources){0};
}

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
