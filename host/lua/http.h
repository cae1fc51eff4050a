/* What the worker's HTTP requests to the outside share: see l_http.c. */
#ifndef CANDY_LUA_HTTP_H
#define CANDY_LUA_HTTP_H

#include <lua.h>

#include "base/err.h"
#include "lua/fiber.h"
#include "lua/resource.h"

struct transfer;

/* One request of a job, as userdata. */
struct http_handle {
  struct resource resource;  /* first: what the job closes */
  struct transfer *transfer; /* NULL: closed */
  struct gate gate;
};

/* The first argument; raises when it is no handle. */
struct http_handle *http_handle_at(lua_State *L);

/* Pushes false, code, message; returns their number. */
int http_push_err(lua_State *L, const struct err *err);

/* No request may run any more. The loop must turn before it can be closed. */
void http_fini(struct worker *w);

/* l_http_answer.c: a part of core_http */
void core_http_answer(lua_State *L);

#endif
