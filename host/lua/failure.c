/* Error values in words: see failure.h. */
#include "lua/failure.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/utf8.h"
#include "lua/ljson.h"

#define MESSAGE_MAX   ((size_t)16 * 1024)
#define TRACEBACK_MAX ((size_t)8 * 1024)

void failure_fini(struct failure *f)
{
  buf_fini(&f->message);
  buf_fini(&f->traceback);
}

static void reset(struct failure *f, const char *code)
{
  snprintf(f->code, sizeof f->code, "%s", code);
  f->message.len = f->traceback.len = 0;
  f->retry_ms = -1;
  f->permanent = false;
}

void failure_set(struct failure *f, const char *code, const char *fmt, ...)
{
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  int n = vasprintf(&text, fmt, args);
  va_end(args);
  reset(f, code);
  if (n >= 0)
    utf8_append(&f->message, text, (size_t)n, MESSAGE_MAX);
  free(text);
}

/* ---- tables ---- */

static void read_code(lua_State *L, int idx, struct failure *f)
{
  lua_getfield(L, idx, "code");
  size_t len;
  const char *code = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
  if (code && len > 0 && len < sizeof f->code && utf8_span(code, len) == len)
    memcpy(f->code, code, len + 1);
  lua_pop(L, 1);
}

/* Seconds as a number or as digits (as HTTP's Retry-After has them), or a duration. */
static int64_t read_delay(lua_State *L, int idx)
{
  if (lua_isnumber(L, idx)) {
    lua_Number seconds = lua_tonumber(L, idx);
    return seconds >= 0 && seconds < 3.2e9 ? (int64_t)(seconds * 1000) : -1;
  }
  return lua_isstring(L, idx) ? duration_parse(lua_tostring(L, idx)) : -1;
}

static void read_rest(lua_State *L, int idx, struct failure *f)
{
  lua_getfield(L, idx, "retry_after");
  f->retry_ms = read_delay(L, -1);
  lua_getfield(L, idx, "permanent");
  f->permanent = lua_toboolean(L, -1);
  lua_pop(L, 2);
}

/* A field or what __tostring returns, if it is a text that says something. */
static bool take_text(lua_State *L, struct failure *f)
{
  size_t len;
  const char *text = lua_isstring(L, -1) ? lua_tolstring(L, -1, &len) : NULL;
  if (text)
    utf8_append(&f->message, text, len, MESSAGE_MAX);
  lua_pop(L, 1);
  return f->message.len > 0;
}

static bool read_message(lua_State *L, int idx, struct failure *f)
{
  lua_getfield(L, idx, "message");
  if (take_text(L, f))
    return true;
  return luaL_callmeta(L, idx, "__tostring") && take_text(L, f);
}

static void read_table(lua_State *L, int idx, const char *how, struct failure *f)
{
  struct buf json = {0};
  struct err err;
  read_code(L, idx, f);
  read_rest(L, idx, f);
  if (read_message(L, idx, f))
    return;
  buf_printf(&f->message, "an error table without a message was %s", how);
  if (ljson_write(L, idx, &json, &err) == 0) {
    buf_puts(&f->message, ": ");
    utf8_append(&f->message, json.data, json.len, 1000);
  }
  buf_fini(&json);
}

/* ---- what stock Lua has and scripts do not ---- */

static const struct {
  const char *said; /* by LuaJIT, of the absent name */
  const char *instead;
} absent[] = {
    {"global 'io' (a nil value)", "scripts have no io: candy.file is for files"},
    {"global 'debug' (a nil value)", "scripts have no debug"},
    {"global 'package' (a nil value)", "scripts have no package: require finds modules"},
    {"global 'dofile' (a nil value)", "scripts have no dofile: take require"},
    {"global 'loadfile' (a nil value)", "scripts have no loadfile: take require"},
    {"field 'execute' (a nil value)", "for os.execute there is candy.process"},
    {"field 'getenv' (a nil value)",
     "for os.getenv there are candy.secret and the job's payload"},
    {"field 'remove' (a nil value)", "for os.remove there is candy.file.remove"},
    {"field 'rename' (a nil value)", "for os.rename there is candy.file.rename"},
    {"field 'tmpname' (a nil value)",
     "for os.tmpname there is candy.file: its folder is the job's alone"},
    {"field 'exit' (a nil value)", "for os.exit, return from the task's function"},
};

