/* core: whether a cron expression and a time zone are any. */
#include <string.h>

#include "base/cron.h"
#include "lua/core.h"

static bool has_nul(lua_State *L, int at)
{
  return lua_isstring(L, at) && strlen(lua_tostring(L, at)) != lua_objlen(L, at);
}

/* check_cron(expression, time zone or nil) -> nothing | what is wrong with it */
static int check_cron(lua_State *L)
{
  struct cron cron;
  struct err err;
  const char *zone = luaL_optstring(L, 2, NULL);
  if (has_nul(L, 1) || has_nul(L, 2))
    err_set(&err, "bad_cron", "there is a NUL in it");
  else if (cron_parse(&cron, luaL_checkstring(L, 1), &err) == 0 &&
           (!zone || cron_check_zone(zone, &err) == 0))
    return 0;
  lua_pushstring(L, err.text);
  return 1;
}

static const luaL_Reg functions[] = {{"check_cron", check_cron}, {NULL, NULL}};

void core_cron(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
