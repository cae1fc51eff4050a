/* SQL of scripts: one statement at a time, parameters from a JSON array, rows as JSON,
 * within budgets of time and size. Statements are kept, since scripts repeat theirs. */
#include "store/sqlite.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/sqlite_machine.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#define KEPT      64
#define KEPT_SIZE (64 << 10) /* bytes of memory of a statement that is worth it */
#define MAX_ROWS  10000
#define MAX_BYTES (8u << 20)

struct sqlite_script {
  char *sql;
  sqlite3_stmt *stmt;
  int64_t used;
};

/* ---- failures ---- */

static bool is_memory(const struct sqlite_conn *c)
{
  return (c->rc & 0xff) == SQLITE_NOMEM || c->rc == SQLITE_IOERR_NOMEM;
}

/* Behind its deadline a statement gets no memory. */
static bool is_late(const struct sqlite_conn *c)
{
  return c->guard.timed_out || (is_memory(c) && clock_mono_ns() > c->guard.deadline_ns);
}

static int timed_out(const struct sqlite_conn *c, struct err *err)
{
  if (c->guard.speaker == SPEAKER_SCHEMA)
    return err_set(err, "sql_timeout",
                   "the step ran longer than a step may (%d ms) and was stopped: split "
                   "it, or let it touch fewer rows",
                   SCHEMA_STEP_MS);
  return err_set(err, "sql_timeout",
                 "the statement ran longer than it may (%d ms to write, %d ms to read) "
                 "and was stopped: let it touch fewer rows, or add an index",
                 SCRIPT_WRITE_MS, SCRIPT_READ_MS);
}

/* What looks like the machine's failure, but is only the statement's. */
static const char *own_failure(const struct sqlite_conn *c)
{
  if (is_memory(c))
    return "the statement needs more memory than it may take (64 MB, and 256 MB in a "
           "schema): let it look at fewer rows at a time";
  if ((c->rc & 0xff) == SQLITE_FULL && !sqlite__disk_refused())
    return "the table has no row id left: with AUTOINCREMENT, none is free above the "
           "largest that ever was";
  return NULL;
}

int sqlite__script_failed(struct sqlite_conn *c, struct err *err)
{
  struct err host;
  sqlite__conn_failed(c, &host);
  if (c->guard.denied[0])
    return err_set(err, "sql_forbidden", "%s", c->guard.denied);
  bool late = is_late(c);
  const char *own = own_failure(c);
  if (own)
    c->rc = SQLITE_ERROR;
  if (late)
    return timed_out(c, err);
  if (own)
    return err_set(err, "sql_error", "%s", own);
  if (sqlite__conn_grave(c)) {
    *err = host;
    return -1;
  }
  if ((c->rc & 0xff) == SQLITE_TOOBIG)
    return err_set(err, "sql_error",
                   "a value or the statement is too big: %d MB and 1 MB "
                   "are the limits",
                   SCRIPT_VALUE >> 20);
  return err_set(err, "sql_error", "%s", sqlite3_errmsg(c->db));
}

/* ---- statements that are kept ---- */

static bool is_blank(const char *sql)
{
  while (isspace((unsigned char)*sql) || *sql == ';')
    sql++;
  return *sql == 0;
}

/* A comment behind the statement is no second one, which only SQLite can tell. */
static bool has_more(struct sqlite_conn *c, const char *tail)
{
  if (is_blank(tail))
    return false;
  sqlite3_stmt *second = NULL;
  int rc = sqlite3_prepare_v2(c->db, tail, -1, &second, NULL);
  sqlite3_finalize(second);
  return rc != SQLITE_OK || second;
}

static sqlite3_stmt *prepare(struct sqlite_conn *c, const char *sql, struct err *err)
{
  sqlite3_stmt *s = NULL;
  const char *tail = "";
  if (sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, &tail) !=
      SQLITE_OK) {
    sqlite__script_failed(c, err);
    return NULL;
  }
  if (s && !has_more(c, tail))
    return s;
  bool many = s != NULL;
  sqlite3_finalize(s);
  err_set(err, "sql_error",
          many ? "there is more than one statement in one text: send them one by one"
               : "there is no statement in the text");
  return NULL;
}

static struct sqlite_script *find_kept(struct sqlite_conn *c, const char *sql)
{
  for (size_t i = 0; i < c->scripts_n; i++)
    if (strcmp(c->scripts[i].sql, sql) == 0)
      return &c->scripts[i];
  return NULL;
}

/* A place for one more: a new one, or that of the one that was not used for longest. */
static struct sqlite_script *find_place(struct sqlite_conn *c)
{
  if (!c->scripts)
    c->scripts = mem_alloc(KEPT * sizeof *c->scripts);
  if (c->scripts_n < KEPT)
    return &c->scripts[c->scripts_n++];
  struct sqlite_script *oldest = &c->scripts[0];
  for (size_t i = 1; i < KEPT; i++)
    if (c->scripts[i].used < oldest->used)
      oldest = &c->scripts[i];
  free(oldest->sql);
  sqlite3_finalize(oldest->stmt);
  return oldest;
}

