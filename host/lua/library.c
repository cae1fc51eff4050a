/* The Lua library, carried inside the program, and what of LuaJIT it stands on.
 *
 * The library's own modules are trusted: they see LuaJIT's libraries and each other.
 * Scripts see none of this; candy/sandbox.lua makes what they see.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <sys/random.h>

#include "base/embed.h"
#include "lua/core.h"
#include "lua/ljson.h"
#include "lua/worker.h"

EMBED(lua_batch, CANDY_SOURCE "/lib/candy/batch.lua");
EMBED(lua_cron, CANDY_SOURCE "/lib/candy/cron.lua");
EMBED(lua_crypto, CANDY_SOURCE "/lib/candy/crypto.lua");
EMBED(lua_db, CANDY_SOURCE "/lib/candy/db.lua");
EMBED(lua_error_values, CANDY_SOURCE "/lib/candy/error.lua");
EMBED(lua_event, CANDY_SOURCE "/lib/candy/event.lua");
EMBED(lua_fiber, CANDY_SOURCE "/lib/candy/fiber.lua");
EMBED(lua_file, CANDY_SOURCE "/lib/candy/file.lua");
EMBED(lua_frozen, CANDY_SOURCE "/lib/candy/frozen.lua");
EMBED(lua_http, CANDY_SOURCE "/lib/candy/http.lua");
EMBED(lua_http_body, CANDY_SOURCE "/lib/candy/http_body.lua");
EMBED(lua_http_events, CANDY_SOURCE "/lib/candy/http_events.lua");
EMBED(lua_http_follow, CANDY_SOURCE "/lib/candy/http_follow.lua");
EMBED(lua_http_request, CANDY_SOURCE "/lib/candy/http_request.lua");
EMBED(lua_http_response, CANDY_SOURCE "/lib/candy/http_response.lua");
EMBED(lua_http_retry, CANDY_SOURCE "/lib/candy/http_retry.lua");
EMBED(lua_http_stubs, CANDY_SOURCE "/lib/candy/http_stubs.lua");
EMBED(lua_http_transport, CANDY_SOURCE "/lib/candy/http_transport.lua");
EMBED(lua_init, CANDY_SOURCE "/lib/candy/init.lua");
EMBED(lua_job, CANDY_SOURCE "/lib/candy/job.lua");
EMBED(lua_json, CANDY_SOURCE "/lib/candy/json.lua");
EMBED(lua_kv, CANDY_SOURCE "/lib/candy/kv.lua");
EMBED(lua_key, CANDY_SOURCE "/lib/candy/key.lua");
EMBED(lua_limits, CANDY_SOURCE "/lib/candy/limits.lua");
EMBED(lua_load_all, CANDY_SOURCE "/lib/candy/load.lua");
EMBED(lua_lock, CANDY_SOURCE "/lib/candy/lock.lua");
EMBED(lua_log, CANDY_SOURCE "/lib/candy/log.lua");
EMBED(lua_maintenance, CANDY_SOURCE "/lib/candy/maintenance.lua");
EMBED(lua_new_job, CANDY_SOURCE "/lib/candy/new_job.lua");
EMBED(lua_new_jobs, CANDY_SOURCE "/lib/candy/new_jobs.lua");
EMBED(lua_options, CANDY_SOURCE "/lib/candy/options.lua");
EMBED(lua_payload, CANDY_SOURCE "/lib/candy/payload.lua");
EMBED(lua_process, CANDY_SOURCE "/lib/candy/process.lua");
EMBED(lua_queue, CANDY_SOURCE "/lib/candy/queue.lua");
EMBED(lua_sandbox, CANDY_SOURCE "/lib/candy/sandbox.lua");
EMBED(lua_script, CANDY_SOURCE "/lib/candy/script.lua");
EMBED(lua_search_log, CANDY_SOURCE "/lib/candy/search_log.lua");
EMBED(lua_secret, CANDY_SOURCE "/lib/candy/secret.lua");
EMBED(lua_stream, CANDY_SOURCE "/lib/candy/stream.lua");
EMBED(lua_task, CANDY_SOURCE "/lib/candy/task.lua");
EMBED(lua_thread, CANDY_SOURCE "/lib/candy/thread.lua");
EMBED(lua_time, CANDY_SOURCE "/lib/candy/time.lua");
EMBED(lua_unique, CANDY_SOURCE "/lib/candy/unique.lua");
EMBED(lua_wait, CANDY_SOURCE "/lib/candy/wait.lua");
EMBED(lua_work, CANDY_SOURCE "/lib/candy/work.lua");
EMBED(lua_xml, CANDY_SOURCE "/lib/candy/xml.lua");

static const struct module {
  const char *name, *start, *end;
} modules[] = {
    {"candy", lua_init_start, lua_init_end},
    {"candy.batch", lua_batch_start, lua_batch_end},
    {"candy.cron", lua_cron_start, lua_cron_end},
    {"candy.crypto", lua_crypto_start, lua_crypto_end},
    {"candy.db", lua_db_start, lua_db_end},
    {"candy.error", lua_error_values_start, lua_error_values_end},
    {"candy.event", lua_event_start, lua_event_end},
    {"candy.fiber", lua_fiber_start, lua_fiber_end},
    {"candy.file", lua_file_start, lua_file_end},
    {"candy.frozen", lua_frozen_start, lua_frozen_end},
    {"candy.http", lua_http_start, lua_http_end},
    {"candy.http_body", lua_http_body_start, lua_http_body_end},
    {"candy.http_events", lua_http_events_start, lua_http_events_end},
    {"candy.http_follow", lua_http_follow_start, lua_http_follow_end},
    {"candy.http_request", lua_http_request_start, lua_http_request_end},
    {"candy.http_response", lua_http_response_start, lua_http_response_end},
    {"candy.http_retry", lua_http_retry_start, lua_http_retry_end},
    {"candy.http_stubs", lua_http_stubs_start, lua_http_stubs_end},
    {"candy.http_transport", lua_http_transport_start, lua_http_transport_end},
    {"candy.job", lua_job_start, lua_job_end},
    {"candy.json", lua_json_start, lua_json_end},
    {"candy.kv", lua_kv_start, lua_kv_end},
    {"candy.key", lua_key_start, lua_key_end},
    {"candy.limits", lua_limits_start, lua_limits_end},
    {"candy.load", lua_load_all_start, lua_load_all_end},
    {"candy.lock", lua_lock_start, lua_lock_end},
    {"candy.log", lua_log_start, lua_log_end},
    {"candy.maintenance", lua_maintenance_start, lua_maintenance_end},
    {"candy.new_job", lua_new_job_start, lua_new_job_end},
    {"candy.new_jobs", lua_new_jobs_start, lua_new_jobs_end},
    {"candy.options", lua_options_start, lua_options_end},
    {"candy.payload", lua_payload_start, lua_payload_end},
    {"candy.process", lua_process_start, lua_process_end},
    {"candy.queue", lua_queue_start, lua_queue_end},
    {"candy.sandbox", lua_sandbox_start, lua_sandbox_end},
    {"candy.script", lua_script_start, lua_script_end},
    {"candy.search_log", lua_search_log_start, lua_search_log_end},
    {"candy.secret", lua_secret_start, lua_secret_end},
    {"candy.stream", lua_stream_start, lua_stream_end},
    {"candy.task", lua_task_start, lua_task_end},
    {"candy.thread", lua_thread_start, lua_thread_end},
    {"candy.time", lua_time_start, lua_time_end},
    {"candy.unique", lua_unique_start, lua_unique_end},
    {"candy.wait", lua_wait_start, lua_wait_end},
    {"candy.work", lua_work_start, lua_work_end},
    {"candy.xml", lua_xml_start, lua_xml_end},
};

#define LOADED "candy.loaded" /* the registry's table of modules that have run */

