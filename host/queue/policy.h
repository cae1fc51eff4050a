/* POLICY: what becomes of an attempt that did not complete.
 *
 *   failed            retry_count < max_retries: again after the delay; else dead
 *   permanent         dead
 *   rescued           back to its place; after 5 rescues dead, code "rescued_too_often"
 *   lost, once        dead, code "outcome_unknown": it may or may not have happened
 *
 * The delay after the n-th failure is min(1 h, n^4 s), half of it fixed and half random,
 * so that jobs that failed together do not come back together.
 */
#ifndef CANDY_QUEUE_POLICY_H
#define CANDY_QUEUE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#define POLICY_RESCUES 5
#define POLICY_CAP_MS  3600000

/* n counts from 1; random is in [0, 1). */
int64_t policy_delay_ms(int n, double random);

#endif
