/* JSON in the host: jansson, with Candy's rules and errors that name the place.
 *
 * Rules: UTF-8 only, an escaped NUL is kept, nesting up to 2048, integers of any length
 * are legal (those beyond 64 bits are read as doubles here: payloads travel as the text
 * that came, so nothing is lost by that).
 */
#ifndef CANDY_BASE_JSON_H
#define CANDY_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>

/* Returns a new reference, or NULL with err ("bad_json", with line, column and byte). */
json_t *jx_parse(const char *text, size_t len, struct err *err);

/* Compact text, in insertion order; the caller frees it. Never NULL. */
char *jx_dump(const json_t *value, size_t *len);
void jx_append(struct buf *b, const json_t *value);

/* Members by name; the fallback when absent or null or of another type. */
const char *jx_str(const json_t *object, const char *name, const char *fallback);
int64_t jx_int(const json_t *object, const char *name, int64_t fallback);
bool jx_bool(const json_t *object, const char *name, bool fallback);

/* The text of a string, else the fallback. */
const char *jx_text(const json_t *value, const char *fallback);

/* A string of known length that may hold NULs, as a JSON string. New reference. */
json_t *jx_string(const char *bytes, size_t len);

/* An id or another integer as a JSON string, since readers keep 53 bits. New reference.
 */
json_t *jx_id(int64_t id);

/* {code, message}: an error as the history, the API and workers have it. New reference.
 */
json_t *jx_error(const char *code, const char *message);

/* What kind of value it is, for messages: "an object", "a string", "null"... */
const char *jx_kind(const json_t *value);

#endif
