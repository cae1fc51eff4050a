/* core: XML as tables. */
#include <string.h>

#include "lua/core.h"
#include "lua/worker.h"
#include "lua/xml.h"

#define KEPT_MAX (256u << 10) /* of scratch, between one document and the next */

/* The tables that are being built: each open element leaves two on the stack, itself and
 * its children. */
struct builder {
  lua_State *L;
  const char *at;
  int count[XML_DEPTH_MAX + 1]; /* children, by depth; [0] has the root */
  int depth;
};

/* The next string of the record; valid as long as the records are. */
static const char *next_string(struct builder *b)
{
  const char *text = b->at;
  b->at += strlen(text) + 1;
  return text;
}

/* Appends the value at the top of the stack to the children below it. */
static void append(struct builder *b)
{
  lua_rawseti(b->L, -2, ++b->count[b->depth]);
}

/* stack: +element +children */
static void open_element(struct builder *b)
{
  lua_createtable(b->L, 0, 3);
  lua_pushstring(b->L, next_string(b));
  lua_setfield(b->L, -2, "name");
  lua_newtable(b->L);
  for (const char *name = next_string(b); *name; name = next_string(b)) {
    lua_pushstring(b->L, next_string(b));
    lua_setfield(b->L, -2, name);
  }
  lua_setfield(b->L, -2, "attributes");
  lua_newtable(b->L);
  lua_pushvalue(b->L, -1);
  lua_setfield(b->L, -3, "children");
  b->count[++b->depth] = 0;
}

/* stack: children, -element -its children */
static void close_element(struct builder *b)
{
  lua_pop(b->L, 1);
  b->depth--;
  append(b);
}

static void push_root(lua_State *L, const struct buf *records)
{
  struct builder b = {.L = L, .at = records->data};
  const char *end = records->data + records->len;
  luaL_checkstack(L, 2 * XML_DEPTH_MAX + 8, "XML");
  lua_newtable(L);
  while (b.at < end) {
    enum xml_record record = (enum xml_record) * b.at++;
    if (record == XML_OPEN) {
      open_element(&b);
    } else if (record == XML_CLOSE) {
      close_element(&b);
    } else {
      lua_pushstring(L, next_string(&b));
      append(&b);
    }
  }
  lua_rawgeti(L, -1, 1);
}

static int push_fault(lua_State *L, const struct xml_fault *fault)
{
  lua_pushnil(L);
  lua_pushstring(L, fault->err.code);
  lua_pushstring(L, fault->err.text);
  lua_pushnumber(L, (lua_Number)fault->line);
  lua_pushnumber(L, (lua_Number)fault->column);
  return 5;
}

/* xml(text, encoding or nil) -> root | nil, code, message, line, column */
static int xml(lua_State *L)
{
  struct buf *records = &worker_of(L)->body;
  struct xml_fault fault = {.line = 1, .column = 1};
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  records->len = 0;
  bool sound = xml_read(text, len, luaL_optstring(L, 2, NULL), records, &fault) == 0;
  if (sound)
    push_root(L, records);
  if (records->cap > KEPT_MAX)
    buf_fini(records);
  return sound ? 1 : push_fault(L, &fault);
}

static const luaL_Reg functions[] = {{"xml", xml}, {NULL, NULL}};

void core_xml(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
