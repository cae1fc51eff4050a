/* links: base loop conf log net store frame queue worker trigger api
 *
 * The log's API and nothing else of a host, on a store of its own, with lines written as
 * they are asked for:
 *
 *   logs FOLDER        prints "ready PORT"; also listens on FOLDER/control.sock
 *
 * POST /write takes [{time, level, message, job, ...}] and answers when they are in the
 * table. No key is asked for. Closes on SIGTERM; dies with its standard input.
 */
#include "api/api.h"
#include "base/clock.h"
#include "base/json.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store *store;
static struct api *api;
static struct http_server *server;
static uv_signal_t on_term;
static uv_pipe_t input;

/* ---- writing ---- */

struct write {
  struct store_log_write op;
  struct http_request *req;
  json_t *lines;
};

static void written(struct store_op *op)
{
  struct write *w = op->arg;
  if (op->status < 0)
    http_problem(w->req, 422, op->err->code, "%s", op->err->text);
  else
    http_reply(w->req, 204, NULL, NULL, 0);
  store_op_fini(op);
  json_decref(w->lines);
  free((void *)(uintptr_t)w->op.lines);
  free(w);
}

static struct store_log_line read_line(json_t *line)
{
  return (struct store_log_line){.time = jx_int(line, "time", clock_wall_ms()),
                                 .level = (int)jx_int(line, "level", 1),
                                 .message = jx_str(line, "message", ""),
                                 .job = jx_int(line, "job", 0),
                                 .attempt = (int)jx_int(line, "attempt", 0),
                                 .type = jx_str(line, "type", NULL),
                                 .worker = jx_str(line, "worker", NULL),
                                 .trace = jx_str(line, "trace", NULL),
                                 .fields = jx_str(line, "fields", NULL)};
}

static void write_lines(struct http_request *req)
{
  struct err err;
  struct write *w = mem_alloc(sizeof *w);
  w->req = req;
  w->lines = jx_parse(req->body, req->body_len, &err);
  w->op.n = json_array_size(w->lines);
  struct store_log_line *lines = mem_alloc(w->op.n * sizeof *lines);
  for (size_t i = 0; i < w->op.n; i++)
    lines[i] = read_line(json_array_get(w->lines, i));
  w->op.lines = lines;
  w->op.op = (struct store_op){.kind = STORE_LOG_WRITE, .done = written, .arg = w};
  store_submit(store, &w->op.op);
}

static void handle(struct http_request *req, void *arg)
{
  (void)arg;
  req->local = true;
  if (strcmp(req->path, "/write") == 0)
    write_lines(req);
  else
    api_handle(req, api);
}

/* ---- life ---- */

static void closed(void *arg)
{
  (void)arg;
  http_server_free(&server);
  uv_close((uv_handle_t *)&on_term, NULL);
  uv_close((uv_handle_t *)&input, NULL);
}

static void terminated(uv_signal_t *signal, int number)
{
  (void)signal, (void)number;
  http_server_close(server, 1000, closed, NULL);
}

static void lend(uv_handle_t *handle_, size_t suggested, uv_buf_t *buf)
{
  static char bytes[64];
  (void)handle_, (void)suggested;
  *buf = uv_buf_init(bytes, sizeof bytes);
}

static void parent_gone(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
  (void)stream, (void)buf;
  if (n < 0)
    _Exit(3);
}

static int open_all(uv_loop_t *loop, const char *folder, int *port, struct err *err)
{
  struct store_config config = {.folder = folder};
  if (store_open(&store, loop, "sqlite:", &config, err) < 0)
    return -1;
  api = api_new(&(struct api_parts){.store = store, .loop = loop});
  server = http_server_new(loop, NULL, handle, NULL);
  if (http_listen_tcp(server, "127.0.0.1", 0, port, err) < 0)
    return -1;
  return http_listen_unix(server, folder, "control.sock", err);
}

int main(int argc, char **argv)
{
  struct err err;
  int port = 0;
  if (argc < 2 || sodium_init() < 0)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  uv_loop_t *loop = uv_default_loop();
  if (open_all(loop, argv[1], &port, &err) < 0) {
    printf("error %s: %s\n", err.code, err.text);
    return 1;
  }
  uv_signal_init(loop, &on_term);
  uv_signal_start(&on_term, terminated, SIGTERM);
  uv_pipe_init(loop, &input, 0);
  uv_pipe_open(&input, 0);
  uv_read_start((uv_stream_t *)&input, lend, parent_gone);
  printf("ready %d\n", port);
  uv_run(loop, UV_RUN_DEFAULT);
  store_close(&store);
  uv_run(loop, UV_RUN_DEFAULT);
  api_free(&api);
  return 0;
}
