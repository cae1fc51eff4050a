/* Integers that a Lua number cannot hold: userdata that keep their decimal digits.
 *
 * They can be compared with each other, concatenated and turned into text, and JSON
 * writes them as the digits that came. There is no arithmetic on them.
 */
#ifndef CANDY_LUA_INTEGER_H
#define CANDY_LUA_INTEGER_H

#include <lua.h>
#include <stddef.h>

void integer_open(lua_State *L);

/* Pushes a number when |n| <= 2^53, else an integer. `digits` is "-?[0-9]+" without
 * leading zeros. */
void integer_push(lua_State *L, const char *digits, size_t len);

/* The digits when the value at idx is such an integer, else NULL. */
const char *integer_digits(lua_State *L, int idx, size_t *len);

#endif
