/* Sealing and opening: see vault.h. The format's version, the key's id and the context
 * are authenticated with the text, so nothing of a sealed text can be changed unseen. */
#include "vault/vault_.h"

#include <stdlib.h>
#include <string.h>

#define NONCE   crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG     crypto_aead_xchacha20poly1305_ietf_ABYTES
#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define HEAD    12 /* "c1.KEYID123." */

struct bytes {
  unsigned char *at;
  size_t len;
};

/* ---- base64url ---- */

static int decode(const char *text, struct bytes *bytes)
{
  size_t len = strlen(text);
  bytes->at = mem_alloc(len + 1);
  return sodium_base642bin(bytes->at, len, text, len, NULL, &bytes->len, NULL, VARIANT);
}

static void encode(struct buf *to, const unsigned char *bytes, size_t len)
{
  size_t room = sodium_base64_encoded_len(len, VARIANT); /* with a NUL */
  buf_reserve(to, room);
  sodium_bin2base64(to->data + to->len, room, bytes, len, VARIANT);
  to->len += room - 1;
}

static int bad_base64(struct err *err)
{
  return err_set(err, "bad_base64", "what is to be sealed is not sent as base64url");
}

/* ---- sealing ---- */

/* What is authenticated with the text: the head "c1.KEYID." and the context. */
static int put_bound(struct buf *bound, const char *head, const char *context)
{
  struct bytes decoded = {0};
  int rc = decode(context, &decoded);
  buf_append(bound, head, HEAD);
  buf_append(bound, decoded.at, decoded.len);
  free(decoded.at);
  return rc;
}

static void put_box(const struct vault *v, const struct bytes *plain,
                    const struct buf *bound, struct buf *sealed)
{
  size_t len = NONCE + plain->len + TAG;
  unsigned char *box = mem_alloc(len);
  randombytes_buf(box, NONCE);
  crypto_aead_xchacha20poly1305_ietf_encrypt(box + NONCE, NULL, plain->at, plain->len,
                                             (const unsigned char *)bound->data,
                                             bound->len, NULL, box, v->key);
  encode(sealed, box, len);
  free(box);
}

int vault_seal(struct vault *v, const char *text, const char *context, struct buf *sealed,
               struct err *err)
{
  struct bytes plain = {0};
  struct buf bound = {0};
  char head[HEAD + 1];
  int rc = vault__key(v, err);
  if (rc < 0)
    goto done;
  snprintf(head, sizeof head, "c1.%s.", v->key_id);
  rc = decode(text, &plain) < 0 || put_bound(&bound, head, context) < 0 ? bad_base64(err)
                                                                        : 0;
  if (rc < 0)
    goto done;
  buf_puts(sealed, head);
  put_box(v, &plain, &bound, sealed);
done:
  if (plain.at)
    sodium_memzero(plain.at, plain.len);
  free(plain.at);
  buf_fini(&bound);
  return rc;
}

/* ---- opening ---- */

static int check_head(const struct vault *v, const char *sealed, struct err *err)
{
  bool good =
      strlen(sealed) > HEAD && memcmp(sealed, "c1.", 3) == 0 && sealed[HEAD - 1] == '.';
  if (!good)
    return err_set(err, "bad_seal",
                   "this is no sealed text: one begins with c1. and was made by "
                   "candy.crypto.seal");
  if (memcmp(sealed + 3, v->key_id, HEAD - 4) == 0)
    return 0;
  return err_set(err, "unknown_seal_key",
                 "the text was sealed by another key than the host has now: put the old "
                 "CANDY_SEAL_KEY, or the data folder's seal.key, back");
}

static int unbox(const struct vault *v, const struct bytes *box, const struct buf *bound,
                 struct buf *text)
{
  if (box->len < NONCE + TAG)
    return -1;
  size_t len = box->len - NONCE - TAG;
  unsigned char *plain = mem_alloc(len + 1);
  int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
      plain, NULL, NULL, box->at + NONCE, box->len - NONCE,
      (const unsigned char *)bound->data, bound->len, box->at, v->key);
  if (rc == 0)
    encode(text, plain, len);
  sodium_memzero(plain, len);
  free(plain);
  return rc;
}

int vault_open(struct vault *v, const char *sealed, const char *context, struct buf *text,
               struct err *err)
{
  struct bytes box = {0};
  struct buf bound = {0};
  int rc = vault__key(v, err);
  if (rc == 0)
    rc = check_head(v, sealed, err);
  if (rc < 0)
    goto done;
  if (put_bound(&bound, sealed, context) < 0)
    rc = bad_base64(err);
  else if (decode(sealed + HEAD, &box) < 0 || unbox(v, &box, &bound, text) < 0)
    rc = err_set(err, "seal_broken",
                 "the sealed text does not open: it was changed, or sealed for another "
                 "context");
done:
  free(box.at);
  buf_fini(&bound);
  return rc;
}
