/* core: HTTP requests to the outside, for candy/http*.lua: the worker's client, and how a
 * request starts and ends. What comes of it is read by l_http_answer.c.
 *
 * A handle is one transfer of the job that runs; it is closed with the job, or when
 * nobody refers to it any more.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "lua/core.h"
#include "lua/http.h"
#include "lua/slot.h"
#include "net/client/client.h"

#define HANDLE      "candy.http"
#define HEADERS_MAX 256
#define HOSTS_MAX   256 /* in a list of the settings */

/* ---- the client ---- */

static size_t read_hosts(const json_t *outgoing, const char *name,
                         const char *hosts[HOSTS_MAX])
{
  const json_t *list = json_object_get(outgoing, name), *item;
  size_t i, count = 0;
  json_array_foreach(list, i, item)
    if (count < HOSTS_MAX)
      hosts[count++] = jx_text(item, "");
  return count;
}

static struct client *client_of(struct worker *w, struct err *err)
{
  const char *no_proxy[HOSTS_MAX], *private_allow[HOSTS_MAX];
  const json_t *outgoing = w->settings.outgoing;
  if (w->http)
    return w->http;
  struct client_settings settings = {
      .proxy = jx_str(outgoing, "proxy", NULL),
      .no_proxy = no_proxy,
      .no_proxy_count = read_hosts(outgoing, "no_proxy", no_proxy),
      .private_allow = private_allow,
      .private_allow_count = read_hosts(outgoing, "private_allow", private_allow),
      .ca_file = jx_str(outgoing, "ca_file", NULL),
  };
  w->http = client_new(&w->loop, &settings, err);
  return w->http;
}

void http_fini(struct worker *w)
{
  client_free(&w->http);
}

/* ---- handles ---- */

static void on_close(struct resource *r)
{
  struct http_handle *h = (struct http_handle *)r;
  transfer_free(&h->transfer);
  gate_open(&h->gate);
}

static void on_wake(void *arg)
{
  struct http_handle *h = arg;
  gate_open(&h->gate);
}

struct http_handle *http_handle_at(lua_State *L)
{
  return luaL_checkudata(L, 1, HANDLE);
}

int http_push_err(lua_State *L, const struct err *err)
{
  lua_pushboolean(L, false);
  lua_pushstring(L, err->code);
  lua_pushstring(L, err->text);
  return 3;
}

static int collect(lua_State *L)
{
  struct http_handle *h = http_handle_at(L);
  resource_close(&h->resource);
  return 0;
}

static struct http_handle *push_handle(lua_State *L)
{
  struct http_handle *h = lua_newuserdata(L, sizeof *h);
  memset(h, 0, sizeof *h);
  if (luaL_newmetatable(L, HANDLE)) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return h;
}

/* ---- requests ---- */

/* The texts stay alive in the table at `idx`, though they leave the stack. */
static const char *bytes_field(lua_State *L, int idx, const char *name, size_t *len)
{
  lua_getfield(L, idx, name);
  const char *text = lua_tolstring(L, -1, len);
  lua_pop(L, 1);
  return text;
}

/* A text that C may have: cut at a NUL it would be another one than a script has looked
 * at. `*nul` gets the name of one that has it. */
static const char *text_field(lua_State *L, int idx, const char *name, const char **nul)
{
  size_t len = 0;
  const char *text = bytes_field(L, idx, name, &len);
  if (text && strlen(text) != len)
    *nul = name;
  return text;
}

static lua_Number number_field(lua_State *L, int idx, const char *name, lua_Number none)
{
  lua_getfield(L, idx, name);
  lua_Number value = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : none;
  lua_pop(L, 1);
  return value;
}

