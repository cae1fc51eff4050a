/* Reading scripts folders: see sources.h. What becomes of sources that were read is in
 * sources_set.c. */
#include "worker/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "frame/bundle.h"

#define FILE_MAX_BYTES ((off_t)4 * 1024 * 1024)
#define ALL_MAX_BYTES  ((size_t)64 * 1024 * 1024)
#define DEPTH_MAX      8
#define FILES_MAX      10000
#define FOLDERS_MAX    1000 /* links in a circle end here */
#define PIECE          ((size_t)64 * 1024)
#define RIPE_MS        300 /* a file that was emptied so lately is being written to */

/* One folder that is read with all below it. */
struct root {
  const char *folder;
  const char *prefix; /* of its modules' names, with its dot; "" for scripts */
  size_t len;         /* of the folder's path */
};

static int bad_file(struct err *err, const char *path, int error)
{
  return err_set(err, "scripts_unreadable", "cannot read %s: %s", path, strerror(error));
}

static bool changed_since(const struct stat *st, int64_t ms)
{
  return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / CLOCK_MS > ms;
}

bool sources_unripe(int fd, const struct stat *before, size_t got)
{
  struct stat st;
  if (fstat(fd, &st) < 0)
    return false;
  bool moved = (size_t)st.st_size != got || st.st_mtim.tv_sec != before->st_mtim.tv_sec ||
               st.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
  return moved || (got == 0 && changed_since(&st, clock_wall_ms() - RIPE_MS));
}

static int read_open(struct sources *s, struct buf *text, int fd, const char *path,
                     struct err *err)
{
  struct stat st;
  if (fstat(fd, &st) < 0)
    return bad_file(err, path, errno);
  if (st.st_size > FILE_MAX_BYTES)
    return err_set(err, "script_too_large",
                   "%s has %lld bytes; a script may have 4 MiB: keep data in files of "
                   "their own",
                   path, (long long)st.st_size);
  if (s->bundle.len + (size_t)st.st_size > ALL_MAX_BYTES)
    return err_set(err, "scripts_too_large",
                   "%s: all scripts together may have 64 MiB: keep data in files of "
                   "their own",
                   path);
  ssize_t n = 1;
  while (n > 0 && text->len <= (size_t)FILE_MAX_BYTES) {
    buf_reserve(text, PIECE);
    n = read(fd, text->data + text->len, PIECE);
    text->len += n > 0 ? (size_t)n : 0;
  }
  if (n < 0)
    return bad_file(err, path, errno);
  s->unripe = s->unripe || sources_unripe(fd, &st, text->len);
  return 0;
}

static int read_file(struct sources *s, struct buf *text, const char *path,
                     struct err *err)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return bad_file(err, path, errno);
  int status = read_open(s, text, fd, path, err);
  close(fd);
  return status;
}

/* "a/b.lua" -> "a.b", "a/init.lua" -> "a", with the prefix before; the caller frees it.
 */
