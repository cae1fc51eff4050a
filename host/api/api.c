/* The routes and the key at the door: see api.h. */
#include "api/api_.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

static const struct route routes[] = {
    {"GET", "/health", api_health},
    {"GET", "/livez", api_livez},
    {"GET", "/readyz", api_readyz},
    {"POST", "/tasks", api_push},
    {"GET", "/tasks", api_list},
    {"POST", "/tasks/retry", api_retry_many},
    {"POST", "/tasks/purge", api_purge_many},
    {"POST", "/tasks/cancel", api_cancel_many},
    {"GET", "/tasks/:id", api_get},
    {"POST", "/tasks/:id/retry", api_retry},
    {"POST", "/tasks/:id/cancel", api_cancel},
    {"PATCH", "/tasks/:id", api_edit},
    {"GET", "/queues", api_queues},
    {"POST", "/queues/:queue/pause", api_pause_queue},
    {"POST", "/queues/:queue/resume", api_resume_queue},
    {"GET", "/audit", api_audit},
    {"POST", "/batches", api_batch_push},
    {"GET", "/batches", api_batch_list},
    {"GET", "/batches/:id", api_batch_get},
    {"POST", "/batches/:id/cancel", api_batch_cancel},
    {"GET", "/definitions", api_definitions},
    {"POST", "/definitions/:task/pause", api_pause_task},
    {"POST", "/definitions/:task/resume", api_resume_task},
    {"GET", "/crons", api_crons},
    {"GET", "/logs", api_logs},
    {"GET", "/logs/:id", api_log},
    {"POST", "/control/backup", api_backup},
};

struct api *api_new(const struct api_parts *parts)
{
  struct api *a = mem_alloc(sizeof *a);
  a->parts = *parts;
  a->started_ms = clock_wall_ms();
  a->router = router_new(routes, sizeof routes / sizeof routes[0], a);
  return a;
}

void api_free(struct api **api)
{
  struct api *a = *api;
  *api = NULL;
  if (!a)
    return;
  router_free(&a->router);
  free(a);
}

void api_drain(struct api *api)
{
  api->draining = true;
}

/* ---- the key ---- */

static bool is_open(const char *path)
{
  return strcmp(path, "/health") == 0 || strcmp(path, "/livez") == 0 ||
         strcmp(path, "/readyz") == 0;
}

/* The name of the key that was sent, or NULL when none was that is known. */
static const char *key_of(const struct api *a, const struct http_request *req)
{
  const char *given = http_header(req, "Authorization");
  if (!given || strncasecmp(given, "Bearer ", 7) != 0)
    return NULL;
  return keys_check(a->parts.keys, given + 7 + strspn(given + 7, " "));
}

const char *api__who(const struct api *a, struct http_request *req)
{
  const char *key = req->local ? NULL : key_of(a, req);
  return key ? key : "local";
}

static bool may_enter(const struct api *a, struct http_request *req)
{
  const char *given = http_header(req, "Authorization");
  if (req->local || is_open(req->path) || key_of(a, req))
    return true;
  http_set_header(req, "WWW-Authenticate", "Bearer realm=\"candy\"");
  http_problem(req, 401, given ? "bad_key" : "key_required",
               given ? "this key is not known here; the admin key was shown at the first "
                       "start of the host"
                     : "send an API key as \"Authorization: Bearer KEY\"");
  return false;
}

void api_handle(struct http_request *req, void *arg)
{
  struct api *a = arg;
  if (may_enter(a, req))
    router_handle(req, a->router);
}

/* ---- shared answers ---- */

void api__store_problem(struct http_request *req, const struct err *err)
{
  int status = 503;
  if (strcmp(err->code, "store_full") == 0)
    status = 507;
  else if (strcmp(err->code, "store_timeout") == 0 ||
           strcmp(err->code, "log_search") == 0)
    status = 422;
  http_problem(req, status, err->code, "%s", err->text);
}

int64_t api_id(const char *text)
{
  char *end;
  if (!text || !*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
    return -1;
  return strtoll(text, &end, 10);
}
