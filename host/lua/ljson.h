/* JSON to and from Lua values, exactly.
 *
 * Read: a member that is null is absent; a null in an array is candy.json.null, so that
 * places and lengths stay; an empty array carries the array metatable; integers beyond
 * 2^53 become candy.json integers (integer.h) that keep every digit.
 * Written: what was read comes out the same. A table is an array when its keys are 1..n,
 * or when it is marked; an empty one is an object unless it is marked.
 */
#ifndef CANDY_LUA_LJSON_H
#define CANDY_LUA_LJSON_H

#include "base/buf.h"
#include "base/err.h"
#include <lua.h>

#define LJSON_EXACT 9007199254740992.0         /* 2^53 */
#define LJSON_MAX   ((size_t)64 * 1024 * 1024) /* bytes of what is written */
#define LJSON_DEPTH 1000                       /* of what is written; a cycle is deeper */

/* Registers metatables and the reader; leaves the stack as it was. */
void ljson_open(lua_State *L);

/* Reads the string at idx and pushes its value. Returns 0, or -1 with err and nothing
 * pushed. Raises only for want of memory. */
int ljson_read(lua_State *L, int idx, struct err *err);

/* Appends the value at idx. Returns 0, or -1 with err ("not_json": the text names the
 * place, as in "items[3].at is a function"). Raises only for want of memory. */
int ljson_write(lua_State *L, int idx, struct buf *out, struct err *err);

/* Marks the table at idx as an array or an object, whatever its keys. */
void ljson_mark_array(lua_State *L, int idx);
void ljson_mark_object(lua_State *L, int idx);

/* Pushes JSON null, as it stands in arrays: a light userdata. */
void ljson_push_null(lua_State *L);

/* The registry's names of the metatables that mark. */
#define LJSON_ARRAY  "candy.json.array"
#define LJSON_OBJECT "candy.json.object"

/* And the one of job objects, which are no values to keep. */
#define LJSON_JOB "candy.job"

#endif
