/* The log in front of the database (the WAL) is filled with zeros ahead of what is
 * written to it.
 *
 * A log that grows makes each sync write the file's new length besides, and that is the
 * dearer half of it (docs/explanation/speed.md). After the first checkpoint SQLite writes
 * over what is there; until then, and after the log was cut off, the writer takes the
 * file to that size by itself, a step at a time while it rests. Hosts that have little to
 * do write nothing ahead.
 *
 * Frames of zeros are no frames: whoever reads the log stops at the first one whose salt
 * is not that of the log's head, as at what an older round has left
 * (https://www.sqlite.org/fileformat2.html#walformat). A step is a write transaction, so
 * that nobody appends meanwhile.
 */
#include "store/sqlite.h"

#include "base/clock.h"

#include <sys/statvfs.h>

#define HEAD_BYTES  32
#define FRAME_BYTES (24 + 4096)
#define FULL_BYTES  (HEAD_BYTES + (int64_t)SQLITE_WAL_PAGES * FRAME_BYTES)
#define WRITE_BYTES 65536 /* SQLite takes less than 128 KiB at a time */
#define STEP_WRITES 4
#define REST_NS     (2 * CLOCK_MS)

#define BUSY_PAGES 256 /* written since the last look: less is little to do */
#define ROOM       (16 * FULL_BYTES) /* free on the disk, or it is left alone */

/* Pages that this connection has written to the log, modulo 2^31. */
static int written(const struct sqlite_writer *w)
{
  int pages = 0, most;
  sqlite3_db_status(w->conn.db, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &most, 0);
  return pages;
}

int64_t sqlite__wal_rest_ns(const struct sqlite_writer *w)
{
  unsigned pages = (unsigned)written(w) - (unsigned)w->wal_looked;
  bool wants = w->wal_grows || (pages & 0x7fffffffu) >= BUSY_PAGES;
  return wants && !w->broken.code[0] ? REST_NS : 0;
}

static bool has_room(const struct sqlite_writer *w)
{
  struct statvfs disk;
  return statvfs(w->conn.path, &disk) == 0 &&
         (uint64_t)disk.f_bavail * disk.f_frsize >= ROOM;
}

static int write_zeros(sqlite3_file *log, sqlite3_int64 from)
{
  static const char zeros[WRITE_BYTES];
  for (int i = 0; i < STEP_WRITES; i++, from += WRITE_BYTES) {
    int rc = log->pMethods->xWrite(log, zeros, WRITE_BYTES, from);
    if (rc != SQLITE_OK)
      return rc;
  }
  return log->pMethods->xSync(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/* Returns whether the log has still to grow. */
static bool write_ahead(sqlite3_file *log)
{
  sqlite3_int64 size = 0;
  return log->pMethods && log->pMethods->xFileSize(log, &size) == SQLITE_OK &&
         size < FULL_BYTES && write_zeros(log, size) == SQLITE_OK;
}

/* What fails here fails nobody: the log then grows with what is written to it. */
void sqlite__wal_step(struct sqlite_writer *w)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_file *log = NULL;
  w->wal_looked = written(w);
  w->wal_grows = false;
  sqlite__conn_forgive(c);
  if (!has_room(w) || sqlite__run(c, SQL_BEGIN, NO_ARGS, NULL) < 0)
    return;
  if (sqlite3_file_control(c->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) ==
      SQLITE_OK)
    w->wal_grows = write_ahead(log);
  sqlite__run(c, SQL_ROLLBACK, NO_ARGS, NULL);
}
