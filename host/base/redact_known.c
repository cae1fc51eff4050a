/* Values that are secrets by themselves: found by their first bytes, so that a text is
 * gone through once however many there are.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/redact_.h"

#define HEAD    6     /* the bytes that a value is found by */
#define BITS    65536 /* a filter in front of the chains */
#define CHAINS  1024
#define LONGEST ((size_t)64 * 1024)

struct known {
  char *text;
  size_t len;
  struct known *next;
};

static struct {
  pthread_rwlock_t lock;
  atomic_bool any;
  uint8_t filter[BITS / 8];
  struct known *chains[CHAINS];
} values = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static uint32_t hash(const char *at)
{
  uint64_t head = 0;
  memcpy(&head, at, HEAD);
  return (uint32_t)((head * 0x9E3779B97F4A7C15u) >> 48);
}

static bool in_filter(uint32_t h)
{
  return values.filter[h / 8] >> (h % 8) & 1;
}

/* The longest of the values that begin there; where the text was cut off, also as much of
 * one as is left. */
static size_t match(const char *at, size_t len, bool cut_off, uint32_t h)
{
  size_t longest = 0;
  for (const struct known *k = values.chains[h % CHAINS]; k; k = k->next) {
    size_t n = cut_off && k->len > len ? len : k->len;
    if (n <= len && n > longest && memcmp(k->text, at, n) == 0)
      longest = n;
  }
  return longest;
}

/* As utf8_append ends a text that is too long. */
static bool is_cut_off(const char *text, size_t len)
{
  return len > 3 && memcmp(text + len - 3, "...", 3) == 0;
}

bool redact__find_known(const char *text, size_t len, size_t *from, size_t *to)
{
  size_t found = 0;
  if (!atomic_load_explicit(&values.any, memory_order_acquire))
    return false;
  bool cut_off = is_cut_off(text, len);
  len -= cut_off ? 3 : 0;
  pthread_rwlock_rdlock(&values.lock);
  for (size_t i = *from; i + HEAD <= len && !found; i++) {
    uint32_t h = hash(text + i);
    found = in_filter(h) ? match(text + i, len - i, cut_off, h) : 0;
    *from = i;
  }
  pthread_rwlock_unlock(&values.lock);
  *to = *from + found;
  return found > 0;
}

/* ---- registering ---- */

static void add(const char *text, size_t len)
{
  if (len < HEAD || len > LONGEST)
    return;
  uint32_t h = hash(text);
  pthread_rwlock_wrlock(&values.lock);
  if (match(text, len, false, h) != len) {
    struct known *k = mem_alloc(sizeof *k);
    *k = (struct known){mem_copy(text, len), len, values.chains[h % CHAINS]};
    values.chains[h % CHAINS] = k;
    values.filter[h / 8] = (uint8_t)(values.filter[h / 8] | 1u << (h % 8));
    atomic_store_explicit(&values.any, true, memory_order_release);
  }
  pthread_rwlock_unlock(&values.lock);
}

static void add_escaped(const char *value, size_t len)
{
  struct buf b = {0};
  buf_json_string(&b, value, len);
  if (b.len != len + 2)
    add(b.data + 1, b.len - 2);
  buf_fini(&b);
}

/* As the JSON of others may have it. */
static void add_slashed(const char *value, size_t len)
{
  struct buf whole = {0}, b = {0};
  buf_json_string(&whole, value, len);
  for (size_t i = 1; i + 1 < whole.len; i++) {
    if (whole.data[i] == '/')
      buf_putc(&b, '\\');
    buf_putc(&b, whole.data[i]);
  }
  if (b.len != len)
    add(b.data, b.len);
  buf_fini(&whole);
  buf_fini(&b);
}

static void add_encoded(const char *value, size_t len, bool upper)
{
  struct buf b = {0};
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)value[i];
    if (isalnum(c) || strchr("-._~", c))
      buf_putc(&b, (char)c);
    else
      buf_printf(&b, upper ? "%%%02X" : "%%%02x", c);
  }
  if (b.len != len)
    add(b.data, b.len);
  buf_fini(&b);
}

void redact_hide(const char *value)
{
  size_t len = strlen(value);
  if (len < HEAD || len > LONGEST)
    return;
  add(value, len);
  add_escaped(value, len);
  add_slashed(value, len);
  add_encoded(value, len, true);
  add_encoded(value, len, false);
}
