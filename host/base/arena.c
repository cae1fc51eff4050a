/* Bump allocation in a list of blocks: see arena.h. */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

/* Blocks double, since most arenas are small and there are thousands at a time. */
#define BLOCK_FIRST ((size_t)224)
#define BLOCK_MAX   ((size_t)8 * 1024)

struct arena_block {
  struct arena_block *next;
  size_t size;
  _Alignas(16) char bytes[];
};

static size_t room_for(const struct arena *a, size_t size)
{
  size_t room = a->blocks ? 2 * a->blocks->size : BLOCK_FIRST;
  if (room > BLOCK_MAX)
    room = BLOCK_MAX;
  return size > room ? size : room;
}

void *arena_alloc(struct arena *a, size_t size)
{
  size = (size + 15) & ~(size_t)15;
  if (!a->blocks || a->blocks->size - a->used < size) {
    size_t room = room_for(a, size);
    struct arena_block *block = mem_alloc(sizeof *block + room);
    block->size = room;
    block->next = a->blocks;
    a->blocks = block;
    a->used = 0;
  }
  void *memory = a->blocks->bytes + a->used;
  a->used += size;
  return memory;
}

char *arena_copy(struct arena *a, const char *bytes, size_t len)
{
  char *copy = arena_alloc(a, len + 1);
  if (len)
    memcpy(copy, bytes, len);
  return copy;
}

char *arena_strdup(struct arena *a, const char *text)
{
  return text ? arena_copy(a, text, strlen(text)) : NULL;
}

void arena_fini(struct arena *a)
{
  while (a->blocks) {
    struct arena_block *block = a->blocks;
    a->blocks = block->next;
    free(block);
  }
  a->used = 0;
}