static sqlite3_stmt *get_statement(struct sqlite_conn *c, const char *sql,
                                   struct err *err)
{
  struct sqlite_script *kept = find_kept(c, sql);
  if (!kept) {
    sqlite3_stmt *s = prepare(c, sql, err);
    if (!s)
      return NULL;
    kept = find_place(c);
    kept->sql = mem_strdup(sql);
    kept->stmt = s;
  }
  kept->used = ++c->scripts_used;
  return kept->stmt;
}

/* Statements that hold much memory are not kept. */
static void leave_statement(struct sqlite_conn *c, sqlite3_stmt *s)
{
  sqlite3_reset(s);
  sqlite3_clear_bindings(s);
  if (sqlite3_stmt_status(s, SQLITE_STMTSTATUS_MEMUSED, 0) <= KEPT_SIZE)
    return;
  struct sqlite_script *kept = c->scripts;
  while (kept->stmt != s)
    kept++;
  free(kept->sql);
  sqlite3_finalize(s);
  *kept = c->scripts[--c->scripts_n];
}

void sqlite__scripts_fini(struct sqlite_conn *c)
{
  for (size_t i = 0; i < c->scripts_n; i++) {
    free(c->scripts[i].sql);
    sqlite3_finalize(c->scripts[i].stmt);
  }
  free(c->scripts);
  c->scripts = NULL;
  c->scripts_n = 0;
}

/* ---- parameters ---- */

static int bind_value(sqlite3_stmt *s, int at, const json_t *value)
{
  switch (json_typeof(value)) {
  case JSON_NULL:
    return sqlite3_bind_null(s, at);
  case JSON_TRUE:
  case JSON_FALSE:
    return sqlite3_bind_int(s, at, json_is_true(value));
  case JSON_INTEGER:
    return sqlite3_bind_int64(s, at, json_integer_value(value));
  case JSON_REAL:
    return sqlite3_bind_double(s, at, json_real_value(value));
  case JSON_STRING:
    return sqlite3_bind_text64(s, at, json_string_value(value), json_string_length(value),
                               SQLITE_STATIC, SQLITE_UTF8);
  default:
    return SQLITE_MISMATCH;
  }
}

/* Strings are bound where they are, so the array has to outlive the statement's run. */
static int bind_all(sqlite3_stmt *s, const json_t *params, struct err *err)
{
  int wanted = sqlite3_bind_parameter_count(s), n = (int)json_array_size(params);
  if (n != wanted)
    return err_set(err, "sql_error",
                   "the statement takes %d parameter%s, and %d %s given", wanted,
                   wanted == 1 ? "" : "s", n, n == 1 ? "is" : "are");
  for (int i = 0; i < n; i++) {
    const json_t *value = json_array_get(params, (size_t)i);
    int rc = bind_value(s, i + 1, value);
    if (rc == SQLITE_TOOBIG)
      return err_set(err, "sql_error", "parameter %d is larger than %d MB", i + 1,
                     SCRIPT_VALUE >> 20);
    if (rc != SQLITE_OK)
      return err_set(err, "sql_error",
                     "parameter %d is %s: give null, a boolean, a number or a string",
                     i + 1, jx_kind(value));
  }
  return 0;
}

static json_t *parse_params(const char *params, struct err *err)
{
  if (!params)
    params = "[]";
  json_t *array = jx_parse(params, strlen(params), err);
  if (json_is_array(array))
    return array;
  err_set(err, "sql_error", "parameters are %s: give a list", jx_kind(array));
  json_decref(array);
  return NULL;
}

/* ---- rows ---- */

static int too_many(struct err *err)
{
  return err_set(err, "sql_too_many_rows",
                 "the answer has more than %d rows or %u MB: add a LIMIT", MAX_ROWS,
                 MAX_BYTES >> 20);
}

static int put_text(struct buf *b, sqlite3_stmt *s, int column, struct err *err)
{
  const char *text = sqlite__text(s, column);
  size_t len = (size_t)sqlite3_column_bytes(s, column);
  if (b->len + len > MAX_BYTES)
    return too_many(err);
  json_t *valid = json_stringn(text, len);
  if (!valid)
    return err_set(err, "sql_error",
                   "column \"%s\" holds text that is not UTF-8: select hex(%s) instead",
                   sqlite3_column_name(s, column), sqlite3_column_name(s, column));
  json_decref(valid);
  buf_json_string(b, text, len);
  return 0;
}

static void put_real(struct buf *b, double value)
{
  char text[32];
  if (!isfinite(value)) {
    buf_puts(b, "null");
    return;
  }
  snprintf(text, sizeof text, "%.15g", value);
  if (strtod(text, NULL) != value)
    snprintf(text, sizeof text, "%.17g", value);
  buf_puts(b, text);
}

