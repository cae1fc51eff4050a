/* core: what a job waits for. Each function here notes what is waited for; the library
 * then yields (candy/wait.lua) and asks `answer` what came of it. */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "lua/asking.h"
#include "lua/core.h"
#include "lua/ljson.h"
#include "lua/slot.h"

#define REQUEST_MAX ((size_t)CHANNEL_MESSAGE - (size_t)64 * 1024)
#define ANSWER_KEPT                                                                      \
  ((size_t)64 * 1024) /* a larger buffer is not kept for the next answer */

struct fiber *core_waiting_fiber(lua_State *L, const char *what)
{
  struct worker *w = worker_of(L);
  if (w->loading || !w->running || !w->running->job)
    core_misuse(L,
                "%s can only be called while a task runs; a file's top level only "
                "declares",
                what);
  if (!lua_isyieldable(L))
    core_misuse(L,
                "%s cannot wait inside of a function that Lua's own libraries call "
                "(table.sort, string.gsub and the like)",
                what);
  if (w->fiber->transaction)
    core_misuse(L,
                "%s cannot be called inside of candy.db.tx, which may wait for nothing "
                "but its own queries: call it before, or after",
                what);
  return w->fiber;
}

/* stack: verb and body from `at` on; number 0: nobody waits for an answer */
static void send_request(lua_State *L, int at, uint32_t number)
{
  struct worker *w = worker_of(L);
  struct message_request m = {.number = number, .cell = w->running->job->m.cell};
  m.verb.data = luaL_checklstring(L, at, &m.verb.len);
  m.body.data = luaL_checklstring(L, at + 1, &m.body.len);
  w->message.len = 0;
  message_put_request(&w->message, &m);
  channel_send(w->channel, MESSAGE_REQUEST, w->message.data, w->message.len);
}

/* begin_transaction(number): the fiber that runs is in it */
static int begin_transaction(lua_State *L)
{
  worker_of(L)->fiber->transaction = (int64_t)luaL_checknumber(L, 1);
  return 0;
}

/* end_transaction() */
static int end_transaction(lua_State *L)
{
  worker_of(L)->fiber->transaction = 0;
  return 0;
}

/* is_in_transaction(number) -> whether the fiber that runs is in that one */
static int is_in_transaction(lua_State *L)
{
  const struct fiber *f = worker_of(L)->fiber;
  lua_pushboolean(L, f && f->transaction == (int64_t)luaL_checknumber(L, 1));
  return 1;
}

/* request(name, verb, body): sends it | returns a message when it is too large | false
 * when too much is under way: then the fiber waits until it may ask again */
static int request(lua_State *L)
{
  struct fiber *f = core_waiting_fiber(L, luaL_checkstring(L, 1));
  const char *verb = luaL_checkstring(L, 2);
  size_t len;
  luaL_checklstring(L, 3, &len);
  if (len > REQUEST_MAX) {
    lua_pushfstring(L, "%s: %d MB are more than the limit of %d MB", lua_tostring(L, 1),
                    (int)(len >> 20), (int)(REQUEST_MAX >> 20));
    return 1;
  }
  if (!asking_may(f->slot->worker, verb, len)) {
    fiber_wait_to_ask(f);
    lua_pushboolean(L, 0);
    return 1;
  }
  uint32_t number = fiber_wait_answer(f);
  send_request(L, 2, number);
  asking_sent(f->slot->worker, number, verb, len);
  return 0;
}

/* new_job(type, payload or nil, options or nil) -> a job as the request "enqueue" has it
 * | nil, message when the payload, a table, cannot be JSON; options are JSON text */
