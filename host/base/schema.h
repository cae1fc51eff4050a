/* JSON Schema, draft 2020-12: a document becomes a compiled schema once, then checks any
 * number of values and tells what is wrong with each in words that a user can act on.
 *
 * Every keyword of the draft is known; `format` and the content words only annotate.
 * Nothing is ever fetched: $ref reaches the schema itself, the draft's own metaschemas
 * and the documents that the caller hands in. Both ways are bounded: a hostile schema
 * or value ends with an error, never with a stack overflow or a loop that does not end.
 *
 * Patterns are those of JavaScript with the "u" flag, run by PCRE2.
 */
#ifndef CANDY_BASE_SCHEMA_H
#define CANDY_BASE_SCHEMA_H

#include "base/err.h"
#include <jansson.h>

struct schema; /* immutable, but only one thread may use it at a time */

/* The schema keeps its own copy of `document`. `remotes` (or NULL) is an object of other
 * documents by their absolute URIs. Returns NULL with err, whose text names the JSON
 * Pointer of the fault: "bad_schema" (a keyword with a value that it cannot have),
 * "bad_pattern", "unresolved_ref", "endless_ref", "unknown_dialect". */
struct schema *schema_new(const json_t *document, const json_t *remotes, struct err *err);
void schema_free(struct schema **schema);

struct schema_problem {
  char *pointer; /* RFC 6901, into the value that was checked */
  char code[32]; /* a stable word: "type", "required", "unknown_field"... */
  char *message; /* completes "the field at <pointer>": "must be a string, not null" */
};

/* Returns how many problems the value has (0: it fits) and puts the first `max` of them
 * into `out`; with `max` 0 it stops at the first. A check that would cost too much is
 * given up, with one problem whose code is "pattern_too_costly", "too_costly" or
 * "too_deep". */
size_t schema_check(const struct schema *schema, const json_t *value,
                    struct schema_problem *out, size_t max);

/* Empties the first `n`: what schema_check returned, or `max` when that is less. */
void schema_problems_fini(struct schema_problem *out, size_t n);

#endif
