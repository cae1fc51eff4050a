/* Locking a data folder: see lock.h. The lock file must be opened once only: closing any
 * descriptor of it would drop the lock. */
#include "loop/lock.h"

#include <errno.h>
#include <fcntl.h>
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

static int refuse(const char *folder, int fd, struct err *err)
{
  char pid[32] = {0};
  ssize_t n = pread(fd, pid, sizeof pid - 1, 0);
  pid[n > 0 ? strcspn(pid, "\n") : 0] = 0;
  return err_set(
      err, "data_in_use",
      "the data folder \"%s\" is in use by another host (pid %s); stop that one, "
      "or choose another folder by --data",
      folder, pid[0] ? pid : "unknown");
}

static void write_pid(int fd)
{
  char pid[32];
  int len = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
  if (ftruncate(fd, 0) == 0 && pwrite(fd, pid, (size_t)len, 0) < 0)
    return; /* it only serves the message of refuse() */
}

static int lock_file(const char *folder, const char *file, struct err *err)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return err_set(
        err, "data_unwritable",
        "cannot write in the data folder \"%s\": %s; make it writable or choose "
        "another one by --data",
        folder, strerror(errno));
  if (fcntl(fd, F_SETLK, &lock) < 0) {
    int status = refuse(folder, fd, err);
    close(fd);
    return status;
  }
  write_pid(fd);
  return 0; /* fd stays open for good */
}

int lock_folder(const char *folder, struct err *err)
{
  char *path = mem_strdup(folder), *file = mem_printf("%s/candy.lock", folder);
  int status = make_folders(path, err);
  if (status == 0)
    status = lock_file(folder, file, err);
  free(path);
  free(file);
  return status;
}
