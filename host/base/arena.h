/* Memory that is released all at once: what belongs to one request or one batch. */
#ifndef CANDY_BASE_ARENA_H
#define CANDY_BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena { /* {0} is an empty one */
  struct arena_block *blocks;
  size_t used;
};

void *arena_alloc(struct arena *a, size_t size); /* zeroed, aligned to 16 */
char *arena_copy(struct arena *a, const char *bytes, size_t len); /* with a NUL behind */
char *arena_strdup(struct arena *a, const char *text);            /* NULL stays NULL */
void arena_fini(struct arena *a);

#endif
