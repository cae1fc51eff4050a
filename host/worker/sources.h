/* The scripts as they lie in their folders, read once into a bundle (frame/bundle.h).
 *
 * In a scripts folder, `name.lua` and `name/init.lua` are loaded at start; other files
 * in sub-folders are modules for require ("name.part"). Only whole `*.lua` files count:
 * hidden files and what editors leave behind are passed over. A file that can't be read
 * is a problem of its own and does not keep the others from running.
 */
#ifndef CANDY_WORKER_SOURCES_H
#define CANDY_WORKER_SOURCES_H

#include "base/buf.h"
#include "base/err.h"
#include <jansson.h>

struct sources {
  struct buf bundle;
  char **paths; /* of the entries, in the bundle's order */
  size_t n;
  json_t *problems; /* {path: {code, message}} of the files that are left out */
};

/* Fails only when a folder that was named is not there. */
int sources_read(struct sources *s, char *const *folders, size_t n, struct err *err);
void sources_fini(struct sources *s);

/* The bundle in anonymous, sealed memory. Returns the descriptor, or -1 with err. */
int sources_share(const struct sources *s, struct err *err);

#endif
