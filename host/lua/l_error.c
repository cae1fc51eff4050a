/* core: errors, told with the place in the script. */
#include <stdarg.h>
#include <string.h>

#include "lua/core.h"
#include "lua/outcome.h"

static bool is_script(const lua_Debug *frame)
{
  return frame->currentline > 0 && strncmp(frame->source, "=candy/", 7) != 0;
}

/* Whether the frame, whose function is at the top of the stack, is where a file begins to
 * be run: what lies further out belongs to other files. Pops the function. */
static bool is_border(lua_State *L)
{
  bool border = lua_tocfunction(L, -1) == core_run_file;
  lua_pop(L, 1);
  return border;
}

/* Finds the innermost frame of a script. A file that ends with `return candy.task(...)`
 * has none: that is a tail call. */
static bool find_script(lua_State *L, lua_Debug *frame)
{
  for (int level = 0; lua_getstack(L, level, frame); level++) {
    lua_getinfo(L, "Slf", frame);
    if (is_border(L))
      return false;
    if (is_script(frame))
      return true;
  }
  return false;
}

/* Pushes "FILE:LINE: " of the innermost frame of a script, or "". */
static void push_place(lua_State *L)
{
  lua_Debug frame;
  if (find_script(L, &frame))
    lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
  else
    lua_pushliteral(L, "");
}

int core_misuse(lua_State *L, const char *fmt, ...)
{
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  push_place(L);
  lua_pushstring(L, text);
  lua_concat(L, 2);
  return lua_error(L);
}

/* misuse(text): raises */
static int misuse(lua_State *L)
{
  luaL_checkstring(L, 1);
  push_place(L);
  lua_pushvalue(L, 1);
  lua_concat(L, 2);
  return lua_error(L);
}

/* line(function or nil) -> line of the script that called, else that of the function */
static int line(lua_State *L)
{
  lua_Debug frame = {0};
  if (find_script(L, &frame)) {
    lua_pushinteger(L, frame.currentline);
    return 1;
  }
  if (!lua_isfunction(L, 1))
    return 0;
  lua_pushvalue(L, 1);
  lua_getinfo(L, ">S", &frame);
  lua_pushinteger(L, frame.linedefined);
  return 1;
}

/* describe(error value, how it came: "raised") -> code, message */
static int describe(lua_State *L)
{
  struct failure *f = &worker_of(L)->failure;
  failure_read(L, 1, luaL_checkstring(L, 2), f);
  lua_pushstring(L, f->code);
  lua_pushlstring(L, f->message.data, f->message.len);
  return 2;
}

/* error_meta() -> the metatable of candy's error values, to be filled */
static int error_meta(lua_State *L)
{
  luaL_newmetatable(L, OUTCOME_ERROR);
  return 1;
}

static const luaL_Reg functions[] = {
    {"misuse", misuse},         {"line", line}, {"describe", describe},
    {"error_meta", error_meta}, {NULL, NULL},
};

void core_error(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
