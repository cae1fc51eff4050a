/* Making, loading and checking API keys: see keys.h. */
#include "api/keys.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct keys {
  struct store_key_row *rows;
  size_t n;
};

struct load { /* keys_load under way */
  struct store_keys read;
  struct store_key add;
  char *made; /* the text of a new key */
  char *chosen;
  struct store *store;
  void (*done)(void *arg, struct keys *keys, const char *made, const struct err *err);
  void *arg;
};

static void hash(unsigned char out[32], const char *text)
{
  crypto_generichash(out, 32, (const unsigned char *)text, strlen(text), NULL, 0);
}

static void finish(struct load *l, struct keys *keys, const struct err *err)
{
  l->done(l->arg, keys, l->made, err);
  if (l->made)
    sodium_memzero(l->made, strlen(l->made));
  if (l->chosen)
    sodium_memzero(l->chosen, strlen(l->chosen));
  free(l->made);
  free(l->chosen);
  free(l);
}

static struct keys *keys_of(const struct store_key_row *rows, size_t n)
{
  struct keys *k = mem_alloc(sizeof *k);
  k->rows = mem_alloc(n * sizeof *rows);
  k->n = n;
  if (n)
    memcpy(k->rows, rows, n * sizeof *rows);
  return k;
}

static void added(struct store_op *op)
{
  struct load *l = op->arg;
  struct store_key_row row = {.name = "admin"};
  memcpy(row.hash, l->add.hash, sizeof row.hash);
  struct err err;
  int status = op->status;
  if (status < 0)
    err = *op->err;
  store_op_fini(op);
  finish(l, status < 0 ? NULL : keys_of(&row, 1), status < 0 ? &err : NULL);
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

static void add_first(struct load *l)
{
  const char *text = l->chosen;
  if (!text)
    text = l->made = make_key();
  hash(l->add.hash, text);
  l->add.name = "admin";
  l->add.op = (struct store_op){.kind = STORE_KEY_ADD, .done = added, .arg = l};
  store_submit(l->store, &l->add.op);
}

static void loaded(struct store_op *op)
{
  struct load *l = op->arg;
  struct err err;
  struct keys *keys = NULL;
  int status = op->status;
  if (status < 0)
    err = *op->err;
  else if (l->read.n > 0)
    keys = keys_of(l->read.keys, l->read.n);
  store_op_fini(op);
  if (status == 0 && !keys)
    add_first(l);
  else
    finish(l, keys, status < 0 ? &err : NULL);
}

void keys_load(struct store *store, const char *chosen,
               void (*done)(void *arg, struct keys *keys, const char *made,
                            const struct err *err),
               void *arg)
{
  struct load *l = mem_alloc(sizeof *l);
  l->store = store;
  l->chosen = mem_strdup(chosen);
  l->done = done;
  l->arg = arg;
  l->read.op = (struct store_op){.kind = STORE_KEYS, .done = loaded, .arg = l};
  store_submit(store, &l->read.op);
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
