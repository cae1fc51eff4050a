/* The tasks that the scripts declare, and the handlers of events among them, as the
 * workers' manifest names them. */
#ifndef CANDY_QUEUE_CATALOG_H
#define CANDY_QUEUE_CATALOG_H

#include "base/err.h"
#include "base/schema.h"
#include "queue/policy.h"
#include "queue/unique.h"
#include "store/store.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct catalog_task {
  const char *name, *file;
  int line;
  const char *queue; /* or NULL */
  int priority;
  int max_retries;
  struct policy_backoff backoff;
  int64_t timeout_ms;
  int64_t heartbeat_ms;    /* the longest silence; 0: it may be silent */
  int64_t cancel_grace_ms; /* how long it may go on when it was told to end */
  int64_t deadline_ms;     /* from enqueue to its end; 0: none */
  bool rerun;
  bool handler;    /* of an event */
  const char *key; /* a pattern (queue/key.h), or NULL */
  struct store_limit limit, key_limit;
  bool strict;                /* jobs of one key one after the other */
  struct schema *schema;      /* NULL: any object */
  const json_t *fields;       /* of the payload, by name; NULL where it may have others */
  struct unique_rule *unique; /* NULL: no two jobs are the same */
};

struct catalog_handler {
  const char *event; /* a name, or with "*" at its end all that begin so */
  const char *task;
};

struct catalog;

struct catalog_defaults {
  int max_retries;
  int64_t timeout_ms;
  int64_t cancel_grace_ms;
};

/* Reads {"tasks":[...],"handlers":[...]} of a manifest; keeps a reference to it. NULL
 * with err when a task's schema is none (the error names file and line). */
struct catalog *catalog_new(json_t *manifest, const struct catalog_defaults *defaults,
                            struct err *err);
void catalog_free(struct catalog **catalog);

const struct catalog_task *catalog_find(const struct catalog *catalog, const char *name);
size_t catalog_count(const struct catalog *catalog);
const struct catalog_task *catalog_at(const struct catalog *catalog, size_t index);
/* The handlers of events; NULL behind the last one. */
const struct catalog_handler *catalog_handler(const struct catalog *catalog,
                                              size_t index);
const json_t *catalog_manifest(const struct catalog *catalog);

#endif
