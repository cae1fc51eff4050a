/* The scripts of one generation as a single run of bytes: the host reads every file
 * once, and each worker of the generation maps the same memory, so all of them run the
 * same sources whatever happens in the folders meanwhile.
 *
 * entry: u32 load, text name, text path, text source (wire.h)
 */
#ifndef CANDY_FRAME_BUNDLE_H
#define CANDY_FRAME_BUNDLE_H

#include "frame/wire.h"

struct bundle_file {
  bool load;               /* run at start; else only when something requires it */
  struct wire_text name;   /* for require: "digest", "lib.text" */
  struct wire_text path;   /* for people: "scripts/digest.lua" */
  struct wire_text source; /* Lua text */
};

void bundle_put(struct buf *b, const struct bundle_file *file);

/* Reads the entry at *at and moves it on. Returns false at the end (or at bytes that are
 * no entry). */
bool bundle_next(const char **at, const char *end, struct bundle_file *file);

#endif
