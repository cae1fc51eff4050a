/* The capped allocator: see memory.h. */
#include "lua/memory.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unwind.h>

#define PAUSE_MAX 180 /* percent of the live heap at which the next collection starts */
#define PAUSE_MIN 105
#define STEP      200      /* percent: the collector's usual speed */
#define STEP_FAST 10000000 /* a whole collection in a few steps */

/* Instructions between two errors: enough to handle the first one and to return. */
#define BREATH 10000

/* Bytes between two sendings of the collector while there is an alarm. */
#define SENT_EVERY ((size_t)1024 * 1024)

/* ---- stress ---- */

/* For specs: while the heap is small, the collector never rests, and a cycle is over
 * after some hundreds of allocations, so that what C holds without an anchor is gone by
 * the time that it is used. A large heap would take it all day. `before` is what was used
 * when this was last asked. */
#ifdef CANDY_GC_STRESS
#define STRESS_MAX  ((size_t)8 * 1024 * 1024)
#define STRESS_STEP 1000

static void stress(struct memory *m, size_t before)
{
  bool small = m->used <= STRESS_MAX;
  if (!m->L || m->alarmed || (before > 0 && (before <= STRESS_MAX) == small))
    return;
  if (small)
    lua_gc(m->L, LUA_GCSETPAUSE, 0);
  else if (before > 0)
    lua_gc(m->L, LUA_GCSETPAUSE, PAUSE_MAX);
  lua_gc(m->L, LUA_GCSETSTEPMUL, small ? STRESS_STEP : STEP);
}
#else
static void stress(const struct memory *m, size_t before)
{
  (void)m;
  (void)before;
}
#endif

/* ---- the alarm ---- */

static size_t fine(const struct memory *m)
{
  return m->max / 100 * 95;
}

static void end_alarm(struct memory *m)
{
  m->alarmed = false;
  lua_sethook(m->L, NULL, 0, 0);
  lua_gc(m->L, LUA_GCSETSTEPMUL, STEP);
}

static void note_refusal(struct memory *m)
{
  if (++m->refused >= MEMORY_REFUSALS && m->hopeless)
    m->hopeless(m->arg);
}

static void on_alarm(lua_State *L, lua_Debug *at)
{
  struct memory *m = memory_of(L);
  (void)at;
  if (m->telling)
    return;
  lua_gc(L, LUA_GCCOLLECT, 0);
  if (m->used <= fine(m)) {
    end_alarm(m);
    return;
  }
  note_refusal(m);
  lua_sethook(L, on_alarm, LUA_MASKCOUNT, BREATH);
  lua_pushliteral(L, MEMORY_MESSAGE);
  lua_error(L);
}

/* Called within allocations: lua_sethook and these settings of lua_gc only set fields.
 *
 * Compiled code leaves for the interpreter when the collector comes to its atomic phase.
 * One that was sweeping ends its cycle first, and would rest until the heap has nearly
 * doubled: so it is sent off again and again while there is an alarm. */
static void set_alarm(struct memory *m)
{
  if (!m->alarmed) {
    m->alarmed = true;
    lua_sethook(m->L, on_alarm, LUA_MASKCOUNT, 1);
    lua_gc(m->L, LUA_GCSETSTEPMUL, STEP_FAST);
  } else if (m->used < m->sent_at + SENT_EVERY) {
    return;
  }
  m->sent_at = m->used;
  lua_gc(m->L, LUA_GCRESTART, 0);
}

/* ---- the hard cap ---- */

static _Unwind_Reason_Code look_at(struct _Unwind_Context *frame, void *compiled)
{
  Dl_info info;
  void *ip = (void *)_Unwind_GetIP(frame); /* NOLINT(performance-no-int-to-ptr) */
  *(bool *)compiled = ip && !dladdr(ip, &info);
  return *(bool *)compiled ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* Code that belongs to no file is LuaJIT's compiled code. */
static bool is_compiled_code(void)
{
  bool compiled = false;
  _Unwind_Backtrace(look_at, &compiled);
  return compiled;
}

static void *refuse(struct memory *m)
{
  if (m->hopeless && is_compiled_code())
    m->hopeless(m->arg);
  note_refusal(m);
  return NULL;
}

/* ---- the allocator ---- */

static bool fits(struct memory *m, size_t more)
{
  if (m->used + more <= m->max)
    return true;
  if (m->used + more > m->hard + (m->telling ? MEMORY_SLACK : 0))
    return false;
  if (!m->telling && m->L)
    set_alarm(m);
  return true;
}

static void *allocate(void *ud, void *ptr, size_t old, size_t size)
{
  struct memory *m = ud;
  if (size == 0) {
    free(ptr);
    m->used -= old;
    return NULL;
  }
  if (size > old && !fits(m, size - old))
    return refuse(m);
  void *block = realloc(ptr, size);
  if (!block)
    return refuse(m);
  m->used += size - old;
  stress(m, m->used - size + old);
  return block;
}

lua_State *memory_state(struct memory *memory, size_t max, size_t hard)
{
  memory->used = 0;
  memory->max = max;
  memory->hard = hard;
  memory->L = lua_newstate(allocate, memory);
  if (memory->L)
    stress(memory, 0);
  return memory->L;
}

struct memory *memory_of(lua_State *L)
{
  void *ud;
  lua_getallocf(L, &ud);
  return ud;
}

void memory_pace(struct memory *memory)
{
  if (memory->alarmed && memory->used <= fine(memory))
    end_alarm(memory);
  size_t live = memory->used / 100 + 1;
  size_t pause = memory->max / 100 * 90 / live;
  if (pause > PAUSE_MAX)
    pause = PAUSE_MAX;
  lua_gc(memory->L, LUA_GCSETPAUSE, pause < PAUSE_MIN ? PAUSE_MIN : (int)pause);
  stress(memory, 0);
}
