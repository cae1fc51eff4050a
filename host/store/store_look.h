/* What people and programs look at: jobs by filter, counts, queues, the audit. See
 * store.h. */
#ifndef CANDY_STORE_STORE_LOOK_H
#define CANDY_STORE_STORE_LOOK_H

#include "store/store_op.h"

/* Which jobs: what is set must fit. Lists are newest first. */
struct store_filter {
  unsigned states; /* bits 1 << enum store_state; 0: any */
  const char *const *types;
  size_t n_types;
  const char *const *queues;
  size_t n_queues;
  const int64_t *ids;
  size_t n_ids;
  const char *tag;
  const char *search;   /* part of the payload or of the last error's message */
  int64_t batch;        /* jobs that belong to it; 0: any */
  int64_t parent;       /* jobs that it enqueued; 0: any */
  int64_t since, until; /* created_at in [since, until); 0: open */
};

/* One job in full, or a page of summaries, as JSON in the shape of the API (view.h).
 * It is text and not json_t, so that payloads and results go out byte for byte. */
struct store_get {
  struct store_op op;
  int64_t id;
  struct buf json; /* out: an object; len 0 when there is no such job */
};

struct store_list {
  struct store_op op;
  struct store_filter filter;
  int64_t before;   /* ids below this one; 0: from the newest */
  int64_t limit;    /* 1 to 1000 */
  struct buf items; /* out: a JSON array */
  int64_t next;     /* out: `before` of the next page, 0 at the end */
};

struct store_stats {
  struct store_op op;
  int64_t counts[STORE_STATES]; /* out: exact up to 10,000 each, then capped there */
  int64_t oldest_available_ms;  /* out: age, 0 when there is none */
  int64_t set_aside;            /* out: available, but no host has their type */
};

/* Queues by name, each with its counts (up to 10,000), its age and whether it rests; and
 * the tasks that rest. */
struct store_queues {
  struct store_op op;
  struct buf json; /* out: {"items":[...],"paused_tasks":[...]} */
};

/* What people did to jobs, queues and tasks, newest first. */
struct store_audit {
  struct store_op op;
  int64_t before; /* ids below this one; 0: from the newest */
  int64_t limit;
  struct buf items; /* out: a JSON array */
  int64_t next;     /* out: the last one's id; 0: there was none */
};

#endif