static bool flag_field(lua_State *L, int idx, const char *name)
{
  lua_getfield(L, idx, name);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

/* {name, value, name, value ...}; -1 when one of them holds a NUL. */
static int read_headers(lua_State *L, int idx, struct transfer_header *headers,
                        size_t *count)
{
  size_t name_len, value_len;
  lua_getfield(L, idx, "headers");
  int list = lua_gettop(L), n = (int)lua_objlen(L, list) / 2;
  *count = 0;
  for (int i = 0; i < n && i < HEADERS_MAX; i++) {
    lua_rawgeti(L, list, 2 * i + 1);
    lua_rawgeti(L, list, 2 * i + 2);
    headers[i].name = luaL_checklstring(L, -2, &name_len);
    headers[i].value = luaL_checklstring(L, -1, &value_len);
    lua_pop(L, 2);
    *count += 1;
    if (strlen(headers[i].name) != name_len || strlen(headers[i].value) != value_len)
      return -1;
  }
  lua_pop(L, 1);
  return 0;
}

static struct transfer_request read_request(lua_State *L, int idx, const char **nul)
{
  struct transfer_request r = {
      .method = text_field(L, idx, "method", nul),
      .url = text_field(L, idx, "url", nul),
      .body_streamed = flag_field(L, idx, "upload"),
      .body_size = (int64_t)number_field(L, idx, "upload_size", -1),
      .streamed = flag_field(L, idx, "stream"),
      .timeout_ms = (int64_t)number_field(L, idx, "timeout", 0),
      .connect_ms = (int64_t)number_field(L, idx, "connect_timeout", 0),
      .first_byte_ms = (int64_t)number_field(L, idx, "first_byte_timeout", 0),
      .idle_ms = (int64_t)number_field(L, idx, "idle_timeout", 0),
      .redirects = (int)number_field(L, idx, "redirects", -1),
      .downgrade = flag_field(L, idx, "downgrade"),
      .bytes_max = (uint64_t)number_field(L, idx, "max_bytes", 0),
      .guard = (enum guard)number_field(L, idx, "guard", GUARD_REDIRECTS),
      .direct = flag_field(L, idx, "direct"),
      .user = text_field(L, idx, "user", nul),
      .password = text_field(L, idx, "password", nul),
      .bearer = text_field(L, idx, "bearer", nul),
  };
  r.body = bytes_field(L, idx, "body", &r.body_len);
  return r;
}

/* http_start(what, fields) -> handle | false, code, message. `fields` is made by
 * candy/http_request.lua. */
static int start(lua_State *L)
{
  const struct fiber *f = core_waiting_fiber(L, luaL_checkstring(L, 1));
  struct transfer_header headers[HEADERS_MAX];
  const char *nul = NULL;
  struct transfer_request request = read_request(L, 2, &nul);
  struct err err;
  request.headers = headers;
  if (read_headers(L, 2, headers, &request.header_count) < 0)
    nul = "headers";
  if (nul) {
    err_set(&err, strcmp(nul, "url") == 0 ? "bad_url" : "bad_header",
            "the request cannot be made: there is a NUL character in its %s", nul);
    return http_push_err(L, &err);
  }
  struct client *c = client_of(f->slot->worker, &err);
  struct http_handle *h = push_handle(L);
  lua_pushvalue(L, 2);
  lua_setfenv(L, -2); /* the body is not copied */
  if (c)
    h->transfer = transfer_start(c, &request, on_wake, h, &err);
  if (!h->transfer)
    return http_push_err(L, &err);
  resource_open(&h->resource, f->slot, on_close);
  return 1;
}

/* http_close(handle) */
static int close_handle(lua_State *L)
{
  resource_close(&http_handle_at(L)->resource);
  return 0;
}

/* ---- the rest ---- */

/* http_limit(host, concurrency, count, per_ms) -> nothing | false, code, message */
static int limit(lua_State *L)
{
  struct err err;
  struct client *c = client_of(worker_of(L), &err);
  if (!c || client_limit(c, luaL_checkstring(L, 1), (unsigned)luaL_checknumber(L, 2),
                         (unsigned)luaL_checknumber(L, 3),
                         (int64_t)luaL_checknumber(L, 4), &err) < 0)
    return http_push_err(L, &err);
  return 0;
}

/* http_show(url) -> the URL without what is secret in it */
static int show(lua_State *L)
{
  struct buf shown = {0};
  const char *url = luaL_checkstring(L, 1);
  transfer_show_url(url, &shown);
  lua_pushlstring(L, shown.data, shown.len);
  buf_fini(&shown);
  return 1;
}

/* http_time_left() -> milliseconds that the job still has */
static int time_left(lua_State *L)
{
  const struct slot *s = worker_of(L)->running;
  int64_t used = s ? (clock_mono_ns() - s->began_ns) / CLOCK_MS : 0;
  lua_pushnumber(L, s ? (lua_Number)(s->timeout_ms - used) : 0);
  return 1;
}

static const luaL_Reg functions[] = {
    {"http_start", start}, {"http_close", close_handle},  {"http_limit", limit},
    {"http_show", show},   {"http_time_left", time_left}, {NULL, NULL},
};

void core_http(lua_State *L)
{
  luaL_register(L, NULL, functions);
  core_http_answer(L);
}
