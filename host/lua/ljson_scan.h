/* A first look at a JSON text that decides which reader may have it. It judges nothing:
 * text that is no JSON may pass and is left for the reader to refuse. */
#ifndef CANDY_LUA_LJSON_SCAN_H
#define CANDY_LUA_LJSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define SCAN_LONG 16 /* digits: from here on an integer may not fit a double */

/* Whether lua-cjson reads the text exactly: it has no null, no empty array, no integer
 * of SCAN_LONG digits or more, no exponent, no escaped NUL, modest nesting, and nothing
 * that lua-cjson accepts though it is no JSON. */
bool scan_is_plain(const char *text, size_t len);

/* Finds the next integer of SCAN_LONG digits or more at or behind *at: *at becomes its
 * start, the result its length; 0 when there is none. */
size_t scan_long_integer(const char **at, const char *end);

#endif
