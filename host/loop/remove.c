/* Removing a tree of any shape: see remove.h.
 *
 * A program may have nested folders to any depth, so there is no recursion here: a folder
 * inside of a folder is first moved to the top. Two descriptors are open at a time,
 * no symbolic link is followed, and folders that their owner may not read are opened up.
 */
#include "loop/remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_TRIES 1000

struct removal {
  int top;
  unsigned long moved;
  int error; /* the first one; else 0 */
};

static void note(struct removal *r)
{
  if (r->error == 0 && errno != ENOENT)
    r->error = errno;
}

static bool is_dots(const char *name)
{
  return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static DIR *open_folder(int at, const char *name)
{
  int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(at, name, flags);
  if (fd < 0 && errno == EACCES && fchmodat(at, name, 0700, 0) == 0)
    fd = openat(at, name, flags);
  if (fd < 0)
    return NULL;
  fchmod(fd, 0700);
  DIR *folder = fdopendir(fd);
  if (!folder)
    close(fd);
  return folder;
}

/* Moves a folder to the top, under a name that is not taken there. */
static int move_up(struct removal *r, int at, const char *name)
{
  char to[32];
  if (fchmodat(at, name, 0700, 0) < 0) /* its ".." is about to change */
    return -1;
  for (int i = 0; i < NAME_TRIES; i++) {
    snprintf(to, sizeof to, ".removed-%lu", ++r->moved);
    if (renameat(at, name, r->top, to) == 0)
      return 0;
    if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
      return -1;
  }
  return -1;
}

static void clear_inner(struct removal *r, DIR *folder)
{
  struct dirent *entry;
  int fd = dirfd(folder);
  while ((entry = readdir(folder)))
    if (!is_dots(entry->d_name) && unlinkat(fd, entry->d_name, 0) < 0 &&
        unlinkat(fd, entry->d_name, AT_REMOVEDIR) < 0 &&
        move_up(r, fd, entry->d_name) < 0)
      note(r);
}

/* Removes a folder of the top. What readdir passed over, since the folder changed under
 * it, is found by another round. */
static bool remove_inner(struct removal *r, const char *name)
{
  unsigned long before;
  do {
    before = r->moved;
    DIR *folder = open_folder(r->top, name);
    if (!folder)
      return false;
    clear_inner(r, folder);
    closedir(folder);
    if (unlinkat(r->top, name, AT_REMOVEDIR) == 0)
      return true;
  } while (r->moved > before);
  return false;
}

static bool remove_entry(struct removal *r, const char *name)
{
  if (unlinkat(r->top, name, 0) == 0 || unlinkat(r->top, name, AT_REMOVEDIR) == 0 ||
      remove_inner(r, name))
    return true;
  note(r);
  return false;
}

/* One round over the top: how many entries it removed. */
static size_t clear_top(struct removal *r, DIR *top)
{
  struct dirent *entry;
  size_t removed = 0;
  rewinddir(top);
  while ((entry = readdir(top)))
    if (!is_dots(entry->d_name))
      removed += remove_entry(r, entry->d_name);
  return removed;
}

int remove_tree(const char *path)
{
  struct removal r = {.top = -1};
  DIR *top = open_folder(AT_FDCWD, path);
  if (top) {
    r.top = dirfd(top);
    do
      r.error = 0;
    while (clear_top(&r, top) > 0);
    closedir(top);
  }
  if (rmdir(path) == 0 || errno == ENOENT)
    return 0;
  if (errno == ENOTDIR && unlink(path) == 0)
    return 0;
  if (r.error)
    errno = r.error;
  return -1;
}
