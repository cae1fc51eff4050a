/* links: base loop net */
/* A small HTTP server, to reach host/net/ from specs:
 *
 *   http tcp ADDRESS PORT [LIMIT=N...]      http unix FOLDER NAME [LIMIT=N...]
 *
 * Prints "ready PORT" or "error CODE: TEXT" (and ends with 1). It closes on SIGTERM and
 * POST /close, with `grace=N` ms (1000), prints "closed COUNT" with the number of
 * requests that its handlers answered, and ends with 0. It dies with its standard input.
 */
#include "base/json.h"
#include "net/router.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATER_MAX 64

static struct http_server *server;
static struct http_limits limits;
static int64_t grace = 1000;
static uv_signal_t on_term;
static uv_pipe_t input;
static size_t answered;

/* Requests that wait for POST /release, in order. */
static struct http_request *waiting[LATER_MAX];
static size_t waiting_count;

static void greet(struct http_request *req, void *arg)
{
  (void)arg;
  answered++;
  http_reply(req, 200, "text/plain", "hello\n", 6);
}

static void echo(struct http_request *req, void *arg)
{
  (void)arg;
  const char *type = http_header(req, "Content-Type");
  answered++;
  http_reply(req, 200, type ? type : "application/octet-stream", req->body,
             req->body_len);
}

static json_t *header_object(const struct http_request *req)
{
  json_t *headers = json_object();
  for (int i = 0; i < req->field_count; i++)
    json_object_set_new(headers, req->fields[i].name,
                        jx_string(req->fields[i].value, strlen(req->fields[i].value)));
  return headers;
}

static json_t *pair_list(const struct http_request *req)
{
  json_t *pairs = json_array();
  for (size_t i = 0; i < req->pairs.count; i++)
    json_array_append_new(
        pairs, json_pack("[ss]", req->pairs.pairs[i].name, req->pairs.pairs[i].value));
  return pairs;
}

static void inspect(struct http_request *req, void *arg)
{
  (void)arg;
  answered++;
  json_t *all = json_pack("{ss ss ss ss ss? ss? ss? sb so so}", "method", req->method,
                          "path", req->path, "query", req->query, "host", req->host, "id",
                          http_param(req, "id"), "sub", http_param(req, "sub"), "q",
                          http_query(req, "q"), "local", (int)req->local, "headers",
                          header_object(req), "pairs", pair_list(req));
  http_set_header(req, "X-Probe", "one");
  http_set_header(req, "x-probe", "two");
  http_set_header(req, "Bad\r\nName", "x");
  http_set_header(req, "X-Bad", "a\r\nX-Smuggled: b");
  http_set_header(req, "Content-Length", "1");
  http_reply_json(req, 200, all);
}

static void wait_here(struct http_request *req, void *arg)
{
  (void)arg;
  if (waiting_count == LATER_MAX)
    http_problem(req, 503, "full", "%d requests wait already", LATER_MAX);
  else
    waiting[waiting_count++] = req;
}

static void count_waiting(struct http_request *req, void *arg)
{
  (void)arg;
  http_reply_json(req, 200, json_pack("{sI}", "waiting", (json_int_t)waiting_count));
}

static void release(struct http_request *req, void *arg)
{
  size_t n = waiting_count;
  waiting_count = 0;
  for (size_t i = 0; i < n; i++)
    greet(waiting[i], arg);
  http_reply_json(req, 200, json_pack("{sI}", "released", (json_int_t)n));
}

static void big(struct http_request *req, void *arg)
{
  (void)arg;
  const char *bytes = http_query(req, "bytes");
  size_t len = bytes ? strtoul(bytes, NULL, 10) : 0;
  char *body = mem_alloc(len);
  memset(body, 'x', len);
  answered++;
  http_reply(req, 200, "text/plain", body, len);
  free(body);
}

static void refuse(struct http_request *req, void *arg)
{
  (void)arg;
  json_t *errors = json_pack("[{ss ss ss}]", "pointer", "/a", "code", "type", "message",
                             "must be a string");
  http_set_header(req, "Cache-Control", "no-cache");
  http_problem_with(req, 422, "bad_payload", errors, "the payload does not fit: %d error",
                    1);
}

/* ---- one stream at a time ---- */

static struct http_stream *stream;
static int streams_closed;

static void stream_closed(void *arg)
{
  (void)arg;
  stream = NULL;
  streams_closed++;
}

static void open_stream(struct http_request *req, void *arg)
{
  (void)arg;
  answered++;
  stream = http_stream_begin(req, 200, "text/plain", stream_closed, NULL);
  if (stream)
    http_stream_write(stream, "begin\n", 6);
}

