/* The embedded worker program as something that can be executed: see image.h. */
#include "worker/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/embed.h"

EMBED(worker_elf, CANDY_WORKER_IMAGE);

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3: asked for where vm.memfd_noexec is set */
#endif

static int create(void)
{
  int fd = memfd_create("candy-worker", MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL)
    fd = memfd_create("candy-worker", MFD_CLOEXEC);
  return fd;
}

static int fill(int fd)
{
  const char *at = worker_elf_start;
  while (at < worker_elf_end) {
    ssize_t n = write(fd, at, (size_t)(worker_elf_end - at));
    if (n < 0 && errno != EINTR)
      return -1;
    at += n > 0 ? n : 0;
  }
  return 0;
}

int worker_image(char *path, size_t size, struct err *err)
{
  static int image = -1;
  if (image < 0) {
    int fd = create();
    if (fd < 0 || fill(fd) < 0)
      return err_set(err, "worker_image", "cannot place the worker program in memory: %s",
                     strerror(errno));
    /* An image that is open for writing can't be executed: keep a reader of it. */
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    image = open(name, O_RDONLY | O_CLOEXEC);
    close(fd);
    if (image < 0)
      return err_set(err, "worker_image", "cannot open the worker program: %s",
                     strerror(errno));
  }
  snprintf(path, size, "/proc/%d/fd/%d", (int)getpid(), image);
  return 0;
}
