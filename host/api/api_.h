/* The inside of the API, shared by its files. */
#ifndef CANDY_API_INSIDE_H
#define CANDY_API_INSIDE_H

#include "api/api.h"
#include "base/arena.h"
#include "net/router.h"

struct api {
  struct api_parts parts;
  struct router *router;
  int64_t started_ms;
  bool draining;
  int tails; /* that are open */
};

/* api.c: answers that several routes give */
void api__store_problem(struct http_request *req, const struct err *err);

/* Who asks, for what is kept of it: the name of the key, or "local". */
const char *api__who(const struct api *api, struct http_request *req);

/* api_jobs.c: answers 404 when there is no such job, else by `other`, or (NULL) with the
 * job in full. */
void api__answer_job(struct api *api, struct http_request *req, int64_t id,
                     void (*other)(struct http_request *req, int64_t id));

/* api_push.c: which of them are jobs that were there, as places in the list. A new
 * reference; NULL: none. */
json_t *api__duplicates(const struct store_new *jobs, size_t n);

/* filter.c: which jobs a request means */
struct api_filter {
  struct store_filter filter;
  struct arena memory;
  json_t *problems; /* NULL, or [{pointer,code,message}] */
};

/* Reads a filter's fields from the query string; other parameters that are allowed are
 * named in `others`, a list that ends with NULL. */
void api_filter_query(struct api_filter *f, const struct http_request *req,
                      const char *const *others);
void api_filter_json(struct api_filter *f, const json_t *body, const char *const *others);
void api_filter_fini(struct api_filter *f);

/* For reading single fields. A problem stays with the filter; a list of texts, "a,b",
 * lives in its memory. */
void api__problem(struct api_filter *f, const char *field, const char *code,
                  const char *message);
size_t api__split(struct api_filter *f, const char *field, const char *text,
                  const char *const **out);
int64_t api__time(struct api_filter *f, const char *field, const char *text);

/* reason.c: the body of a request that may give a reason (`takes_reason`), and has no
 * other fields. A new reference; NULL when the request was answered. */
json_t *api__reason_body(struct http_request *req, bool takes_reason);

/* NULL and null are none. */
bool api__fits_reason(const json_t *reason);

#define API_REASON_FAULT "reason must be a text of at most 500 bytes, without NUL"

/* api_tail.c: the log as it grows, as events; `after` or Last-Event-ID resume. */
void api__tail(struct api *api, struct http_request *req);

/* "12" -> 12; -1 when it is no id. */
int64_t api_id(const char *text);

/* The routes. */
void api_push(struct http_request *req, void *arg);
void api_list(struct http_request *req, void *arg);
void api_get(struct http_request *req, void *arg);
void api_retry(struct http_request *req, void *arg);
void api_queues(struct http_request *req, void *arg);
void api_pause_queue(struct http_request *req, void *arg);
void api_resume_queue(struct http_request *req, void *arg);
void api_pause_task(struct http_request *req, void *arg);
void api_resume_task(struct http_request *req, void *arg);
void api_audit(struct http_request *req, void *arg);
void api_edit(struct http_request *req, void *arg);
void api_cancel(struct http_request *req, void *arg);
void api_cancel_many(struct http_request *req, void *arg);
void api_retry_many(struct http_request *req, void *arg);
void api_purge_many(struct http_request *req, void *arg);
void api_batch_push(struct http_request *req, void *arg);
void api_batch_list(struct http_request *req, void *arg);
void api_batch_get(struct http_request *req, void *arg);
void api_batch_cancel(struct http_request *req, void *arg);
void api_health(struct http_request *req, void *arg);
void api_livez(struct http_request *req, void *arg);
void api_readyz(struct http_request *req, void *arg);
void api_definitions(struct http_request *req, void *arg);
void api_crons(struct http_request *req, void *arg);
void api_logs(struct http_request *req, void *arg);
void api_log(struct http_request *req, void *arg);
void api_backup(struct http_request *req, void *arg);

#endif
