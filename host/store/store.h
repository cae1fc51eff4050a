/* The store: everything durable, behind one seam.
 *
 * The loop submits operations; a backend gathers them into turns, one transaction each
 * (progress and finishes first, then the rest in order, then what carries SQL of scripts,
 * claims last), and calls `done` on the loop after the commit is on disk. Nothing is
 * promised to anyone before. Of one turn, progress and finishes are done first, then
 * claims, so that what they found leaves for the workers at once, then the rest, each in
 * the order of submission. Reads run apart from the writer and see what was committed
 * when they begin. What makes a turn too long is left for the next one.
 *
 * Who owns what: the caller allocates an operation and all that it points to, keeps it
 * until `done`, and releases it there. What the store hands out hangs on the operation
 * (marked "out") and goes with store_op_fini, which `done` must call.
 *
 * A turn that cannot be committed (disk full, I/O error) fails every operation in it
 * with the same error, and nothing of it has happened. An operation that fails by itself
 * fails alone.
 *
 * Time is the store's clock, in milliseconds since 1970 UTC.
 *
 * The operations are in the files that are included here, a subject each.
 */
#ifndef CANDY_STORE_STORE_H
#define CANDY_STORE_STORE_H

#include "store/store_batch.h"
#include "store/store_care.h"
#include "store/store_control.h"
#include "store/store_job.h"
#include "store/store_lock.h"
#include "store/store_log.h"
#include "store/store_look.h"
#include "store/store_op.h"
#include "store/store_policy.h"
#include "store/store_script.h"
#include <uv.h>

struct store;

/* API keys: only their hash is kept. A name that is there already gets the new hash. */
struct store_key {
  struct store_op op;
  const char *name;
  unsigned char hash[32];
};

struct store_keys {
  struct store_op op;

  struct store_key_row {
    char name[64];
    unsigned char hash[32];
    int64_t created_at;
  } * keys; /* out */

  size_t n; /* out */
};

/* Somebody who wants to know what was committed, on the loop; may unwatch itself
 * meanwhile. What is NULL is not told. The caller's, until unwatched. */
struct store_watch {
  void (*logged)(void *arg); /* lines were written */
  /* A job that was claimed is to end: its claim is `lease`. reason: JSON {code,message}
   */
  void (*cancel)(void *arg, int64_t id, int64_t lease, const char *reason);
  /* A job that waited has ended: cancelled, or dead. Of the job there are its numbers,
   * type, workspace and trace. reason: as above */
  void (*ended)(void *arg, const struct store_job *job, enum store_state became,
                const char *reason);
  void *arg;
  struct store_watch *next; /* the store's */
};

/* ---- life ---- */

struct store_config {
  const char *folder; /* where embedded backends keep their files */
  bool relaxed;       /* synchronous=NORMAL: a power cut may lose the last moments */
  void (*fatal)(void *arg,
                const struct err *err); /* the store can't be trusted any more */
  void *arg;
};

struct store_backend {
  const char *scheme; /* of the URL: "sqlite" */
  int (*open)(struct store **out, uv_loop_t *loop, const char *url,
              const struct store_config *config, struct err *err);
  void (*submit)(struct store *store, struct store_op *op);
  void (*flush)(struct store *store); /* begin a turn with what was submitted */
  int (*backup)(struct store *store, const char *file,
                void (*done)(void *arg, const struct err *err), void *arg,
                struct err *err);
  void (*close)(struct store *store); /* finishes what was submitted; blocks; frees */
};

/* What every backend's struct begins with. */
struct store {
  const struct store_backend *backend;
  int64_t next_due; /* when the next scheduled job comes due, or a rate lets the next one
                       begin; 0: never. Kept after turns */
  int64_t next_deadline;       /* the same of deadlines */
  int64_t (*now)(void);        /* the store's clock, which does not go back */
  uv_prepare_t *flusher;       /* store.c's */
  struct store_watch *watches; /* the same */
  void (*ready)(void *arg);    /* see store_watch_ready */
  void *ready_arg;
};

extern const struct store_backend store_sqlite;

/* Opens by URL ("sqlite:" keeps candy.db in the folder; "sqlite:/path/file.db"), checks
 * integrity, migrates. Blocking; for the start only. Errors: "store_newer" (written by a
 * newer Candy), "store_corrupt", "store_readonly", "store_full", "store_url",
 * "store_open", "store_log_columns" (the log table is not the one that is written to). */
int store_open(struct store **out, uv_loop_t *loop, const char *url,
               const struct store_config *config, struct err *err);

/* Blocks until all that was submitted is done and has been told. The loop must turn once
 * more to be rid of the store's handles. */
void store_close(struct store **store);

/* Adds an operation to the coming turn. Turns begin by themselves at the end of each
 * iteration of the loop. */
void store_submit(struct store *store, struct store_op *op);

void store_watch(struct store *store, struct store_watch *watch);
void store_unwatch(struct store *store, struct store_watch *watch);

/* Somebody who wants to know when jobs became ready in no operation's turn: what many
 * jobs waited for is over, and they come back step by step. On the loop; NULL: nobody. */
void store_watch_ready(struct store *store, void (*ready)(void *arg), void *arg);

/* For backends: an operation is over, and its submitter is told. */
void store__done(struct store *store, struct store_op *op);
/* For backends: those who watch are told to end a claim; behind the `done` of it. */
void store__cancel(struct store *store, int64_t id, int64_t lease, const char *reason);
/* The same for a job that waited and has ended. */
void store__ended(struct store *store, const struct store_job *job,
                  enum store_state became, const char *reason);

/* Copies the whole store into a new file, a few pages at a time, while it runs. `done`
 * gets NULL when the copy is whole. */
int store_backup(struct store *store, const char *file,
                 void (*done)(void *arg, const struct err *err), void *arg,
                 struct err *err);

/* Releases what the store hung on the operation, not the operation itself. */
void store_op_fini(struct store_op *op);

#endif