static int new_job(lua_State *L)
{
  struct worker *w = worker_of(L);
  struct message_new m = {.payload = {"{}", 2}};
  struct err err;
  m.type.data = luaL_checklstring(L, 1, &m.type.len);
  m.options.data = luaL_optlstring(L, 3, NULL, &m.options.len);
  w->body.len = w->message.len = 0;
  if (!lua_isnil(L, 2) && ljson_write(L, 2, &w->body, &err) < 0) {
    lua_pushnil(L);
    lua_pushstring(L, err.text);
    return 2;
  }
  if (w->body.len)
    m.payload = (struct wire_text){w->body.data, w->body.len};
  message_put_new(&w->message, &m);
  lua_pushlstring(L, w->message.data, w->message.len);
  return 1;
}

/* tell(verb, body): a request without an answer, for what is given back on the way out */
static int tell(lua_State *L)
{
  send_request(L, 1, 0);
  return 0;
}

/* sleep(ms) */
static int sleep_ms(lua_State *L)
{
  struct fiber *f = core_waiting_fiber(L, "candy.sleep");
  fiber_wait_alarm(f, (int64_t)luaL_checknumber(L, 1));
  return 0;
}

/* is_test() -> whether a test stands in for time and for the outside */
static int is_test(lua_State *L)
{
  lua_pushboolean(L, worker_of(L)->settings.is_test);
  return 1;
}

/* Whether the fiber that runs was answered. Raises when the job's time was up, or the
 * fiber was cancelled. */
static bool was_answered(lua_State *L)
{
  struct fiber *f = worker_of(L)->fiber;
  slot_check(L, f->slot);
  if (f->cancelled)
    core_misuse(L, "cancelled");
  bool answered = f->answered;
  f->answered = false;
  return answered;
}

static void drop_large(struct buf *answer)
{
  if (answer->cap > ANSWER_KEPT)
    buf_fini(answer);
}

static int bad_answer(lua_State *L, const char *why)
{
  return luaL_error(L, "the host's answer cannot be read: %s", why);
}

static int push_json(lua_State *L, struct fiber *f)
{
  struct err err;
  lua_pushboolean(L, f->answer_ok);
  lua_pushlstring(L, f->answer.data ? f->answer.data : "", f->answer.len);
  drop_large(&f->answer);
  if (ljson_read(L, -1, &err) < 0)
    return bad_answer(L, err.text);
  lua_remove(L, -2);
  return 2;
}

/* answer() -> nothing after other waits | ok, value after a request. Raises as
 * was_answered. */
static int answer(lua_State *L)
{
  return was_answered(L) ? push_json(L, worker_of(L)->fiber) : 0;
}

static void push_id(lua_State *L, int64_t id)
{
  char digits[24];
  lua_pushlstring(L, digits, (size_t)snprintf(digits, sizeof digits, "%" PRId64, id));
}

/* stack: the table of duplicates, or nil */
static void note_duplicate(lua_State *L, int index)
{
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  lua_pushboolean(L, 1);
  lua_rawseti(L, -2, index);
}

/* pushed() -> as answer(), after the request "enqueue": true, ids, {index = true} of the
 * duplicates or nil */
static int pushed(lua_State *L)
{
  struct fiber *f = worker_of(L)->fiber;
  const char *at = f->answer.data, *end = at + f->answer.len;
  struct message_pushed m;
  int more;
  if (!was_answered(L))
    return 0;
  if (!f->answer_ok)
    return push_json(L, f);
  lua_pushboolean(L, 1);
  lua_createtable(L, 1, 0);
  lua_pushnil(L);
  for (int i = 1; (more = message_next_pushed(&at, end, &m)) > 0; i++) {
    push_id(L, m.id);
    lua_rawseti(L, -3, i);
    if (m.duplicate)
      note_duplicate(L, i);
  }
  drop_large(&f->answer);
  return more < 0 ? bad_answer(L, "it has no ids") : 3;
}

static const luaL_Reg functions[] = {
    {"request", request},
    {"new_job", new_job},
    {"tell", tell},
    {"begin_transaction", begin_transaction},
    {"end_transaction", end_transaction},
    {"is_in_transaction", is_in_transaction},
    {"sleep", sleep_ms},
    {"is_test", is_test},
    {"answer", answer},
    {"pushed", pushed},
    {NULL, NULL},
};

void core_wait(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