static const struct module *find(const char *name)
{
  for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++)
    if (strcmp(modules[i].name, name) == 0)
      return &modules[i];
  return NULL;
}

/* stack: +value of the module */
static void run_module(lua_State *L, const struct module *m)
{
  const char *part = strchr(m->name, '.');
  lua_pushfstring(L, "=candy/%s.lua", part ? part + 1 : "init");
  if (luaL_loadbufferx(L, m->start, (size_t)(m->end - m->start), lua_tostring(L, -1),
                       "t"))
    lua_error(L);
  lua_remove(L, -2);
  lua_call(L, 0, 1);
}

void library_require(lua_State *L, const char *name)
{
  luaL_checkstack(L, 8, NULL);
  lua_getfield(L, LUA_REGISTRYINDEX, LOADED);
  lua_getfield(L, -1, name);
  const struct module *m = find(name);
  if (lua_isnil(L, -1) && m) {
    lua_pop(L, 1);
    run_module(L, m);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
  }
  lua_remove(L, -2); /* stack: module, or nil when there is none */
}

/* The library's own require. */
static int require(lua_State *L)
{
  const char *name = luaL_checkstring(L, 1);
  library_require(L, name);
  return lua_isnil(L, -1) ? luaL_error(L, "no module %s in the library", name) : 1;
}

static void open_core(lua_State *L)
{
  lua_newtable(L);
  core_json(L);
  core_time(L);
  core_error(L);
  core_wait(L);
  core_log(L);
  core_job(L);
  core_task(L);
  core_script(L);
  core_xml(L);
  core_crypto(L);
  core_cron(L);
  core_fiber(L);
  core_http(L);
  core_file(L);
  core_process(L);
}

static const luaL_Reg libraries[] = {
    {"", luaopen_base},
    {LUA_TABLIBNAME, luaopen_table},
    {LUA_OSLIBNAME, luaopen_os},
    {LUA_STRLIBNAME, luaopen_string},
    {LUA_MATHLIBNAME, luaopen_math},
    {LUA_BITLIBNAME, luaopen_bit},
    {LUA_JITLIBNAME, luaopen_jit},
    {NULL, NULL},
};

/* LuaJIT starts every state with the same seed; workers must not draw the same numbers.
 */
static void seed_random(lua_State *L)
{
  uint32_t seed = 0;
  ssize_t ignored = getrandom(&seed, sizeof seed, 0);
  (void)ignored;
  lua_getglobal(L, LUA_MATHLIBNAME);
  lua_getfield(L, -1, "randomseed");
  lua_pushnumber(L, seed);
  lua_call(L, 1, 0);
}

void library_open(lua_State *L)
{
  for (const luaL_Reg *lib = libraries; lib->func; lib++) {
    lua_pushcfunction(L, lib->func);
    lua_pushstring(L, lib->name);
    lua_call(L, 1, 0);
  }
  seed_random(L);
  ljson_open(L);
  lua_pushcfunction(L, require);
  lua_setglobal(L, "require");
  lua_newtable(L);
  open_core(L);
  lua_setfield(L, -2, "candy.core");
  lua_setfield(L, LUA_REGISTRYINDEX, LOADED);
  lua_settop(L, 0);
}
