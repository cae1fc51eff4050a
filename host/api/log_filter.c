/* Which lines of the log a request means: see log_filter.h. One function a parameter. */
#include "api/log_filter.h"

#include <string.h>

#include "base/trace.h"

#define SEARCH_MAX  200
#define CONTEXT_MAX 20

static const char *const levels[] = {"debug", "info", "warn", "error"};

enum { LEVELS = sizeof levels / sizeof levels[0] };

static int find_level(const char *name)
{
  int i = 0;
  while (i < LEVELS && strcmp(levels[i], name) != 0)
    i++;
  return i;
}

static void read_level(struct log_filter *f, const char *text)
{
  const char *const *names;
  size_t n = api__split(&f->base, "level", text, &names);
  for (size_t i = 0; i < n; i++) {
    int level = find_level(names[i]);
    f->filter.levels |= 1u << level;
    if (level == LEVELS)
      api__problem(&f->base, "level", "invalid", "must be of debug, info, warn, error");
  }
}

static void read_min_level(struct log_filter *f, const char *text)
{
  int level = find_level(text);
  if (level == LEVELS)
    api__problem(&f->base, "min_level", "invalid",
                 "must be one of debug, info, warn, error");
  for (; level < LEVELS; level++)
    f->filter.levels |= 1u << level;
}

static void read_type(struct log_filter *f, const char *text)
{
  f->filter.n_types = api__split(&f->base, "type", text, &f->filter.types);
}

static void read_job(struct log_filter *f, const char *text)
{
  f->filter.job = api_id(text);
  if (f->filter.job <= 0)
    api__problem(&f->base, "job", "invalid", "must be a job's id");
}

static void read_trace(struct log_filter *f, const char *text)
{
  if (!trace_fits(text))
    api__problem(&f->base, "trace", "invalid",
                 "must be a trace id: 32 lower-case hexadecimal digits");
  f->filter.trace = arena_strdup(&f->base.memory, text);
}

static void read_worker(struct log_filter *f, const char *text)
{
  f->filter.worker = arena_strdup(&f->base.memory, text);
}

static void read_search(struct log_filter *f, const char *text)
{
  if (strlen(text) > SEARCH_MAX)
    api__problem(&f->base, "q", "invalid", "must have at most 200 bytes");
  f->filter.search = arena_strdup(&f->base.memory, text);
}

static void read_since(struct log_filter *f, const char *text)
{
  f->filter.since = api__time(&f->base, "since", text);
}

static void read_until(struct log_filter *f, const char *text)
{
  f->filter.until = api__time(&f->base, "until", text);
}

static const struct {
  const char *name;
  void (*read)(struct log_filter *f, const char *text);
} fields[] = {
    {"level", read_level}, {"min_level", read_min_level}, {"type", read_type},
    {"job", read_job},     {"trace", read_trace},         {"worker", read_worker},
    {"q", read_search},    {"since", read_since},         {"until", read_until}};

static void read_field(struct log_filter *f, const char *name, const char *text,
                       const char *const *others)
{
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (strcmp(fields[i].name, name) == 0) {
      if (*text)
        fields[i].read(f, text);
      else
        api__problem(&f->base, name, "invalid", "must not be empty");
      return;
    }
  for (; *others; others++)
    if (strcmp(*others, name) == 0)
      return;
  api__problem(&f->base, name, "unknown_parameter",
               "is not known here; known are level, min_level, type, job, trace, worker, "
               "q, since, until; for a list also context, limit, cursor; for a tail also "
               "after");
}

/* http_query gives the first one of a name. */
static bool is_repeated(const struct http_request *req, size_t i)
{
  return http_query(req, req->pairs.pairs[i].name) != req->pairs.pairs[i].value;
}

void log_filter_init(struct log_filter *f, const struct http_request *req,
                     const char *const *others)
{
  *f = (struct log_filter){0};
  for (size_t i = 0; i < req->pairs.count; i++)
    if (is_repeated(req, i))
      api__problem(&f->base, req->pairs.pairs[i].name, "repeated",
                   "must not be given twice; several values have commas between them");
    else
      read_field(f, req->pairs.pairs[i].name, req->pairs.pairs[i].value, others);
  if (http_query(req, "level") && http_query(req, "min_level"))
    api__problem(&f->base, "min_level", "invalid", "and level exclude each other");
}

void log_filter_fini(struct log_filter *f)
{
  api_filter_fini(&f->base);
}

int64_t log_filter_context(const char *text)
{
  int64_t n = text ? api_id(text) : 0;
  return n > CONTEXT_MAX ? -1 : n;
}
