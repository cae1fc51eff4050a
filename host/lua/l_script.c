/* core: the files of the bundle. */
#include "base/clock.h"
#include "base/utf8.h"
#include "lua/core.h"
#include "lua/worker.h"

/* A path as texts of any kind can hold it: what is not UTF-8 is put as "?". */
static void push_path(lua_State *L, const struct wire_text *path)
{
  luaL_Buffer text;
  luaL_buffinit(L, &text);
  for (size_t at = 0; at < path->len; at++) {
    size_t good = utf8_span(path->data + at, path->len - at);
    luaL_addlstring(&text, path->data + at, good);
    at += good;
    if (at < path->len)
      luaL_addchar(&text, '?');
  }
  luaL_pushresult(&text);
}

/* files() -> { {name, path, load, excluded}, ... } in the bundle's order */
static int files(lua_State *L)
{
  struct worker *w = worker_of(L);
  lua_createtable(L, (int)w->script_count, 0);
  for (size_t i = 0; i < w->script_count; i++) {
    const struct script *script = &w->scripts[i];
    lua_createtable(L, 0, 4);
    lua_pushlstring(L, script->file.name.data, script->file.name.len);
    lua_setfield(L, -2, "name");
    push_path(L, &script->file.path);
    lua_setfield(L, -2, "path");
    lua_pushboolean(L, script->file.load);
    lua_setfield(L, -2, "load");
    lua_pushboolean(L, script->excluded);
    lua_setfield(L, -2, "excluded");
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

static const char *read_source(lua_State *L, void *arg, size_t *len)
{
  struct wire_text *rest = arg;
  (void)L;
  *len = rest->len;
  rest->len = 0;
  return rest->data;
}

/* compile(index, path, globals) -> function | nil, message. Text only. */
static int compile(lua_State *L)
{
  struct worker *w = worker_of(L);
  lua_Integer index = luaL_checkinteger(L, 1);
  luaL_argcheck(L, index >= 1 && (size_t)index <= w->script_count, 1, "no such file");
  luaL_checktype(L, 3, LUA_TTABLE);
  struct wire_text rest = w->scripts[index - 1].file.source;
  lua_pushfstring(L, "@%s", luaL_checkstring(L, 2));
  if (lua_loadx(L, read_source, &rest, lua_tostring(L, -1), "t") != 0) {
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  lua_pushvalue(L, 3);
  lua_setfenv(L, -2);
  return 1;
}

static void mark(struct worker *w, lua_Integer index)
{
  if (w->running)
    return; /* a module that a job requires: the page goes on to name the job */
  w->now_ns = clock_mono_ns();
  entry_mark(w, index > 0 ? PAGE_LOAD : PAGE_IDLE, index > 0 ? (uint32_t)index - 1 : 0);
}

/* run(function, index, index of the file that requires it, or 0) -> ok, value or error.
 * The call from C keeps a file from yielding: nothing waits while a file runs. */
int core_run_file(lua_State *L)
{
  struct worker *w = worker_of(L);
  lua_Integer index = luaL_checkinteger(L, 2), parent = luaL_checkinteger(L, 3);
  lua_settop(L, 1);
  mark(w, index);
  w->loading++;
  int status = lua_pcall(L, 0, 1, 0);
  w->loading--;
  mark(w, parent);
  lua_pushboolean(L, status == 0);
  lua_insert(L, 1);
  return 2;
}

static const luaL_Reg functions[] = {
    {"files", files}, {"compile", compile}, {"run", core_run_file}, {NULL, NULL}};

void core_script(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
