/* Names of types, queues and workspaces as small numbers, so that rows are narrow. The
 * writer has all of them in memory: an array by id, and a hash table of ids.
 *
 * Texts live until the store is closed, since claimed jobs point to them. A name that was
 * added in a transaction that fell is cut off again.
 */
#include "store/sqlite.h"

#include <stdlib.h>

static uint32_t hash(enum sqlite_kind kind, const char *text)
{
  uint32_t h = 2166136261u ^ (uint32_t)kind; /* FNV-1a */
  for (; *text; text++)
    h = (h ^ (uint8_t)*text) * 16777619u;
  return h;
}

/* The slot that holds the name, or the free one where it belongs. */
static uint32_t *find_slot(const struct sqlite_names *names, enum sqlite_kind kind,
                           const char *text)
{
  size_t at = hash(kind, text) & (names->slots_n - 1);
  for (;; at = (at + 1) & (names->slots_n - 1)) {
    uint32_t id = names->slots[at];
    if (id == 0 ||
        (names->kinds[id - 1] == kind && strcmp(names->texts[id - 1], text) == 0))
      return &names->slots[at];
  }
}

static void rehash(struct sqlite_names *names, size_t slots_n)
{
  free(names->slots);
  names->slots = mem_alloc(slots_n * sizeof *names->slots);
  names->slots_n = slots_n;
  for (size_t i = 0; i < names->n; i++)
    *find_slot(names, names->kinds[i], names->texts[i]) = (uint32_t)i + 1;
}

static void append(struct sqlite_names *names, enum sqlite_kind kind, const char *text)
{
  if (names->n == names->cap) {
    names->cap = names->cap ? names->cap * 2 : 64;
    names->texts = mem_grow(names->texts, names->cap * sizeof *names->texts);
    names->kinds = mem_grow(names->kinds, names->cap);
    rehash(names, names->cap * 2);
  }
  names->texts[names->n] = mem_strdup(text);
  names->kinds[names->n] = (uint8_t)kind;
  names->n++;
  *find_slot(names, kind, text) = (uint32_t)names->n;
}

int sqlite__names_load(struct sqlite_conn *c, struct sqlite_names *names, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_NAMES, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    if (sqlite3_column_int64(s, 0) != (int64_t)names->n + 1) {
      sqlite__stop(s);
      return err_set(err, "store_corrupt", "%s: ids in candy_name have a gap", c->path);
    }
    append(names, (enum sqlite_kind)sqlite3_column_int(s, 1), sqlite__text(s, 2));
  }
  return rc;
}

void sqlite__names_fini(struct sqlite_names *names)
{
  for (size_t i = 0; i < names->n; i++)
    free(names->texts[i]);
  free(names->texts);
  free(names->kinds);
  free(names->slots);
  *names = (struct sqlite_names){0};
}

void sqlite__names_cut(struct sqlite_names *names, size_t n)
{
  if (names->n == n)
    return;
  while (names->n > n)
    free(names->texts[--names->n]);
  rehash(names, names->slots_n);
}

const char *sqlite__name(const struct sqlite_names *names, int64_t id)
{
  return names->texts[id - 1];
}

bool sqlite__name_known(const struct sqlite_names *names, enum sqlite_kind kind,
                        const char *text)
{
  return names->slots_n && *find_slot(names, kind, text);
}

int64_t sqlite__name_id(struct sqlite_conn *c, struct sqlite_names *names,
                        enum sqlite_kind kind, const char *text, struct err *err)
{
  uint32_t id = names->slots_n ? *find_slot(names, kind, text) : 0;
  if (id)
    return id;
  int64_t fresh = (int64_t)names->n + 1;
  if (sqlite__run(c, SQL_NAME_ADD, ARGS(arg_int(fresh), arg_int(kind), arg_text(text)),
                  err) < 0)
    return -1;
  append(names, kind, text);
  return fresh;
}
