/* Values by key, and API keys. A version is a number of the store's sequence, so that a
 * key that was deleted and set again never has an old version. */
#include "store/sqlite.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define LIST_BYTES ((size_t)4 << 20)

static const char *workspace_of(const struct store_kv *kv)
{
  return kv->workspace ? kv->workspace : "default";
}

static void put_number(struct buf *b, double value)
{
  if (value == floor(value) && fabs(value) < 9e15)
    buf_printf(b, "%" PRId64, (int64_t)value);
  else
    buf_printf(b, "%.17g", value);
}

/* Looks a key up; the version is 0 when it is not there. */
static int look(struct sqlite_conn *c, struct store_kv *kv, int64_t now, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(
      c, SQL_KV_GET, ARGS(arg_text(workspace_of(kv)), arg_text(kv->key), arg_int(now)));
  int rc = sqlite__next(c, s, err);
  kv->found = rc > 0;
  kv->version = 0;
  kv->answer.len = 0;
  if (rc <= 0)
    return rc;
  buf_puts(&kv->answer, sqlite__text(s, 0));
  kv->version = sqlite3_column_int64(s, 1);
  sqlite__stop(s);
  return 0;
}

/* ---- writing ---- */

static int set_value(struct sqlite_writer *w, struct store_kv *kv, const char *value,
                     struct err *err)
{
  int64_t version = w->memory.next++;
  struct sqlite_arg expires = {.type = ARG_NULL};
  if (kv->expires_ms > 0)
    expires = arg_int(w->now + kv->expires_ms);
  kv->version = version;
  kv->found = true;
  return sqlite__run(&w->conn, SQL_KV_SET,
                     ARGS(arg_text(workspace_of(kv)), arg_text(kv->key), arg_text(value),
                          arg_int(version), expires),
                     err) < 0
             ? -1
             : 0;
}

static int count_value(struct sqlite_writer *w, struct store_kv *kv, struct err *err)
{
  if (!kv->found)
    return set_value(w, kv, kv->answer.data, err);
  kv->version = w->memory.next++;
  return sqlite__run(&w->conn, SQL_KV_COUNT,
                     ARGS(arg_text(workspace_of(kv)), arg_text(kv->key),
                          arg_text(kv->answer.data), arg_int(kv->version)),
                     err) < 0
             ? -1
             : 0;
}

static int add_value(struct sqlite_writer *w, struct store_kv *kv, struct err *err)
{
  double value = 0;
  if (kv->found) {
    json_t *old = jx_parse(kv->answer.data, kv->answer.len, err);
    bool is_number = json_is_number(old);
    value = json_number_value(old);
    json_decref(old);
    if (!is_number)
      return err_set(err, "kv_no_number", "the value of \"%.100s\" is no number",
                     kv->key);
  }
  value += kv->by;
  if (!isfinite(value))
    return err_set(err, "kv_no_number", "the value of \"%.100s\" would be too large",
                   kv->key);
  kv->answer.len = 0;
  put_number(&kv->answer, value);
  return count_value(w, kv, err);
}

static int delete_value(struct sqlite_writer *w, struct store_kv *kv, struct err *err)
{
  return sqlite__run(&w->conn, SQL_KV_DELETE,
                     ARGS(arg_text(workspace_of(kv)), arg_text(kv->key)), err) < 0
             ? -1
             : 0;
}

int sqlite__kv_write(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_kv *kv = (struct store_kv *)op;
  if (look(&w->conn, kv, w->now, err) < 0)
    return -1;
  if (kv->verb == STORE_KV_ADD)
    return add_value(w, kv, err);
  kv->answer.len = 0;
  if (kv->if_version >= 0 && kv->if_version != kv->version) {
    kv->found = false;
    return 0;
  }
  if (kv->verb == STORE_KV_SET)
    return set_value(w, kv, kv->value, err);
  return kv->found ? delete_value(w, kv, err) : 0;
}

/* ---- reading ---- */

/* The first key behind all that begin with the prefix; NULL when there is no such key. */
static char *end_of(const char *prefix)
{
  size_t n = strlen(prefix);
  if (n == 0)
    return NULL;
  char *end = mem_strdup(prefix);
  end[n - 1]++; /* UTF-8 has no byte 0xff, and keys compare byte by byte */
  return end;
}

static void put_item(struct buf *b, sqlite3_stmt *s)
{
  const char *key = sqlite__text(s, 0);
  buf_puts(b, b->len > 1 ? ",{\"key\":" : "{\"key\":");
  buf_json_string(b, key, strlen(key));
  buf_printf(b, ",\"value\":%s,\"version\":%" PRId64 "}", sqlite__text(s, 1),
             (int64_t)sqlite3_column_int64(s, 2));
}

/* Looks one row further than is wanted, to know whether there is more. */
static int list(struct sqlite_conn *c, struct store_kv *kv, int64_t now, struct err *err)
{
  const char *prefix = kv->key ? kv->key : "";
  char *end = end_of(prefix);
  int64_t limit = kv->limit > 0 ? kv->limit : 1000, n = 0;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_KV_LIST,
                    ARGS(arg_text(workspace_of(kv)), arg_text(prefix), arg_text(end),
                         arg_int(now), arg_int(limit + 1), arg_text(kv->after)));
  int rc = sqlite__next(c, s, err);
  buf_putc(&kv->answer, '[');
  for (; rc > 0 && n < limit && kv->answer.len < LIST_BYTES; n++) {
    put_item(&kv->answer, s);
    rc = sqlite__next(c, s, err);
  }
  kv->more = rc > 0;
  if (kv->more)
    sqlite__stop(s);
  buf_putc(&kv->answer, ']');
  free(end);
  return rc < 0 ? -1 : 0;
}

int sqlite__read_kv(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_kv *kv = (struct store_kv *)op;
  int64_t now = clock_steady_ms();
  return kv->verb == STORE_KV_LIST ? list(c, kv, now, err) : look(c, kv, now, err);
}

/* ---- API keys ---- */

int sqlite__key_add(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  const struct store_key *key = (const struct store_key *)op;
  return sqlite__run(&w->conn, SQL_KEY_ADD,
                     ARGS(arg_text(key->name), arg_blob(key->hash, sizeof key->hash),
                          arg_int(w->now)),
                     err) < 0
             ? -1
             : 0;
}

static void read_key(struct store_keys *keys, sqlite3_stmt *s)
{
  keys->keys = mem_grow(keys->keys, (keys->n + 1) * sizeof *keys->keys);
  struct store_key_row *row = &keys->keys[keys->n++];
  snprintf(row->name, sizeof row->name, "%s", sqlite__text(s, 0));
  memset(row->hash, 0, sizeof row->hash);
  if (sqlite3_column_bytes(s, 1) == sizeof row->hash)
    memcpy(row->hash, sqlite3_column_blob(s, 1), sizeof row->hash);
  row->created_at = sqlite3_column_int64(s, 2);
}

int sqlite__read_keys(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_keys *keys = (struct store_keys *)op;
  sqlite3_stmt *s = sqlite__start(c, SQL_KEYS, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  keys->keys = NULL;
  keys->n = 0;
  for (; rc > 0; rc = sqlite__next(c, s, err))
    read_key(keys, s);
  return rc;
}
