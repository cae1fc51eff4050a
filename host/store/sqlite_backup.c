/* A copy of the whole store, made while it runs.
 *
 * The writer copies some pages between two turns, through its own connection: SQLite then
 * brings pages that change afterwards into the copy as well, so it ends however busy the
 * store is, and no read transaction holds the checkpoints back. A thread of its own
 * brings the finished copy to the disk, under its name only when it is whole.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STEP_PAGES 256

enum backup_stage {
  BACKUP_COPIES, /* the writer's */
  BACKUP_SYNCS,  /* the thread's */
  BACKUP_ENDED,  /* the loop's: err tells */
};

struct sqlite_backup {
  enum backup_stage stage; /* under the store's lock */
  struct sqlite *store;
  char *file, *part; /* the copy has the name `part` until it is whole */
  bool has_part;     /* and that is a file of ours */
  sqlite3 *to;       /* opened and closed by the writer */
  sqlite3_backup *pages;
  struct err err; /* code is empty while all is well */
  uv_thread_t thread;
  bool has_thread;
  void (*done)(void *arg, const struct err *err);
  void *arg;
};

static int failed(struct sqlite_backup *b, const char *what, const char *why)
{
  return err_set(&b->err, "backup_failed", "cannot %s %s: %s", what, b->file, why);
}

static void set_stage(struct sqlite_backup *b, enum backup_stage stage)
{
  uv_mutex_lock(&b->store->lock);
  b->stage = stage;
  uv_mutex_unlock(&b->store->lock);
  if (stage == BACKUP_ENDED)
    uv_async_send(b->store->wake);
}

/* ---- the part ---- */

/* A new file with a name that nothing else has. */
static int make_part(struct sqlite_backup *b)
{
  int fd = mkostemp(b->part, O_CLOEXEC);
  if (fd < 0)
    return failed(b, "write", strerror(errno));
  close(fd);
  b->has_part = true;
  return 0;
}

static void remove_part(struct sqlite_backup *b)
{
  if (b->has_part)
    unlink(b->part);
  b->has_part = false;
}

/* ---- the thread ---- */

static int sync_path(const char *path, int flags)
{
  int fd = open(path, flags | O_CLOEXEC);
  if (fd < 0)
    return -1;
  int rc = fsync(fd);
  int saved = errno;
  close(fd);
  errno = saved;
  return rc;
}

static int sync_folder_of(const char *file)
{
  char *copy = mem_strdup(file);
  int rc = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY);
  free(copy);
  return rc;
}

/* link and not rename: it refuses a file that came to be in the meantime. */
static void sync_main(void *arg)
{
  struct sqlite_backup *b = arg;
  if (sync_path(b->part, O_RDWR) < 0)
    failed(b, "write", strerror(errno));
  else if (link(b->part, b->file) < 0)
    failed(b, "rename", strerror(errno));
  else if (sync_folder_of(b->file) < 0)
    failed(b, "write the folder of", strerror(errno));
  remove_part(b);
  set_stage(b, BACKUP_ENDED);
}

/* ---- the writer ---- */

static int open_copy(struct sqlite_backup *b)
{
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
  if (make_part(b) < 0)
    return -1;
  if (sqlite3_open_v2(b->part, &b->to, flags, NULL) != SQLITE_OK ||
      sqlite3_exec(b->to, "pragma synchronous = off; pragma journal_mode = off", NULL,
                   NULL, NULL) != SQLITE_OK)
    return failed(b, "write", sqlite3_errmsg(b->to));
  b->pages = sqlite3_backup_init(b->to, "main", b->store->writer.conn.db, "main");
  return b->pages ? 0 : failed(b, "write", sqlite3_errmsg(b->to));
}

static void close_copy(struct sqlite_backup *b)
{
  sqlite3_backup_finish(b->pages);
  sqlite3_close(b->to);
  b->pages = NULL;
  b->to = NULL;
}

static void end_copy(struct sqlite_backup *b)
{
  close_copy(b);
  if (b->err.code[0]) {
    remove_part(b);
    set_stage(b, BACKUP_ENDED);
    return;
  }
  uv_mutex_lock(&b->store->lock); /* so that the thread cannot end before it is known */
  b->stage = BACKUP_SYNCS;
  b->has_thread = true;
  uv_thread_create(&b->thread, sync_main, b);
  uv_mutex_unlock(&b->store->lock);
}

bool sqlite__backup_copies(const struct sqlite *store)
{
  return store->backup && store->backup->stage == BACKUP_COPIES;
}

void sqlite__backup_step(struct sqlite *store)
{
  uv_mutex_lock(&store->lock);
  struct sqlite_backup *b = sqlite__backup_copies(store) ? store->backup : NULL;
  uv_mutex_unlock(&store->lock);
  if (!b)
    return;
  if (!b->pages && open_copy(b) < 0) {
    end_copy(b);
    return;
  }
  int rc = sqlite3_backup_step(b->pages, STEP_PAGES);
  if (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
    return;
  if (rc != SQLITE_DONE)
    failed(b, "write", sqlite3_errstr(rc));
  end_copy(b);
}

/* ---- the loop ---- */

static struct sqlite_backup *backup_new(struct sqlite *store, const char *file)
{
  struct sqlite_backup *b = mem_alloc(sizeof *b);
  b->store = store;
  b->file = mem_strdup(file);
  b->part = mem_printf("%s.part-XXXXXX", file);
  return b;
}

static void backup_free(struct sqlite_backup **backup)
{
  struct sqlite_backup *b = *backup;
  *backup = NULL;
  free(b->file);
  free(b->part);
  free(b);
}

int sqlite__backup_begin(struct store *base, const char *file,
                         void (*done)(void *arg, const struct err *err), void *arg,
                         struct err *err)
{
  struct sqlite *store = (struct sqlite *)base;
  if (store->backup)
    return err_set(err, "backup_busy", "a backup to %s is under way: wait for its end",
                   store->backup->file);
  if (access(file, F_OK) == 0)
    return err_set(err, "backup_exists",
                   "%s exists already: a backup never replaces a file", file);
  struct sqlite_backup *b = backup_new(store, file);
  b->done = done;
  b->arg = arg;
  sqlite__hold(store);
  uv_mutex_lock(&store->lock);
  store->backup = b;
  uv_cond_signal(&store->to_write);
  uv_mutex_unlock(&store->lock);
  return 0;
}

static void end(struct sqlite *store)
{
  struct sqlite_backup *b = store->backup;
  if (b->has_thread)
    uv_thread_join(&b->thread);
  uv_mutex_lock(&store->lock);
  store->backup = NULL;
  uv_mutex_unlock(&store->lock);
  sqlite__let_go(store);
  b->done(b->arg, b->err.code[0] ? &b->err : NULL);
  backup_free(&b);
}

void sqlite__backup_deliver(struct sqlite *store)
{
  uv_mutex_lock(&store->lock);
  bool ended = store->backup && store->backup->stage == BACKUP_ENDED;
  uv_mutex_unlock(&store->lock);
  if (ended)
    end(store);
}

void sqlite__backup_stop(struct sqlite *store)
{
  struct sqlite_backup *b = store->backup;
  if (!b)
    return;
  if (b->stage == BACKUP_COPIES) {
    close_copy(b);
    remove_part(b);
    err_set(&b->err, "store_closed", "Candy ended before the copy %s was whole", b->file);
  }
  end(store);
}
