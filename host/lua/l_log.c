/* core: lines for the log.
 *
 * LOG: {"level","time","message"} and, where they apply, "job" (id), "type", "attempt",
 * "trace" (of the job), "fields" (an object) and "dropped" (lines that were lost before
 * this one).
 */
#include "lua/l_log.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "base/utf8.h"
#include "lua/core.h"
#include "lua/slot.h"

/* Unsent bytes from which on a line makes its job wait. */
#define PENDING_WAIT ((size_t)1024 * 1024)
#define MESSAGE_MAX  ((size_t)16 * 1024)
#define FIELDS_MAX   ((size_t)64 * 1024)

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

int log_level(const char *name)
{
  for (int i = 0; levels[i]; i++)
    if (strcmp(levels[i], name) == 0)
      return i;
  return LOG_INFO;
}

static void put_job(struct buf *line, const struct job *job)
{
  char made[TRACE_LEN + 1];
  buf_printf(line, ",\"job\":\"%" PRId64 "\",\"type\":", job->m.id);
  buf_json_string(line, job->m.type.data, job->m.type.len);
  trace_of_job(made, job->m.id);
  buf_printf(line, ",\"attempt\":%" PRIu32 ",\"trace\":\"%s\"", job->m.retry_count + 1,
             job->m.trace.data ? job->m.trace.data : made);
}

static void put_message(struct worker *w, struct buf *line, const char *text, size_t len)
{
  w->body.len = 0;
  utf8_append(&w->body, text, len, MESSAGE_MAX);
  buf_json_string(line, w->body.data ? w->body.data : "", w->body.len);
}

static void put_fields(struct buf *line, const char *fields, size_t len)
{
  buf_puts(line, ",\"fields\":");
  if (len <= FIELDS_MAX)
    buf_append(line, fields, len);
  else
    buf_printf(line, "{\"fields_left_out\":\"%zu bytes, the limit is %zu\"}", len,
               FIELDS_MAX);
}

/* stack: level, message, fields as JSON or nil */
static void send_line(lua_State *L, struct worker *w)
{
  size_t len;
  struct buf *line = &w->message;
  const char *text = luaL_checklstring(L, 2, &len);
  line->len = 0;
  buf_printf(line, "{\"level\":\"%s\",\"time\":%" PRId64 ",\"message\":",
             levels[luaL_checkoption(L, 1, NULL, levels)], clock_wall_ms());
  put_message(w, line, text, len);
  if (w->running && w->running->job)
    put_job(line, w->running->job);
  const char *fields = lua_tolstring(L, 3, &len);
  if (fields)
    put_fields(line, fields, len);
  if (w->logs_dropped)
    buf_printf(line, ",\"dropped\":%" PRIu64, w->logs_dropped);
  w->logs_dropped = 0;
  buf_putc(line, '}');
  channel_send(w->channel, MESSAGE_LOG, line->data, line->len);
}

static bool may_wait(lua_State *L, const struct worker *w)
{
  return w->running && w->running->job && !w->loading && lua_isyieldable(L);
}

/* log(level, message, fields) -> true when the caller must wait for the channel */
static int log_line(lua_State *L)
{
  struct worker *w = worker_of(L);
  bool full = channel_pending(w->channel) > PENDING_WAIT;
  lua_settop(L, 3);
  if (full && !may_wait(L, w)) {
    w->logs_dropped++;
    return 0;
  }
  send_line(L, w);
  if (full)
    fiber_wait_channel(w->fiber);
  lua_pushboolean(L, full);
  return 1;
}

/* wants(level) -> whether lines of that level are kept at all */
static int wants(lua_State *L)
{
  lua_pushboolean(L, luaL_checkoption(L, 1, NULL, levels) >=
                         worker_of(L)->settings.log_level);
  return 1;
}

static const luaL_Reg functions[] = {{"log", log_line}, {"wants", wants}, {NULL, NULL}};

void core_log(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
