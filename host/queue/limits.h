/* What a manifest says of limits and order, as the store wants it. Names and weights
 * point into the manifest. */
#ifndef CANDY_QUEUE_LIMITS_H
#define CANDY_QUEUE_LIMITS_H

#include "store/store.h"
#include <jansson.h>

/* {concurrency, rate, rate_ms} of a task or a queue, or with "key_" before each of their
 * keys; null and absent are no limit. */
struct store_limit limits_read(const json_t *declared, bool of_keys);

/* "queues" of a manifest, to be freed with their number. */
struct store_queue *limits_read_queues(const json_t *list, size_t *n);
void limits_free_queues(struct store_queue *queues, size_t n);

#endif
