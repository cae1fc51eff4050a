/* JSON text as Lua values: see ljson.h.
 *
 * lua-cjson reads what it reads exactly (ljson_scan.h tells), about three times as fast;
 * everything else, and every text with a fault, goes through jansson, whose errors name
 * line and column. Both give the same values.
 *
 * jansson would turn integers beyond 64 bits into doubles. So integers of 16 digits or
 * more are set aside first, and each is replaced in a copy of the text by the number
 * HIDDEN + its place in the list: no other integer can be as large as that.
 */
#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "lua/integer.h"
#include "lua/ljson.h"
#include "lua/ljson_scan.h"

#define HIDDEN INT64_C(1000000000000000) /* the least integer of SCAN_LONG digits */
#define TREE   "candy.json.tree"
#define CJSON  "candy.json.cjson"

int luaopen_cjson(lua_State *L);

/* ---- marks and null ---- */

void ljson_push_null(lua_State *L)
{
  lua_pushlightuserdata(L, NULL);
}

static void mark(lua_State *L, int idx, const char *name)
{
  idx = idx > 0 ? idx : lua_gettop(L) + idx + 1;
  luaL_getmetatable(L, name);
  lua_setmetatable(L, idx);
}

void ljson_mark_array(lua_State *L, int idx)
{
  mark(L, idx, LJSON_ARRAY);
}

void ljson_mark_object(lua_State *L, int idx)
{
  mark(L, idx, LJSON_OBJECT);
}

/* ---- jansson's tree as Lua values ---- */

/* stack at `hidden`: the list of integers that were set aside */
static void push_value(lua_State *L, json_t *value, int hidden);

static void push_integer(lua_State *L, json_int_t n, int hidden)
{
  if (n < HIDDEN) {
    lua_pushnumber(L, (lua_Number)n);
    return;
  }
  size_t len;
  lua_rawgeti(L, hidden, (int)(n - HIDDEN));
  const char *digits = lua_tolstring(L, -1, &len);
  integer_push(L, digits, len);
  lua_remove(L, -2);
}

static void push_array(lua_State *L, json_t *array, int hidden)
{
  size_t n = json_array_size(array);
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    json_t *element = json_array_get(array, i);
    if (json_is_null(element))
      ljson_push_null(L);
    else
      push_value(L, element, hidden);
    lua_rawseti(L, -2, (int)i + 1);
  }
  if (n == 0)
    ljson_mark_array(L, -1);
}

static void push_object(lua_State *L, json_t *object, int hidden)
{
  const char *key;
  json_t *value;
  lua_createtable(L, 0, (int)json_object_size(object));
  json_object_foreach(object, key, value) {
    if (json_is_null(value))
      continue;
    lua_pushstring(L, key);
    push_value(L, value, hidden);
    lua_rawset(L, -3);
  }
}

static void push_value(lua_State *L, json_t *value, int hidden)
{
  luaL_checkstack(L, 6, "JSON");
  switch (json_typeof(value)) {
  case JSON_OBJECT:
    push_object(L, value, hidden);
    break;
  case JSON_ARRAY:
    push_array(L, value, hidden);
    break;
  case JSON_STRING:
    lua_pushlstring(L, json_string_value(value), json_string_length(value));
    break;
  case JSON_INTEGER:
    push_integer(L, json_integer_value(value), hidden);
    break;
  case JSON_REAL:
    lua_pushnumber(L, json_real_value(value));
    break;
  case JSON_NULL:
    lua_pushnil(L);
    break;
  default:
    lua_pushboolean(L, json_is_true(value));
    break;
  }
}

/* ---- the two readers ---- */

/* Pushes the list of long integers and returns the text to parse: `text` itself, or a
 * copy (pushed too, to keep it) in which they are replaced. stack: +list, +copy or nil */
static const char *hide_integers(lua_State *L, const char *text, size_t len)
{
  const char *at = text, *end = text + len;
  char *copy = NULL;
  int n = 0;
  size_t found;
  lua_newtable(L);
  lua_pushnil(L);
  while ((found = scan_long_integer(&at, end)) > 0) {
    if (!copy) {
      copy = lua_newuserdata(L, len + 1);
      lua_replace(L, -2);
      memcpy(copy, text, len + 1);
    }
    lua_pushlstring(L, at, found);
    lua_rawseti(L, -3, ++n);
    char number[24];
    snprintf(number, sizeof number, "%" PRId64, HIDDEN + n);
    memset(copy + (at - text), ' ', found);
    memcpy(copy + (at - text), number, SCAN_LONG);
    at += found;
  }
  return copy ? copy : text;
}

/* A box that frees the tree even when pushing its values fails for want of memory. */
static json_t **push_box(lua_State *L)
{
  json_t **box = lua_newuserdata(L, sizeof(json_t *));
  *box = NULL;
  luaL_getmetatable(L, TREE);
  lua_setmetatable(L, -2);
  return box;
}

static int free_box(lua_State *L)
{
  json_t **box = lua_touserdata(L, 1);
  json_decref(*box);
  *box = NULL;
  return 0;
}

static int read_by_jansson(lua_State *L, const char *text, size_t len, struct err *err)
{
  int top = lua_gettop(L);
  luaL_checkstack(L, 8, "JSON");
  text = hide_integers(L, text, len);
  json_t **box = push_box(L);
  *box = jx_parse(text, len, err);
  if (!*box) {
    lua_settop(L, top);
    return -1;
  }
  push_value(L, *box, top + 1);
  json_decref(*box);
  *box = NULL;
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
  return 0;
}

int ljson_read(lua_State *L, int idx, struct err *err)
{
  size_t len;
  const char *text = lua_tolstring(L, idx, &len);
  if (!scan_is_plain(text, len))
    return read_by_jansson(L, text, len, err);
  idx = idx > 0 ? idx : lua_gettop(L) + idx + 1;
  lua_getfield(L, LUA_REGISTRYINDEX, CJSON);
  lua_pushvalue(L, idx);
  int status = lua_pcall(L, 1, 1, 0);
  if (status == 0)
    return 0;
  if (status == LUA_ERRMEM)
    lua_error(L);
  lua_pop(L, 1);
  return read_by_jansson(L, text, len, err);
}

/* ---- setup ---- */

static void protect(lua_State *L, const char *name)
{
  luaL_newmetatable(L, name);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
}

void ljson_open(lua_State *L)
{
  int top = lua_gettop(L);
  protect(L, LJSON_ARRAY);
  protect(L, LJSON_OBJECT);
  protect(L, TREE);
  lua_pushcfunction(L, free_box);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, luaopen_cjson);
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "decode_invalid_numbers");
  lua_pushboolean(L, 0);
  lua_call(L, 1, 0);
  lua_getfield(L, -1, "decode");
  lua_setfield(L, LUA_REGISTRYINDEX, CJSON);
  integer_open(L);
  lua_settop(L, top);
}
