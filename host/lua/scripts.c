/* The files of the bundle and the load that runs them: see worker.h. What a file
 * declares, and which file failed, is kept by candy/script.lua. */
#include <lauxlib.h>
#include <luajit.h>
#include <string.h>

#include "base/clock.h"
#include "lua/tasks.h"
#include "lua/worker.h"

void scripts_map(struct worker *w, const char *bytes, size_t len)
{
  const char *at = bytes, *end = bytes + len;
  struct bundle_file file;
  while (bundle_next(&at, end, &file)) {
    size_t n = w->script_count++;
    w->scripts = mem_grow(w->scripts, (n + 1) * sizeof *w->scripts);
    w->scripts[n] = (struct script){.file = file};
  }
}

void scripts_exclude(struct worker *w, const char *path)
{
  for (size_t i = 0; path && i < w->script_count; i++)
    if (strcmp(w->scripts[i].file.path.data, path) == 0)
      w->scripts[i].excluded = true;
}

/* stack: returns the manifest */
static int load_all(lua_State *L)
{
  library_require(L, "candy.load");
  lua_call(L, 0, 1);
  return 1;
}

static int find_work(lua_State *L)
{
  library_require(L, "candy.work");
  return 1;
}

static void send_manifest(struct worker *w)
{
  size_t len;
  const char *manifest = lua_tolstring(w->L, -1, &len);
  channel_send(w->channel, MESSAGE_MANIFEST, manifest, len);
  lua_pop(w->L, 1);
}

int scripts_load(struct worker *w)
{
  lua_State *L = w->L;
  w->tasks = tasks_new();
  w->memory.telling = true;
  lua_pushcfunction(L, find_work);
  w->memory.telling = false;
  if (entry_call(w, L, 0, 1, PAGE_IDLE, 0) < 0)
    return -1;
  w->work_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  /* Compiled code runs past the soft memory cap, and files only declare. */
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  lua_pushcfunction(L, load_all);
  int status = entry_call(w, L, 0, 1, PAGE_LOAD, 0);
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
  if (status < 0)
    return -1;
  send_manifest(w);
  memory_pace(&w->memory);
  return 0;
}