static int put_value(struct buf *b, sqlite3_stmt *s, int column, struct err *err)
{
  switch (sqlite3_column_type(s, column)) {
  case SQLITE_NULL:
    buf_puts(b, "null");
    return 0;
  case SQLITE_INTEGER:
    buf_printf(b, "%lld", (long long)sqlite3_column_int64(s, column));
    return 0;
  case SQLITE_FLOAT:
    put_real(b, sqlite3_column_double(s, column));
    return 0;
  case SQLITE_TEXT:
    return put_text(b, s, column, err);
  default:
    return err_set(err, "sql_error",
                   "column \"%s\" holds bytes (a blob): select hex(%s) instead",
                   sqlite3_column_name(s, column), sqlite3_column_name(s, column));
  }
}

static int put_row(struct buf *b, sqlite3_stmt *s, struct err *err)
{
  for (int i = 0; i < sqlite3_column_count(s); i++) {
    const char *name = sqlite3_column_name(s, i);
    buf_putc(b, i ? ',' : '{');
    buf_json_string(b, name, strlen(name));
    buf_putc(b, ':');
    if (put_value(b, s, i, err) < 0)
      return -1;
  }
  buf_putc(b, '}');
  return 0;
}

static int put_rows(struct sqlite_conn *c, sqlite3_stmt *s, struct buf *b,
                    struct err *err)
{
  int rc;
  buf_putc(b, '[');
  for (int n = 0; (rc = sqlite3_step(s)) == SQLITE_ROW; n++) {
    if (n)
      buf_putc(b, ',');
    if (put_row(b, s, err) < 0)
      return -1;
    if (n == MAX_ROWS || b->len > MAX_BYTES)
      return too_many(err);
  }
  if (rc != SQLITE_DONE)
    return sqlite__script_failed(c, err);
  buf_putc(b, ']');
  return 0;
}

/* ---- both kinds ---- */

static void finish(struct sqlite_conn *c, sqlite3_stmt *s, json_t *values)
{
  if (s)
    leave_statement(c, s);
  json_decref(values);
}

static int run_query(struct sqlite_conn *c, const char *sql, const char *params,
                     struct buf *answer, struct err *err)
{
  int rc = -1;
  sqlite3_stmt *s = NULL;
  json_t *values = parse_params(params, err);
  if (!values || !(s = get_statement(c, sql, err)))
    goto done;
  if (!sqlite3_stmt_readonly(s)) {
    err_set(err, "sql_forbidden",
            "a query only reads, and this statement writes: use candy.db.exec");
    goto done;
  }
  if (bind_all(s, values, err) == 0)
    rc = put_rows(c, s, answer, err);
done:
  finish(c, s, values);
  return rc;
}

/* last_insert_rowid would tell an id of the host's when the statement inserts nothing. */
static int run_exec(struct sqlite_conn *c, const char *sql, const char *params,
                    struct buf *answer, struct err *err)
{
  int rc = -1, step;
  sqlite3_stmt *s = NULL;
  json_t *values = parse_params(params, err);
  if (!values || !(s = get_statement(c, sql, err)) || bind_all(s, values, err) < 0)
    goto done;
  sqlite3_set_last_insert_rowid(c->db, 0);
  do
    step = sqlite3_step(s);
  while (step == SQLITE_ROW);
  if (step != SQLITE_DONE) {
    sqlite__script_failed(c, err);
    goto done;
  }
  if (answer)
    buf_printf(answer, "{\"changes\":%d,\"last_id\":%lld}",
               sqlite3_stmt_readonly(s) ? 0 : sqlite3_changes(c->db),
               (long long)sqlite3_last_insert_rowid(c->db));
  rc = 0;
done:
  finish(c, s, values);
  return rc;
}

int sqlite__script_query(struct sqlite_conn *c, const char *sql, const char *params,
                         int64_t deadline_ns, struct buf *answer, struct err *err)
{
  sqlite__guard_enter(c, SPEAKER_SCRIPT, deadline_ns);
  int rc = run_query(c, sql, params, answer, err);
  sqlite__guard_leave(c);
  return rc;
}

int sqlite__script_exec(struct sqlite_conn *c, const char *sql, const char *params,
                        int64_t deadline_ns, struct buf *answer, struct err *err)
{
  sqlite__guard_enter(c, SPEAKER_SCRIPT, deadline_ns);
  int rc = run_exec(c, sql, params, answer, err);
  sqlite__guard_leave(c);
  return rc;
}

int sqlite__script_settled(struct sqlite_conn *c, struct err *err)
{
  int dangling = 0, unused;
  sqlite3_db_status(c->db, SQLITE_DBSTATUS_DEFERRED_FKS, &dangling, &unused, 0);
  if (!dangling)
    return 0;
  return err_set(
      err, "sql_error",
      "FOREIGN KEY constraint failed: rows point to others that are not there");
}

int sqlite__exec(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_sql *sql = (struct store_sql *)op;
  int64_t deadline = clock_mono_ns() + SCRIPT_WRITE_MS * CLOCK_MS;
  sql->answer.len = 0;
  if (sqlite__script_exec(&w->conn, sql->sql, sql->params, deadline, &sql->answer, err) <
      0)
    return -1;
  return sqlite__script_settled(&w->conn, err);
}
