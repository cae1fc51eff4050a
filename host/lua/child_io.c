/* The three streams of a program: see child.h.
 *
 * What it writes is read ahead up to HIGH bytes, then it has to wait until somebody takes
 * them; where outputs are collected it is ended instead, once there are more than may
 * be. What it reads is written one slice at a time.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lua/child.h"

#define HIGH          ((size_t)256 * 1024)
#define COLLECTED_MAX ((size_t)64 * 1024 * 1024) /* by a worker, all together */

/* ---- outputs ---- */

static void end_output(struct child_output *o)
{
  if (!o->open)
    return;
  o->open = false;
  uv_close((uv_handle_t *)&o->pipe, child__closed);
  gate_open(&o->gate);
  gate_open(&o->child->ended); /* who waits for all that is collected looks again */
}

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *bytes)
{
  static char scratch[64 * 1024]; /* it is used before anything else is read */
  (void)handle;
  (void)suggested;
  *bytes = uv_buf_init(scratch, sizeof scratch);
}

/* Whether the bytes may be kept as well. */
static bool collect(struct child_output *o, size_t len)
{
  struct child *c = o->child;
  struct children *all = c->worker->children;
  if (o->bytes.len + len > c->collect_max || all->collected + len > COLLECTED_MAX) {
    child_stop(c, "output_too_large");
    return false;
  }
  all->collected += len;
  return true;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
  struct child_output *o = (struct child_output *)(void *)stream;
  struct child *c = o->child;
  if (n < 0)
    end_output(o);
  if (n <= 0 || (c->collect_max > 0 && !collect(o, (size_t)n)))
    return;
  buf_append(&o->bytes, bytes->base, (size_t)n);
  if (c->collect_max == 0 && o->bytes.len >= HIGH) {
    uv_read_stop(stream);
    o->stopped = true;
  }
  gate_open(&o->gate);
}

void child_io_taken(struct child_output *o)
{
  struct child *c = o->child;
  if (c && c->collect_max > 0)
    c->worker->children->collected -= o->bytes.len;
  buf_fini(&o->bytes);
  if (o->stopped && o->open)
    uv_read_start((uv_stream_t *)&o->pipe, lend, on_read);
  o->stopped = false;
}

/* ---- input ---- */

struct slice {
  uv_write_t write;
  struct child *child;
  char bytes[];
};

static void on_written(uv_write_t *write, int status)
{
  struct slice *s = (struct slice *)(void *)write;
  struct child_input *input = &s->child->input;
  input->writing = false;
  input->error = status;
  free(s);
  gate_open(&input->gate);
}

void child_io_write(struct child *c, const char *bytes, size_t len)
{
  struct slice *s = mem_alloc(sizeof *s + len);
  uv_buf_t buf = uv_buf_init(s->bytes, (unsigned)len);
  s->child = c;
  memcpy(s->bytes, bytes, len);
  c->input.writing = true;
  int status = uv_write(&s->write, (uv_stream_t *)&c->input.pipe, &buf, 1, on_written);
  if (status < 0)
    on_written(&s->write, status);
}

void child_io_end_input(struct child *c)
{
  if (!c->input.open)
    return;
  c->input.open = false;
  uv_close((uv_handle_t *)&c->input.pipe, child__closed);
  gate_open(&c->input.gate);
}

/* ---- all three ---- */

/* uv takes over the descriptor: a new pipe of ours cannot be refused. */
static void open_pipe(struct child *c, uv_pipe_t *pipe, int fd)
{
  uv_pipe_init(&c->worker->loop, pipe, 0);
  pipe->data = c;
  c->handles++;
  uv_pipe_open(pipe, fd);
}

void child_io_open(struct child *c, int input, const int outputs[2])
{
  for (int i = 0; i < 2; i++) {
    struct child_output *o = &c->outputs[i];
    o->child = c;
    open_pipe(c, &o->pipe, outputs[i]);
    o->open = true;
    uv_read_start((uv_stream_t *)&o->pipe, lend, on_read);
  }
  if (input < 0)
    return;
  open_pipe(c, &c->input.pipe, input);
  c->input.open = true;
}

void child_io_close(struct child *c)
{
  child_io_end_input(c);
  for (int i = 0; i < 2; i++) {
    end_output(&c->outputs[i]);
    child_io_taken(&c->outputs[i]);
  }
}
