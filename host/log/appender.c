/* Writing to a file that may go away: see appender.h. */
#include "log/appender.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define KEPT_MAX  ((size_t)4 * 1024 * 1024)
#define WRITE_AT  ((size_t)256 * 1024) /* what waits is written when it is so much */
#define AGAIN_NS  (1000 * CLOCK_MS)
#define STUCK_NS  (60000 * CLOCK_MS)
#define FILE_MODE 0600 /* a log tells of payloads */

static long count_lines(const char *text, size_t len)
{
  long n = 0;
  for (const char *p = text; (p = memchr(p, '\n', len - (size_t)(p - text))); p++)
    n++;
  return n;
}

/* ---- open ---- */

static void close_file(struct appender *a)
{
  if (a->fd >= 0)
    close(a->fd);
  a->fd = -1;
  a->size = 0;
}

static int make_folder(const char *folder)
{
  char *path = mem_strdup(folder);
  for (char *p = path + 1; *p; p++)
    if (*p == '/') {
      *p = 0;
      mkdir(path, 0700);
      *p = '/';
    }
  int status = mkdir(path, 0700) < 0 && errno != EEXIST ? -1 : 0;
  free(path);
  return status;
}

/* Another program may have left half a line there. */
static void end_line(struct appender *a)
{
  char last = '\n';
  if (a->size > 0 && pread(a->fd, &last, 1, a->size - 1) == 1 && last != '\n' &&
      write(a->fd, "\n", 1) == 1)
    a->size++;
}

/* What a new file begins with goes before what waits; half a line that does is for a
 * file that is no more. */
static void begin_file(struct appender *a)
{
  struct buf b = {0};
  if (a->inside && a->waiting.len) {
    const char *end = memchr(a->waiting.data, '\n', a->waiting.len);
    buf_drop(&a->waiting, end ? (size_t)(end + 1 - a->waiting.data) : a->waiting.len);
    a->lost++;
  }
  a->inside = false;
  if (a->size == 0 && a->begin)
    a->begin(&b);
  buf_append(&b, a->waiting.data, a->waiting.len);
  buf_fini(&a->waiting);
  a->waiting = b;
}

static int open_file(struct appender *a)
{
  struct stat st;
  char head[256];
  if (make_folder(a->folder) < 0)
    return -1;
  /* Not to wait for a reader, should somebody have put a pipe there. */
  a->fd = open(a->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
               FILE_MODE);
  if (a->fd < 0 || fstat(a->fd, &st) < 0)
    return -1;
  if (!S_ISREG(st.st_mode)) {
    close_file(a);
    errno = EINVAL;
    return -1;
  }
  a->device = st.st_dev;
  a->inode = st.st_ino;
  a->size = st.st_size;
  ssize_t n = pread(a->fd, head, sizeof head, 0);
  int64_t touched = (int64_t)st.st_mtim.tv_sec * 1000;
  appender__age(a, head, n > 0 ? (size_t)n : 0, a->size ? touched : clock_wall_ms());
  end_line(a);
  begin_file(a);
  return 0;
}

/* ---- trouble ---- */

static void break_down(struct appender *a, int why)
{
  a->try_ns = clock_mono_ns() + AGAIN_NS;
  if (a->broken)
    return;
  a->broken = true;
  log__say(a->sink, LOG_ERROR,
           "%s cannot be written for now (%s: %s): its lines wait in memory, up to 4 MB",
           a->what, a->path, why == EINVAL ? "it is no regular file" : strerror(why));
}

static void recover(struct appender *a)
{
  if (a->broken && a->lost)
    log__say(LOG_NO_SINK, LOG_WARN,
             "%s is written again (%s); %ld lines found no room in memory and are lost",
             a->what, a->path, a->lost);
  else if (a->broken)
    log__say(LOG_NO_SINK, LOG_INFO, "%s is written again (%s); no line is lost", a->what,
             a->path);
  a->broken = false;
  a->lost = 0;
}

