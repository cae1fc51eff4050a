/* Integers that keep their digits: see integer.h. */
#include "lua/integer.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lua/ljson.h"

#define NAME        "candy.integer"
#define SAFE_DIGITS 15 /* any integer of so many digits fits a double */

struct integer {
  size_t len;
  char digits[];
};

static const char exact_limit[] = "9007199254740992";

void integer_push(lua_State *L, const char *digits, size_t len)
{
  bool negative = digits[0] == '-';
  const char *magnitude = digits + negative;
  size_t n = len - (negative ? 1 : 0), limit = sizeof exact_limit - 1;
  if (n <= SAFE_DIGITS || (n == limit && memcmp(magnitude, exact_limit, n) <= 0)) {
    lua_pushnumber(L, (lua_Number)strtoll(digits, NULL, 10));
    return;
  }
  struct integer *i = lua_newuserdata(L, sizeof *i + len + 1);
  i->len = len;
  memcpy(i->digits, digits, len);
  i->digits[len] = 0;
  luaL_getmetatable(L, NAME);
  lua_setmetatable(L, -2);
}

const char *integer_digits(lua_State *L, int idx, size_t *len)
{
  struct integer *i = lua_touserdata(L, idx);
  *len = 0;
  if (lua_type(L, idx) != LUA_TUSERDATA || !lua_getmetatable(L, idx))
    return NULL;
  luaL_getmetatable(L, NAME);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  if (!same)
    return NULL;
  *len = i->len;
  return i->digits;
}

static const char *check(lua_State *L, int idx, size_t *len)
{
  const char *digits = integer_digits(L, idx, len);
  if (!digits)
    luaL_error(L,
               "a big integer can be compared with another big integer only, not with "
               "a %s; use tostring",
               luaL_typename(L, idx));
  return digits;
}

/* Less than, equal, greater: -1, 0, 1. */
static int compare(lua_State *L)
{
  size_t n, m;
  const char *a = check(L, 1, &n), *b = check(L, 2, &m);
  int sign = a[0] == '-' ? -1 : 1;
  if ((a[0] == '-') != (b[0] == '-'))
    return sign;
  if (n != m)
    return n < m ? -sign : sign;
  int order = memcmp(a, b, n);
  return order == 0 ? 0 : order < 0 ? -sign : sign;
}

static int equal(lua_State *L)
{
  lua_pushboolean(L, compare(L) == 0);
  return 1;
}

static int less(lua_State *L)
{
  lua_pushboolean(L, compare(L) < 0);
  return 1;
}

static int less_or_equal(lua_State *L)
{
  lua_pushboolean(L, compare(L) <= 0);
  return 1;
}

static int to_string(lua_State *L)
{
  size_t len;
  const char *digits = check(L, 1, &len);
  lua_pushlstring(L, digits, len);
  return 1;
}

static int concat(lua_State *L)
{
  luaL_checkstack(L, 2, NULL);
  for (int idx = 1; idx <= 2; idx++) {
    size_t len;
    const char *digits = integer_digits(L, idx, &len);
    if (digits)
      lua_pushlstring(L, digits, len);
    else if (lua_isstring(L, idx))
      lua_pushvalue(L, idx);
    else
      return luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, idx));
  }
  lua_concat(L, 2);
  return 1;
}

static const luaL_Reg methods[] = {
    {"__eq", equal},           {"__lt", less},       {"__le", less_or_equal},
    {"__tostring", to_string}, {"__concat", concat}, {NULL, NULL},
};

void integer_open(lua_State *L)
{
  luaL_newmetatable(L, NAME);
  luaL_register(L, NULL, methods);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}
