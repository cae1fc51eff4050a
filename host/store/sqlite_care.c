/* Care for the file, when somebody asks for it: is it whole, how large is it, give free
 * pages back, bring the log in front of it (the WAL) into it.
 *
 * Looking is done by readers, a table at a time, so that no read transaction keeps the
 * WAL from being brought in for long. So is the checkpoint: the writer goes on meanwhile.
 * Free pages go back a little a turn.
 */
#include "store/sqlite.h"

#include "base/clock.h"

#include <stdlib.h>
#include <sys/stat.h>

#define TABLE_NS     (5000 * CLOCK_MS) /* to look at one table */
#define VACUUM_NS    (20 * CLOCK_MS)   /* in one turn */
#define PROBLEMS_MAX 100

/* ---- is it whole ---- */

struct names {
  char **list;
  size_t n;
};

static int read_names(struct sqlite_conn *c, struct names *names, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_TABLES, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    names->list = mem_grow(names->list, (names->n + 1) * sizeof *names->list);
    names->list[names->n++] = mem_strdup(sqlite__text(s, 0));
  }
  return rc;
}

static void names_fini(struct names *names)
{
  for (size_t i = 0; i < names->n; i++)
    free(names->list[i]);
  free(names->list);
}

static void add_text(struct buf *list, const char *text)
{
  if (list->len)
    buf_putc(list, ',');
  buf_json_string(list, text, strlen(text));
}

/* A row is a problem, or "ok". */
static int check_table(struct sqlite_conn *c, struct store_check *op, const char *name,
                       struct err *err)
{
  sqlite3_stmt *s = NULL;
  char *sql = sqlite3_mprintf("pragma quick_check(%Q)", name);
  int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
  sqlite3_free(sql);
  while (rc == SQLITE_OK || rc == SQLITE_ROW) {
    rc = sqlite3_step(s);
    const char *text = rc == SQLITE_ROW ? sqlite__text(s, 0) : "ok";
    if (strcmp(text, "ok") != 0 && op->n_problems++ < PROBLEMS_MAX)
      add_text(&op->problems, text);
  }
  sqlite3_finalize(s);
  if (rc == SQLITE_DONE)
    op->tables++;
  else if (c->guard.timed_out)
    add_text(&op->skipped, name);
  else
    return sqlite__conn_failed(c, err);
  return 0;
}

int sqlite__check(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_check *check = (struct store_check *)op;
  struct names names = {0};
  buf_puts(&check->problems, "");
  buf_puts(&check->skipped, "");
  int rc = read_names(c, &names, err);
  for (size_t i = 0; i < names.n && rc == 0; i++) {
    sqlite__guard_enter(c, SPEAKER_HOST, clock_mono_ns() + TABLE_NS);
    rc = check_table(c, check, names.list[i], err);
    sqlite__guard_leave(c);
  }
  names_fini(&names);
  return rc;
}

/* ---- how large is it ---- */

static int64_t file_size(const char *path, const char *suffix)
{
  struct stat st;
  char *name = mem_printf("%s%s", path, suffix);
  int64_t size = stat(name, &st) == 0 ? st.st_size : 0;
  free(name);
  return size;
}

int sqlite__space(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_space *space = (struct store_space *)op;
  int64_t pages = 0, page = 0, unused = 0;
  if (sqlite__number(c, SQL_PAGES, NO_ARGS, 0, &pages, err) < 0 ||
      sqlite__number(c, SQL_PAGE_SIZE, NO_ARGS, 0, &page, err) < 0 ||
      sqlite__number(c, SQL_FREE_PAGES, NO_ARGS, 0, &unused, err) < 0)
    return -1;
  space->bytes = pages * page;
  space->free_bytes = unused * page;
  space->log_bytes = file_size(c->path, "-wal");
  return 0;
}

/* ---- what makes it smaller ---- */

int sqlite__checkpoint(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_checkpoint *checkpoint = (struct store_checkpoint *)op;
  int waiting = 0, moved = 0;
  int rc = sqlite3_wal_checkpoint_v2(c->db, "main", SQLITE_CHECKPOINT_PASSIVE, &waiting,
                                     &moved);
  checkpoint->busy = rc == SQLITE_BUSY || rc == SQLITE_LOCKED;
  if (rc != SQLITE_OK && !checkpoint->busy)
    return sqlite__conn_failed(c, err);
  checkpoint->pages = waiting > 0 ? waiting : 0;
  checkpoint->moved = moved > 0 ? moved : 0;
  return 0;
}

static int vacuum_step(struct sqlite_conn *c, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_VACUUM_STEP, NO_ARGS);
  int rc = sqlite__next(c, s, err);
  while (rc > 0)
    rc = sqlite__next(c, s, err);
  return rc;
}

/* What was freed is reckoned from the pages that are there, so that a turn that is rolled
 * back leaves no trace in it. */
int sqlite__vacuum(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_vacuum *vacuum = (struct store_vacuum *)op;
  struct sqlite_conn *c = &w->conn;
  int64_t late_ns = clock_mono_ns() + VACUUM_NS, left = 0;
  if (sqlite__number(c, SQL_FREE_PAGES, NO_ARGS, 0, &left, err) < 0)
    return -1;
  if (!vacuum->began)
    vacuum->before = left;
  vacuum->began = true;
  while (left > 0 && clock_mono_ns() < late_ns) {
    int64_t had = left;
    if (vacuum_step(c, err) < 0 ||
        sqlite__number(c, SQL_FREE_PAGES, NO_ARGS, 0, &left, err) < 0)
      return -1;
    if (left >= had)
      break; /* a file that was made without incremental vacuum */
  }
  vacuum->freed = vacuum->before > left ? vacuum->before - left : 0;
  vacuum->left = left;
  return left > 0 && clock_mono_ns() >= late_ns ? TURN_AGAIN : 0;
}
