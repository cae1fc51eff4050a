/* Connections, statements and failures: see sqlite_conn.h.
 *
 * Each connection is used by one thread alone, so SQLite's own mutexes are off.
 */
#include "store/sqlite.h"

#include "store/sqlite_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUSY_MS 5000

int sqlite__conn_exec(struct sqlite_conn *c, const char *sql, struct err *err)
{
  if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) != SQLITE_OK)
    return sqlite__conn_failed(c, err);
  return 0;
}

/* A new file is its owner's alone, and SQLite gives those beside it the same mode. One
 * that is there is not opened here: closing it would drop the locks of this process. */
static void make_file(const char *path)
{
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0)
    close(fd);
}

int sqlite__conn_open(struct sqlite_conn *c, const char *path, struct err *err)
{
  c->path = path;
  sqlite__machine_init();
  make_file(path);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(path, &c->db, flags, NULL) != SQLITE_OK)
    return sqlite__conn_failed(c, err);
  sqlite3_busy_timeout(c->db, BUSY_MS);
  sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
  sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
  sqlite__guard_init(c);
  sqlite__functions_init(c);
  sqlite__log_words_init(c);
  if (sqlite__conn_exec(c,
                        "pragma cache_size = -2000; pragma mmap_size = 0;"
                        "pragma temp_store = memory; pragma foreign_keys = on;",
                        err) < 0)
    return -1;
  /* The first use of these makes a table, which a script may not; the others none. */
  return sqlite__conn_exec(
      c, "select 1 from json_each('[]'); select 1 from json_tree('[]')", err);
}

static int sync_database(struct sqlite_conn *c, struct err *err)
{
  sqlite3_file *file = NULL;
  sqlite3_file_control(c->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (file && file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK)
    return 0;
  return err_set(err, "store_io", "the disk of %s failed to take its first page",
                 c->path);
}

/* Two changes of the file's first page, by a journal each, with four syncs in each: all
 * of that has to be on the disk only before the WAL is written to, so one will do.
 * auto_vacuum takes effect only before the first table is made. */
static int begin_wal(struct sqlite_conn *c, struct err *err)
{
  if (sqlite__conn_exec(c,
                        "pragma synchronous = off; pragma auto_vacuum = incremental;"
                        "pragma journal_mode = wal",
                        err) < 0)
    return -1;
  return sync_database(c, err);
}

static bool has_wal(struct sqlite_conn *c)
{
  char answer[8] = "";
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(c->db, "pragma journal_mode", -1, &s, NULL) == SQLITE_OK &&
      sqlite3_step(s) == SQLITE_ROW)
    snprintf(answer, sizeof answer, "%s", (const char *)sqlite3_column_text(s, 0));
  sqlite3_finalize(s);
  return strcmp(answer, "wal") == 0;
}

int sqlite__conn_writes(struct sqlite_conn *c, bool relaxed, struct err *err)
{
  if (!has_wal(c) && begin_wal(c, err) < 0)
    return -1;
  sqlite3_wal_autocheckpoint(c->db, SQLITE_WAL_PAGES);
  if (sqlite__conn_exec(
          c, "pragma secure_delete = off; pragma journal_size_limit = 67108864", err) < 0)
    return -1;
  return sqlite__conn_exec(
      c, relaxed ? "pragma synchronous = normal" : "pragma synchronous = full", err);
}

int sqlite__conn_reads(struct sqlite_conn *c, struct err *err)
{
  return sqlite__conn_exec(c, "pragma query_only = on", err);
}

void sqlite__conn_close(struct sqlite_conn *c)
{
  for (size_t i = 0; i < SQL_COUNT; i++)
    sqlite3_finalize(c->stmts[i]);
  sqlite__scripts_fini(c);
  sqlite3_close(c->db);
  *c = (struct sqlite_conn){0};
}

static int full(struct sqlite_conn *c, struct err *err)
{
  return err_set(err, "store_full",
                 "no room left on the disk of %s: make room there (nothing that was "
                 "acknowledged is lost)",
                 c->path);
}

static int corrupt(struct sqlite_conn *c, struct err *err)
{
  return err_set(err, "store_corrupt",
                 "%s is damaged or is no database of Candy (%s): move it away together "
                 "with the files that end in -wal and -shm, and put a copy in its place "
                 "that `candy backup` made",
                 c->path, sqlite3_errmsg(c->db));
}

static int readonly(struct sqlite_conn *c, struct err *err)
{
  int number = sqlite3_system_errno(c->db);
  if (sqlite__means_full(number))
    return full(c, err);
  return err_set(err, "store_readonly",
                 "cannot write to %s (%s): give Candy's user the right to write to the "
                 "folder and the files in it, or choose another folder",
                 c->path, number ? strerror(number) : sqlite3_errmsg(c->db));
}

static int busy(struct sqlite_conn *c, struct err *err)
{
  return err_set(err, "store_busy",
                 "another program keeps %s locked: end its transaction, or end it",
                 c->path);
}

