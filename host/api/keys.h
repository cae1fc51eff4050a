/* API keys: made here, kept as hashes, checked in constant time.
 *
 * A key is 256 random bits, so a plain BLAKE2b hash of it is enough: there is nothing to
 * guess (a chosen CANDY_ADMIN_KEY should be as long).
 */
#ifndef CANDY_API_KEYS_H
#define CANDY_API_KEYS_H

#include "store/store.h"

struct keys;

/* Reads the keys of the store. `done` gets them, or err. */
void keys_load(struct store *store,
               void (*done)(void *arg, struct keys *keys, const struct err *err),
               void *arg);

/* When there is no key yet, adds the admin key: `chosen`, or a new one. `done` gets the
 * text of a key that was made (else NULL), or err. */
void keys_add_first(struct keys *keys, struct store *store, const char *chosen,
                    void (*done)(void *arg, const char *made, const struct err *err),
                    void *arg);
void keys_free(struct keys **keys);

bool keys_is_empty(const struct keys *keys);

/* The name of the key, or NULL when it is none. */
const char *keys_check(const struct keys *keys, const char *text);

#endif
