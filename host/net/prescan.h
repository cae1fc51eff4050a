/* The strict check of a raw head, before a parser sees it.
 *
 * Parsers are lenient in different ways, and a request that two of them read differently
 * can be smuggled past one of them. This check leaves nothing to read differently: each
 * line ends in CR LF, line 1 is three words of which the last is HTTP/1.0 or HTTP/1.1,
 * each field is a token, a colon and a value without control bytes, no line is folded.
 *
 * It remembers how far it got, so that a head that trickles in is looked at once.
 */
#ifndef CANDY_NET_PRESCAN_H
#define CANDY_NET_PRESCAN_H

#include "net/fault.h"
#include <stdbool.h>
#include <stddef.h>

struct prescan {
  size_t line;  /* where the line being read begins; at the end: the head's length */
  size_t seen;  /* bytes already searched for a line's end */
  int lines;    /* whole lines so far */
  bool trailer; /* the fields behind a chunked body: no line 1 */
};

enum prescan_result { PRESCAN_MORE, PRESCAN_DONE, PRESCAN_BAD };

/* bytes[0] is the head's first byte each time; len grows. */
enum prescan_result prescan_feed(struct prescan *scan, const char *bytes, size_t len,
                                 struct fault *fault);

/* A letter, a digit or one of !#$%&'*+-.^_`|~ (RFC 9110, section 5.6.2). */
bool prescan_is_token(const char *text, size_t len);

/* No control bytes but tabs. */
bool prescan_is_value(const char *text, size_t len);

#endif
