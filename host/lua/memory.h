/* The allocator of a lua_State, with two caps.
 *
 * Past `max` memory is still given, but an alarm is set: at the next instruction that
 * LuaJIT interprets, a hook collects garbage, and raises "not enough memory" when that
 * is not enough. Past `hard` the allocator refuses, which Lua turns into the same error.
 *
 * Why not refuse at once: LuaJIT 2.1 as of 2022 crashes when an allocation fails inside
 * of compiled code. Compiled code is made to leave for the interpreter by a collector
 * that is told to hurry; what still reaches the hard cap from compiled code is hopeless.
 */
#ifndef CANDY_LUA_MEMORY_H
#define CANDY_LUA_MEMORY_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define MEMORY_SLACK                                                                     \
  ((size_t)8 * 1024 * 1024) /* past hard, while an error is being told */
#define MEMORY_REFUSALS 100 /* in one job, then it is hopeless */
#define MEMORY_MESSAGE  "not enough memory"

struct memory {
  size_t used, max, hard;
  bool telling;     /* an error is being told, which must not fail for want of memory */
  bool alarmed;     /* the hook is set */
  size_t sent_at;   /* what was used when the collector was sent off last, while it is */
  unsigned refused; /* errors raised for want of memory; whoever looks sets it to 0 */
  void (*hopeless)(void *arg); /* does not return; NULL: there is no compiled code */
  void *arg;
  lua_State *L;
};

/* lua_newstate with this allocator; NULL when the cap is too small for a state. */
lua_State *memory_state(struct memory *memory, size_t max, size_t hard);

/* The memory of a state made by memory_state. */
struct memory *memory_of(lua_State *L);

/* Between entries into Lua: ends an alarm that is over, and keeps the collector ahead of
 * the cap (its pause shrinks as the heap grows). */
void memory_pace(struct memory *memory);

#endif