static int disk(struct sqlite_conn *c, struct err *err)
{
  if (sqlite__means_full(sqlite3_system_errno(c->db)))
    return full(c, err);
  return err_set(err, "store_io", "the disk of %s failed: %s (%s)", c->path,
                 sqlite3_errmsg(c->db), strerror(sqlite3_system_errno(c->db)));
}

static const struct {
  int rc;
  int (*explain)(struct sqlite_conn *c, struct err *err);
} failures[] = {
    {SQLITE_FULL, full},         {SQLITE_CORRUPT, corrupt},   {SQLITE_NOTADB, corrupt},
    {SQLITE_READONLY, readonly}, {SQLITE_CANTOPEN, readonly}, {SQLITE_PERM, readonly},
    {SQLITE_BUSY, busy},         {SQLITE_IOERR, disk},
};

int sqlite__conn_failed(struct sqlite_conn *c, struct err *err)
{
  c->rc = sqlite3_extended_errcode(c->db);
  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
    if (failures[i].rc == (c->rc & 0xff))
      return failures[i].explain(c, err);
  if (c->guard.timed_out)
    return err_set(err, "store_timeout",
                   "looking took longer than 5 s and was stopped: narrow the filter, by "
                   "state, type, queue or time");
  return err_set(err, "store_error", "%s: %s", c->path, sqlite3_errmsg(c->db));
}

void sqlite__conn_forgive(struct sqlite_conn *c)
{
  c->rc = SQLITE_OK;
  c->guard.timed_out = false;
  c->guard.denied[0] = 0;
}

bool sqlite__conn_grave(const struct sqlite_conn *c)
{
  int rc = c->rc & 0xff;
  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
    if (failures[i].rc == rc)
      return true;
  return rc == SQLITE_NOMEM;
}

bool sqlite__conn_broken(const struct sqlite_conn *c)
{
  int rc = c->rc & 0xff;
  return c->rc == SQLITE_IOERR_FSYNC || c->rc == SQLITE_IOERR_DIR_FSYNC ||
         rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB;
}

static sqlite3_stmt *statement(struct sqlite_conn *c, enum sqlite_query query)
{
  if (!c->stmts[query]) {
    sqlite3_prepare_v3(c->db, sqlite__sql(query), -1, SQLITE_PREPARE_PERSISTENT,
                       &c->stmts[query], NULL);
  }
  return c->stmts[query];
}

void sqlite__bind(sqlite3_stmt *s, int at, const struct sqlite_arg *arg)
{
  if (arg->type == ARG_INT)
    sqlite3_bind_int64(s, at, arg->i);
  else if (arg->type == ARG_TEXT)
    sqlite3_bind_text64(s, at, arg->bytes, arg->len, SQLITE_STATIC, SQLITE_UTF8);
  else if (arg->type == ARG_NULL)
    sqlite3_bind_null(s, at);
  else if (arg->type == ARG_REAL)
    sqlite3_bind_double(s, at, arg->d);
  else
    sqlite3_bind_blob64(s, at, arg->bytes, arg->len, SQLITE_STATIC);
}

sqlite3_stmt *sqlite__start(struct sqlite_conn *c, enum sqlite_query query,
                            const struct sqlite_arg *args, size_t n)
{
  sqlite3_stmt *s = statement(c, query);
  for (size_t i = 0; s && i < n; i++)
    sqlite__bind(s, (int)i + 1, &args[i]);
  return s;
}

int sqlite__next(struct sqlite_conn *c, sqlite3_stmt *s, struct err *err)
{
  int rc = s ? sqlite3_step(s) : SQLITE_ERROR;
  if (rc == SQLITE_ROW)
    return 1;
  if (rc != SQLITE_DONE)
    sqlite__conn_failed(c, err);
  sqlite3_reset(s);
  return rc == SQLITE_DONE ? 0 : -1;
}

void sqlite__stop(sqlite3_stmt *s)
{
  sqlite3_reset(s);
}

int64_t sqlite__run(struct sqlite_conn *c, enum sqlite_query query,
                    const struct sqlite_arg *args, size_t n, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, query, args, n);
  int rc = sqlite__next(c, s, err);
  if (rc > 0)
    sqlite__stop(s);
  return rc < 0 ? -1 : sqlite3_changes(c->db);
}

int sqlite__number(struct sqlite_conn *c, enum sqlite_query query,
                   const struct sqlite_arg *args, size_t n, int64_t fallback,
                   int64_t *out, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, query, args, n);
  int rc = sqlite__next(c, s, err);
  *out = fallback;
  if (rc <= 0)
    return rc;
  if (sqlite3_column_type(s, 0) != SQLITE_NULL)
    *out = sqlite3_column_int64(s, 0);
  sqlite__stop(s);
  return 0;
}

const char *sqlite__text(sqlite3_stmt *s, int column)
{
  return (const char *)sqlite3_column_text(s, column);
}
