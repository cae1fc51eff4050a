/* When two jobs are the same: what tasks and requests say of it, and the hash that tells
 * it.
 *
 * Jobs are the same when their workspace, task, key and chosen fields of the payload are.
 * Fields count by their value: white space, the order of members and ways to write a
 * number (1, 1.0, 1e0) or a character make no difference; a member that is null is as
 * good as absent; texts are compared byte by byte.
 */
#ifndef CANDY_QUEUE_UNIQUE_H
#define CANDY_QUEUE_UNIQUE_H

#include "base/arena.h"
#include "base/err.h"
#include "store/store.h"
#include <jansson.h>

#define UNIQUE_FIELDS_MAX 20

struct unique_rule {
  struct store_unique same; /* but for the hash */
  bool whole;               /* the whole payload counts */
  const char **fields;      /* else these of it, in order */
  size_t n_fields;
};

/* Reads what the manifest says of a task, {mode, fields, states, window, wait, max_wait}:
 * `mode` is "keep", "debounce", "supersede" or "supersede_queued", `fields` true or a
 * list, durations are milliseconds. NULL when json is null. Memory is the arena's. */
struct unique_rule *unique_of_manifest(const json_t *json, struct arena *memory);

/* Reads what a request says: true, a list of fields, or {fields, states, window}. NULL
 * with err ("invalid"), whose text goes behind the name of the field. */
struct unique_rule *unique_of_request(const json_t *json, struct arena *memory,
                                      struct err *err);

/* The rule with the hash of this job; the store needs it. `payload` is an object. */
const struct store_unique *unique_hash(const struct unique_rule *rule,
                                       const struct store_new *job, const json_t *payload,
                                       struct arena *memory);

#endif
