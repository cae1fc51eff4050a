/* A request's memory, and what a handler asks of it. */
#include "net/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct http_request *request_new(const char *head, size_t len, int fields)
{
  size_t table = (size_t)fields * sizeof(struct http_field);
  struct http_request *req = mem_alloc(sizeof *req + table + len + 1);
  req->head = (char *)req->fields + table;
  if (len)
    memcpy(req->head, head, len);
  req->method = "";
  req->path = "";
  req->query = "";
  req->host = "";
  req->body = "";
  return req;
}

void request_free(struct http_request **owner)
{
  struct http_request *req = *owner;
  *owner = NULL;
  if (!req)
    return;
  query_fini(&req->pairs);
  buf_fini(&req->content);
  buf_fini(&req->joined);
  free(req->segments);
  for (int i = 0; i < req->reply_count; i++)
    free(req->reply[i]);
  free(req);
}

const char *http_header(const struct http_request *req, const char *name)
{
  for (int i = 0; i < req->field_count; i++)
    if (strcasecmp(req->fields[i].name, name) == 0)
      return req->fields[i].value;
  return NULL;
}

const char *http_param(const struct http_request *req, const char *name)
{
  size_t len = strlen(name);
  for (int i = 0; i < req->param_count; i++) {
    const char *known = req->params[i].name;
    if (strcspn(known, "/") == len && memcmp(known, name, len) == 0)
      return req->params[i].value;
  }
  return NULL;
}

const char *http_query(const struct http_request *req, const char *name)
{
  return query_get(&req->pairs, name);
}

bool request_has_token(const char *value, const char *token)
{
  size_t len = strlen(token);
  while (value && *value) {
    value += strspn(value, ", \t");
    size_t n = strcspn(value, ", \t");
    if (n == len && strncasecmp(value, token, n) == 0)
      return true;
    value += n;
  }
  return false;
}
