/* The door of the queue: what people and scripts ask for, checked and turned into jobs.
 *
 * A request is {type, payload, delay, run_at, priority, queue, tags, key, max_retries,
 * deadline, unique, after, after_failure, ref, batch}.
 * The payload is kept as the bytes that came and checked against the task's schema. All
 * of a batch is good, or nothing of it is enqueued; each problem is told with a pointer
 * into the request.
 */
#ifndef CANDY_QUEUE_DOOR_H
#define CANDY_QUEUE_DOOR_H

#include "base/arena.h"
#include "base/json_span.h"
#include "queue/catalog.h"
#include "store/store.h"

#define DOOR_JOBS_MAX     10000
#define DOOR_PROBLEMS_MAX 20
#define DOOR_PAYLOAD_MAX                                                                 \
  ((size_t)24 * 1024 * 1024) /* well within a channel's message                          \
                              */

struct door_batch { /* {0} is an empty one */
  struct arena memory;
  struct store_new *jobs;
  size_t n, cap;
  json_t *refs;     /* NULL, or {ref: index of the job that has it} */
  json_t *problems; /* NULL, or [{pointer, code, message}] */
};

/* A payload as it came. */
struct door_payload {
  struct json_span text; /* len 0: none was given */
  const json_t *value;   /* what the text says, or NULL where that is not known yet */
  bool sound;            /* JSON for certain: it is read only where something asks */
};

/* Reads one request. `spec` is the request without regard to its payload; `pointer` where
 * it stands in what the caller sent ("" or "/3"). Problems are added to the batch. */
void door_add(struct door_batch *batch, const struct catalog *catalog, const json_t *spec,
              const struct door_payload *payload, const char *pointer);

/* The same for a job of a worker, whose payload is sound; `options` are the other fields,
 * NULL when there are none. `type` and `payload` end with a NUL. */
void door_add_sound(struct door_batch *batch, const struct catalog *catalog,
                    struct json_span type, struct json_span payload,
                    const json_t *options, const char *pointer);

/* A whole document: one request, or an array of up to DOOR_JOBS_MAX. Returns 0, or -1
 * with err for text that is not JSON ("bad_json"); `many` tells which of the two came. */
int door_read(struct door_batch *batch, const struct catalog *catalog, const char *text,
              size_t len, bool *many, struct err *err);

/* The children of a finish, or the handlers of an event: specs with the payload as a
 * string of JSON text. */
void door_add_all(struct door_batch *batch, const struct catalog *catalog,
                  const json_t *specs);

/* All of them are enqueued by this job: its children, with its trace. */
void door_descend(struct door_batch *batch, const struct store_job *parent);

/* All of them belong to the trace of a W3C `traceparent` header, when it is a sound one.
 */
void door_trace(struct door_batch *batch, const char *traceparent);

/* A change of a job of that task: a request of which only what is there counts, without
 * type, key, max_retries and deadline. As door_read; the batch gets one job, `given` what
 * it has. */
struct door_given {
  bool payload, priority, queue, tags, time;
};

int door_read_change(struct door_batch *batch, const struct catalog *catalog,
                     const char *type, struct json_span text, struct door_given *given,
                     struct err *err);

/* The problems in one line, for errors that are not documents. */
void door_explain(const struct door_batch *batch, struct err *err);

void door_fini(struct door_batch *batch);

#endif
