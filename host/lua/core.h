/* candy.core: the C functions under the Lua library. Each l_*.c registers its own into
 * the table at the top of the stack. */
#ifndef CANDY_LUA_CORE_H
#define CANDY_LUA_CORE_H

#include <lauxlib.h>
#include <lua.h>

struct fiber;

void core_json(lua_State *L);
void core_time(lua_State *L);
void core_error(lua_State *L);
void core_wait(lua_State *L);
void core_log(lua_State *L);
void core_job(lua_State *L);
void core_task(lua_State *L);
void core_script(lua_State *L);
void core_xml(lua_State *L);
void core_crypto(lua_State *L);
void core_cron(lua_State *L);
void core_fiber(lua_State *L);
void core_http(lua_State *L);
void core_file(lua_State *L);
void core_process(lua_State *L);

/* Runs a file; the outermost frame that belongs to it. */
int core_run_file(lua_State *L);

/* Raises "FILE:LINE: text" with the place in the script that called the library. */
int core_misuse(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The fiber whose Lua runs; raises a misuse that names `what` where nothing can
 * wait: at a file's top level, or below a C function. */
struct fiber *core_waiting_fiber(lua_State *L, const char *what);

#endif
