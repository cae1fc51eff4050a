/* Inside of what serves Lua's requests: request.c and request_NAME.c, a subject each. */
#ifndef CANDY_WORKER_REQUEST_INSIDE_H
#define CANDY_WORKER_REQUEST_INSIDE_H

#include "worker/pool_.h"

#define REQUEST_NONSENSE "asked for something that makes no sense"

/* From its coming until its answer; each is answered once, which ends it. */
struct request {
  struct pool *pool;
  struct worker *worker;
  unsigned incarnation;
  uint32_t number, cell;
  const char *verb;
  struct wire_text bytes; /* its body as it came, while it is being served */
  json_t *body;           /* NULL where the body is no JSON */

  union { /* the operation that it waits for */
    struct store_op op;
    struct store_sql sql;
    struct store_tx_begin tx_begin;
    struct store_tx_sql tx_sql;
    struct store_tx_end tx_end;
    struct store_kv kv;
    struct store_log_list logs;
    struct store_vacuum vacuum;
    struct store_check check;
    struct store_checkpoint checkpoint;
    struct store_progress progress;
    struct store_pause pause;

    struct {
      struct store_bulk op; /* of this one job */
      int64_t id;
    } cancel;
    struct store_batches batches;
    struct store_batch_cancel batch_cancel;
    struct store_children children;
  } u;
};

/* ---- answers ---- */

void request__answer_json(struct request *r, json_t *value); /* takes the reference */
void request__answer_text(struct request *r, const char *text, size_t len); /* JSON */
void request__answer_bytes(struct request *r, const struct buf *bytes);
void request__refuse(struct request *r, const struct err *err);

/* Who asks, for the audit; lives with the body. */
const char *request__who(struct request *r);

/* ---- the store ---- */

void request__submit(struct request *r, enum store_kind kind,
                     void (*done)(struct store_op *op));

/* Answers with what the operation left in `text`, or with its error. */
void request__answer_op(struct request *r, struct buf *text);

/* The job that asks; NULL when none does, or it has ended meanwhile. */
struct flight *request__flight(const struct request *r);

/* ---- verbs ---- */

/* request_queue.c */
void request__enqueue(struct request *r);
void request__progress(struct request *r);

/* request_control.c */
void request__cancel(struct request *r);
void request__pause(struct request *r);
/* request_batch.c */
void request__batch(struct request *r);
void request__batch_get(struct request *r);
void request__batch_cancel(struct request *r);
void request__children(struct request *r);

/* request_sql.c */
void request__query(struct request *r);
void request__exec(struct request *r);
void request__tx_begin(struct request *r);
void request__tx_sql(struct request *r);
void request__tx_end(struct request *r);

/* request_secret.c */
void request__secret(struct request *r);
void request__seal(struct request *r);
void request__open(struct request *r);

/* request_event.c */
void request__emit(struct request *r);

/* request_upkeep.c */
void request__retention(struct request *r);
void request__integrity(struct request *r);
void request__vacuum(struct request *r);
void request__checkpoint(struct request *r);
void request__rotate_logs(struct request *r);
void request__stats(struct request *r);

/* request_log.c */
void request__logs(struct request *r);

/* request_kv.c */
void request__kv(struct request *r);

/* request_lock.c */
void request__lock_take(struct request *r);
void request__lock_extend(struct request *r);
void request__lock_leave(struct request *r);

/* request_outside.c */
void request__outside(struct request *r);

#endif
