/* Problem documents (RFC 9457): how every failure is told over HTTP. */
#include "net/http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_member(struct buf *b, const char *name, const char *value)
{
  json_t *string = jx_string(value, strlen(value));
  buf_printf(b, ",\"%s\":", name);
  jx_append(b, string);
  json_decref(string);
}

static char *format(const char *fmt, va_list args)
{
  char *text = NULL;
  if (vasprintf(&text, fmt, args) < 0)
    text = mem_strdup("");
  return text;
}

/* Takes over detail and errors. */
static void answer(struct http_request *req, int status, const char *code, json_t *errors,
                   char *detail)
{
  struct buf b = {0};
  buf_puts(&b, "{\"type\":\"about:blank\"");
  put_member(&b, "title", http_status_text(status));
  buf_printf(&b, ",\"status\":%d", status);
  put_member(&b, "detail", detail);
  if (*req->path)
    put_member(&b, "instance", req->path);
  put_member(&b, "code", code);
  put_member(&b, "request_id", req->id);
  if (errors) {
    buf_puts(&b, ",\"errors\":");
    jx_append(&b, errors);
  }
  buf_puts(&b, "}\n");
  json_decref(errors);
  free(detail);
  http_reply(req, status, "application/problem+json", b.data, b.len);
  buf_fini(&b);
}

void http_problem(struct http_request *req, int status, const char *code, const char *fmt,
                  ...)
{
  va_list args;
  va_start(args, fmt);
  char *detail = format(fmt, args);
  va_end(args);
  answer(req, status, code, NULL, detail);
}

void http_problem_with(struct http_request *req, int status, const char *code,
                       json_t *errors, const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  char *detail = format(fmt, args);
  va_end(args);
  answer(req, status, code, errors, detail);
}
