/* Batches: jobs that are looked at as one. See store.h. */
#ifndef CANDY_STORE_STORE_BATCH_H
#define CANDY_STORE_STORE_BATCH_H

#include "store/store_job.h"

enum store_batch_event {
  STORE_BATCH_SUCCESS,  /* all are completed */
  STORE_BATCH_COMPLETE, /* all have ended in whatever way */
  STORE_BATCH_DEATH,    /* the first one is dead */
  STORE_BATCH_EVENTS
};

/* All of the jobs or none. At each event the job that follows it is enqueued, once; it
 * knows its batch, and is no part of it. A dead job that is retried is one that has not
 * ended: then the batch goes on. */
struct store_batch {
  struct store_op op;
  const char *name;      /* or NULL */
  const char *workspace; /* NULL: "default" */
  struct store_new *jobs;
  size_t n;
  const struct store_new *followers[STORE_BATCH_EVENTS]; /* NULL: none */
  size_t at_most; /* so many are let go at a time, the others are pending; 0: no bound */
  int64_t id;     /* out */
};

/* Its jobs are cancelled (code "batch_cancelled") as by STORE_CANCEL, in this turn or in
 * those that follow. One that has ended stays as it is. */
struct store_batch_cancel {
  struct store_op op;
  int64_t id;
  const char *by; /* who, for the audit */
  bool found;     /* out */
  bool running;   /* out: it had not ended */
};

/* One batch, or a page of them, newest first, as JSON in the shape of the API. Children
 * of a job (STORE_FAN_OUT) are a batch that is given by its id only. */
struct store_batches {
  struct store_op op;
  int64_t id;       /* 0: a page */
  int64_t before;   /* of a page: ids below this one; 0: from the newest */
  int64_t limit;    /* 1 to 1000 */
  struct buf items; /* out: a JSON array, or the object of the one; len 0: not there */
  int64_t next;     /* out: `before` of the next page, 0 at the end */
};

/* What a job's last fan-out came to: [{id,type,state,result,error}], in order. */
struct store_children {
  struct store_op op;
  int64_t id;         /* of the parent */
  int64_t after;      /* children behind this one; 0: from the first */
  bool found;         /* out: it has fanned out */
  bool failed;        /* out: one is dead, which is to be the parent's failure */
  int64_t first_dead; /* out: which, or 0 when none is any more */
  struct buf items;   /* out: a JSON array, of about 1 MB at most */
  int64_t next;       /* out: `after` of the next part, 0 at the end */
};

#endif
