/* Reading a head that the pre-scan let through: llhttp finds the parts, which are cut in
 * place in the request's own copy; then come the checks that concern the whole of it.
 *
 * llhttp sees heads alone. Built as Debian ships it, it takes chunks that are not
 * followed by CR LF and chunk extensions of any length: body.c reads bodies.
 */
#include "net/request.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

struct reader {
  struct http_request *req;
  char *target;
  char *target_end;
  char *name_end;
  char *value_end; /* of the last value; cut once the parser is past it */
};

static char *own(const struct reader *r, const char *at)
{
  return r->req->head + (at - r->req->head);
}

static int take_target(llhttp_t *parser, const char *at, size_t len)
{
  struct reader *r = parser->data;
  r->target = own(r, at);
  r->target_end = r->target + len;
  return 0;
}

static void cut_value(struct reader *r)
{
  if (!r->value_end)
    return;
  const char *start = r->req->fields[r->req->field_count - 1].value;
  char *end = r->value_end;
  while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  *end = 0;
  r->value_end = NULL;
}

static int take_name(llhttp_t *parser, const char *at, size_t len)
{
  struct reader *r = parser->data;
  cut_value(r);
  r->req->fields[r->req->field_count++] = (struct http_field){at, ""};
  r->name_end = own(r, at) + len;
  return 0;
}

static int take_value(llhttp_t *parser, const char *at, size_t len)
{
  struct reader *r = parser->data;
  *r->name_end = 0;
  if (len == 0)
    return 0; /* `at` is beyond the line's end then */
  r->req->fields[r->req->field_count - 1].value = at;
  r->value_end = own(r, at) + len;
  return 0;
}

static int take_end(llhttp_t *parser)
{
  struct reader *r = parser->data;
  cut_value(r);
  *r->target_end = 0;
  r->req->method = llhttp_method_name((llhttp_method_t)parser->method);
  r->req->http10 = parser->http_minor == 0;
  return HPE_PAUSED;
}

static int run_parser(struct reader *r, size_t len, struct fault *fault)
{
  static const llhttp_settings_t settings = {.on_url = take_target,
                                             .on_header_field = take_name,
                                             .on_header_value = take_value,
                                             .on_headers_complete = take_end};
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = r;
  llhttp_errno_t result = llhttp_execute(&parser, r->req->head, len);
  if (result == HPE_PAUSED)
    return 0;
  if (result == HPE_INVALID_METHOD)
    return fault_set(fault, 501, "unknown_method", "this server knows no such method");
  const char *reason = llhttp_get_error_reason(&parser);
  return fault_set(fault, 400, "malformed_head", "%s",
                   reason && *reason ? reason : llhttp_errno_name(result));
}

/* Puts the values of all later fields of that name behind the first one's. */
static void join_field(struct http_request *req, int first)
{
  struct http_field *field = &req->fields[first];
  const char *separator = strcasecmp(field->name, "Cookie") == 0 ? "; " : ", ";
  size_t start = req->joined.len;
  buf_puts(&req->joined, field->value);
  for (int i = first + 1; i < req->field_count; i++) {
    struct http_field *other = &req->fields[i];
    if (!*other->name || strcasecmp(other->name, field->name) != 0)
      continue;
    buf_puts(&req->joined, separator);
    buf_puts(&req->joined, other->value);
    other->name = "";
  }
  buf_putc(&req->joined, 0);
  field->value = req->joined.data + start;
}

static bool is_repeated(const struct http_request *req, int first)
{
  for (int i = first + 1; i < req->field_count; i++)
    if (strcasecmp(req->fields[i].name, req->fields[first].name) == 0)
      return true;
  return false;
}

static void join_repeated(struct http_request *req, size_t head_len)
{
  int kept = 0;
  for (int i = 0; i < req->field_count; i++) {
    if (!*req->fields[i].name)
      continue;
    if (is_repeated(req, i)) {
      if (!req->joined.data) /* once and for all: values point into it */
        buf_reserve(&req->joined, head_len + 3 * (size_t)req->field_count);
      join_field(req, i);
    }
    req->fields[kept++] = req->fields[i];
  }
  req->field_count = kept;
}

static int check_host(struct http_request *req, struct fault *fault)
{
  static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789.-_~:[]";
  const char *host = http_header(req, "Host");
  if (!host && req->http10)
    return 0;
  if (!host || !*host)
    return fault_set(fault, 400, "bad_host", "the Host field is missing or empty");
  if (strspn(host, legal) != strlen(host))
    return fault_set(fault, 400, "bad_host",
                     "the Host field is repeated or is not a host name");
  req->host = host;
  return 0;
}

static int check_method(const struct http_request *req, struct fault *fault)
{
  if (strcmp(req->method, "CONNECT") != 0 && strcmp(req->method, "TRACE") != 0)
    return 0;
  return fault_set(fault, 501, "unknown_method", "%s is not served here", req->method);
}

static void decide_close(struct http_request *req)
{
  const char *connection = http_header(req, "Connection");
  req->close = req->http10 ? !request_has_token(connection, "keep-alive")
                           : request_has_token(connection, "close");
}

int request_read_head(struct http_request *req, size_t len, struct fault *fault)
{
  struct reader r = {.req = req};
  if (run_parser(&r, len, fault) < 0)
    return -1;
  join_repeated(req, len);
  decide_close(req);
  if (check_method(req, fault) < 0 || check_host(req, fault) < 0)
    return -1;
  return request_read_target(req, r.target, fault);
}
