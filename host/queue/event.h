/* Events: something happened, and each handler that scripts declared for it (candy.on)
 * gets a job of its own. Its payload is {event, data, time, source, depth}.
 */
#ifndef CANDY_QUEUE_EVENT_H
#define CANDY_QUEUE_EVENT_H

#include "queue/queue.h"

/* A handler that emits events has a depth: so many lie between it and one that was
 * emitted by something else. Beyond this, emitting is refused, and no loop lives for
 * ever. */
#define EVENT_DEPTH_MAX 8

struct event {
  const char *name;
  const char *data; /* JSON */
  size_t data_len;
  const char *source; /* the job's id, or "host" */
  int depth;          /* of who emits it; 0: no handler */
};

/* Requests for door_add_all, one for each handler; a new reference, NULL with err.
 * Errors: "bad_event", "event_too_deep", "event_too_large". */
json_t *event_jobs(const struct catalog *catalog, const struct event *event,
                   struct err *err);

/* A finish' children: {"event": name, "payload": data} stands for the jobs of its
 * handlers. A new reference, NULL with err as above. */
json_t *event_children(const struct catalog *catalog, const json_t *children,
                       const struct event *from, struct err *err);

/* The depth that a handler's payload carries; 0 for what is none. */
int event_depth(const char *payload, size_t len);

/* An event of the host's own, which nobody waits for. Takes over `data`. Jobs of handlers
 * are the catalogue's; without one (NULL) nobody handles it. */
void event_emit(struct queue *queue, const struct catalog *catalog, const char *name,
                json_t *data);

#endif
