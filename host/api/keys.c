/* Making, loading and checking API keys: see keys.h. */
#include "api/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct keys {
  struct store_key_row *rows;
  size_t n;
};

static void hash(unsigned char out[32], const char *text)
{
  crypto_generichash(out, 32, (const unsigned char *)text, strlen(text), NULL, 0);
}

/* ---- loading ---- */

struct load {
  struct store_keys op;
  void (*done)(void *arg, struct keys *keys, const struct err *err);
  void *arg;
};

static struct keys *keys_of(const struct store_key_row *rows, size_t n)
{
  struct keys *k = mem_alloc(sizeof *k);
  k->rows = mem_alloc(n * sizeof *rows);
  k->n = n;
  if (n)
    memcpy(k->rows, rows, n * sizeof *rows);
  return k;
}

static void loaded(struct store_op *op)
{
  struct load *l = op->arg;
  l->done(l->arg, op->status < 0 ? NULL : keys_of(l->op.keys, l->op.n), op->err);
  store_op_fini(op);
  free(l);
}

void keys_load(struct store *store,
               void (*done)(void *arg, struct keys *keys, const struct err *err),
               void *arg)
{
  struct load *l = mem_alloc(sizeof *l);
  l->done = done;
  l->arg = arg;
  l->op.op = (struct store_op){.kind = STORE_KEYS, .done = loaded, .arg = l};
  store_submit(store, &l->op.op);
}

/* ---- the first one ---- */

struct add {
  struct store_key op;
  struct keys *keys;
  char *made; /* the text of a new key, or NULL */
  void (*done)(void *arg, const char *made, const struct err *err);
  void *arg;
};

static void added(struct store_op *op)
{
  struct add *a = op->arg;
  if (op->status == 0) {
    struct store_key_row row = {.name = "admin"};
    memcpy(row.hash, a->op.hash, sizeof row.hash);
    a->keys->rows = mem_grow(a->keys->rows, sizeof row);
    a->keys->rows[0] = row;
    a->keys->n = 1;
  }
  a->done(a->arg, a->made, op->err);
  if (a->made)
    sodium_memzero(a->made, strlen(a->made));
  store_op_fini(op);
  free(a->made);
  free(a);
}

static char *make_key(void)
{
  unsigned char random[32];
  char text[sodium_base64_ENCODED_LEN(sizeof random,
                                      sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
  randombytes_buf(random, sizeof random);
  sodium_bin2base64(text, sizeof text, random, sizeof random,
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return mem_printf("candy_%s", text);
}

void keys_add_first(struct keys *keys, struct store *store, const char *chosen,
                    void (*done)(void *arg, const char *made, const struct err *err),
                    void *arg)
{
  if (keys->n > 0) {
    done(arg, NULL, NULL);
    return;
  }
  struct add *a = mem_alloc(sizeof *a);
  const char *text = chosen;
  if (!text)
    text = a->made = make_key();
  a->keys = keys;
  a->done = done;
  a->arg = arg;
  hash(a->op.hash, text);
  a->op.name = "admin";
  a->op.op = (struct store_op){.kind = STORE_KEY_ADD, .done = added, .arg = a};
  store_submit(store, &a->op.op);
}

void keys_free(struct keys **keys)
{
  struct keys *k = *keys;
  *keys = NULL;
  if (!k)
    return;
  free(k->rows);
  free(k);
}

bool keys_is_empty(const struct keys *k)
{
  return k->n == 0;
}

const char *keys_check(const struct keys *k, const char *text)
{
  unsigned char wanted[32];
  const char *name = NULL;
  hash(wanted, text);
  for (size_t i = 0; i < k->n; i++) /* all of them: time tells nothing */
    if (sodium_memcmp(wanted, k->rows[i].hash, sizeof wanted) == 0)
      name = k->rows[i].name;
  return name;
}
