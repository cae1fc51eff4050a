/* The one way into Lua: see worker.h.
 *
 * Lua always runs in a coroutine that is resumed: an error leaves its stack as it was
 * when the error was raised, so that the traceback can be read afterwards and costs
 * nothing while there is no error.
 */
#include <lauxlib.h>

#include "base/clock.h"
#include "lua/slot.h"

static void store(_Atomic uint32_t *at, uint32_t value)
{
  atomic_store_explicit(at, value, memory_order_release);
}

/* Memory was refused: the heap is too full for this worker to be of further use. A file
 * that asked for too much while it loaded is left out, and its memory is free again. */
static void note_refusals(struct worker *w)
{
  if (w->memory.refused == 0)
    return;
  w->memory.refused = 0;
  if (!w->running)
    return;
  w->running->refused = true;
  if (!w->replace_sent)
    channel_send_control(w->channel, MESSAGE_REPLACE, "", 0);
  w->replace_sent = true;
}

/* Ends the account of what ran since the last mark. */
static void settle(struct worker *w)
{
  int64_t took = w->now_ns - w->marked_ns;
  if (took >= STALL_NS) {
    w->stalled_ns += took;
    if (w->running)
      w->running->own_stall_ns += took;
  }
  if (w->memory.refused > 0)
    note_refusals(w);
}

void entry_mark(struct worker *w, enum page_busy busy, uint32_t current)
{
  settle(w);
  w->marked_ns = w->now_ns;
  store(&w->page->busy, PAGE_IDLE); /* no reader may join the new job to the old time */
  store(&w->page->current, current);
  atomic_store_explicit(&w->page->since_ns, w->now_ns, memory_order_release);
  store(&w->page->busy, busy);
}

int entry(struct worker *w, lua_State *co, int nargs, enum page_busy busy,
          uint32_t current)
{
  w->now_ns = w->marked_ns = clock_mono_ns();
  entry_mark(w, busy, current);
  int status = lua_resume(co, nargs);
  store(&w->page->busy, PAGE_IDLE);
  w->now_ns = clock_mono_ns();
  settle(w);
  w->marked_ns = w->now_ns;
  return status;
}

/* stack: error value of a coroutine, coroutine */
static int describe(lua_State *L)
{
  struct worker *w = worker_of(L);
  failure_read(L, 1, "raised", &w->failure);
  failure_trace(L, lua_tothread(L, 2), &w->failure);
  return 0;
}

void entry_describe_memory(struct worker *w)
{
  failure_set(&w->failure, "out_of_memory",
              "out of memory: the Lua of a worker may use %zu MB (worker.memory)",
              w->settings.memory_max >> 20);
}

void entry_describe(struct worker *w, lua_State *co, enum page_busy busy,
                    uint32_t current)
{
  lua_State *L = w->L;
  w->memory.telling = true;
  lua_State *teller = lua_newthread(L);
  lua_pushcfunction(teller, describe);
  lua_xmove(co, teller, 1);
  lua_pushthread(co);
  lua_xmove(co, teller, 1);
  if (entry(w, teller, 2, busy, current) != 0)
    failure_set(&w->failure, "error",
                "an error was raised that cannot be shown: its __tostring fails");
  lua_pop(L, 1);
  w->memory.telling = false;
}

int entry_call(struct worker *w, lua_State *L, int nargs, int nresults,
               enum page_busy busy, uint32_t current)
{
  int base = lua_gettop(L) - nargs - 1;
  lua_State *co = lua_newthread(L);
  lua_insert(L, base + 1); /* stack: coroutine, function, arguments */
  lua_xmove(L, co, nargs + 1);
  int status = entry(w, co, nargs, busy, current);
  if (status == LUA_YIELD)
    failure_set(&w->failure, "error", "attempt to wait where nothing can wait");
  else if (status != 0)
    entry_describe(w, co, busy, current);
  if (status == 0) {
    lua_settop(co, nresults);
    lua_xmove(co, L, nresults);
    lua_remove(L, base + 1);
    return 0;
  }
  lua_settop(L, base);
  return -1;
}
