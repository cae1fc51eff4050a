/* core: programs that jobs run, for candy/process.lua. Functions that return nothing have
 * noted what the fiber waits for; the library waits and asks again. */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "lua/child.h"
#include "lua/core.h"

#define CHILD "candy.child"

/* ---- new ---- */

/* Copies a list of texts. */
static size_t copy_list(lua_State *L, int idx, char **to)
{
  size_t n = lua_objlen(L, idx);
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, idx, (int)i + 1);
    to[i] = mem_strdup(luaL_checkstring(L, -1));
    lua_pop(L, 1);
  }
  return n;
}

/* What a program sees of our environment: nothing. The script's own comes last, and wins
 * nothing over the mark by which the host knows what belongs to it. */
static void fill_environment(lua_State *L, int idx, struct child *c)
{
  const char *mark = c->worker->settings.mark;
  char **env = mem_alloc((lua_objlen(L, idx) + 6) * sizeof *env);
  size_t n = 0;
  c->environment = env;
  if (*mark)
    env[n++] = mem_strdup(mark);
  copy_list(L, idx, env + n);
}

static struct child **push_child(lua_State *L)
{
  struct child **at = lua_newuserdata(L, sizeof(struct child *));
  *at = NULL;
  luaL_getmetatable(L, CHILD);
  lua_setmetatable(L, -2);
  return at;
}

static int push_error(lua_State *L, const struct err *err)
{
  lua_pushboolean(L, 0);
  lua_pushstring(L, err->code);
  lua_pushstring(L, err->text);
  return 3;
}

/* process_new(what, arguments, environment, folder or false, has input, most bytes that
 * are collected or 0, ms or 0, memory or 0) -> child | false, code, text */
static int process_new(lua_State *L)
{
  struct fiber *f = core_waiting_fiber(L, luaL_checkstring(L, 1));
  struct worker *w = f->slot->worker;
  struct err err;
  if (w->children->waiting >= CHILD_LINE) {
    err_set(&err, "too_many_programs", "%d programs wait for their turn already",
            CHILD_LINE);
    return push_error(L, &err);
  }
  lua_rawgeti(L, 2, 1);
  char *path = program_find(w, luaL_checkstring(L, -1), &err);
  if (!path)
    return push_error(L, &err);
  struct child **at = push_child(L);
  struct child *c = *at = child_new(f->slot, lua_objlen(L, 2));
  c->command[LAUNCH_PATH] = path;
  copy_list(L, 2, c->command + LAUNCH_NAME);
  fill_environment(L, 3, c);
  c->within = lua_isstring(L, 4) ? mem_strdup(lua_tostring(L, 4)) : NULL;
  c->has_input = lua_toboolean(L, 5);
  c->collect_max = (size_t)luaL_checknumber(L, 6);
  c->limit_ms = (int64_t)luaL_checknumber(L, 7);
  lua_Number memory = luaL_checknumber(L, 8);
  c->memory = memory > 0 ? (int64_t)memory : w->settings.process_memory;
  return 1;
}

/* ---- the handle ---- */

static struct child *check_child(lua_State *L, const char *what)
{
  struct child **at = luaL_checkudata(L, 2, CHILD);
  struct worker *w = worker_of(L);
  if (!*at || (*at)->slot != w->running)
    core_misuse(L, "%s: the program is another job's, or its job is over", what);
  return *at;
}

/* The fiber that runs waits at the gate. */
static int wait_at(lua_State *L, struct gate *gate, const char *what)
{
  struct fiber *f = core_waiting_fiber(L, what);
  if (gate->waiting)
    core_misuse(L, "%s: another strand of the job waits for it already", what);
  gate_wait(gate, f);
  return 0;
}

/* process_start(what, child) -> true | nothing: it is not its turn | false, code, text */
static int process_start(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  struct child *c = check_child(L, what);
  struct err err;
  int status = child_start(c, &err);
  if (status == 0)
    return wait_at(L, &c->turn, what);
  if (status < 0)
    return push_error(L, &err);
  lua_pushvalue(L, 2); /* it lives for as long as the program runs */
  c->pin = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushboolean(L, 1);
  return 1;
}

/* process_read(what, child, 1 or 2) -> text | false at the end | nothing yet */
static int process_read(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  struct child *c = check_child(L, what);
  struct child_output *o = &c->outputs[lua_tointeger(L, 3) == 2];
  if (o->bytes.len > 0) {
    lua_pushlstring(L, o->bytes.data, o->bytes.len);
    child_io_taken(o);
  } else if (o->open) {
    return wait_at(L, &o->gate, what);
  } else {
    lua_pushboolean(L, 0);
  }
  return 1;
}

