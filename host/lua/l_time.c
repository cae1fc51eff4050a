/* core: time. */
#include "base/clock.h"
#include "lua/core.h"

#define YEAR_MS (366.0 * 86400 * 1000)

static int now(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)clock_wall_ms());
  return 1;
}

/* clock() -> ms that only ever go on */
static int mono(lua_State *L)
{
  int64_t ms = clock_mono_ns() / CLOCK_MS;
  lua_pushnumber(L, (lua_Number)ms);
  return 1;
}

/* format(ms) -> RFC 3339 | nil when it lies beyond the years 1 to 9999 */
static int format(lua_State *L)
{
  char text[32];
  lua_Number ms = luaL_checknumber(L, 1);
  if (!(ms >= 0 && ms < 8029 * YEAR_MS))
    return 0;
  lua_pushstring(L, clock_format((int64_t)ms, text));
  return 1;
}

/* parse(text) -> ms | nil */
static int parse(lua_State *L)
{
  int64_t ms;
  if (clock_parse(luaL_checkstring(L, 1), &ms) < 0)
    return 0;
  lua_pushnumber(L, (lua_Number)ms);
  return 1;
}

/* duration("30s") -> ms | nil */
static int duration(lua_State *L)
{
  int64_t ms = duration_parse(luaL_checkstring(L, 1));
  if (ms < 0)
    return 0;
  lua_pushnumber(L, (lua_Number)ms);
  return 1;
}

static const luaL_Reg functions[] = {
    {"now", now},     {"clock", mono},        {"format", format},
    {"parse", parse}, {"duration", duration}, {NULL, NULL},
};

void core_time(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
