/* Inside the SQLite backend: what its files share.
 *
 * Three kinds of threads. The loop's submits operations and gets them back. The writer
 * alone changes the database, a turn at a time (sqlite_turn.c). Readers answer what only
 * looks (sqlite_read.c). Each has a connection of its own; nothing but the lists under
 * `lock` is shared.
 *
 * What they know and can do is in the files that are included here.
 */
#ifndef CANDY_STORE_SQLITE_H
#define CANDY_STORE_SQLITE_H

#include "store/sqlite_jobs.h"
#include "store/sqlite_look.h"
#include "store/sqlite_writer.h"

/* The first one never runs SQL of scripts, so that slow queries leave the API alone. */
#define SQLITE_READERS 3

struct sqlite_list {
  struct store_op *first, **last; /* last: where the next one goes */
};

struct sqlite_reader {
  struct sqlite *store;
  struct sqlite_conn conn;
  uv_thread_t thread;
};

struct sqlite_backup; /* one that runs: sqlite_backup.c */

struct sqlite {
  struct store base;
  char *path;
  struct store_config config;
  uv_async_t *wake; /* of the loop; freed when it is closed */
  uv_thread_t writer_thread;
  struct sqlite_writer writer;
  struct sqlite_reader readers[SQLITE_READERS];

  /* the loop's */
  struct sqlite_list submitted; /* writes since the last flush */
  size_t outstanding;           /* operations */
  bool fatal_told;
  size_t holds; /* reasons for the loop to stay alive */

  uv_mutex_t lock; /* for what follows */
  uv_cond_t to_write, to_read, to_deliver;
  struct sqlite_list writes, reads, queries, finished;
  struct sqlite_list begins, statements; /* of scripts' transactions */
  struct sqlite_told told;
  int64_t next_due, next_deadline;
  bool closing;     /* the loop submits nothing more */
  bool stopping;    /* and everything is done: the threads end */
  struct err fatal; /* to be told; code is empty while all is well */
  struct sqlite_backup *backup;
  bool came_back; /* jobs that waited did, in a turn of what was left */
  uint8_t *full;  /* by id of a queue's name - 1: its jobs wait for a slot or a start */
  size_t full_n;
};

void sqlite__list_init(struct sqlite_list *list);
void sqlite__list_add(struct sqlite_list *list, struct store_op *op);
struct store_op *sqlite__list_take(struct sqlite_list *list); /* the first, or NULL */
void sqlite__list_move(struct sqlite_list *to, struct sqlite_list *from); /* to the end */

/* While somebody holds it, the store keeps the loop alive. */
void sqlite__hold(struct sqlite *store);
void sqlite__let_go(struct sqlite *store);

/* sqlite_turn.c */
int sqlite__writer_open(struct sqlite *store, struct err *err);
void sqlite__writer_close(struct sqlite_writer *w);
void sqlite__writer_main(void *store); /* the thread */

/* sqlite_tx.c: runs a script's transaction to its end, if one waits. On the writer,
 * between two turns. */
void sqlite__tx_serve(struct sqlite *store);

void sqlite__reader_main(void *reader); /* sqlite_read.c: the thread */

/* sqlite_migrate.c: checks the file and brings its tables up to date. */
int sqlite__migrate(struct sqlite_conn *c, struct err *err);
int sqlite__mark_clean(struct sqlite_conn *c, bool clean, struct err *err);

/* sqlite_full.c */
void sqlite__full_note(struct sqlite *store); /* under the lock, behind a turn */
void sqlite__full_init(struct sqlite *store, struct sqlite_conn *reader);

/* sqlite_backup.c */
int sqlite__backup_begin(struct store *store, const char *file,
                         void (*done)(void *arg, const struct err *err), void *arg,
                         struct err *err);
bool sqlite__backup_copies(const struct sqlite *store); /* under the lock */
void sqlite__backup_step(struct sqlite *store);         /* on the writer, between turns */
void sqlite__backup_deliver(struct sqlite *store);
void sqlite__backup_stop(struct sqlite *store); /* gives up; the writer has ended */

#endif