/* core: promises. A promise is a request that the host gets in any case: when it is kept,
 * or else when its job ends, however that comes about. What is given back, such as a
 * lock, is given back by one. Nobody waits for its answer. */
#include "frame/channel.h"
#include "lua/core.h"
#include "lua/slot.h"

#define PROMISE "candy.promise"

struct promise { /* in Lua's memory */
  struct resource resource;
  struct slot *slot;
  struct buf verb, body;
};

static void set_text(lua_State *L, int idx, struct buf *b)
{
  size_t len;
  const char *text = luaL_checklstring(L, idx, &len);
  b->len = 0;
  buf_append(b, text, len);
}

static void keep(struct resource *resource)
{
  struct promise *p = (struct promise *)(void *)resource;
  struct worker *w = p->slot->worker;
  struct message_request m = {.cell = p->slot->job->m.cell,
                              .verb = {p->verb.data, p->verb.len},
                              .body = {p->body.data, p->body.len}};
  w->message.len = 0;
  message_put_request(&w->message, &m);
  channel_send(w->channel, MESSAGE_REQUEST, w->message.data, w->message.len);
  buf_fini(&p->verb);
  buf_fini(&p->body);
}

/* promise(verb, body) -> promise of the job that runs */
static int promise(lua_State *L)
{
  luaL_checkstring(L, 1);
  luaL_checkstring(L, 2);
  struct promise *p = lua_newuserdata(L, sizeof *p);
  *p = (struct promise){.slot = worker_of(L)->running};
  luaL_getmetatable(L, PROMISE);
  lua_setmetatable(L, -2);
  set_text(L, 1, &p->verb);
  set_text(L, 2, &p->body);
  resource_open(&p->resource, p->slot, keep);
  return 1;
}

/* promise_change(promise, body): another body, unless it is kept */
static int promise_change(lua_State *L)
{
  struct promise *p = luaL_checkudata(L, 1, PROMISE);
  if (p->resource.at)
    set_text(L, 2, &p->body);
  return 0;
}

/* promise_keep(promise): now; a second time is no error */
static int promise_keep(lua_State *L)
{
  struct promise *p = luaL_checkudata(L, 1, PROMISE);
  resource_close(&p->resource);
  return 0;
}

static const luaL_Reg functions[] = {{"promise", promise},
                                     {"promise_change", promise_change},
                                     {"promise_keep", promise_keep},
                                     {NULL, NULL}};

void core_promise(lua_State *L)
{
  luaL_register(L, NULL, functions);
  luaL_newmetatable(L, PROMISE);
  lua_pushcfunction(L, promise_keep);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}