static char *module_name(const struct root *root, const char *relative)
{
  char *name = mem_printf("%s%s", root->prefix, relative);
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

static void add_entry_of(struct sources *s, const struct root *root, const char *path,
                         const struct buf *text)
{
  const char *relative = path + root->len + 1;
  char *name = module_name(root, relative);
  struct bundle_file file = {.load = loads_at_start(relative),
                             .name = {name, strlen(name)},
                             .path = {path, strlen(path)},
                             .source = {text->data, text->len}};
  size_t at = s->bundle.len;
  bundle_put(&s->bundle, &file);
  s->files = mem_grow(s->files, (s->n + 1) * sizeof *s->files);
  s->files[s->n++] = (struct source_file){mem_strdup(path), at, s->bundle.len - at};
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

static void add_file(struct sources *s, const struct root *root, const char *path)
{
  struct buf text = {0};
  struct err err;
  json_t *told = json_string(path);
  int status = told ? read_file(s, &text, path, &err)
                    : err_set(&err, "bad_name", "its name is not valid UTF-8: rename it");
  if (status == 0)
    add_entry_of(s, root, path, &text);
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

static void note_folder(struct sources *s, const char *path, const char *only)
{
  struct stat st = {0};
  if (stat(path, &st) < 0)
    return;
  s->folders = mem_grow(s->folders, (s->n_folders + 1) * sizeof *s->folders);
  s->folders[s->n_folders++] = (struct source_folder){
      mem_strdup(path), only ? mem_strdup(only) : NULL, st.st_dev, st.st_ino};
}

static int add_folder(struct sources *s, const struct root *root, const char *folder,
                      int depth, struct err *err);

static void add_below(struct sources *s, const struct root *root, const char *path,
                      int depth)
{
  struct err err;
  int status = 0;
  if (s->n_folders >= FOLDERS_MAX)
    status = err_set(&err, "too_many_folders",
                     "scripts may have %d folders, and this is one more", FOLDERS_MAX);
  else if (depth < DEPTH_MAX)
    status = add_folder(s, root, path, depth + 1, &err);
  if (status < 0)
    add_problem(s, path, &err);
}

static void add_entry(struct sources *s, const struct root *root, const char *path,
                      int depth)
{
  struct stat st;
  struct err err;
  if (stat(path, &st) < 0) {
    bad_file(&err, path, errno);
    if (is_lua(path)) /* a link to nothing, most likely */
      add_problem(s, path, &err);
  } else if (S_ISDIR(st.st_mode)) {
    add_below(s, root, path, depth);
  } else if (S_ISREG(st.st_mode) && is_lua(path)) {
    add_file(s, root, path);
  }
}

static void add_too_many(struct sources *s, const char *folder)
{
  struct err err;
  err_set(&err, "too_many_files", "scripts may have %d files, and here are more",
          FILES_MAX);
  add_problem(s, folder, &err);
}

static int add_folder(struct sources *s, const struct root *root, const char *folder,
                      int depth, struct err *err)
{
  struct dirent **entries = NULL;
  note_folder(s, folder, NULL);
  int n = scandir(folder, &entries, visible, alphasort);
  if (n < 0)
    return bad_file(err, folder, errno);
  for (int i = 0; i < n; i++) {
    char *path = mem_printf("%s/%s", folder, entries[i]->d_name);
    if (s->n < FILES_MAX)
      add_entry(s, root, path, depth);
    else if (is_lua(path))
      add_too_many(s, folder);
    free(path);
    free(entries[i]);
  }
  free(entries);
  return 0;
}

/* ---- roots ---- */

/* The folder may come, or another one may take its place: its parent would tell. */
static void note_parent(struct sources *s, const char *folder)
{
  const char *slash = strrchr(folder, '/');
  if (!slash) {
    note_folder(s, ".", folder);
    return;
  }
  char *parent =
      slash == folder ? mem_strdup("/") : mem_copy(folder, (size_t)(slash - folder));
  note_folder(s, parent, slash + 1);
  free(parent);
}

static char *without_slashes(const char *folder)
{
  char *copy = mem_strdup(folder);
  size_t len = strlen(copy);
  while (len > 1 && copy[len - 1] == '/')
    copy[--len] = 0;
  return copy;
}

static bool is_missing(const char *folder)
{
  return access(folder, F_OK) < 0;
}

static bool is_named(const char *folder, char *const *scripts, size_t n)
{
  bool found = false;
  for (size_t i = 0; i < n && !found; i++) {
    char *named = without_slashes(scripts[i]);
    found = strcmp(folder, named) == 0;
    free(named);
  }
  return found;
}

void sources_note(struct sources *s, const char *folder, const char *only)
{
  char *path = without_slashes(folder);
  if (!only)
    note_parent(s, path);
  note_folder(s, path, only);
  free(path);
}

/* The folders that have their place in the current one, lowest layer first. */
static void read_own(struct sources *s, char *const *scripts, size_t n)
{
  static const struct root own[] = {{"integrations", "integrations.", 12},
                                    {"agents", "agents.", 6},
                                    {"platform", "platform.", 8}};
  struct err err;
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    if (is_named(own[i].folder, scripts, n))
      continue;
    note_parent(s, own[i].folder);
    if (!is_missing(own[i].folder) && add_folder(s, &own[i], own[i].folder, 0, &err) < 0)
      add_problem(s, own[i].folder, &err);
  }
}

static int read_scripts(struct sources *s, const char *named, struct err *err)
{
  char *folder = without_slashes(named);
  struct root root = {folder, "", strlen(folder)};
  int status = 0;
  note_parent(s, folder);
  if (strcmp(folder, "scripts") != 0 || !is_missing(folder))
    status = add_folder(s, &root, folder, 0, err);
  free(folder);
  return status < 0 ? err_wrap(err, "scripts folder \"%s\"", named) : 0;
}

int sources_read(struct sources *s, char *const *scripts, size_t n, struct err *err)
{
  *s = (struct sources){.problems = json_object()};
  buf_reserve(&s->bundle, 0);
  read_own(s, scripts, n);
  for (size_t i = 0; i < n; i++)
    if (read_scripts(s, scripts[i], err) < 0) {
      sources_fini(s);
      return -1;
    }
  return 0;
}
