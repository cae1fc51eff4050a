/* Making a job's key of its payload: see key.h. */
#include "queue/key.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"

/* The field of a dotted name, or NULL; `pointer` goes along. */
static const json_t *find_field(const json_t *value, const char *name, size_t len,
                                struct buf *pointer)
{
  const char *end = name + len;
  buf_puts(pointer, "/payload");
  while (value && name < end) {
    const char *dot = memchr(name, '.', (size_t)(end - name));
    size_t n = (size_t)((dot ? dot : end) - name);
    buf_putc(pointer, '/');
    buf_append(pointer, name, n);
    value = json_object_getn(value, name, n);
    name += n + 1;
  }
  return value;
}

static int append_value(struct buf *key, const json_t *value, struct err *err)
{
  if (!value || json_is_null(value))
    return err_set(err, "required", "is missing: the task makes the job's key of it");
  if (json_is_object(value) || json_is_array(value))
    return err_set(err, "type",
                   "must be a text, a number or a boolean, not %s: the task makes the "
                   "job's key of it",
                   jx_kind(value));
  if (json_is_string(value))
    buf_append(key, json_string_value(value), json_string_length(value));
  else
    jx_append(key, value);
  return 0;
}

static int append_field(struct buf *key, const char *name, size_t len,
                        const json_t *payload, const char *workspace, struct buf *pointer,
                        struct err *err)
{
  static const char own[] = "workspace";
  pointer->len = 0;
  if (len == sizeof own - 1 && memcmp(name, own, len) == 0) {
    buf_puts(key, workspace);
    return 0;
  }
  return append_value(key, find_field(payload, name, len, pointer), err);
}

int key_make(struct buf *key, const char *pattern, const json_t *payload,
             const char *workspace, struct buf *pointer, struct err *err)
{
  size_t before = key->len;
  for (const char *at = pattern; *at;) {
    const char *close = *at == '{' ? strchr(at, '}') : NULL;
    if (!close) {
      buf_putc(key, *at++);
      continue;
    }
    if (append_field(key, at + 1, (size_t)(close - at - 1), payload, workspace, pointer,
                     err) < 0)
      return -1;
    at = close + 1;
  }
  size_t len = key->len - before;
  if (len > 0 && len <= KEY_MAX_LEN && !memchr(key->data + before, 0, len))
    return 0;
  pointer->len = 0;
  buf_puts(pointer, "/payload");
  return err_set(err, "too_long",
                 "makes a key of %zu bytes by \"%s\"; a key has 1 to %d, and no NUL", len,
                 pattern, KEY_MAX_LEN);
}
