/* How a request's body is framed, and taking it out of the bytes that arrive.
 *
 * One reading alone is accepted (RFC 9112, section 6): a Content-Length of digits, or
 * "Transfer-Encoding: chunked", never both. Chunks are read as strictly as heads.
 */
#ifndef CANDY_NET_BODY_H
#define CANDY_NET_BODY_H

#include "net/http.h"
#include "net/prescan.h"

enum body_state {
  BODY_DONE,
  BODY_LENGTH,    /* `left` bytes to come */
  BODY_SIZE_LINE, /* a chunk's size is next */
  BODY_CHUNK,     /* `left` bytes of a chunk to come */
  BODY_CHUNK_END, /* the CR LF behind it */
  BODY_TRAILER    /* the fields behind the last chunk, which are checked and dropped */
};

struct body {
  enum body_state state;
  size_t left;
  size_t max;
  struct prescan trailer;
};

/* Reads from the head what is to come. Returns 0, or -1 with the fault. */
int body_plan(struct body *body, const struct http_request *req, size_t max,
              struct fault *fault);

/* Takes what is there: data goes to `out`, *used says how many bytes it took. Call it
 * again with the rest and more until body->state is BODY_DONE. */
int body_take(struct body *body, const char *bytes, size_t len, size_t *used,
              struct buf *out, struct fault *fault);

#endif
