/* Lua values as JSON text: see ljson.h.
 *
 * A failure is told with the place of the value; the place is put together while the
 * recursion unwinds, so that values without a fault pay nothing for it.
 */
#include "lua/ljson.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "lua/integer.h"

struct writer {
  lua_State *L;
  struct buf *out;
  size_t begin; /* where ours begins in it */
  int depth;
  char place[128]; /* of the fault: ".items[3].at" */
  char fault[128];
};

static int write_value(struct writer *w, int idx);

/* ---- faults ---- */

static int fault(struct writer *w, const char *text)
{
  snprintf(w->fault, sizeof w->fault, "%s", text);
  return -1;
}

/* Puts a step in front; of a place that grows too long the innermost part is lost. */
static int in_front(struct writer *w, const char *step)
{
  size_t len = strlen(step), room = sizeof w->place - 1 - len;
  size_t kept = strnlen(w->place, room);
  memmove(w->place + len, w->place, kept);
  memcpy(w->place, step, len);
  w->place[len + kept] = 0;
  return -1;
}

static int in_element(struct writer *w, int i)
{
  char step[32];
  snprintf(step, sizeof step, "[%d]", i);
  return in_front(w, step);
}

static int in_member(struct writer *w, const char *key, size_t len)
{
  char step[96];
  if (utf8_span(key, len) != len)
    snprintf(step, sizeof step, "[a key that is not UTF-8]");
  else
    snprintf(step, sizeof step, ".%.80s", key);
  return in_front(w, step);
}

/* ---- scalars ---- */

static void write_integer(struct buf *out, int64_t n)
{
  char digits[24], *p = digits + sizeof digits;
  uint64_t rest = n < 0 ? (uint64_t)-n : (uint64_t)n;
  do
    *--p = (char)('0' + rest % 10);
  while (rest /= 10);
  if (n < 0)
    *--p = '-';
  buf_append(out, p, (size_t)(digits + sizeof digits - p));
}

/* The shortest form that reads back as the same double. */
static void write_double(struct buf *out, double n)
{
  char text[32];
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, n);
    if (strtod(text, NULL) == n)
      break;
  }
  buf_puts(out, text);
}

static int write_number(struct writer *w, double n)
{
  if (isnan(n))
    return fault(w, "is NaN (not a number)");
  if (isinf(n))
    return fault(w, "is infinite");
  if (n >= -LJSON_EXACT && n <= LJSON_EXACT && n == (double)(int64_t)n)
    write_integer(w->out, (int64_t)n);
  else
    write_double(w->out, n);
  return 0;
}

static int write_string(struct writer *w, const char *text, size_t len)
{
  if (utf8_span(text, len) != len)
    return fault(w, "is a string that is not valid UTF-8");
  buf_json_string(w->out, text, len);
  return 0;
}

static int write_userdata(struct writer *w, int idx)
{
  size_t len;
  const char *digits = integer_digits(w->L, idx, &len);
  if (!digits)
    return fault(w, "is a userdata");
  buf_append(w->out, digits, len);
  return 0;
}

/* ---- tables ---- */

/* Which metatable marks the table; NULL when none does. */
static const char *mark_of(lua_State *L, int idx)
{
  static const char *const marks[] = {LJSON_ARRAY, LJSON_OBJECT, LJSON_JOB};
  const char *mark = NULL;
  if (!lua_getmetatable(L, idx))
    return NULL;
  for (size_t i = 0; !mark && i < sizeof marks / sizeof marks[0]; i++) {
    luaL_getmetatable(L, marks[i]);
    if (lua_rawequal(L, -2, -1))
      mark = marks[i];
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return mark;
}

static size_t count_keys(lua_State *L, int idx)
{
  size_t n = 0;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    lua_pop(L, 1);
    n++;
  }
  return n;
}

static int write_array(struct writer *w, int idx)
{
  lua_State *L = w->L;
  int n = (int)lua_objlen(L, idx), status = 0;
  if (count_keys(L, idx) != (size_t)n)
    return fault(w, "is a table with holes, or with names besides its elements");
  buf_putc(w->out, '[');
  for (int i = 1; i <= n && status == 0; i++) {
    if (i > 1)
      buf_putc(w->out, ',');
    lua_rawgeti(L, idx, i);
    status = lua_isnil(L, -1) ? fault(w, "is nil (a hole in an array)")
                              : write_value(w, lua_gettop(L));
    lua_pop(L, 1);
    if (status < 0)
      in_element(w, i);
  }
  buf_putc(w->out, ']');
  return status;
}