/* True while the path leads to the file that is open. */
static bool is_in_place(const struct appender *a)
{
  struct stat st;
  return stat(a->path, &st) == 0 && st.st_ino == a->inode && st.st_dev == a->device;
}

static void look(struct appender *a)
{
  struct stat st;
  if (a->fd < 0)
    return;
  if (!is_in_place(a)) {
    close_file(a);
    if (!a->broken)
      log__say(a->sink, LOG_WARN, "%s was removed or renamed (%s): a new one is begun",
               a->what, a->path);
  } else if (fstat(a->fd, &st) == 0 && st.st_size < a->size) {
    a->size = st.st_size; /* somebody has emptied it */
  }
}

/* ---- writing ---- */

static int write_waiting(struct appender *a)
{
  size_t done = 0;
  int status = 0;
  while (done < a->waiting.len && status == 0) {
    ssize_t n = write(a->fd, a->waiting.data + done, a->waiting.len - done);
    if (n > 0)
      done += (size_t)n;
    else if (n == 0 || errno != EINTR)
      status = -1;
  }
  int why = errno;
  a->size += (int64_t)done;
  if (done)
    a->inside = a->waiting.data[done - 1] != '\n';
  buf_drop(&a->waiting, done);
  errno = why;
  return status;
}

static void put_aside(struct appender *a)
{
  if (a->is_stuck && clock_mono_ns() < a->try_ns)
    return;
  if (!is_in_place(a)) {
    close_file(a); /* it has been put aside by somebody else */
  } else if (appender__put_aside(a) == 0) {
    close_file(a);
    a->is_stuck = false;
  } else {
    a->try_ns = clock_mono_ns() + STUCK_NS;
    if (!a->is_stuck)
      log__say(a->sink, LOG_WARN, "%s cannot be put aside, and grows on (%s: %s)",
               a->what, a->path, strerror(errno));
    a->is_stuck = true;
  }
}

/* What was there at the start may be too old to go on with. */
static int open_fresh(struct appender *a)
{
  if (a->fd < 0 && open_file(a) < 0)
    return -1;
  if (appender__is_due(a, 0))
    put_aside(a);
  return a->fd < 0 ? open_file(a) : 0;
}

static int write_out(struct appender *a)
{
  if (!a->waiting.len)
    return 0;
  if (a->broken && clock_mono_ns() < a->try_ns)
    return -1;
  look(a);
  if (open_fresh(a) < 0 || write_waiting(a) < 0) {
    break_down(a, errno);
    return -1;
  }
  recover(a);
  return 0;
}

/* ---- the face of it ---- */

void appender_open(struct appender *a, const struct log_config *config)
{
  a->folder = mem_strdup(config->folder);
  a->path = mem_printf("%s/%s%s", a->folder, a->stem, a->ending);
  a->max = config->file_max;
  a->age_ms = config->file_age_ms;
  a->kept = config->files_kept;
  a->fd = -1;
}

void appender_add(struct appender *a, const char *lines, size_t len)
{
  if (a->fd >= 0 && appender__is_due(a, a->waiting.len + len) && write_out(a) == 0)
    put_aside(a);
  if (a->waiting.len + len > KEPT_MAX)
    a->lost += count_lines(lines, len);
  else
    buf_append(&a->waiting, lines, len);
  if (a->waiting.len >= WRITE_AT)
    write_out(a);
}

bool appender_settle(struct appender *a)
{
  return write_out(a) < 0;
}

void appender_rotate(struct appender *a)
{
  if (write_out(a) == 0 && a->fd >= 0 && a->size > 0)
    put_aside(a);
}

void appender_close(struct appender *a)
{
  a->try_ns = 0;
  write_out(a);
  if (a->waiting.len || a->lost)
    log__say(a->sink, LOG_ERROR, "%ld lines are not in %s",
             a->lost + count_lines(a->waiting.data, a->waiting.len), a->path);
  close_file(a);
  buf_fini(&a->waiting);
  free(a->folder);
  free(a->path);
}
