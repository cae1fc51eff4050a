/* What SQL of scripts may do: an authorizer that knows who speaks, and a clock that stops
 * what runs too long.
 *
 * Setting an authorizer expires every prepared statement, so it is set once for each
 * connection, and lets the host pass. Everything that is not named here as allowed is
 * forbidden to scripts. The clock is looked at between SQLite's instructions, so limits
 * of size keep a single one short.
 */
#include "store/sqlite.h"

#include "base/clock.h"
#include "store/sqlite_machine.h"

/* Instructions between two looks at the clock. Each may call a function over megabytes.
 */
#define LOOK_EVERY         20
#define LOOK_AT_HOST_EVERY 1000

/* Calls of LIKE and GLOB in one statement: each can take tenths of a second, and between
 * those that make one row nobody looks at the clock. */
#define PATTERNS 16

static bool starts_with(const char *text, const char *prefix)
{
  return sqlite3_strnicmp(text, prefix, (int)strlen(prefix)) == 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (sqlite3_stricmp(name, names[i]) == 0)
      return true;
  return false;
}

#define IS_ONE_OF(name, ...)                                                             \
  is_one_of(name, (const char *const[]){__VA_ARGS__},                                    \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Tables that show how the database is laid out, or other connections' statements. */
static bool is_inside(const char *table)
{
  return starts_with(table, "sqlite_") || starts_with(table, "pragma_") ||
         IS_ONE_OF(table, "dbstat", "fts3tokenize", "bytecode", "tables_used");
}

/* What SQLite itself reads and writes when a script's tables are made or changed. The
 * catalogue cannot be written by hand: the connection is in defensive mode. */
static bool is_catalogue(const char *table)
{
  return starts_with(table, "sqlite_autoindex_") ||
         IS_ONE_OF(table, "sqlite_master", "sqlite_temp_master", "sqlite_sequence",
                   "pragma_quick_check");
}

static int deny(struct sqlite_guard *g, const char *what, const char *name,
                const char *why)
{
  if (!g->denied[0])
    sqlite3_snprintf(sizeof g->denied, g->denied, "%s %s: %s", what, name ? name : "",
                     why);
  return SQLITE_DENY;
}

static int check_table(struct sqlite_guard *g, const char *table)
{
  if (!table)
    return SQLITE_OK;
  if (starts_with(table, "candy_") || starts_with(table, "orchestrator_logs"))
    return deny(g, "scripts cannot use", table,
                "names with candy_ or orchestrator_logs are Candy's own");
  if (is_inside(table) && !(g->speaker == SPEAKER_SCHEMA && is_catalogue(table)))
    return deny(g, "scripts cannot use", table, "it is internal to the database");
  return SQLITE_OK;
}

/* Every statement that makes, changes or drops something begins with a change of these.
 */
static int check_change(struct sqlite_guard *g, const char *table)
{
  if (g->speaker == SPEAKER_SCRIPT &&
      IS_ONE_OF(table, "sqlite_master", "sqlite_temp_master"))
    return deny(g, "scripts cannot create, change or drop", "anything by a statement",
                "declare tables with candy.schema");
  return check_table(g, table);
}

static int check_function(struct sqlite_guard *g, const char *name)
{
  if (IS_ONE_OF(name, "load_extension", "fts3_tokenizer"))
    return deny(g, "scripts cannot call", name, "it loads code");
  if (IS_ONE_OF(name, "json_patch"))
    return deny(g, "scripts cannot call", name,
                "it can take minutes: merge the objects in Lua");
  if (IS_ONE_OF(name, "like", "glob") && ++g->patterns > PATTERNS)
    return deny(g, "scripts cannot use", "LIKE and GLOB", "so often in one statement");
  return SQLITE_OK;
}

/* Making and changing tables, with the names of both things that it touches. */
static int check_schema(struct sqlite_guard *g, const char *name, const char *table)
{
  if (g->speaker != SPEAKER_SCHEMA)
    return deny(g, "scripts cannot create, change or drop", name,
                "declare tables with candy.schema");
  int rc = check_table(g, name);
  return rc == SQLITE_OK ? check_table(g, table) : rc;
}

static int check_pragma(struct sqlite_guard *g, const char *name)
{
  /* ALTER TABLE ADD COLUMN asks this of the rows that are there. */
  if (g->speaker == SPEAKER_SCHEMA && sqlite3_stricmp(name, "quick_check") == 0)
    return SQLITE_OK;
  return deny(g, "scripts cannot use PRAGMA", name, "settings are Candy's own");
}

static int authorize(void *arg, int action, const char *a, const char *b,
                     const char *database, const char *trigger)
{
  struct sqlite_guard *g = arg;
  (void)database;
  (void)trigger;
  if (g->speaker == SPEAKER_HOST)
    return SQLITE_OK;
  switch (action) {
  case SQLITE_SELECT:
  case SQLITE_RECURSIVE:
    return SQLITE_OK;
  case SQLITE_READ:
    return check_table(g, a);
  case SQLITE_INSERT:
  case SQLITE_UPDATE:
  case SQLITE_DELETE:
    return check_change(g, a);
  case SQLITE_FUNCTION:
    return check_function(g, b);
  case SQLITE_CREATE_TABLE:
  case SQLITE_CREATE_INDEX:
  case SQLITE_CREATE_VIEW:
  case SQLITE_CREATE_TRIGGER:
  case SQLITE_DROP_TABLE:
  case SQLITE_DROP_INDEX:
  case SQLITE_DROP_VIEW:
  case SQLITE_DROP_TRIGGER:
  case SQLITE_REINDEX:
    return check_schema(g, a, b);
  case SQLITE_ALTER_TABLE:
    return check_schema(g, b, NULL);
  case SQLITE_PRAGMA:
    return check_pragma(g, a);
  default:
    return deny(g, "scripts cannot use", "this statement",
                "transactions, attached databases, temporary and virtual tables are "
                "Candy's own");
  }
}

/* 1 stops the statement with SQLITE_INTERRUPT. */
static int look_at_clock(void *arg)
{
  struct sqlite_guard *g = arg;
  if (g->deadline_ns && clock_mono_ns() > g->deadline_ns)
    g->timed_out = true;
  return g->timed_out;
}

/* ---- limits ---- */

static const struct {
  int limit, host, scripts;
} limits[] = {
    {SQLITE_LIMIT_LENGTH, 64 << 20, SCRIPT_VALUE},
    {SQLITE_LIMIT_SQL_LENGTH, 1 << 20, 1 << 20},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000, 50},
    {SQLITE_LIMIT_COLUMN, 2000, 200},
    {SQLITE_LIMIT_VDBE_OP, 250000000, 50000},
    {SQLITE_LIMIT_EXPR_DEPTH, 1000, 200},
    {SQLITE_LIMIT_TRIGGER_DEPTH, 10, 10},
};

