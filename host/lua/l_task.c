/* core: tasks and the schemas of their payloads. */
#include "base/json.h"
#include "lua/core.h"
#include "lua/tasks.h"
#include "lua/worker.h"

#define SCHEMA "candy.schema"

/* schema(JSON text) -> compiled schema | nil, message */
static int new_schema(lua_State *L)
{
  size_t len;
  struct err err;
  const char *text = luaL_checklstring(L, 1, &len);
  struct schema **box = lua_newuserdata(L, sizeof(struct schema *));
  *box = NULL;
  luaL_getmetatable(L, SCHEMA);
  lua_setmetatable(L, -2);
  json_t *document = jx_parse(text, len, &err);
  if (document)
    *box = schema_new(document, NULL, &err);
  json_decref(document);
  if (*box)
    return 1;
  lua_pushnil(L);
  lua_pushstring(L, err.text);
  return 2;
}

static int free_schema(lua_State *L)
{
  schema_free(luaL_checkudata(L, 1, SCHEMA));
  return 0;
}

/* check_schema(compiled schema, JSON text) -> nothing | what does not fit */
static int check_schema(lua_State *L)
{
  struct schema **box = luaL_checkudata(L, 1, SCHEMA);
  struct task task = {.schema = *box};
  struct wire_text text;
  struct err err;
  text.data = luaL_checklstring(L, 2, &text.len);
  if (task_check(&task, &text, &err) == 0)
    return 0;
  lua_pushstring(L, err.text);
  return 1;
}

/* task(name, function, timeout in ms or nil, compiled schema or nil, heartbeat in ms or
 * nil) */
static int add(lua_State *L)
{
  struct worker *w = worker_of(L);
  const char *name = luaL_checkstring(L, 1);
  struct schema **box = lua_isnoneornil(L, 4) ? NULL : luaL_checkudata(L, 4, SCHEMA);
  struct task task = {
      .timeout_ms = (int64_t)luaL_optnumber(L, 3, (lua_Number)w->settings.timeout_ms),
      .heartbeat_ms = (int64_t)luaL_optnumber(L, 5, 0),
      .schema = box ? *box : NULL,
  };
  tasks_add(w->tasks, L, name, 2, &task);
  if (box)
    *box = NULL;
  return 0;
}

static const luaL_Reg functions[] = {
    {"schema", new_schema}, {"check_schema", check_schema}, {"task", add}, {NULL, NULL}};

void core_task(lua_State *L)
{
  luaL_newmetatable(L, SCHEMA);
  lua_pushcfunction(L, free_schema);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_register(L, NULL, functions);
}
