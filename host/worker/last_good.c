/* The last good copy on disk: see last_good.h.
 *
 * file: 8 bytes of magic, i64 checksum of what follows, text of JSON {saved_at,
 * left_out}, text bundle (frame/wire.h, frame/bundle.h)
 */
#include "worker/last_good.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "frame/wire.h"

#define NAME      "last_good.scripts"
#define MAGIC     "CANDYLG1"
#define MAGIC_LEN (sizeof MAGIC - 1)
#define HEAD_LEN  (MAGIC_LEN + sizeof(int64_t))
#define MOST      ((off_t)256 * 1024 * 1024)

/* FNV-1a: against torn and rotten files, not against people. */
static int64_t checksum(const char *bytes, size_t len)
{
  uint64_t sum = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < len; i++)
    sum = (sum ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
  return (int64_t)sum;
}

/* ---- reading ---- */

static int read_all(struct buf *b, int fd)
{
  struct stat st;
  ssize_t n = 1;
  if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > MOST)
    return -1;
  while (n > 0) {
    buf_reserve(b, (size_t)st.st_size + 1);
    n = read(fd, b->data + b->len, (size_t)st.st_size + 1);
    b->len += n > 0 ? (size_t)n : 0;
  }
  return n < 0 ? -1 : 0;
}

static void unpack(struct last_good *copy, const struct buf *b)
{
  if (b->len < HEAD_LEN || memcmp(b->data, MAGIC, MAGIC_LEN) != 0)
    return;
  struct wire_reader r = {b->data + MAGIC_LEN, b->data + b->len, false};
  if (wire_i64(&r) != checksum(b->data + HEAD_LEN, b->len - HEAD_LEN))
    return;
  struct wire_text head = wire_text(&r), bundle = wire_text(&r);
  json_t *about = head.data ? jx_parse(head.data, head.len, NULL) : NULL;
  json_t *left_out = json_object_get(about, "left_out");
  if (bundle.data && json_is_object(left_out) &&
      sources_take(&copy->sources, bundle.data, bundle.len)) {
    copy->left_out = json_incref(left_out);
    copy->saved_ms = jx_int(about, "saved_at", 0);
  }
  json_decref(about);
}

void last_good_read(struct last_good *copy, const char *folder)
{
  struct buf bytes = {0};
  char *path = mem_printf("%s/%s", folder, NAME);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  *copy = (struct last_good){0};
  if (fd >= 0 && read_all(&bytes, fd) == 0)
    unpack(copy, &bytes);
  if (fd >= 0)
    close(fd);
  buf_fini(&bytes);
  free(path);
}

void last_good_fini(struct last_good *copy)
{
  sources_fini(&copy->sources);
  json_decref(copy->left_out);
  *copy = (struct last_good){0};
}

/* ---- writing ---- */

void last_good_pack(struct buf *bytes, const struct sources *sources, json_t *left_out,
                    int64_t now_ms)
{
  struct buf body = {0};
  size_t len;
  json_t *about =
      json_pack("{s:I, s:O}", "saved_at", (json_int_t)now_ms, "left_out", left_out);
  char *text = jx_dump(about, &len);
  wire_put_text(&body, text, len);
  wire_put_text(&body, sources->bundle.data, sources->bundle.len);
  buf_append(bytes, MAGIC, MAGIC_LEN);
  wire_put_i64(bytes, checksum(body.data, body.len));
  buf_append(bytes, body.data, body.len);
  buf_fini(&body);
  free(text);
  json_decref(about);
}

static int write_file(const char *path, const struct buf *bytes)
{
  size_t done = 0;
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    return -1;
  while (done < bytes->len) {
    ssize_t n = write(fd, bytes->data + done, bytes->len - done);
    if (n < 0 && errno != EINTR)
      break;
    done += n > 0 ? (size_t)n : 0;
  }
  int status = done == bytes->len ? fsync(fd) : -1;
  int why = errno;
  close(fd);
  errno = why;
  return status;
}

/* The new name of a file is on disk only when its folder is. */
static int sync_folder(const char *folder)
{
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int status = fd < 0 ? -1 : fsync(fd);
  if (fd >= 0)
    close(fd);
  return status;
}

int last_good_write(const char *folder, const struct buf *bytes, struct err *err)
{
  char *path = mem_printf("%s/%s", folder, NAME);
  char *new_path = mem_printf("%s.new", path);
  int status = write_file(new_path, bytes);
  if (status == 0)
    status = rename(new_path, path);
  if (status == 0)
    status = sync_folder(folder);
  if (status < 0) {
    err_set(err, "last_good", "cannot keep a copy of the scripts in %s: %s", folder,
            strerror(errno));
    unlink(new_path);
    unlink(path);
  }
  free(new_path);
  free(path);
  return status;
}
