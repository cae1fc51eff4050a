/* Limits and order of a manifest: see limits.h. */
#include "queue/limits.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

struct store_limit limits_read(const json_t *declared, bool of_keys)
{
  if (of_keys)
    return (struct store_limit){
        .concurrency = jx_int(declared, "key_concurrency", 0),
        .rate = jx_int(declared, "key_rate", 0),
        .window_ms = jx_int(declared, "key_rate_ms", 0),
        .keyless = jx_bool(declared, "keyless", false),
    };
  return (struct store_limit){
      .concurrency = jx_int(declared, "concurrency", 0),
      .rate = jx_int(declared, "rate", 0),
      .window_ms = jx_int(declared, "rate_ms", 0),
  };
}

static enum store_order order_of(const char *text)
{
  if (strcmp(text, "strict") == 0)
    return STORE_STRICT;
  return strcmp(text, "strict_by_key") == 0 ? STORE_BY_KEY : STORE_LOOSE;
}

static void read_weights(struct store_queue *q, json_t *weights)
{
  struct store_weight *read = mem_alloc(json_object_size(weights) * sizeof *read);
  const char *key;
  json_t *weight;
  json_object_foreach(weights, key, weight)
    read[q->n_weights++] = (struct store_weight){key, (int)json_integer_value(weight)};
  q->weights = read;
}

static struct store_queue read_queue(const json_t *declared)
{
  struct store_queue q = {
      .name = jx_str(declared, "name", ""),
      .limit = limits_read(declared, false),
      .key_limit = limits_read(declared, true),
      .order = order_of(jx_str(declared, "order", "")),
      .fair = jx_bool(declared, "fair", false),
      .ageing_ms = jx_int(declared, "ageing_ms", 0),
  };
  read_weights(&q, json_object_get(declared, "weights"));
  return q;
}

struct store_queue *limits_read_queues(const json_t *list, size_t *n)
{
  struct store_queue *queues = mem_alloc(json_array_size(list) * sizeof *queues);
  json_t *one;
  size_t i;
  json_array_foreach(list, i, one)
    queues[i] = read_queue(one);
  *n = i;
  return queues;
}

void limits_free_queues(struct store_queue *queues, size_t n)
{
  for (size_t i = 0; i < n; i++)
    free((struct store_weight *)(uintptr_t)queues[i].weights);
  free(queues);
}
