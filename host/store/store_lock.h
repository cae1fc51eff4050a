/* Locks. See store.h. */
#ifndef CANDY_STORE_STORE_LOCK_H
#define CANDY_STORE_STORE_LOCK_H

#include "store/store_op.h"

/* Locks. Who wants one joins its line and gets a token; the first of the line holds the
 * lock, and nobody else does. Tokens grow in the order of arrival, so with each holder,
 * and none is ever used twice.
 *
 * A place in the line has an end: a holder's lease, or a waiter's patience. Whoever
 * leaves or has come to the end makes room in the same turn. Each of these operations,
 * whatever else it does, ends what is due and tells what became of other tokens by that:
 * the caller has to look by itself when `next_due` comes. */
#define STORE_LOCK_LINE 2000 /* who may be in one line */

enum store_lock_verb {
  STORE_LOCK_TAKE,
  STORE_LOCK_EXTEND, /* a lease that has not ended: it counts from now */
  STORE_LOCK_LEAVE,  /* the holder, or one who waits */
  STORE_LOCK_LOOK,   /* for what is due, and nothing else */
};

enum store_lock_state {
  STORE_LOCK_HELD,
  STORE_LOCK_WAITS,
  STORE_LOCK_OVER,    /* TAKE: it is not free, and waiting was not wanted; else: the token
                         is in no line any more */
  STORE_LOCK_CROWDED, /* TAKE: STORE_LOCK_LINE are there already */
};

struct store_lock_change { /* of a token that another operation brought into the line */
  int64_t token;
  int64_t until; /* it holds the lock from now on, for so long; 0: its time is over */
};

struct store_lock {
  struct store_op op; /* STORE_LOCK */
  enum store_lock_verb verb;
  const char *workspace; /* TAKE; NULL: "default" */
  const char *name;      /* TAKE */
  int64_t job;           /* TAKE: on whose behalf, for people who look */
  int64_t wait_ms;       /* TAKE: 0: not at all */
  int64_t ttl_ms;        /* TAKE, EXTEND: the lease */
  const int64_t *tokens; /* EXTEND: one; LEAVE */
  size_t n_tokens;
  enum store_lock_state state; /* out: TAKE, EXTEND; LEAVE: HELD if one of them was */
  int64_t token;               /* out: TAKE, when it is in the line now */
  int64_t until;               /* out: when state is HELD: the end of the lease */
  struct store_lock_change *changes; /* out */
  size_t n_changes;
  int64_t next_due; /* out; 0: nobody is in any line */
};

#endif
