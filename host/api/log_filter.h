/* Which lines of the log a request means: GET /logs, as a list or as a tail. */
#ifndef CANDY_API_LOG_FILTER_H
#define CANDY_API_LOG_FILTER_H

#include "api/api_.h"

struct log_filter {
  struct api_filter base; /* its memory and its problems */
  struct store_log_filter filter;
};

/* Reads the query string; other parameters that are allowed are named in `others`, a list
 * that ends with NULL. */
void log_filter_init(struct log_filter *f, const struct http_request *req,
                     const char *const *others);
void log_filter_fini(struct log_filter *f);

/* "3" -> 3 for a number of lines around a hit; -1 when it is none. NULL is 0. */
int64_t log_filter_context(const char *text);

#endif
