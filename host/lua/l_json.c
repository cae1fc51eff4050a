/* core: JSON. */
#include "base/err.h"
#include "lua/core.h"
#include "lua/integer.h"
#include "lua/ljson.h"
#include "lua/worker.h"

/* encode(value) -> text | nil, message */
static int encode(lua_State *L)
{
  struct buf *out = &worker_of(L)->body;
  struct err err;
  luaL_checkany(L, 1);
  out->len = 0;
  if (ljson_write(L, 1, out, &err) < 0) {
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
  }
  lua_pushlstring(L, out->data, out->len);
  return 1;
}

/* decode(text) -> true, value | false, message */
static int decode(lua_State *L)
{
  struct err err;
  luaL_checktype(L, 1, LUA_TSTRING);
  bool ok = ljson_read(L, 1, &err) == 0;
  if (!ok)
    lua_pushstring(L, err.text);
  lua_pushboolean(L, ok);
  lua_insert(L, -2);
  return 2;
}

static bool write_parameter(lua_State *L, int idx, struct buf *out, struct err *err)
{
  if (lua_istable(L, idx)) {
    err_set(err, "not_json", "is a table: candy.json.encode makes a text of it");
    return false;
  }
  return ljson_write(L, idx, out, err) == 0;
}

/* encode_parameters(...) -> the arguments as an array, nil as null | nil, message */
static int encode_parameters(lua_State *L)
{
  struct buf *out = &worker_of(L)->body;
  struct err err;
  int n = lua_gettop(L);
  out->len = 0;
  buf_putc(out, '[');
  for (int i = 1; i <= n; i++) {
    if (i > 1)
      buf_putc(out, ',');
    if (!write_parameter(L, i, out, &err)) {
      lua_pushnil(L);
      lua_pushfstring(L, "parameter %d: %s", i, err.text);
      return 2;
    }
  }
  buf_putc(out, ']');
  lua_pushlstring(L, out->data, out->len);
  return 1;
}

static int array(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  ljson_mark_array(L, 1);
  return 1;
}

static int object(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  ljson_mark_object(L, 1);
  return 1;
}

/* integer(digits): the caller has checked that they are digits */
static int integer(lua_State *L)
{
  size_t len;
  const char *digits = luaL_checklstring(L, 1, &len);
  integer_push(L, digits, len);
  return 1;
}

/* digits(value) -> those of an integer beyond 2^53 | nil for other values */
static int digits(lua_State *L)
{
  size_t len;
  const char *text = integer_digits(L, 1, &len);
  if (!text)
    return 0;
  lua_pushlstring(L, text, len);
  return 1;
}

static const luaL_Reg functions[] = {
    {"encode", encode}, {"decode", decode}, {"encode_parameters", encode_parameters},
    {"array", array},   {"object", object}, {"integer", integer},
    {"digits", digits}, {NULL, NULL},
};

void core_json(lua_State *L)
{
  luaL_register(L, NULL, functions);
  ljson_push_null(L);
  lua_setfield(L, -2, "null");
}
