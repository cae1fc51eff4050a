/* SQL functions of SQLite's that take time in the product of their arguments' sizes, in a
 * form that does not: nothing stops a function once it runs, and all writes wait for it.
 */
#include "store/sqlite.h"

#include <stdlib.h>

#define TRIM_SET 128 /* bytes of the second argument of trim, at most */

struct text {
  const char *bytes;
  size_t len;
};

static bool has_null(int n, sqlite3_value **args)
{
  for (int i = 0; i < n; i++)
    if (sqlite3_value_type(args[i]) == SQLITE_NULL)
      return true;
  return false;
}

static struct text text_of(sqlite3_value *value)
{
  const char *bytes = (const char *)sqlite3_value_text(value);
  return (struct text){bytes, (size_t)sqlite3_value_bytes(value)};
}

static struct text blob_of(sqlite3_value *value)
{
  const char *bytes = sqlite3_value_blob(value);
  return (struct text){bytes, (size_t)sqlite3_value_bytes(value)};
}

static const char *find(struct text in, struct text what)
{
  return what.len <= in.len ? memmem(in.bytes, in.len, what.bytes, what.len) : NULL;
}

static bool is_lead(char c) /* of a character in UTF-8 */
{
  return ((unsigned char)c & 0xc0) != 0x80;
}

/* ---- instr ---- */

static int64_t characters(const char *from, const char *to)
{
  int64_t n = 0;
  for (; from < to; from++)
    n += is_lead(*from);
  return n;
}

static void instr(sqlite3_context *context, int n, sqlite3_value **args)
{
  if (has_null(n, args))
    return;
  bool blobs = sqlite3_value_type(args[0]) == SQLITE_BLOB &&
               sqlite3_value_type(args[1]) == SQLITE_BLOB;
  struct text in = blobs ? blob_of(args[0]) : text_of(args[0]);
  struct text what = blobs ? blob_of(args[1]) : text_of(args[1]);
  if ((in.len && !in.bytes) || (what.len && !what.bytes)) {
    sqlite3_result_error_nomem(context);
    return;
  }
  const char *at = what.len ? find(in, what) : in.bytes;
  if (what.len && !at)
    sqlite3_result_int(context, 0);
  else
    sqlite3_result_int64(context, 1 + (blobs ? at - in.bytes : characters(in.bytes, at)));
}

/* ---- replace ---- */

static size_t count(struct text in, struct text what)
{
  size_t n = 0;
  for (const char *at; (at = find(in, what)); n++) {
    in.len -= (size_t)(at - in.bytes) + what.len;
    in.bytes = at + what.len;
  }
  return n;
}

static void put(char **to, const char *bytes, size_t len)
{
  memcpy(*to, bytes, len);
  *to += len;
}

static void fill(char *to, struct text in, struct text what, struct text by)
{
  for (const char *at; (at = find(in, what));) {
    size_t before = (size_t)(at - in.bytes);
    put(&to, in.bytes, before);
    put(&to, by.bytes, by.len);
    in.len -= before + what.len;
    in.bytes = at + what.len;
  }
  put(&to, in.bytes, in.len);
}

static void replace(sqlite3_context *context, int n, sqlite3_value **args)
{
  if (has_null(n, args))
    return;
  struct text in = text_of(args[0]), what = text_of(args[1]), by = text_of(args[2]);
  if (!in.bytes || !what.bytes || !by.bytes) {
    sqlite3_result_error_nomem(context);
    return;
  }
  size_t times = what.len ? count(in, what) : 0;
  if (times == 0) {
    sqlite3_result_value(context, args[0]);
    return;
  }
  size_t len = in.len - times * what.len + times * by.len;
  sqlite3 *db = sqlite3_context_db_handle(context);
  if (len > (size_t)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1)) {
    sqlite3_result_error_toobig(context);
    return;
  }
  char *out = sqlite3_malloc64(len + 1);
  if (!out) {
    sqlite3_result_error_nomem(context);
    return;
  }
  fill(out, in, what, by);
  sqlite3_result_text64(context, out, len, sqlite3_free, SQLITE_UTF8);
}

/* ---- trim, ltrim, rtrim ---- */

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static const int trim_left = TRIM_LEFT, trim_right = TRIM_RIGHT,
                 trim_both = TRIM_LEFT | TRIM_RIGHT;

static bool is_in(struct text set, const char *bytes, size_t len)
{
  return len == 1 ? memchr(set.bytes, *bytes, set.len) != NULL
                  : find(set, (struct text){bytes, len}) != NULL;
}

static size_t first_character(struct text in)
{
  size_t n = 1;
  while (n < in.len && !is_lead(in.bytes[n]))
    n++;
  return n;
}

static size_t last_character(struct text in)
{
  size_t n = 1;
  while (n < in.len && !is_lead(in.bytes[in.len - n]))
    n++;
  return n;
}

static struct text trimmed(struct text in, struct text set, int sides)
{
  while (sides & TRIM_LEFT && in.len) {
    size_t n = first_character(in);
    if (!is_in(set, in.bytes, n))
      break;
    in.bytes += n;
    in.len -= n;
  }
  while (sides & TRIM_RIGHT && in.len) {
    size_t n = last_character(in);
    if (!is_in(set, in.bytes + in.len - n, n))
      break;
    in.len -= n;
  }
  return in;
}

static void trim(sqlite3_context *context, int n, sqlite3_value **args)
{
  const int *sides = sqlite3_user_data(context);
  if (has_null(n, args))
    return;
  struct text in = text_of(args[0]), set = text_of(args[1]);
  if (!in.bytes || !set.bytes) {
    sqlite3_result_error_nomem(context);
    return;
  }
  if (set.len > TRIM_SET) {
    sqlite3_result_error(context, "trim takes off 128 bytes of characters at most", -1);
    return;
  }
  in = trimmed(in, set, *sides);
  sqlite3_result_text64(context, in.bytes, in.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* ---- all of them ---- */

static const struct {
  const char *name;
  int args;
  const int *data;
  void (*call)(sqlite3_context *context, int n, sqlite3_value **args);
} functions[] = {
    {"instr", 2, NULL, instr},       {"replace", 3, NULL, replace},
    {"trim", 2, &trim_both, trim},   {"ltrim", 2, &trim_left, trim},
    {"rtrim", 2, &trim_right, trim},
};

void sqlite__functions_init(struct sqlite_conn *c)
{
  int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
    sqlite3_create_function_v2(c->db, functions[i].name, functions[i].args, flags,
                               (void *)(uintptr_t)functions[i].data, functions[i].call,
                               NULL, NULL, NULL);
}
