/* Answers: the head that each of them gets, and the handing over to the connection. */
#include "net/conn.h"
#include "net/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *http_status_text(int status)
{
  static const struct {
    int status;
    const char *text;
  } known[] = {{200, "OK"},
               {201, "Created"},
               {202, "Accepted"},
               {204, "No Content"},
               {301, "Moved Permanently"},
               {302, "Found"},
               {303, "See Other"},
               {304, "Not Modified"},
               {307, "Temporary Redirect"},
               {308, "Permanent Redirect"},
               {400, "Bad Request"},
               {401, "Unauthorized"},
               {402, "Payment Required"},
               {403, "Forbidden"},
               {404, "Not Found"},
               {405, "Method Not Allowed"},
               {406, "Not Acceptable"},
               {408, "Request Timeout"},
               {409, "Conflict"},
               {410, "Gone"},
               {412, "Precondition Failed"},
               {413, "Content Too Large"},
               {415, "Unsupported Media Type"},
               {417, "Expectation Failed"},
               {422, "Unprocessable Content"},
               {428, "Precondition Required"},
               {429, "Too Many Requests"},
               {431, "Request Header Fields Too Large"},
               {500, "Internal Server Error"},
               {501, "Not Implemented"},
               {502, "Bad Gateway"},
               {503, "Service Unavailable"},
               {507, "Insufficient Storage"},
               {504, "Gateway Timeout"},
               {505, "HTTP Version Not Supported"}};

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].status == status)
      return known[i].text;
  return "Unknown";
}

/* ---- headers that the handler sets ---- */

static bool is_reserved(const char *name)
{
  static const char *const own[] = {"Connection", "Content-Length",    "Content-Type",
                                    "Date",       "Transfer-Encoding", "X-Request-Id"};
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    if (strcasecmp(name, own[i]) == 0)
      return true;
  return false;
}

/* The index of the line with that name, or the number of lines. */
static int find_line(const struct http_request *req, const char *name)
{
  size_t len = strlen(name);
  int i = 0;
  while (i < req->reply_count &&
         (strncasecmp(req->reply[i], name, len) != 0 || req->reply[i][len] != ':'))
    i++;
  return i;
}

int http_set_header(struct http_request *req, const char *name, const char *value)
{
  if (!prescan_is_token(name, strlen(name)) || !prescan_is_value(value, strlen(value)) ||
      is_reserved(name))
    return -1;
  int i = find_line(req, name);
  if (i == HTTP_REPLY_HEADERS)
    return -1;
  if (i == req->reply_count)
    req->reply_count++;
  free(req->reply[i]);
  req->reply[i] = mem_printf("%s: %s", name, value);
  return 0;
}

/* ---- the head ---- */

static void put_number(struct buf *out, size_t n)
{
  char digits[24];
  size_t i = sizeof digits;
  do
    digits[--i] = (char)('0' + n % 10);
  while (n /= 10);
  buf_append(out, digits + i, sizeof digits - i);
}

static void put_line(struct buf *out, const char *name, const char *value)
{
  buf_puts(out, name);
  buf_puts(out, value);
  buf_append(out, "\r\n", 2);
}

static void put_status(struct buf *out, int status)
{
  buf_puts(out, "HTTP/1.1 ");
  put_number(out, (size_t)status);
  buf_putc(out, ' ');
  put_line(out, http_status_text(status), "");
}

static void put_connection(struct buf *out, const struct http_request *req)
{
  if (req->close)
    put_line(out, "Connection: ", "close");
  else if (req->http10)
    put_line(out, "Connection: ", "keep-alive");
}

static bool has_body(int status)
{
  return status != 204 && status != 304;
}

void response_head(struct buf *out, const struct http_request *req, int status,
                   const char *type, size_t len)
{
  put_status(out, status);
  put_line(out, "Date: ", server_date(req->conn->server));
  if (type)
    put_line(out, "Content-Type: ", type);
  if (has_body(status) && len == RESPONSE_OPEN) {
    if (!req->http10)
      put_line(out, "Transfer-Encoding: ", "chunked");
  } else if (has_body(status)) {
    buf_puts(out, "Content-Length: ");
    put_number(out, len);
    buf_puts(out, "\r\n");
  }
  put_line(out, "X-Content-Type-Options: ", "nosniff");
  put_line(out, "X-Request-Id: ", req->id);
  if (find_line(req, "Cache-Control") == req->reply_count)
    put_line(out, "Cache-Control: ", "no-store");
  for (int i = 0; i < req->reply_count; i++)
    put_line(out, req->reply[i], "");
  put_connection(out, req);
  buf_puts(out, "\r\n");
}

/* ---- the answer ---- */

void http_reply(struct http_request *req, int status, const char *type, const void *body,
                size_t len)
{
  struct http_conn *conn = req->conn;
  if (!conn) {
    request_free(&req);
    return;
  }
  struct buf *out = &conn->out;
  if (conn->server->closing)
    req->close = true;
  response_head(out, req, status, type, len);
  if (has_body(status) && strcmp(req->method, "HEAD") != 0)
    buf_append(out, body, len);
  conn_answered(conn, req);
}

void http_reply_json(struct http_request *req, int status, json_t *value)
{
  struct buf text = {0};
  jx_append(&text, value);
  json_decref(value);
  http_reply(req, status, "application/json", text.data, text.len);
  buf_fini(&text);
}
