/* The file at start: is it ours, whole, and of a version that this program knows? Then
 * its tables are brought up to date, in one transaction: all steps are made or none.
 *
 * Checking the whole file takes time, so that is done only where it can find something:
 * after an unclean end, when the file is small, or when the machine itself went down
 * since (a program that is killed cannot tear a page; a power cut on a bad disk can).
 */
#include "store/sqlite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLICATION_ID 0x43616e64 /* "Cand" */
#define SMALL_PAGES    16384      /* 64 MB */
#define LOGS_VERSION   2          /* brings the log table */

static int ask(struct sqlite_conn *c, const char *sql, int64_t *number, char text[256],
               struct err *err)
{
  sqlite3_stmt *s = NULL;
  *number = 0;
  if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) != SQLITE_OK)
    return sqlite__conn_failed(c, err);
  int rc = sqlite3_step(s);
  if (rc == SQLITE_ROW) {
    *number = sqlite3_column_int64(s, 0);
    const char *answer = sqlite__text(s, 0);
    if (text)
      snprintf(text, 256, "%s", answer ? answer : "");
  }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    sqlite__conn_failed(c, err);
  sqlite3_finalize(s);
  return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

static int ask_number(struct sqlite_conn *c, const char *sql, int64_t *n, struct err *err)
{
  return ask(c, sql, n, NULL, err);
}

/* ---- is it ours? ---- */

static bool is_newer(const char *version, const char *than)
{
  int a[3] = {0}, b[3] = {0};
  sscanf(version, "%d.%d.%d", &a[0], &a[1], &a[2]);
  sscanf(than, "%d.%d.%d", &b[0], &b[1], &b[2]);
  for (int i = 0; i < 3; i++)
    if (a[i] != b[i])
      return a[i] > b[i];
  return false;
}

static int refuse_newer(struct sqlite_conn *c, const char *version, struct err *err)
{
  return err_set(err, "store_newer",
                 "%s was written by a newer Candy (%s), and this is Candy %s: start the "
                 "newer one, or use another data folder",
                 c->path, version, CANDY_VERSION);
}

static int check_version(struct sqlite_conn *c, int64_t version, struct err *err)
{
  char least[256] = "", text[64];
  int64_t unused;
  if (version > sqlite__migrations_n) {
    snprintf(text, sizeof text, "tables of version %" PRId64, version);
    return refuse_newer(c, text, err);
  }
  if (version == 0)
    return 0;
  if (ask(c, "select value from candy_meta where name = 'least_version'", &unused, least,
          err) < 0)
    return -1;
  return is_newer(least, CANDY_VERSION) ? refuse_newer(c, least, err) : 0;
}

static int check_owner(struct sqlite_conn *c, int64_t version, struct err *err)
{
  int64_t id, tables;
  if (ask_number(c, "pragma application_id", &id, err) < 0 ||
      ask_number(c, "select count(*) from sqlite_master", &tables, err) < 0)
    return -1;
  if (id == APPLICATION_ID || (id == 0 && version == 0 && tables == 0))
    return 0;
  return err_set(err, "store_corrupt",
                 "%s is a database of another program: move it away, or choose another "
                 "file",
                 c->path);
}

/* ---- is it whole? ---- */

static void read_boot(char boot[64])
{
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
  boot[0] = 0;
  if (file) {
    if (fgets(boot, 64, file))
      boot[strcspn(boot, "\n")] = 0;
    fclose(file);
  }
}

static int is_suspect(struct sqlite_conn *c, bool *suspect, struct err *err)
{
  char boot[64], last[256] = "";
  int64_t clean, pages, unused;
  if (ask_number(c, "select value from candy_meta where name = 'clean'", &clean, err) <
          0 ||
      ask_number(c, "pragma page_count", &pages, err) < 0 ||
      ask(c, "select value from candy_meta where name = 'boot'", &unused, last, err) < 0)
    return -1;
  read_boot(boot);
  *suspect = !clean && (pages <= SMALL_PAGES || strcmp(boot, last) != 0);
  return 0;
}

static int check_whole(struct sqlite_conn *c, struct err *err)
{
  char answer[256] = "";
  int64_t unused;
  bool suspect;
  if (is_suspect(c, &suspect, err) < 0)
    return -1;
  if (!suspect)
    return 0;
  if (ask(c, "pragma quick_check(1)", &unused, answer, err) < 0)
    return -1;
  for (char *end = strchr(answer, '\n'); end; end = strchr(end, '\n'))
    *end = ' ';
  if (strcmp(answer, "ok") == 0)
    return 0;
  return err_set(err, "store_corrupt",
                 "%s is damaged (%s): move it away together with the files that end in "
                 "-wal and -shm, and put a copy in its place that `candy backup` made",
                 c->path, answer);
}

/* ---- up to date ---- */

int sqlite__mark_clean(struct sqlite_conn *c, bool clean, struct err *err)
{
  char boot[64];
  read_boot(boot);
  if (sqlite__run(c, SQL_META_SET, ARGS(arg_text("boot"), arg_text(boot)), err) < 0)
    return -1;
  return sqlite__run(c, SQL_META_SET, ARGS(arg_text("clean"), arg_int(clean)), err) < 0
             ? -1
             : 0;
}

static int apply(struct sqlite_conn *c, int version, struct err *err)
{
  if (sqlite__conn_exec(c, sqlite__migrations[version - 1], err) == 0)
    return 0;
  err_wrap(err, "migration %d", version);
  return -1;
}

/* The steps that are missing. */
static int apply_all(struct sqlite_conn *c, int64_t version, struct err *err)
{
  char sql[128];
  if (version == sqlite__migrations_n)
    return 0;
  for (int next = (int)version + 1; next <= sqlite__migrations_n; next++)
    if (apply(c, next, err) < 0)
      return -1;
  snprintf(sql, sizeof sql, "pragma user_version = %d; pragma application_id = %d",
           sqlite__migrations_n, APPLICATION_ID);
  return sqlite__conn_exec(c, sql, err);
}

static int update(struct sqlite_conn *c, int64_t version, struct err *err)
{
  if (version < LOGS_VERSION && sqlite__logs_check(c, false, err) < 0)
    return -1;
  if (apply_all(c, version, err) < 0 || sqlite__logs_check(c, true, err) < 0)
    return -1;
  return sqlite__mark_clean(c, false, err);
}

int sqlite__migrate(struct sqlite_conn *c, struct err *err)
{
  int64_t version;
  if (ask_number(c, "pragma user_version", &version, err) < 0 ||
      check_owner(c, version, err) < 0 || check_version(c, version, err) < 0)
    return -1;
  if (version > 0 && check_whole(c, err) < 0)
    return -1;
  if (sqlite__conn_exec(c, "begin immediate", err) < 0)
    return -1;
  if (update(c, version, err) == 0 && sqlite__conn_exec(c, "commit", err) == 0)
    return 0;
  sqlite3_exec(c->db, "rollback", NULL, NULL, NULL);
  return -1;
}
