/* Pages of lists: how much of one, from where on, and the answer. A cursor names the last
 * id of a page; `list` is a letter that tells the cursors of one list from another's. */
#ifndef CANDY_API_CURSOR_H
#define CANDY_API_CURSOR_H

#include "base/buf.h"
#include "net/http.h"
#include <stdbool.h>
#include <stdint.h>

/* Reads limit and cursor; without a cursor *before is 0. False when one of them is wrong:
 * then the request is answered. */
bool cursor_read_page(struct http_request *req, char list, int64_t *limit,
                      int64_t *before);

/* Answers with a page; `next` is 0 when it was the last one. */
void cursor_reply(struct http_request *req, char list, const struct buf *items,
                  int64_t next);

#endif
