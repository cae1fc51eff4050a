/* The inside of the vault, shared by its files. */
#ifndef CANDY_VAULT_INSIDE_H
#define CANDY_VAULT_INSIDE_H

#include "vault/vault.h"

#include <sodium.h>
#include <stdbool.h>

struct vault_stamp { /* of a file, to see that it has changed */
  long long size, mtime_s, mtime_ns, inode;
};

struct vault {
  const struct conf *conf;
  const char *data;
  struct env_file secrets;
  struct vault_stamp stamps[CONF_ENV_FILES];
  bool has_secrets, has_key;
  unsigned char key[crypto_aead_xchacha20poly1305_ietf_KEYBYTES];
  char key_id[9]; /* the first of its hash, in hex */
};

/* seal_key.c: sees to it that there is a key. */
int vault__key(struct vault *vault, struct err *err);

#endif
