/* What the host keeps to itself: secrets, which scripts get one by one, and the key that
 * seals texts, which they never get. Workers have neither the environment nor these
 * files.
 */
#ifndef CANDY_VAULT_VAULT_H
#define CANDY_VAULT_VAULT_H

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"

struct vault;

/* Reads nothing yet. `data` is the data folder; both stay until vault_free. */
struct vault *vault_new(const struct conf *conf, const char *data);
void vault_free(struct vault **vault);

/* The secret of that name, as it is now: a .env file that has changed is read again. One
 * that cannot be read leaves what was there before in force, and is told on the log.
 * Error: "secret_missing". */
int vault_secret(struct vault *vault, const char *name, struct buf *value,
                 struct err *err);

/* Texts and contexts (what a text belongs to: what was sealed for one context opens in no
 * other) come and go as base64url, as they are any bytes; the sealed text is as it is. */

/* "c1.KEYID.BASE64URL": XChaCha20-Poly1305 with a random nonce in front. The key is
 * CANDY_SEAL_KEY, or one that is made at the first need and kept in the data folder.
 * Errors: "seal_key" (it cannot be had), "bad_base64". */
int vault_seal(struct vault *vault, const char *text, const char *context,
               struct buf *sealed, struct err *err);

/* Errors: "bad_seal" (no sealed text at all), "unknown_seal_key" (sealed by another key),
 * "seal_broken" (changed on the way, or of another context), "seal_key". */
int vault_open(struct vault *vault, const char *sealed, const char *context,
               struct buf *text, struct err *err);

#endif
