/* The request target: "/path?query", "http://host/path?query" or "*" (RFC 9112,
 * section 3.2). Its escapes are checked here, once, for everyone. */
#include "net/request.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int bad(struct fault *fault, const char *what, const char *why)
{
  return fault_set(fault, 400, "bad_target", "%s %s", what, why);
}

static int check_path(const char *path, struct fault *fault)
{
  if (!strchr(path, '%'))
    return 0;
  const char *why = NULL;
  char *copy = mem_strdup(path);
  int result = percent_decode(copy, false, &why);
  free(copy);
  return result < 0 ? bad(fault, "the path", why) : 0;
}

static int read_query(struct http_request *req, const char *query, struct fault *fault)
{
  const char *why = NULL;
  req->query = query;
  return query_parse(&req->pairs, query, &why) < 0 ? bad(fault, "the query", why) : 0;
}

/* Gives back what stands behind "http://", or NULL. */
static char *after_scheme(char *target)
{
  if (strncasecmp(target, "http://", 7) == 0)
    return target + 7;
  return strncasecmp(target, "https://", 8) == 0 ? target + 8 : NULL;
}

/* The authority moves one byte to the front, so that a NUL fits between it and the path.
 * Returns the path, or NULL. */
static char *take_authority(struct http_request *req, char *authority)
{
  size_t len = strcspn(authority, "/?");
  char *rest = authority + len;
  if (len == 0 || memchr(authority, '@', len))
    return NULL;
  memmove(authority - 1, authority, len);
  authority[len - 1] = 0;
  req->host = authority - 1;
  return rest;
}

int request_read_target(struct http_request *req, char *target, struct fault *fault)
{
  if (strchr(target, '#'))
    return bad(fault, "the request target", "has a fragment ('#')");
  char *authority = after_scheme(target);
  char *path = authority ? take_authority(req, authority) : target;
  if (!path)
    return bad(fault, "the request target", "has no plain host behind its scheme");
  bool asterisk = strcmp(path, "*") == 0 && strcmp(req->method, "OPTIONS") == 0;
  if (!authority && *path != '/' && !asterisk)
    return bad(fault, "the request target", "is neither a path nor an http:// address");
  char *query = strchr(path, '?');
  if (query)
    *query++ = 0;
  req->path = *path ? path : "/";
  if (check_path(req->path, fault) < 0)
    return -1;
  return read_query(req, query ? query : "", fault);
}
