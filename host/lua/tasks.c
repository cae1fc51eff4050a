/* The table of tasks: see tasks.h.
 *
 * A Lua table leads from names to places in `list`, and one from places to functions:
 * looking a job's type up costs one interned string and two reads.
 */
#include "lua/tasks.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/json.h"

#define PROBLEMS_MAX 8

struct tasks {
  struct task *list;
  int n;
  int places_ref, functions_ref;
};

struct tasks *tasks_new(void)
{
  struct tasks *t = mem_alloc(sizeof *t);
  t->places_ref = t->functions_ref = LUA_NOREF;
  return t;
}

void tasks_free(struct tasks **tasks)
{
  struct tasks *t = *tasks;
  *tasks = NULL;
  if (!t)
    return;
  for (int i = 0; i < t->n; i++)
    schema_free(&t->list[i].schema);
  free(t->list);
  free(t);
}

static void make_tables(struct tasks *t, lua_State *L)
{
  lua_newtable(L);
  t->places_ref = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  t->functions_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

void tasks_add(struct tasks *t, lua_State *L, const char *name, int idx,
               const struct task *task)
{
  t->list = mem_grow(t->list, (size_t)(t->n + 1) * sizeof *t->list);
  t->list[t->n++] = *task;
  if (t->places_ref == LUA_NOREF)
    make_tables(t, L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->functions_ref);
  lua_pushvalue(L, idx);
  lua_rawseti(L, -2, t->n);
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->places_ref);
  lua_pushinteger(L, t->n);
  lua_setfield(L, -2, name);
  lua_pop(L, 2);
}

const struct task *tasks_push(struct tasks *t, lua_State *L, const struct wire_text *name)
{
  if (t->n == 0)
    return NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->places_ref);
  lua_pushlstring(L, name->data, name->len);
  lua_rawget(L, -2);
  int place = (int)lua_tointeger(L, -1);
  lua_pop(L, 2);
  if (place == 0)
    return NULL;
  lua_rawgeti(L, LUA_REGISTRYINDEX, t->functions_ref);
  lua_rawgeti(L, -1, place);
  lua_remove(L, -2);
  return &t->list[place - 1];
}

/* ---- payloads ---- */

static void explain(const struct schema_problem *found, size_t n, struct err *err)
{
  struct buf text = {0};
  for (size_t i = 0; i < n && i < PROBLEMS_MAX; i++)
    buf_printf(&text, "%s%s %s", i ? "; " : "",
               found[i].pointer[0] ? found[i].pointer : "the payload", found[i].message);
  if (n > PROBLEMS_MAX)
    buf_printf(&text, "; and %zu more", n - PROBLEMS_MAX);
  err_set(err, "payload_invalid", "the payload does not fit the task's schema: %s",
          text.data);
  buf_fini(&text);
}

int task_check(const struct task *task, const struct wire_text *payload, struct err *err)
{
  struct schema_problem found[PROBLEMS_MAX];
  if (!task->schema)
    return 0;
  json_t *value = jx_parse(payload->data, payload->len, err);
  if (!value)
    return err_set(err, "payload_invalid", "the payload is %s", err->text);
  size_t n = schema_check(task->schema, value, found, PROBLEMS_MAX);
  if (n > 0)
    explain(found, n, err);
  schema_problems_fini(found, n < PROBLEMS_MAX ? n : PROBLEMS_MAX);
  json_decref(value);
  return n > 0 ? -1 : 0;
}
