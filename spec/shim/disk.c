/* A disk in trouble, for a program that is started with this in LD_PRELOAD.
 *
 * The file that DISK_FAULTS names holds a word, read before each call:
 *
 *   (none)   all is well
 *   slow     each sync and each write at a place takes 50 ms longer
 *   stuck    a sync does not return while the word stands there
 *   broken   a sync fails: EIO
 *   full     a write at a place fails: ENOSPC
 *
 * SQLite alone writes at places (pwrite); logs and pipes are left as they are.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define SLOW_MS 50
#define LOOK_MS 5

static void rest(long ms)
{
  struct timespec time = {.tv_nsec = ms * 1000000};
  nanosleep(&time, NULL);
}

static int is_told(const char *word)
{
  char told[16] = "";
  const char *path = getenv("DISK_FAULTS");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0)
    return 0;
  ssize_t n = read(fd, told, sizeof told - 1);
  close(fd);
  return n > 0 && strncmp(told, word, strlen(word)) == 0;
}

static int trouble_at_sync(void)
{
  if (is_told("slow"))
    rest(SLOW_MS);
  while (is_told("stuck"))
    rest(LOOK_MS);
  return is_told("broken");
}

static int trouble_at_write(void)
{
  if (is_told("slow"))
    rest(SLOW_MS);
  return is_told("full");
}

/* What the program would call without this. ISO C has no cast for it. */
static void next(const char *name, void *function)
{
  void *found = dlsym(RTLD_NEXT, name);
  memcpy(function, &found, sizeof found);
}

static int sync_by(const char *name, int fd)
{
  int (*real)(int);
  next(name, &real);
  if (trouble_at_sync()) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

int fsync(int fd)
{
  return sync_by("fsync", fd);
}

int fdatasync(int fd)
{
  return sync_by("fdatasync", fd);
}

static ssize_t write_by(const char *name, int fd, const void *bytes, size_t n, off_t at)
{
  ssize_t (*real)(int, const void *, size_t, off_t);
  next(name, &real);
  if (trouble_at_write()) {
    errno = ENOSPC;
    return -1;
  }
  return real(fd, bytes, n, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
  return write_by("pwrite", fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
  return write_by("pwrite64", fd, bytes, n, at);
}