static void add_hint(struct buf *message)
{
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
    size_t len = strlen(absent[i].said);
    if (message->len >= len &&
        memcmp(message->data + message->len - len, absent[i].said, len) == 0) {
      buf_printf(message, "; %s", absent[i].instead);
      return;
    }
  }
}

/* ---- all values ---- */

void failure_read(lua_State *L, int idx, const char *how, struct failure *f)
{
  size_t len;
  const char *text;
  reset(f, "error");
  switch (lua_type(L, idx)) {
  case LUA_TSTRING:
  case LUA_TNUMBER:
    lua_pushvalue(L, idx);
    text = lua_tolstring(L, -1, &len);
    utf8_append(&f->message, text, len, MESSAGE_MAX);
    if (len == 0)
      buf_printf(&f->message, "an error with an empty message was %s", how);
    add_hint(&f->message);
    lua_pop(L, 1);
    break;
  case LUA_TTABLE:
    read_table(L, idx, how, f);
    break;
  case LUA_TNIL:
  case LUA_TNONE:
    buf_printf(&f->message, "an error without a message (nil) was %s", how);
    break;
  case LUA_TBOOLEAN:
    buf_printf(&f->message, "the error %s was the value %s", how,
               lua_toboolean(L, idx) ? "true" : "false");
    break;
  default:
    if (!luaL_callmeta(L, idx, "__tostring") || !take_text(L, f))
      buf_printf(&f->message, "the error %s was a %s", how, luaL_typename(L, idx));
    break;
  }
}

/* Lines of the library's own frames and of C functions say nothing about the script. */
static bool is_ours(const char *line)
{
  return strncmp(line, "\tcandy/", 7) == 0 || strncmp(line, "\t[C]:", 5) == 0;
}

/* LuaJIT has lost the line of the frame that raised; the message begins with it. */
static size_t missing_line(const struct failure *f, const char *frame)
{
  const char *message = f->message.data;
  size_t source = strcspn(frame, ":");
  if (frame[source + 1] != ' ' || strncmp(frame, message, source + 1) != 0)
    return 0;
  size_t digits = strspn(message + source + 1, "0123456789");
  return digits > 0 && message[source + 1 + digits] == ':' ? source + 1 + digits : 0;
}

static void add_frame(struct failure *f, const char *frame, size_t len)
{
  struct buf *b = &f->traceback;
  size_t place = b->len == 0 ? missing_line(f, frame) : 0;
  if (b->len > 0)
    buf_putc(b, '\n');
  if (place > 0) {
    size_t source = strcspn(frame, ":");
    buf_append(b, f->message.data, place);
    frame += source;
    len -= source;
  }
  utf8_append(b, frame, len, 500);
}

void failure_trace(lua_State *L, lua_State *co, struct failure *f)
{
  luaL_traceback(L, co, NULL, 0);
  const char *line = strchr(lua_tostring(L, -1), '\n'); /* behind the heading */
  f->traceback.len = 0;
  while (line && f->traceback.len < TRACEBACK_MAX) {
    line++;
    const char *end = strchrnul(line, '\n');
    if (!is_ours(line))
      add_frame(f, line + 1, (size_t)(end - line - 1));
    line = *end ? end : NULL;
  }
  lua_pop(L, 1);
}

void failure_write(const struct failure *f, struct buf *out)
{
  buf_puts(out, "{\"code\":");
  buf_json_string(out, f->code, strlen(f->code));
  buf_puts(out, ",\"message\":");
  buf_json_string(out, f->message.data, f->message.len);
  if (f->traceback.len > 0) {
    buf_puts(out, ",\"traceback\":");
    buf_json_string(out, f->traceback.data, f->traceback.len);
  }
  buf_putc(out, '}');
}
