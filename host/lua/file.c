/* Open files, and the way to the threads and back: see file.h. */
#include "lua/file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SLICE      ((size_t)256 * 1024)
#define SLICE_LESS ((size_t)4 * 1024)
#define MUCH       ((size_t)32 * 1024 * 1024)

/* ---- what is done in a thread ---- */

size_t file_slice(const struct worker *w, double wanted)
{
  size_t most = w->file_bytes < MUCH ? SLICE : SLICE_LESS;
  return wanted < (double)most ? (size_t)wanted : most;
}

struct file_op *file_op_new(struct folder *folder, struct file *file)
{
  struct file_op *op = mem_alloc(sizeof *op);
  op->work.data = op;
  op->worker = folder->worker;
  op->folder = folder;
  op->file = file;
  op->fd = -1;
  folder_use(folder);
  return op;
}

static void op_free(struct file_op *op)
{
  op->worker->file_bytes -= op->held;
  file_free(&op->opened);
  if (!op->done)
    folder_leave(op->folder);
  buf_fini(&op->bytes);
  free(op->name);
  free(op->to);
  free(op);
}

static void run(uv_work_t *work)
{
  struct file_op *op = work->data;
  errno = 0;
  if ((op->folder->fd < 0 && folder_make(op->folder) < 0) || op->run(op) < 0)
    op->error = errno ? errno : EIO;
}

static void settle(struct file *f);
static struct file *file_new(struct file_op *opened);

/* What was opened belongs to the job, if there still is one. */
static void take_opened(struct file_op *op)
{
  if (op->fd >= 0 && op->folder->slot) {
    op->opened = file_new(op);
    return;
  }
  if (op->fd >= 0)
    close(op->fd);
  op->folder->files--;
}

static void done(uv_work_t *work, int status)
{
  struct file_op *op = work->data;
  (void)status;
  op->done = true;
  if (op->run == file_run_open)
    take_opened(op);
  if (op->run == file_run_write)
    buf_fini(&op->bytes);
  folder_leave(op->folder); /* it must not wait for Lua to look at the result */
  if (op->file) {
    op->file->busy = false;
    settle(op->file);
  }
  gate_open(&op->gate);
  if (op->dropped)
    op_free(op);
}

void file_op_start(struct file_op *op, int (*what)(struct file_op *op))
{
  op->run = what;
  op->held = what == file_run_read ? op->n : op->bytes.len;
  op->worker->file_bytes += op->held;
  if (op->file)
    op->file->busy = true;
  if (what == file_run_open)
    op->folder->files++; /* from now on, so that many at once are counted too */
  uv_queue_work(&op->folder->worker->loop, &op->work, run, done);
}

void file_op_drop(struct file_op **at)
{
  struct file_op *op = *at;
  *at = NULL;
  if (!op)
    return;
  op->dropped = true;
  if (op->done || !op->run)
    op_free(op);
}

/* ---- open files ---- */

struct closing {
  uv_work_t work;
  int fd;
};

static void close_fd(uv_work_t *work)
{
  struct closing *c = work->data;
  close(c->fd);
}

static void closed_fd(uv_work_t *work, int status)
{
  (void)status;
  free(work->data);
}

static void close_later(struct file *f)
{
  struct closing *c = mem_alloc(sizeof *c);
  c->work.data = c;
  c->fd = f->fd;
  f->fd = -1;
  uv_queue_work(&f->folder->worker->loop, &c->work, close_fd, closed_fd);
}

/* Lets go of what nobody needs any more: the descriptor when the file is closed, all of
 * it when Lua has no handle either. */
static void settle(struct file *f)
{
  if (f->busy || f->resource.at)
    return;
  if (f->folder) {
    if (f->fd >= 0)
      close_later(f);
    f->folder->files--;
    folder_leave(f->folder);
    f->folder = NULL;
  }
  if (!f->in_lua)
    free(f);
}

static void close_file(struct resource *resource)
{
  settle((struct file *)(void *)resource);
}

static struct file *file_new(struct file_op *opened)
{
  struct file *f = mem_alloc(sizeof *f);
  *f = opened->mode;
  f->folder = opened->folder;
  f->fd = opened->fd;
  f->in_lua = true;
  folder_use(f->folder);
  resource_open(&f->resource, f->folder->slot, close_file);
  return f;
}

void file_close(struct file *f)
{
  resource_close(&f->resource);
}

void file_free(struct file **at)
{
  struct file *f = *at;
  *at = NULL;
  if (!f)
    return;
  f->in_lua = false;
  if (f->resource.at)
    resource_close(&f->resource);
  else
    settle(f);
}
