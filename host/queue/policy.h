/* POLICY: what becomes of an attempt that did not complete.
 *
 *   failed            retry_count < max_retries: again after the delay; else dead
 *   permanent         dead
 *   rescued           back to its place; after 5 rescues dead, code "rescued_too_often"
 *   lost, once        dead, code "outcome_unknown": it may or may not have happened
 *
 * The delay after the n-th failure is the n-th of the task's own, or its last one.
 * Without any it is min(1 h, n^4 s), half of it fixed and half random, so that jobs that
 * failed together do not come back together.
 */
#ifndef CANDY_QUEUE_POLICY_H
#define CANDY_QUEUE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_RESCUES 5
#define POLICY_CAP_MS  3600000

struct policy_backoff { /* of a task */
  const int64_t *ms;
  size_t n; /* 0: it has none */
};

/* n counts from 1; random is in [0, 1). */
int64_t policy_delay_ms(const struct policy_backoff *own, int n, double random);

#endif
