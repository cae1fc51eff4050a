/* Policies: how many jobs may run, and in which order. See store.h. */
#ifndef CANDY_STORE_STORE_POLICY_H
#define CANDY_STORE_STORE_POLICY_H

#include "store/store_op.h"

/* A running job takes a slot of its type, of its type and key, of its queue, and of its
 * queue and key, wherever there is a limit or an order; a job that finds no slot waits
 * for one, at no cost to others. Slots come with the claim and go with the end of it, so
 * none is left behind by whatever dies. A job that goes back to its place (RELEASE,
 * RESCUE, recovery) keeps its turn for them. */

/* Up to `concurrency` run at a time, and up to `rate` begin within any window_ms; 0: any
 * number. A start is noted to within a 256th of the window, never too early. */
#define STORE_WINDOW_MAX_MS ((int64_t)31 * 86400 * 1000)

struct store_limit {
  int64_t concurrency;
  int64_t rate, window_ms;
  bool keyless; /* of a key's: jobs without a key are limited as if they had one too */
};

/* Strict order: nothing that came in later runs before a job has ended, nor while it
 * waits for its retry or its snooze is over. Priorities do not count then. Jobs without a
 * key are in no order by key. */
enum store_order { STORE_LOOSE, STORE_BY_KEY, STORE_STRICT };

struct store_type {
  const char *name;
  bool once; /* rerun = false: never run again by itself after it began */
  struct store_limit limit, key_limit;
  enum store_order order; /* LOOSE or BY_KEY */
};

struct store_weight {
  const char *key;
  int weight; /* 1 to STORE_WEIGHT_MAX */
};

#define STORE_WEIGHT_MAX 1000

struct store_queue {
  const char *name;
  struct store_limit limit, key_limit;
  enum store_order order;
  bool fair; /* its keys take turns, each as often as its weight says; 1 by default */
  const struct store_weight *weights;
  size_t n_weights;
  int64_t ageing_ms; /* so long a wait is worth one step of priority; 0: none */
};

/* What this host can run, and by which policies, in place of what it said before. Jobs
 * that were set aside for want of their type come back when it is named. Limits and
 * strict order hold from now on; priorities, fairness and ageing for jobs that come in
 * from now on. Texts are copied. */
struct store_types {
  struct store_op op;
  const struct store_type *types;
  size_t n;
  const struct store_queue *queues; /* those with policies */
  size_t n_queues;
};

#endif