/* The key at the top, as a name. Numbers are names only where an object was asked for. */
static int write_name(struct writer *w, bool marked)
{
  lua_State *L = w->L;
  if (lua_type(L, -1) != LUA_TSTRING && !(marked && lua_type(L, -1) == LUA_TNUMBER))
    return fault(w, lua_type(L, -1) == LUA_TNUMBER
                        ? "is a table with numbers as keys that are not 1, 2, 3..."
                        : "is a table with a key that is neither a name nor a number");
  size_t len;
  const char *name = lua_tolstring(L, -1, &len);
  if (write_string(w, name, len) < 0)
    return fault(w, "is a table with a key that is not valid UTF-8");
  buf_putc(w->out, ':');
  return 0;
}

static int write_member(struct writer *w, bool first, bool marked)
{
  lua_State *L = w->L; /* stack: key, value */
  if (!first)
    buf_putc(w->out, ',');
  lua_pushvalue(L, -2);
  int status = write_name(w, marked);
  if (status == 0 && write_value(w, lua_gettop(L) - 1) < 0) {
    size_t len;
    const char *name = lua_tolstring(L, -1, &len);
    status = in_member(w, name, len);
  }
  lua_pop(L, 1);
  return status;
}

static int write_object(struct writer *w, int idx, bool marked)
{
  lua_State *L = w->L;
  bool first = true;
  buf_putc(w->out, '{');
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    if (write_member(w, first, marked) < 0) {
      lua_pop(L, 2);
      return -1;
    }
    lua_pop(L, 1);
    first = false;
  }
  buf_putc(w->out, '}');
  return 0;
}

static int write_table(struct writer *w, int idx)
{
  if (w->depth >= LJSON_DEPTH)
    return fault(w, "contains itself, or is nested deeper than 1000 levels");
  luaL_checkstack(w->L, 8, "JSON");
  const char *mark = mark_of(w->L, idx);
  if (mark && strcmp(mark, LJSON_JOB) == 0)
    return fault(w, "is the job object: take the fields that are wanted, as job.payload");
  w->depth++;
  bool is_array = mark ? strcmp(mark, LJSON_ARRAY) == 0 : lua_objlen(w->L, idx) > 0;
  int status = is_array ? write_array(w, idx) : write_object(w, idx, mark != NULL);
  w->depth--;
  return status;
}

/* ---- values ---- */

static int write_other(struct writer *w, int idx)
{
  char text[64];
  snprintf(text, sizeof text, "is a %s", luaL_typename(w->L, idx));
  return fault(w, text);
}

static int write_value(struct writer *w, int idx)
{
  size_t len;
  const char *text;
  if (w->out->len - w->begin > LJSON_MAX)
    return fault(w, "is too much: all together it makes more than 64 MB of JSON");
  switch (lua_type(w->L, idx)) {
  case LUA_TNIL:
    buf_puts(w->out, "null");
    return 0;
  case LUA_TBOOLEAN:
    buf_puts(w->out, lua_toboolean(w->L, idx) ? "true" : "false");
    return 0;
  case LUA_TNUMBER:
    return write_number(w, lua_tonumber(w->L, idx));
  case LUA_TSTRING:
    text = lua_tolstring(w->L, idx, &len);
    return write_string(w, text, len);
  case LUA_TTABLE:
    return write_table(w, idx);
  case LUA_TUSERDATA:
    return write_userdata(w, idx);
  case LUA_TLIGHTUSERDATA:
    if (!lua_touserdata(w->L, idx)) {
      buf_puts(w->out, "null");
      return 0;
    }
    return write_other(w, idx);
  default:
    return write_other(w, idx);
  }
}

int ljson_write(lua_State *L, int idx, struct buf *out, struct err *err)
{
  struct writer w = {.L = L, .out = out, .begin = out->len};
  int top = lua_gettop(L);
  if (write_value(&w, idx > 0 ? idx : top + idx + 1) == 0)
    return 0;
  lua_settop(L, top);
  const char *place = w.place[0] == '.' ? w.place + 1 : w.place;
  return err_set(err, "not_json", "%s %s", place[0] ? place : "the value", w.fault);
}
