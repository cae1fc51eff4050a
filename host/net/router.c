/* Routing: see router.h. */
#include "net/router.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX 32

struct router {
  const struct route *routes;
  size_t count;
  void *arg;
};

/* A path in parts: "/a/b" is two, "/" is one that is empty. */
struct parts {
  const char *text[SEGMENTS_MAX];
  size_t count;
};

struct router *router_new(const struct route *routes, size_t count, void *arg)
{
  struct router *router = mem_alloc(sizeof *router);
  *router = (struct router){routes, count, arg};
  return router;
}

void router_free(struct router **router)
{
  free(*router);
  *router = NULL;
}

/* Returns -1 when there are too many parts for any route. */
static int split(struct http_request *req, struct parts *parts)
{
  const char *why;
  parts->count = 0;
  free(req->segments);
  req->segments = mem_strdup(req->path + 1);
  char *next = req->segments;
  while (next) {
    if (parts->count == SEGMENTS_MAX)
      return -1;
    char *text = strsep(&next, "/");
    if (percent_decode(text, false, &why) < 0)
      return -1;
    parts->text[parts->count++] = text;
  }
  return 0;
}

static bool segment_fits(struct http_request *req, const char *pattern, const char *text)
{
  size_t len = strcspn(pattern, "/");
  if (*pattern != ':')
    return strlen(text) == len && memcmp(pattern, text, len) == 0;
  if (!*text || req->param_count == HTTP_PARAMS)
    return false;
  req->params[req->param_count++] = (struct http_param){pattern + 1, text};
  return true;
}

static bool fits(struct http_request *req, const char *pattern, const struct parts *parts)
{
  req->param_count = 0;
  for (size_t i = 0; i < parts->count; i++) {
    if (*pattern != '/' || !segment_fits(req, pattern + 1, parts->text[i]))
      return false;
    pattern += 1 + strcspn(pattern + 1, "/");
  }
  return *pattern == 0;
}

static const struct route *find(const struct router *router, struct http_request *req,
                                const char *method, const struct parts *parts)
{
  for (size_t i = 0; i < router->count; i++) {
    const struct route *route = &router->routes[i];
    if (strcmp(route->method, method) == 0 && fits(req, route->pattern, parts))
      return route;
  }
  return NULL;
}

/* ---- what no route fits ---- */

static void allow(struct buf *list, const char *method)
{
  if (list->len && strstr(list->data, method))
    return;
  if (list->len)
    buf_puts(list, ", ");
  buf_puts(list, method);
}

/* The methods that the path takes; all there are for parts == NULL ("OPTIONS *"). */
static void list_methods(const struct router *router, struct http_request *req,
                         const struct parts *parts, struct buf *list)
{
  for (size_t i = 0; i < router->count; i++) {
    const struct route *route = &router->routes[i];
    if (parts && !fits(req, route->pattern, parts))
      continue;
    allow(list, route->method);
    if (strcmp(route->method, "GET") == 0)
      allow(list, "HEAD");
  }
  if (list->len)
    allow(list, "OPTIONS");
}

static void answer_unrouted(const struct router *router, struct http_request *req,
                            const struct parts *parts)
{
  struct buf list = {0};
  list_methods(router, req, parts, &list);
  if (list.len)
    http_set_header(req, "Allow", list.data);
  if (!list.len)
    http_problem(req, 404, "not_found", "there is nothing at %s", req->path);
  else if (strcmp(req->method, "OPTIONS") == 0)
    http_reply(req, 204, NULL, NULL, 0);
  else
    http_problem(req, 405, "method_not_allowed", "%s takes %s, not %s", req->path,
                 list.data, req->method);
  buf_fini(&list);
}

void router_handle(struct http_request *req, void *arg)
{
  const struct router *router = arg;
  struct parts parts;
  bool head = strcmp(req->method, "HEAD") == 0;
  if (*req->path == '*') {
    answer_unrouted(router, req, NULL);
    return;
  }
  if (split(req, &parts) < 0) {
    http_problem(req, 404, "not_found", "there is nothing at %s", req->path);
    return;
  }
  const struct route *route = find(router, req, req->method, &parts);
  if (!route && head)
    route = find(router, req, "GET", &parts);
  if (route)
    route->handler(req, router->arg);
  else
    answer_unrouted(router, req, &parts);
}
