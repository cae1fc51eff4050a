/* Percent-encoding: a path's or a query's escapes, and a query string as pairs.
 *
 * What is decoded here is UTF-8 without NUL, or it is refused: it can be handled as a C
 * string and put into JSON.
 */
#ifndef CANDY_NET_QUERY_H
#define CANDY_NET_QUERY_H

#include <stdbool.h>
#include <stddef.h>

struct query_pair {
  const char *name;
  const char *value; /* "" for a name without '=' */
};

struct query {
  struct query_pair *pairs;
  size_t count;
  char *text; /* what the pairs point into */
};

/* Decodes in place; with `plus`, '+' is a space. Returns 0, or -1 with the reason. */
int percent_decode(char *text, bool plus, const char **why);

/* "a=1&b=%20x" (without '?'). Returns 0, or -1 with the reason and an empty query. */
int query_parse(struct query *q, const char *raw, const char **why);

/* The value of a hex digit, or -1. */
int percent_hex(char c);

/* The first value of that name, or NULL. */
const char *query_get(const struct query *q, const char *name);

void query_fini(struct query *q);

#endif