static void set_limits(sqlite3 *db, bool scripts)
{
  for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
    sqlite3_limit(db, limits[i].limit, scripts ? limits[i].scripts : limits[i].host);
}

/* ---- who speaks ---- */

void sqlite__guard_init(struct sqlite_conn *c)
{
  sqlite3_set_authorizer(c->db, authorize, &c->guard);
  set_limits(c->db, false);
}

void sqlite__guard_enter(struct sqlite_conn *c, enum sqlite_speaker who,
                         int64_t deadline_ns)
{
  c->guard = (struct sqlite_guard){.speaker = who, .deadline_ns = deadline_ns};
  set_limits(c->db, who != SPEAKER_HOST);
  if (who != SPEAKER_HOST)
    sqlite__share_begin(who == SPEAKER_SCHEMA ? SCHEMA_MEMORY : SCRIPT_MEMORY,
                        deadline_ns);
  sqlite3_progress_handler(c->db, who == SPEAKER_HOST ? LOOK_AT_HOST_EVERY : LOOK_EVERY,
                           look_at_clock, &c->guard);
}

/* What was denied or ran out of time stays to be told, until the next one enters. */
void sqlite__guard_leave(struct sqlite_conn *c)
{
  c->guard.speaker = SPEAKER_HOST;
  c->guard.deadline_ns = 0;
  sqlite__share_end();
  set_limits(c->db, false);
  sqlite3_progress_handler(c->db, 0, NULL, NULL);
}
