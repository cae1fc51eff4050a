/* A connection to the database, for one thread: statements that are prepared once, typed
 * arguments, and failures as errors that say what to do.
 */
#ifndef CANDY_STORE_SQLITE_CONN_H
#define CANDY_STORE_SQLITE_CONN_H

#include "base/err.h"
#include "store/sqlite_sql.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Who speaks through a connection. Setting an authorizer expires every statement, so it
 * is set once and asks this. */
enum sqlite_speaker {
  SPEAKER_HOST,
  SPEAKER_SCRIPT, /* reads and writes rows of the scripts' tables */
  SPEAKER_SCHEMA, /* also makes and changes those tables */
};

struct sqlite_guard {
  enum sqlite_speaker speaker;
  int64_t deadline_ns; /* of what runs, on the monotonic clock; 0: none */
  bool timed_out;
  int patterns;     /* LIKE and GLOB in the statement that is prepared */
  char denied[256]; /* what was forbidden first, as a sentence; empty: nothing */
};

struct sqlite_script; /* a statement of scripts that is kept: sqlite_script.c */

struct sqlite_conn {
  sqlite3 *db;
  const char *path;
  int rc; /* the extended code of the last failure; 0 after sqlite__conn_forgive */
  sqlite3_stmt *stmts[SQL_COUNT]; /* prepared when they are first used */
  struct sqlite_guard guard;
  struct sqlite_script *scripts;
  size_t scripts_n;
  int64_t scripts_used; /* a clock for "least recently used" */
};

/* A value to be bound. Bytes are not copied: they stay until the statement has run. */
struct sqlite_arg {
  enum { ARG_NULL, ARG_INT, ARG_REAL, ARG_TEXT, ARG_BLOB } type;

  int64_t i;
  double d;
  const char *bytes;
  size_t len;
};

static inline struct sqlite_arg arg_int(int64_t i)
{
  return (struct sqlite_arg){.type = ARG_INT, .i = i};
}

static inline struct sqlite_arg arg_id(int64_t id) /* 0 is null */
{
  return (struct sqlite_arg){.type = id ? ARG_INT : ARG_NULL, .i = id};
}

static inline struct sqlite_arg arg_real(double d)
{
  return (struct sqlite_arg){.type = ARG_REAL, .d = d};
}

static inline struct sqlite_arg arg_bytes(const char *text, size_t len)
{
  return (struct sqlite_arg){
      .type = text ? ARG_TEXT : ARG_NULL, .bytes = text, .len = len};
}

static inline struct sqlite_arg arg_text(const char *text) /* NULL is null */
{
  return arg_bytes(text, text ? strlen(text) : 0);
}

static inline struct sqlite_arg arg_blob(const void *bytes, size_t len)
{
  return (struct sqlite_arg){.type = ARG_BLOB, .bytes = bytes, .len = len};
}

#define ARGS(...)                                                                        \
  (const struct sqlite_arg[]){__VA_ARGS__},                                              \
      sizeof((const struct sqlite_arg[]){__VA_ARGS__}) / sizeof(struct sqlite_arg)
#define NO_ARGS NULL, 0

int sqlite__conn_open(struct sqlite_conn *c, const char *path, struct err *err);
int sqlite__conn_writes(struct sqlite_conn *c, bool relaxed, struct err *err);
int sqlite__conn_reads(struct sqlite_conn *c, struct err *err);
void sqlite__conn_close(struct sqlite_conn *c);
int sqlite__conn_exec(struct sqlite_conn *c, const char *sql, struct err *err);

/* Fills err from the connection's last failure, and returns -1. */
int sqlite__conn_failed(struct sqlite_conn *c, struct err *err);
void sqlite__conn_forgive(struct sqlite_conn *c);

/* True when the failure is the disk's or the file's, and no operation's own. */
bool sqlite__conn_grave(const struct sqlite_conn *c);

/* True when what was written may not be what is on the disk: nothing that follows counts.
 */
bool sqlite__conn_broken(const struct sqlite_conn *c);

/* Statements: start binds; next steps: 1 is a row, 0 the end, -1 a failure, and behind
 * the last two the statement is reset. stop resets one that is left early. */
sqlite3_stmt *sqlite__start(struct sqlite_conn *c, enum sqlite_query query,
                            const struct sqlite_arg *args, size_t n);
int sqlite__next(struct sqlite_conn *c, sqlite3_stmt *s, struct err *err);
void sqlite__stop(sqlite3_stmt *s);
void sqlite__bind(sqlite3_stmt *s, int at, const struct sqlite_arg *arg);

/* A whole statement without rows; the rows it changed, or -1. */
int64_t sqlite__run(struct sqlite_conn *c, enum sqlite_query query,
                    const struct sqlite_arg *args, size_t n, struct err *err);

/* The first column of the first row, or `fallback` when there is none. */
int sqlite__number(struct sqlite_conn *c, enum sqlite_query query,
                   const struct sqlite_arg *args, size_t n, int64_t fallback,
                   int64_t *out, struct err *err);

/* Text of a column, NULL for null; it lives until the next step. */
const char *sqlite__text(sqlite3_stmt *s, int column);

#endif
