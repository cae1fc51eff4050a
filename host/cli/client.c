/* A blocking HTTP/1.1 client over the control socket: see client.h. */
#include "cli/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <llhttp.h>

#define ANSWER_MAX (256U << 20)

struct parse {
  const struct client_request *request;
  struct client_answer *answer;
  bool complete;
};

/* ---- connecting ---- */

static int no_host(const char *data, struct err *err)
{
  return err_set(err, "no_host",
                 "no host is running on data folder %s; start one with: "
                 "candy run --data %s",
                 data, data);
}

static int cannot_reach(const char *data, struct err *err)
{
  if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
    return no_host(data, err);
  return err_set(err, "connection", "cannot reach the host through %s/control.sock: %s",
                 data, strerror(errno));
}

/* The socket's own path may be longer than sun_path holds: the way to it leads through a
 * descriptor of its folder. */
static int connect_in(int folder, int fd)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/control.sock",
           folder);
  return connect(fd, (struct sockaddr *)&address, sizeof address);
}

static void limit_waiting(int fd, int seconds)
{
  struct timeval limit = {.tv_sec = seconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

static int open_connection(const struct client_request *request, struct err *err)
{
  int folder = open(request->data, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0)
    return cannot_reach(request->data, err);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0)
    limit_waiting(fd, request->timeout_s);
  if (fd < 0 || connect_in(folder, fd) < 0) {
    cannot_reach(request->data, err);
    if (fd >= 0)
      close(fd);
    fd = -1;
  }
  close(folder);
  return fd;
}

/* ---- asking ---- */

static void write_request(const struct client_request *request, struct buf *out)
{
  buf_printf(out,
             "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
             "Connection: close\r\n",
             request->method, request->target);
  if (request->body || strcmp(request->method, "POST") == 0)
    buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
               request->len);
  buf_puts(out, "\r\n");
  if (request->body)
    buf_append(out, request->body, request->len);
}

/* A host that refuses a large body may answer and close before it has read it all: not
 * being able to write is no failure until there is nothing to read either. */
static void send_all(int fd, const struct buf *out)
{
  size_t at = 0;
  while (at < out->len) {
    ssize_t n = send(fd, out->data + at, out->len - at, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR)
      return;
    at += n > 0 ? (size_t)n : 0;
  }
}

/* ---- the answer ---- */

static int on_body(llhttp_t *http, const char *at, size_t len)
{
  struct parse *parse = http->data;
  if (parse->request->take && http->status_code == 200) {
    parse->request->take(parse->request->arg, at, len);
    return 0;
  }
  if (parse->answer->body.len + len > ANSWER_MAX)
    return -1;
  buf_append(&parse->answer->body, at, len);
  return 0;
}

/* An answer of 1xx announces the one that counts. */
static int on_complete(llhttp_t *http)
{
  struct parse *parse = http->data;
  parse->complete = http->status_code >= 200;
  parse->answer->status = http->status_code;
  return 0;
}

static int bad_answer(const struct client_request *request, const char *why,
                      struct err *err)
{
  return err_set(err, "connection",
                 "the host on data folder %s gave no whole answer to %s %s: %s",
                 request->data, request->method, request->target, why);
}

static const char *why_no_bytes(ssize_t n)
{
  if (n == 0)
    return "it closed the connection";
  if (errno == EAGAIN)
    return "it stood still for too long";
  return strerror(errno);
}

static int receive(int fd, const struct client_request *request,
                   struct client_answer *answer, struct err *err)
{
  char chunk[16384];
  llhttp_t http;
  llhttp_settings_t settings;
  struct parse parse = {.request = request, .answer = answer};
  llhttp_settings_init(&settings);
  settings.on_body = on_body;
  settings.on_message_complete = on_complete;
  llhttp_init(&http, HTTP_RESPONSE, &settings);
  http.data = &parse;
  while (!parse.complete) {
    ssize_t n = recv(fd, chunk, sizeof chunk, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      llhttp_finish(&http); /* an answer without a length ends here */
    if (n <= 0 && !parse.complete)
      return bad_answer(request, why_no_bytes(n), err);
    if (n > 0 && llhttp_execute(&http, chunk, (size_t)n) != HPE_OK && !parse.complete)
      return bad_answer(request, llhttp_get_error_reason(&http), err);
  }
  buf_puts(&answer->body, "");
  return 0;
}

int client_call(const struct client_request *request, struct client_answer *answer,
                struct err *err)
{
  struct buf out = {0};
  *answer = (struct client_answer){0};
  int fd = open_connection(request, err);
  if (fd < 0)
    return -1;
  write_request(request, &out);
  send_all(fd, &out);
  int status = receive(fd, request, answer, err);
  if (status < 0)
    client_answer_fini(answer);
  close(fd);
  buf_fini(&out);
  return status;
}

void client_answer_fini(struct client_answer *answer)
{
  buf_fini(&answer->body);
}
