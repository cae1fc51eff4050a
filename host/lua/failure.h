/* What an error value says, in words that are never empty. */
#ifndef CANDY_LUA_FAILURE_H
#define CANDY_LUA_FAILURE_H

#include <lua.h>
#include <stdbool.h>

#include "base/buf.h"

struct failure {
  char code[64];
  struct buf message, traceback; /* UTF-8; the traceback may be empty */
  int64_t retry_ms;              /* -1: the error does not say when to try again */
  bool permanent;
};

void failure_fini(struct failure *f);
void failure_set(struct failure *f, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads the error value at idx: a text, a table {code, message, retry_after, permanent},
 * or whatever else it is. A value that says nothing is told by how it came: "raised",
 * "returned". Calls its __tostring; may raise. */
void failure_read(lua_State *L, int idx, const char *how, struct failure *f);

/* Adds the traceback of a coroutine that ended with an error. May raise. */
void failure_trace(lua_State *L, lua_State *co, struct failure *f);

/* {"code","message","traceback"} */
void failure_write(const struct failure *f, struct buf *out);

#endif
