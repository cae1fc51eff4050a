/* core: several fibers in one job, for candy/fiber.lua. Numbers stand for fibers; one
 * that has ended, or belongs to another job, is passed over. */
#include "lua/core.h"
#include "lua/slot.h"

static struct fiber *find(lua_State *L, int idx)
{
  struct worker *w = worker_of(L);
  struct fiber *f = fiber_find(w, (uint64_t)luaL_checknumber(L, idx));
  return f && f->slot == w->running ? f : NULL;
}

/* spawn(function) -> number | nil when there are too many */
static int spawn(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  const struct fiber *f = fiber_spawn(L);
  if (!f)
    return 0;
  lua_pushnumber(L, (lua_Number)f->number);
  return 1;
}

/* self(name) -> number of the fiber that runs. Raises a misuse of the function of that
 * name where nothing can wait. */
static int self(lua_State *L)
{
  const struct fiber *f = core_waiting_fiber(L, luaL_checkstring(L, 1));
  lua_pushnumber(L, (lua_Number)f->number);
  return 1;
}

/* park(name, ms, number of a fiber or nil): waits for wake, until ms are over (< 0:
 * never), or until that fiber is no more */
static int park(lua_State *L)
{
  struct fiber *f = core_waiting_fiber(L, luaL_checkstring(L, 1));
  struct fiber *other = lua_isnoneornil(L, 3) ? NULL : find(L, 3);
  fiber_park(f, (int64_t)luaL_checknumber(L, 2), other);
  return 0;
}

/* lives(number) -> whether the fiber is there */
static int lives(lua_State *L)
{
  lua_pushboolean(L, find(L, 1) != NULL);
  return 1;
}

/* cancelled() -> whether the fiber that runs is */
static int cancelled(lua_State *L)
{
  lua_pushboolean(L, worker_of(L)->fiber->cancelled);
  return 1;
}

/* wake(number) */
static int wake(lua_State *L)
{
  struct fiber *f = find(L, 1);
  if (f)
    fiber_unpark(f);
  return 0;
}

/* cancel(number) */
static int cancel(lua_State *L)
{
  struct fiber *f = find(L, 1);
  if (f && f != f->slot->worker->fiber)
    fiber_cancel(f);
  return 0;
}

/* join() -> true when the caller must wait for the job's other fibers to end */
static int join(lua_State *L)
{
  struct worker *w = worker_of(L);
  bool others = w->running->spawned != NULL;
  if (others)
    fiber_join(w->fiber);
  lua_pushboolean(L, others);
  return 1;
}

/* strands(create) -> a table that lives as long as the job | nil when there is none */
static int strands(lua_State *L)
{
  struct slot *s = worker_of(L)->running;
  if (!s || (s->strands_ref == LUA_NOREF && !lua_toboolean(L, 1)))
    return 0;
  if (s->strands_ref == LUA_NOREF) {
    lua_newtable(L);
    s->strands_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->strands_ref);
  return 1;
}

static const luaL_Reg functions[] = {
    {"spawn", spawn}, {"self", self},     {"park", park},
    {"wake", wake},   {"cancel", cancel}, {"cancelled", cancelled},
    {"join", join},   {"lives", lives},   {"strands", strands},
    {NULL, NULL},
};

void core_fiber(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
