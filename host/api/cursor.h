/* Cursors of lists: opaque to clients, though they hold no more than the last id. */
#ifndef CANDY_API_CURSOR_H
#define CANDY_API_CURSOR_H

#include "base/buf.h"

/* As a JSON string, or null for 0. `list` tells the lists apart. */
void cursor_put(struct buf *b, char list, int64_t id);

/* 0 for NULL or an empty text, -1 for one that is no cursor of that list. */
int64_t cursor_read(const char *text, char list);

#endif
