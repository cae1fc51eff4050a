/* Opening what lies beneath a folder: see beneath.h. */
#include "lua/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALWAYS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

bool beneath_is_name(const char *name, size_t len)
{
  if (len == 0 || len >= PATH_MAX || memchr(name, 0, len) || *name == '/' ||
      name[len - 1] == '/')
    return false;
  for (const char *part = name; part; part = strchr(part, '/')) {
    part += *part == '/';
    if (strncmp(part, "..", 2) == 0 && (part[2] == 0 || part[2] == '/'))
      return false;
  }
  return true;
}

/* The path of a name up to its last part, which is returned. */
static const char *split(const char *name, char head[PATH_MAX])
{
  const char *slash = strrchr(name, '/');
  size_t len = slash ? (size_t)(slash - name) + 1 : 0;
  memcpy(head, name, len);
  head[len] = 0;
  return name + len;
}

/* ---- kernels without openat2 ---- */

/* Opens the folder of the next part and lets go of the one before. */
static int step_into(int folder, const char *part, bool own)
{
  int next = openat(folder, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int error = errno;
  struct stat info;
  if (next < 0 && error == ENOTDIR &&
      fstatat(folder, part, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode))
    error = ELOOP;
  if (own)
    close(folder);
  errno = error;
  return next;
}

static int open_by_parts(int folder, const char *name, int flags, mode_t mode)
{
  char head[PATH_MAX], *rest = head, *part;
  const char *last = split(name, head);
  int at = folder;
  while (at >= 0 && (part = strsep(&rest, "/")))
    if (*part && strcmp(part, ".") != 0)
      at = step_into(at, part, at != folder);
  if (at < 0)
    return -1;
  int fd = openat(at, last, flags | ALWAYS, mode);
  int error = errno;
  if (at != folder)
    close(at);
  errno = error;
  return fd;
}

/* ---- the face ---- */

int beneath_open(int folder, const char *name, int flags, mode_t mode)
{
  struct open_how how = {.flags = (unsigned)(flags | ALWAYS),
                         .mode = flags & O_CREAT ? mode : 0,
                         .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
  long fd;
  do
    fd = syscall(SYS_openat2, folder, name, &how, sizeof how);
  while (fd < 0 && (errno == EAGAIN || errno == EINTR)); /* something was renamed */
  /* ENOSYS: an old kernel; EPERM: a container's filter that does not know the call. */
  if (fd < 0 && (errno == ENOSYS || errno == EPERM))
    return open_by_parts(folder, name, flags, mode);
  return (int)fd;
}

int beneath_open_parent(int folder, const char *name, const char **last)
{
  char head[PATH_MAX];
  *last = split(name, head);
  size_t len = (size_t)(*last - name);
  memcpy(head + len, ".", 2); /* the name is longer than head */
  return beneath_open(folder, head, O_RDONLY | O_DIRECTORY, 0);
}
