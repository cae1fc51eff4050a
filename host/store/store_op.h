/* What all operations of the store begin with, and which there are. See store.h. */
#ifndef CANDY_STORE_STORE_OP_H
#define CANDY_STORE_STORE_OP_H

#include "base/buf.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_kind {
  /* writes: joined into turns */
  STORE_ENQUEUE,
  STORE_FINISH,
  STORE_CLAIM,
  STORE_TYPES,
  STORE_RECOVER,
  STORE_PROGRESS,
  STORE_REQUEUE,
  STORE_PURGE,
  STORE_EXPIRE,
  STORE_EXEC,
  STORE_SCHEMA,
  STORE_KV_WRITE,
  STORE_KEY_ADD,
  STORE_LOCK,
  STORE_LOG_WRITE,
  STORE_LOG_EXPIRE,
  STORE_VACUUM,
  STORE_CANCEL,
  STORE_DEADLINES,
  STORE_PAUSE,
  STORE_EDIT,
  STORE_BATCH,
  STORE_BATCH_CANCEL,
  /* a transaction of a script */
  STORE_TX_BEGIN,
  STORE_TX_SQL,
  STORE_TX_END,
  /* reads: anything from here on */
  STORE_JOB,
  STORE_JOBS,
  STORE_STATS,
  STORE_COUNT,
  STORE_QUEUES,
  STORE_AUDIT,
  STORE_QUERY,
  STORE_KV_READ,
  STORE_KEYS,
  STORE_LOG,
  STORE_LOGS,
  STORE_SPACE,
  STORE_BATCHES,
  STORE_CHILDREN,
  /* reads that take long */
  STORE_CHECK,
  STORE_CHECKPOINT,
};

enum store_state {
  STORE_SCHEDULED,
  STORE_AVAILABLE,
  STORE_RUNNING,
  STORE_RETRYABLE,
  STORE_PENDING, /* waits for other jobs */
  STORE_COMPLETED,
  STORE_CANCELLED,
  STORE_DEAD,
  STORE_STATES
};

extern const char *const store_state_names[STORE_STATES];

struct store_op {
  enum store_kind kind;
  void (*done)(struct store_op *op); /* on the loop, exactly once */
  void *arg;                         /* the caller's */
  int status;                        /* out: 0, or -1 and err */
  struct err *err;                   /* out: NULL when status is 0 (but see REFUSED) */
  struct store_op *next;             /* the store's, until done */
};

#endif
