/* SQLite's allocator and its calls to write, each with a look at what happens on this
 * thread: see sqlite_machine.h.
 *
 * SQLite's own limit of memory counts for the whole process, so that a script's query
 * could make a commit fail; and it tells nobody why a write failed. So both are wrapped.
 */
#include "store/sqlite_machine.h"

#include "base/clock.h"

#include <errno.h>
#include <sqlite3.h>
#include <unistd.h>
#include <uv.h>

#define LARGE 65536

static sqlite3_mem_methods base; /* what SQLite would use */
static _Thread_local bool limited;
static _Thread_local int64_t left; /* of the share, while limited */
static _Thread_local int64_t deadline;
static _Thread_local int write_errno;

/* ---- memory ---- */

static bool refuses(int size)
{
  return size > left || (size >= LARGE && clock_mono_ns() > deadline);
}

static void *take(int size)
{
  if (limited && refuses(size))
    return NULL;
  void *memory = base.xMalloc(size);
  if (limited && memory)
    left -= base.xSize(memory);
  return memory;
}

static void give(void *memory)
{
  if (limited && memory)
    left += base.xSize(memory);
  base.xFree(memory);
}

static void *change(void *memory, int size)
{
  int before = limited && memory ? base.xSize(memory) : 0;
  if (limited && refuses(size - before))
    return NULL;
  void *changed = base.xRealloc(memory, size);
  if (limited && changed)
    left -= base.xSize(changed) - before;
  return changed;
}

void sqlite__share_begin(int64_t bytes, int64_t deadline_ns)
{
  limited = true;
  deadline = deadline_ns;
  left = bytes;
  write_errno = 0;
}

void sqlite__share_end(void)
{
  limited = false;
}

/* ---- the disk ---- */

static ssize_t noted(ssize_t n)
{
  if (n < 0)
    write_errno = errno;
  return n;
}

static ssize_t write_noted(int fd, const void *bytes, size_t n)
{
  return noted(write(fd, bytes, n));
}

static ssize_t pwrite_noted(int fd, const void *bytes, size_t n, off_t at)
{
  return noted(pwrite(fd, bytes, n, at));
}

bool sqlite__means_full(int number)
{
  return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

bool sqlite__disk_refused(void)
{
  return sqlite__means_full(write_errno);
}

/* ---- both ---- */

static void init(void)
{
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* it locks at each allocation */
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &base);
  sqlite3_mem_methods wrapped = base;
  wrapped.xMalloc = take;
  wrapped.xFree = give;
  wrapped.xRealloc = change;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped);
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  if (!vfs || vfs->iVersion < 3)
    return;
  vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)write_noted);
  vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)pwrite_noted);
  vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)pwrite_noted);
}

void sqlite__machine_init(void)
{
  static uv_once_t once = UV_ONCE_INIT;
  uv_once(&once, init);
}
