/* What is done to files, in uv's threads: see file.h. Nothing here touches Lua, the loop
 * or a file that another thread works on. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lua/beneath.h"
#include "lua/file.h"

int file_run_nothing(struct file_op *op)
{
  (void)op;
  return 0;
}

/* ---- opening and closing ---- */

static int flags_of(const struct file_op *op)
{
  const struct file *mode = &op->mode;
  int flags = mode->reads && mode->writes ? O_RDWR : mode->writes ? O_WRONLY : O_RDONLY;
  return flags | (op->creates ? O_CREAT : 0) | (mode->appends ? O_APPEND : 0);
}

static int empty(struct file_op *op, int fd)
{
  if (ftruncate(fd, 0) < 0)
    return -1;
  folder_take(op->folder, -op->info.st_size);
  return 0;
}

/* Pipes and devices are opened without waiting for them, and refused. */
static int check(struct file_op *op, int fd)
{
  if (fstat(fd, &op->info) < 0)
    return -1;
  errno = S_ISDIR(op->info.st_mode) ? EISDIR : ENOTSUP;
  return S_ISREG(op->info.st_mode) ? 0 : -1;
}

int file_run_open(struct file_op *op)
{
  int fd = beneath_open(op->folder->fd, op->name, flags_of(op), 0600);
  if (fd < 0)
    return -1;
  if (check(op, fd) < 0 || (op->truncates && empty(op, fd) < 0)) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  op->fd = fd;
  return 0;
}

int file_run_close(struct file_op *op)
{
  int fd = op->file->fd;
  op->file->fd = -1;
  return close(fd);
}

/* ---- reading and writing ---- */

int file_run_read(struct file_op *op)
{
  struct file *f = op->file;
  buf_reserve(&op->bytes, op->n);
  ssize_t n = pread(f->fd, op->bytes.data, op->n, f->at);
  if (n < 0)
    return -1;
  op->bytes.len = (size_t)n;
  f->at += n;
  return 0;
}

/* By how much the file grows when all is written. */
static int64_t growth(struct file_op *op)
{
  struct file *f = op->file;
  if (fstat(f->fd, &op->info) < 0)
    return -1;
  if (f->appends)
    f->at = op->info.st_size;
  int64_t end = f->at + (int64_t)op->bytes.len;
  return end > op->info.st_size ? end - op->info.st_size : 0;
}

static int write_all(struct file_op *op)
{
  struct file *f = op->file;
  for (size_t done = 0; done < op->bytes.len;) {
    ssize_t n = pwrite(f->fd, op->bytes.data + done, op->bytes.len - done, f->at);
    if (n < 0)
      return -1;
    done += (size_t)n;
    f->at += n;
  }
  return 0;
}

int file_run_write(struct file_op *op)
{
  int64_t more = growth(op);
  if (more < 0)
    return -1;
  op->over_limit = !folder_take(op->folder, more);
  errno = EFBIG;
  if (op->over_limit)
    return -1;
  int64_t from = op->file->at;
  if (write_all(op) == 0)
    return 0;
  int error = errno;
  int64_t missing = (int64_t)op->bytes.len - (op->file->at - from);
  folder_take(op->folder, more < missing ? -more : -missing);
  errno = error;
  return -1;
}

/* ---- names ---- */

static int open_parent(const struct file_op *op, const char *name, const char **last)
{
  return beneath_open_parent(op->folder->fd, name, last);
}

static int leave(int fd, int status)
{
  int error = errno;
  close(fd);
  errno = error;
  return status;
}

int file_run_stat(struct file_op *op)
{
  const char *last;
  int at = open_parent(op, op->name, &last);
  if (at < 0)
    return -1;
  return leave(at, fstatat(at, last, &op->info, AT_SYMLINK_NOFOLLOW));
}

/* The bytes that are free again when this name of a file is gone. */
static int64_t bytes_of(int at, const char *name)
{
  struct stat info;
  bool last_name = fstatat(at, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
                   S_ISREG(info.st_mode) && info.st_nlink == 1;
  return last_name ? info.st_size : 0;
}

int file_run_remove(struct file_op *op)
{
  const char *last;
  int at = open_parent(op, op->name, &last);
  if (at < 0)
    return -1;
  int64_t bytes = bytes_of(at, last);
  int status = unlinkat(at, last, 0);
  if (status < 0 && errno == EISDIR)
    status = unlinkat(at, last, AT_REMOVEDIR);
  if (status == 0)
    folder_take(op->folder, -bytes);
  return leave(at, status);
}

int file_run_rename(struct file_op *op)
{
  const char *last, *last_to;
  int at = open_parent(op, op->name, &last);
  if (at < 0)
    return -1;
  int to = open_parent(op, op->to, &last_to);
  if (to < 0)
    return leave(at, -1);
  int64_t bytes = bytes_of(to, last_to);
  int status = renameat(at, last, to, last_to);
  if (status == 0)
    folder_take(op->folder, -bytes);
  return leave(at, leave(to, status));
}

int file_run_mkdir(struct file_op *op)
{
  const char *last;
  int at = open_parent(op, op->name, &last);
  if (at < 0)
    return -1;
  return leave(at, mkdirat(at, last, 0700));
}

int file_run_list(struct file_op *op)
{
  struct dirent *entry;
  int fd = beneath_open(op->folder->fd, op->name, O_RDONLY | O_DIRECTORY, 0);
  if (fd < 0)
    return -1;
  DIR *folder = fdopendir(fd);
  if (!folder)
    return leave(fd, -1);
  while (op->n <= ENTRIES_MAX && (entry = readdir(folder))) {
    const char *name = entry->d_name;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
      continue;
    buf_append(&op->bytes, name, strlen(name) + 1);
    op->n++;
  }
  closedir(folder);
  errno = EOVERFLOW;
  return op->n > ENTRIES_MAX ? -1 : 0;
}