static void say(struct http_request *req, void *arg)
{
  (void)arg;
  if (stream)
    http_stream_write(stream, req->body, req->body_len);
  http_reply_json(req, 200,
                  json_pack("{sb sI si}", "open", stream != NULL, "pending",
                            (json_int_t)(stream ? http_stream_pending(stream) : 0),
                            "closed", streams_closed));
}

static void end_stream(struct http_request *req, void *arg)
{
  (void)arg;
  if (http_query(req, "cut"))
    http_stream_cut(&stream);
  else
    http_stream_end(&stream);
  http_reply(req, 204, NULL, NULL, 0);
}

static void stop_input(void)
{
  uv_close((uv_handle_t *)&on_term, NULL);
  uv_close((uv_handle_t *)&input, NULL);
}

static void closed(void *arg)
{
  (void)arg;
  for (size_t i = 0; i < waiting_count; i++) /* their clients were cut */
    http_reply(waiting[i], 200, NULL, NULL, 0);
  http_server_free(&server);
  stop_input();
  printf("closed %zu\n", answered);
}

static void close_server(struct http_request *req, void *arg)
{
  (void)arg;
  http_server_close(server, grace, closed, NULL);
  http_reply(req, 202, NULL, NULL, 0);
}

static void terminated(uv_signal_t *signal, int number)
{
  (void)signal, (void)number;
  http_server_close(server, grace, closed, NULL);
}

static const struct route routes[] = {
    {"GET", "/", greet},
    {"POST", "/echo", echo},
    {"PUT", "/echo", echo},
    {"GET", "/inspect/fixed", greet},
    {"GET", "/inspect/:id", inspect},
    {"POST", "/inspect/:id/sub/:sub", inspect},
    {"GET", "/wait", wait_here},
    {"GET", "/waiting", count_waiting},
    {"POST", "/release", release},
    {"GET", "/big", big},
    {"POST", "/refuse", refuse},
    {"POST", "/close", close_server},
    {"GET", "/stream", open_stream},
    {"POST", "/stream/say", say},
    {"POST", "/stream/end", end_stream},
};

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
  static char bytes[64];
  (void)handle, (void)suggested;
  *buf = uv_buf_init(bytes, sizeof bytes);
}

static void parent_gone(uv_stream_t *from, ssize_t n, const uv_buf_t *buf)
{
  (void)from, (void)buf;
  if (n < 0)
    _Exit(3);
}

static void set_limit(const char *arg)
{
  static const char *const names[] = {"body_max", "head_max", "headers_max", "head_ms",
                                      "rate",     "idle_ms",  "conns",       "grace"};
  const char *value = strchr(arg, '=');
  size_t i = 0;
  while (i < 8 && value && strncmp(arg, names[i], (size_t)(value - arg)) != 0)
    i++;
  int64_t n = value ? strtoll(value + 1, NULL, 10) : 0;
  if (i < 2)
    *(i == 0 ? &limits.body_max : &limits.head_max) = (size_t)n;
  else if (i == 2 || i == 6)
    *(i == 2 ? &limits.headers_max : &limits.connections_max) = (int)n;
  else if (i == 3 || i == 5)
    *(i == 3 ? &limits.head_ms : &limits.idle_ms) = n;
  else
    *(i == 4 ? &limits.body_min_bytes_per_s : &grace) = n;
}

static int start_listening(char **argv, int *port, struct err *err)
{
  if (strcmp(argv[1], "unix") == 0)
    return http_listen_unix(server, argv[2], argv[3], err);
  return http_listen_tcp(server, argv[2], atoi(argv[3]), port, err);
}

static void serve(uv_loop_t *loop, int port)
{
  uv_signal_init(loop, &on_term);
  uv_signal_start(&on_term, terminated, SIGTERM);
  uv_pipe_init(loop, &input, 0);
  uv_pipe_open(&input, 0);
  uv_read_start((uv_stream_t *)&input, lend, parent_gone);
  printf("ready %d\n", port);
  uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
  struct err err;
  int port = 0;
  if (argc < 4)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 4; i < argc; i++)
    set_limit(argv[i]);
  uv_loop_t *loop = uv_default_loop();
  struct router *router = router_new(routes, sizeof routes / sizeof routes[0], NULL);
  server = http_server_new(loop, &limits, router_handle, router);
  int result = start_listening(argv, &port, &err);
  if (result == 0)
    serve(loop, port);
  else
    printf("error %s: %s\n", err.code, err.text);
  http_server_free(&server);
  router_free(&router);
  return result == 0 ? 0 : 1;
}