/* process_write(what, child, text, from) -> how much of it is being written | false: it
 * is closed */
static int process_write(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  struct child *c = check_child(L, what);
  size_t len, from = (size_t)luaL_checknumber(L, 4);
  const char *text = luaL_checklstring(L, 3, &len);
  if (c->input.writing)
    core_misuse(L, "%s: another strand of the job writes to it already", what);
  if (!c->input.open) {
    lua_pushboolean(L, 0);
    return 1;
  }
  len -= from;
  if (len > CHILD_SLICE)
    len = CHILD_SLICE;
  child_io_write(c, text + from, len);
  lua_pushnumber(L, (lua_Number)len);
  return 1;
}

/* process_written(what, child) -> true | false: it reads no more | nothing yet */
static int process_written(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  struct child *c = check_child(L, what);
  if (c->input.writing && c->input.open)
    return wait_at(L, &c->input.gate, what);
  lua_pushboolean(L, c->input.open && c->input.error == 0);
  return 1;
}

/* process_end_input(what, child) */
static int process_end_input(lua_State *L)
{
  child_io_end_input(check_child(L, luaL_checkstring(L, 1)));
  return 0;
}

/* process_kill(what, child, ms of grace) */
static int process_kill(lua_State *L)
{
  struct child *c = check_child(L, luaL_checkstring(L, 1));
  child_kill(c, (int64_t)luaL_checknumber(L, 3));
  return 0;
}

/* process_close(what, child): it ends, and the handle is of no use any more */
static int process_close(lua_State *L)
{
  struct child *c = check_child(L, luaL_checkstring(L, 1));
  resource_close(&c->resource);
  return 0;
}

/* ---- how it ended ---- */

static int push_why(lua_State *L, const struct child *c)
{
  char duration[32];
  lua_pushboolean(L, 0);
  lua_pushstring(L, c->why);
  if (strcmp(c->why, "program_timeout") == 0)
    lua_pushfstring(L, "the program was stopped: it still ran after %s",
                    duration_format(c->limit_ms, duration));
  else
    lua_pushfstring(L,
                    "the program was stopped: an output was larger than %d bytes "
                    "(output_max), or all that this worker collects than 64 MB; read "
                    "large outputs while the program runs: candy.process.spawn",
                    (int)c->collect_max);
  return 3;
}

static void push_signal(lua_State *L, int number)
{
  const char *name = sigabbrev_np(number);
  if (name)
    lua_pushfstring(L, "SIG%s", name);
  else
    lua_pushfstring(L, "SIG%d", number);
}

/* process_wait(what, child) -> nothing yet | true, code, signal | false, code, text */
static int process_wait(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  struct child *c = check_child(L, what);
  if (!child_is_over(c))
    return wait_at(L, &c->ended, what);
  if (c->why)
    return push_why(L, c);
  lua_pushboolean(L, c->end.end != LAUNCH_FAILED);
  if (c->end.end == LAUNCH_FAILED) {
    lua_pushliteral(L, "program_start");
    lua_pushfstring(L, "the program does not start: %s", strerror(c->end.value));
  } else if (c->end.end == LAUNCH_SIGNALED) {
    lua_pushnil(L);
    push_signal(L, c->end.value);
  } else {
    lua_pushinteger(L, c->end.value);
    lua_pushnil(L);
  }
  return 3;
}

/* process_memory() -> the most bytes that a process may have */
static int process_memory(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)worker_of(L)->settings.process_memory);
  return 1;
}

static int child_gc(lua_State *L)
{
  child_free(luaL_checkudata(L, 1, CHILD));
  return 0;
}

static const luaL_Reg functions[] = {
    {"process_new", process_new},
    {"process_start", process_start},
    {"process_read", process_read},
    {"process_write", process_write},
    {"process_written", process_written},
    {"process_end_input", process_end_input},
    {"process_kill", process_kill},
    {"process_wait", process_wait},
    {"process_close", process_close},
    {"process_memory", process_memory},
    {NULL, NULL},
};

void core_process(lua_State *L)
{
  luaL_register(L, NULL, functions);
  luaL_newmetatable(L, CHILD);
  lua_pushcfunction(L, child_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
