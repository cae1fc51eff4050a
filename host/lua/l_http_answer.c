/* core: what comes of an HTTP request to the outside, for candy/http*.lua: its answer,
 * and how its body is sent.
 *
 * Only one function waits for a handle at a time. What a function here cannot answer yet
 * it notes as waited for: it returns nil, the library yields and asks again.
 */
#include <string.h>

#include "lua/core.h"
#include "lua/http.h"
#include "net/client/client.h"

/* The open transfer of a handle, or NULL with what the function returns pushed. */
static struct transfer *transfer_at(lua_State *L)
{
  struct http_handle *h = http_handle_at(L);
  if (h->transfer)
    return h->transfer;
  lua_pushboolean(L, false);
  lua_pushliteral(L, "closed");
  lua_pushliteral(L, "the response was closed");
  return NULL;
}

/* Returns 0: the library waits. */
static int wait_for(lua_State *L, const char *what)
{
  struct http_handle *h = http_handle_at(L);
  struct fiber *f = core_waiting_fiber(L, what);
  if (h->gate.waiting && h->gate.waiting != f)
    return core_misuse(L, "%s: another function waits for the same request already",
                       what);
  gate_wait(&h->gate, f);
  return 0;
}

/* ---- answers ---- */

/* [name, value, name, value ...] */
static void push_pairs(lua_State *L, const struct transfer_head *head)
{
  const char *at = head->pairs;
  lua_createtable(L, (int)(2 * head->count), 0);
  for (size_t i = 0; i < 2 * head->count; i++) {
    lua_pushstring(L, at);
    lua_rawseti(L, -2, (int)i + 1);
    at += strlen(at) + 1;
  }
}

/* http_head(what, handle) -> status, pairs, url, redirects, version | nil: wait | false,
 * code, message */
static int head(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  lua_remove(L, 1);
  const struct transfer *t = transfer_at(L);
  if (!t)
    return 3;
  const struct transfer_head *answer = transfer_head(t);
  if (!answer && !transfer_ended(t))
    return wait_for(L, what);
  if (!answer)
    return http_push_err(L, transfer_error(t));
  lua_pushinteger(L, answer->status);
  push_pairs(L, answer);
  lua_pushstring(L, answer->url);
  lua_pushinteger(L, answer->redirects);
  lua_pushstring(L, answer->version);
  return 5;
}

/* http_read(what, handle) -> bytes | nil: wait | false at the end | false, code, message
 */
static int read_some(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1), *bytes;
  lua_remove(L, 1);
  struct transfer *t = transfer_at(L);
  if (!t)
    return 3;
  size_t len = transfer_peek(t, &bytes);
  if (len > 0) {
    lua_pushlstring(L, bytes, len); /* may raise: the bytes are taken after that */
    transfer_take(t, len);
    return 1;
  }
  if (!transfer_ended(t))
    return wait_for(L, what);
  if (transfer_error(t))
    return http_push_err(L, transfer_error(t));
  lua_pushboolean(L, false);
  return 1;
}

/* http_write(what, handle, bytes, from) -> how many were taken, from byte `from` on |
 * nil: wait | false: the request is over */
static int write_some(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  lua_remove(L, 1);
  size_t len, from = (size_t)luaL_checknumber(L, 3) - 1;
  const char *bytes = luaL_checklstring(L, 2, &len);
  struct transfer *t = transfer_at(L);
  if (!t)
    return 3;
  if (transfer_ended(t)) {
    lua_pushboolean(L, false);
    return 1;
  }
  size_t room = transfer_room(t);
  if (room == 0)
    return wait_for(L, what);
  len = len - from < room ? len - from : room;
  transfer_write(t, bytes + from, len);
  lua_pushinteger(L, (lua_Integer)len);
  return 1;
}

/* http_write_end(handle) */
static int write_end(lua_State *L)
{
  struct http_handle *h = http_handle_at(L);
  if (h->transfer)
    transfer_write_end(h->transfer);
  return 0;
}

static void set_ms(lua_State *L, const char *name, int64_t ms)
{
  lua_pushnumber(L, (lua_Number)ms);
  lua_setfield(L, -2, name);
}

/* http_timings(handle) -> {line, connect, first_byte, total} | nil when it is closed */
static int timings(lua_State *L)
{
  struct transfer_timings times;
  const struct http_handle *h = http_handle_at(L);
  if (!h->transfer)
    return 0;
  transfer_timings(h->transfer, &times);
  lua_createtable(L, 0, 4);
  set_ms(L, "line", times.line_ms);
  set_ms(L, "connect", times.connect_ms);
  set_ms(L, "first_byte", times.first_byte_ms);
  set_ms(L, "total", times.total_ms);
  return 1;
}

static const luaL_Reg functions[] = {
    {"http_head", head},           {"http_read", read_some},  {"http_write", write_some},
    {"http_write_end", write_end}, {"http_timings", timings}, {NULL, NULL},
};

void core_http_answer(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
