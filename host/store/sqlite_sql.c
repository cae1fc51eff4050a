/* Finding queries in the files that the program carries: see sqlite_sql.h. */
#include "store/sqlite_sql.h"

#include "base/buf.h"
#include "base/embed.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <uv.h>

#define FOLDER CANDY_SOURCE "/store/sql/sqlite/"
#define MARK   "-- name: "

EMBED(sqlite_sql_turn, FOLDER "turn.sql");
EMBED(sqlite_sql_job, FOLDER "job.sql");
EMBED(sqlite_sql_graph, FOLDER "graph.sql");
EMBED(sqlite_sql_upkeep, FOLDER "upkeep.sql");
EMBED(sqlite_sql_gate, FOLDER "gate.sql");
EMBED(sqlite_sql_unique, FOLDER "unique.sql");
EMBED(sqlite_sql_kv, FOLDER "kv.sql");
EMBED(sqlite_sql_lock, FOLDER "lock.sql");
EMBED(sqlite_sql_read, FOLDER "read.sql");
EMBED(sqlite_sql_logs, FOLDER "logs.sql");
EMBED(sqlite_sql_control, FOLDER "control.sql");
EMBED(sqlite_sql_001, FOLDER "001_queue.sql");
EMBED(sqlite_sql_002, FOLDER "002_logs.sql");
EMBED(sqlite_sql_003, FOLDER "003_places.sql");
EMBED(sqlite_sql_004, FOLDER "004_parents.sql");
EMBED(sqlite_sql_005, FOLDER "005_turns.sql");
EMBED(sqlite_sql_006, FOLDER "006_gates.sql");

static const char *const files[] = {
    sqlite_sql_turn_start,  sqlite_sql_job_start,     sqlite_sql_upkeep_start,
    sqlite_sql_kv_start,    sqlite_sql_lock_start,    sqlite_sql_read_start,
    sqlite_sql_logs_start,  sqlite_sql_control_start, sqlite_sql_unique_start,
    sqlite_sql_graph_start, sqlite_sql_gate_start};

const char *const sqlite__migrations[] = {sqlite_sql_001_start, sqlite_sql_002_start,
                                          sqlite_sql_003_start, sqlite_sql_004_start,
                                          sqlite_sql_005_start, sqlite_sql_006_start};
const int sqlite__migrations_n = sizeof sqlite__migrations / sizeof sqlite__migrations[0];

static const char *const names[SQL_COUNT] = {
#define X(id, name) [SQL_##id] = #name,
    SQLITE_QUERIES(X)
#undef X
};

static const char *texts[SQL_COUNT];
static uv_once_t texts_made = UV_ONCE_INIT;
static const char *override_name, *override_sql;

/* A block ends at the next blank line or at the end of the file. */
static const char *find_in(const char *file, const char *name, size_t *len)
{
  size_t name_len = strlen(name);
  for (const char *at = strstr(file, MARK); at; at = strstr(at, MARK)) {
    at += strlen(MARK);
    if (strncmp(at, name, name_len) != 0 || at[name_len] != '\n')
      continue;
    const char *text = at + name_len + 1;
    const char *end = strstr(text, "\n\n");
    *len = end ? (size_t)(end - text) : strlen(text);
    return text;
  }
  return NULL;
}

static const char *find_block(const char *name, size_t *len)
{
  if (override_name && strcmp(name, override_name) == 0) {
    *len = strlen(override_sql);
    return override_sql;
  }
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    const char *text = find_in(files[i], name, len);
    if (text)
      return text;
  }
  return NULL;
}

static void append_block(struct buf *b, const char *name, const char *sources)
{
  size_t len = 0;
  const char *text = find_block(name, &len);
  if (strcmp(name, "sources") == 0) {
    text = sources;
    len = strlen(sources);
  }
  assert(text && "each query has its block");
  buf_append(b, text, len);
}

/* Puts the blocks that are named in braces in their places, until there is none left. */
char *sqlite__sql_compose(const char *name, const char *sources)
{
  struct buf b = {0};
  append_block(&b, name, sources);
  for (char *open = strchr(b.data, '{'); open; open = strchr(b.data, '{')) {
    struct buf whole = {0};
    char *close = strchr(open, '}');
    *close = 0;
    buf_append(&whole, b.data, (size_t)(open - b.data));
    append_block(&whole, open + 1, sources);
    buf_puts(&whole, close + 1);
    buf_fini(&b);
    b = whole;
  }
  return buf_take(&b);
}

static void make_texts(void)
{
  for (size_t i = 0; i < SQL_COUNT; i++)
    texts[i] = sqlite__sql_compose(names[i], "");
}

const char *sqlite__sql(enum sqlite_query query)
{
  uv_once(&texts_made, make_texts);
  return texts[query];
}

void sqlite__override(const char *name, const char *sql)
{
  override_name = name;
  override_sql = sql;
}
