/* The sources that ran last, kept in the data folder: a host whose scripts are broken
 * when it starts runs them instead.
 *
 * One file, written beside the old one and put in its place whole; a checksum tells when
 * it is not what was written. It is readable by its owner alone.
 */
#ifndef CANDY_WORKER_LAST_GOOD_H
#define CANDY_WORKER_LAST_GOOD_H

#include "worker/sources.h"
#include <stdint.h>

struct last_good {
  struct sources sources;
  json_t *left_out; /* {path: error} of the files that it ran without; NULL: no copy */
  int64_t saved_ms; /* since 1970 */
};

/* Reads the copy of the folder; left_out is NULL when there is none, or none that holds.
 */
void last_good_read(struct last_good *copy, const char *folder);
void last_good_fini(struct last_good *copy);

/* The bytes of a copy of these sources, for last_good_write. */
void last_good_pack(struct buf *bytes, const struct sources *sources, json_t *left_out,
                    int64_t now_ms);

/* Blocks; may run on any thread. When it fails, no copy is left: an old one could bring
 * back what has been removed since. */
int last_good_write(const char *folder, const struct buf *bytes, struct err *err);

#endif
