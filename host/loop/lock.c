/* Locking a data folder: see lock.h. The lock file must be opened once only: closing any
 * descriptor of it would drop the lock. */
#include "loop/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

static int make_folders(char *path, struct err *err)
{
  for (char *slash = path + 1; *slash; slash++) {
    if (*slash != '/')
      continue;
    *slash = 0;
    mkdir(path, 0777); /* what is wrong shows at the last one */
    *slash = '/';
  }
  if (mkdir(path, 0700) == 0 || errno == EEXIST)
    return 0;
  return err_set(err, "data_unwritable",
                 "cannot make the data folder \"%s\": %s; choose another one by --data",
                 path, strerror(errno));
}

static const char *read_pid(int fd, char pid[32])
{
  ssize_t n = pread(fd, pid, 31, 0);
  pid[n > 0 ? n : 0] = 0;
  pid[strcspn(pid, "\n")] = 0;
  return pid;
}

static void write_pid(int fd)
{
  char pid[32];
  int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
  if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)len, 0) < 0)
    return; /* it only serves the message */
}

/* Returns 0 (the descriptor stays open for good), -1 when the file can't be opened, or 1
 * when another process has it, whose pid it fills in. */
static int lock_file(const char *file, char pid[32])
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return -1;
  if (fcntl(fd, F_SETLK, &lock) < 0) {
    int held = errno == EAGAIN || errno == EACCES;
    read_pid(fd, pid);
    close(fd); /* there is no other descriptor whose lock this would drop */
    return held ? 1 : -1;
  }
  write_pid(fd);
  return 0;
}

int lock_folder(const char *folder, struct err *err)
{
  char pid[32];
  char *path = mem_strdup(folder), *file = mem_printf("%s/candy.lock", folder);
  int status = make_folders(path, err), locked = status < 0 ? 0 : lock_file(file, pid);
  if (locked < 0)
    status = err_set(err, "data_unwritable",
                     "cannot write in the data folder \"%s\": %s; make it writable or "
                     "choose another one by --data",
                     folder, strerror(errno));
  else if (locked > 0)
    status =
        err_set(err, "data_in_use",
                "the data folder \"%s\" is in use by another host (pid %s); stop that "
                "one, or choose another folder by --data",
                folder, pid);
  free(path);
  free(file);
  return status;
}

int lock_database(const char *path, struct err *err)
{
  char pid[32], full[PATH_MAX];
  char *file = mem_printf("%s.lock", realpath(path, full) ? full : path);
  int status = 0, locked = lock_file(file, pid);
  if (locked < 0)
    status = err_set(err, "store_open", "cannot make \"%s\": %s", file, strerror(errno));
  else if (locked > 0)
    status = err_set(err, "store_in_use",
                     "the database \"%s\" is in use by another host (pid %s); stop that "
                     "one, or choose another database by --store",
                     path, pid);
  free(file);
  return status;
}
