/* Where the parts of a JSON text lie, so that a payload can be kept as the bytes that
 * came. Only for text that jx_parse has accepted: nothing is checked again here. */
#ifndef CANDY_BASE_JSON_SPAN_H
#define CANDY_BASE_JSON_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct json_span {
  const char *at;
  size_t len;
};

/* The value itself, without white space around it. */
struct json_span json_span_trim(const char *text);

/* Walks the elements of an array: *at starts NULL. Returns false behind the last one. */
bool json_span_next(struct json_span array, const char **at, struct json_span *element);

/* The value of an object's member by its name (without escapes in it); of several with
 * the same name the last one, as jansson has it. Returns false when there is none. */
bool json_span_member(struct json_span object, const char *name, struct json_span *value);

#endif
