/* From an event to its handlers' jobs: see event.h. */
#include "queue/event.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define NAME_LONGEST 200
#define DATA_MAX     ((size_t)1024 * 1024)
#define JOBS_BYTES   ((size_t)64 * 1024 * 1024) /* of all payloads that one call makes */

/* ---- which handlers ---- */

static bool is_name(const char *name)
{
  size_t len = strlen(name);
  if (len == 0 || len > NAME_LONGEST)
    return false;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)name[i]) && !strchr("_.:-", name[i]))
      return false;
  return true;
}

/* "job.*" fits all names that begin with "job.". */
static bool fits(const char *pattern, const char *name)
{
  size_t len = strlen(pattern);
  if (len > 0 && pattern[len - 1] == '*')
    return strncmp(pattern, name, len - 1) == 0;
  return strcmp(pattern, name) == 0;
}

/* ---- their jobs ---- */

static int check(const struct event *e, struct err *err)
{
  if (!is_name(e->name))
    return err_set(err, "bad_event",
                   "an event has a name of letters, digits and _ . : - of at most %d "
                   "characters",
                   NAME_LONGEST);
  if (e->depth >= EVENT_DEPTH_MAX)
    return err_set(err, "event_too_deep",
                   "\"%s\" was emitted by a handler, %d events deep: handlers must not "
                   "call each other in a circle",
                   e->name, e->depth);
  if (e->data_len > DATA_MAX)
    return err_set(err, "event_too_large",
                   "the data of \"%s\" has %zu bytes as JSON, and at most %zu fit: keep "
                   "it in a table and send its id",
                   e->name, e->data_len, DATA_MAX);
  return 0;
}

static void put_payload(struct buf *b, const struct event *e)
{
  buf_puts(b, "{\"event\":");
  buf_json_string(b, e->name, strlen(e->name));
  buf_puts(b, ",\"data\":");
  if (e->data_len)
    buf_append(b, e->data, e->data_len);
  else
    buf_puts(b, "null");
  buf_printf(b, ",\"time\":%lld,\"source\":", (long long)clock_wall_ms());
  buf_json_string(b, e->source, strlen(e->source));
  buf_printf(b, ",\"depth\":%d}", e->depth + 1);
}

static int add_jobs(const struct catalog *catalog, const struct event *e, size_t *bytes,
                    json_t *jobs, struct err *err)
{
  struct buf payload = {0};
  if (check(e, err) < 0)
    return -1;
  put_payload(&payload, e);
  const struct catalog_handler *handler;
  int rc = 0;
  for (size_t i = 0; rc == 0 && (handler = catalog_handler(catalog, i)); i++) {
    if (!fits(handler->event, e->name))
      continue;
    *bytes += payload.len;
    if (*bytes > JOBS_BYTES)
      rc = err_set(err, "event_too_large",
                   "the jobs for \"%s\" have more than %zu MB: emit less, or less data",
                   e->name, JOBS_BYTES >> 20);
    else
      json_array_append_new(jobs,
                            json_pack("{s:s, s:o}", "type", handler->task, "payload",
                                      jx_string(payload.data, payload.len)));
  }
  buf_fini(&payload);
  return rc;
}

json_t *event_jobs(const struct catalog *catalog, const struct event *e, struct err *err)
{
  json_t *jobs = json_array();
  size_t bytes = 0;
  if (add_jobs(catalog, e, &bytes, jobs, err) == 0)
    return jobs;
  json_decref(jobs);
  return NULL;
}

json_t *event_children(const struct catalog *catalog, const json_t *children,
                       const struct event *from, struct err *err)
{
  json_t *jobs = json_array(), *child;
  size_t i, bytes = 0;
  json_array_foreach(children, i, child) {
    const json_t *data = json_object_get(child, "payload");
    struct event e = *from;
    e.name = jx_str(child, "event", NULL);
    if (!e.name) {
      json_array_append(jobs, child);
      continue;
    }
    e.data = jx_text(data, "");
    e.data_len = json_string_length(data);
    if (add_jobs(catalog, &e, &bytes, jobs, err) < 0) {
      json_decref(jobs);
      return NULL;
    }
  }
  return jobs;
}

int event_depth(const char *payload, size_t len)
{
  json_t *value = jx_parse(payload, len, NULL);
  int64_t depth = jx_int(value, "depth", 0);
  json_decref(value);
  return depth < 0 ? 0 : depth > EVENT_DEPTH_MAX ? EVENT_DEPTH_MAX : (int)depth;
}

/* ---- the host's own ---- */

static void pushed(void *arg, const struct store_new *jobs, size_t n,
                   const struct err *err)
{
  (void)arg;
  (void)jobs;
  (void)n;
  (void)err; /* the queue tells when the store takes nothing in */
}

void event_emit(struct queue *queue, const struct catalog *catalog, const char *name,
                json_t *data)
{
  struct door_batch batch = {0};
  struct event e = {.name = name, .source = "host"};
  char *text = jx_dump(data, &e.data_len);
  e.data = text;
  json_t *jobs = event_jobs(catalog, &e, NULL);
  door_add_all(&batch, catalog, jobs);
  if (batch.n > 0 && !batch.problems)
    queue_push(queue, &batch, pushed, NULL);
  door_fini(&batch);
  json_decref(jobs);
  json_decref(data);
  free(text);
}
