/* "Did you mean ...?": of the names offered, the one that a mistyped word comes nearest.
 */
#ifndef CANDY_CONF_NEAREST_H
#define CANDY_CONF_NEAREST_H

#include <stddef.h>

#define NEAREST_MAX 64 /* longer words get no suggestion */

struct nearest {
  const char *word;       /* set by the caller */
  char name[NEAREST_MAX]; /* "" while nothing comes near */
  size_t distance;
};

void nearest_offer(struct nearest *nearest, const char *name);

/* " (did you mean PREFIXname?)", or "" when nothing came near; lives in `text`. */
const char *nearest_hint(const struct nearest *nearest, const char *prefix,
                         char text[2 * NEAREST_MAX]);

#endif
