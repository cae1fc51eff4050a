/* Returned values and errors as the end of a job: see outcome.h. */
#include "lua/outcome.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lua/ljson.h"

static const char snooze_mark, fan_mark; /* their addresses are the marks */

void outcome_push_snooze(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&snooze_mark);
}

void outcome_push_fan(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&fan_mark);
}

/* ---- the message ---- */

static void send_done(struct worker *w, const struct job *job, struct message_done *done)
{
  done->cell = job->m.cell;
  done->id = job->m.id;
  done->lease = job->m.lease;
  atomic_store(&w->page->cells[job->m.cell].state, PAGE_ENDED);
  w->message.len = 0;
  message_put_done(&w->message, done);
  channel_send(w->channel, MESSAGE_DONE, w->message.data, w->message.len);
}

void outcome_skipped(struct worker *w, struct job *job)
{
  struct message_done done = {.outcome = MESSAGE_SKIPPED, .delay_ms = -1};
  send_done(w, job, &done);
  free(job);
}

static void end(struct slot *s, struct message_done *done)
{
  slot_close(s);
  send_done(s->worker, s->job, done);
  slot_end(s);
}

static void fail(struct slot *s, enum message_outcome outcome)
{
  struct worker *w = s->worker;
  w->body.len = 0;
  failure_write(&w->failure, &w->body);
  struct message_done done = {.outcome = outcome,
                              .delay_ms = w->failure.retry_ms,
                              .body = {w->body.data, w->body.len}};
  end(s, &done);
}

void outcome_raised(struct slot *s)
{
  struct failure *f = &s->worker->failure;
  if (s->stop == SLOT_TIMED_OUT)
    strcpy(f->code, "timeout");
  else if (s->stop == SLOT_SILENT)
    strcpy(f->code, "heartbeat_lost");
  fail(s, f->permanent ? MESSAGE_PERMANENT : MESSAGE_FAILED);
}

void outcome_permanent(struct slot *s)
{
  s->worker->failure.retry_ms = -1;
  fail(s, MESSAGE_PERMANENT);
}

/* ---- what a task returned ---- */

/* {"writes":[...],"children":[...],"fan":{...}}, or absent */
static struct wire_text effects(struct slot *s, struct buf *b, bool fans_out)
{
  if (s->writes.len == 0 && s->children.len == 0 && !fans_out)
    return (struct wire_text){0};
  b->len = 0;
  buf_puts(b, "{\"writes\":[");
  buf_append(b, s->writes.data, s->writes.len);
  buf_puts(b, "],\"children\":[");
  buf_append(b, s->children.data, s->children.len);
  buf_putc(b, ']');
  if (fans_out) {
    buf_puts(b, ",\"fan\":");
    buf_append(b, s->fan.data, s->fan.len);
  }
  buf_putc(b, '}');
  return (struct wire_text){b->data, b->len};
}

static void complete(struct slot *s)
{
  struct worker *w = s->worker;
  struct message_done done = {.outcome = MESSAGE_COMPLETED,
                              .delay_ms = -1,
                              .body = {w->body.data, w->body.len},
                              .effects = effects(s, &w->effects, false)};
  end(s, &done);
}

static void complete_with(struct slot *s, lua_State *L)
{
  struct worker *w = s->worker;
  struct err err;
  w->body.len = 0;
  if (ljson_write(L, 1, &w->body, &err) < 0) {
    failure_set(&w->failure, "result_not_json", "the result cannot be kept as JSON: %s",
                err.text);
    outcome_permanent(s);
  } else if (w->body.len > w->settings.result_max) {
    failure_set(&w->failure, "result_too_large",
                "the result has %zu bytes and the limit is %zu: return less, and keep "
                "large data in a table or a file",
                w->body.len, w->settings.result_max);
    outcome_permanent(s);
  } else {
    complete(s);
  }
}

static void snooze(struct slot *s)
{
  struct message_done done = {.outcome = MESSAGE_SNOOZED, .delay_ms = s->snooze_ms};
  end(s, &done);
}

static void fan_out(struct slot *s)
{
  struct message_done done = {.outcome = MESSAGE_FANNED_OUT,
                              .delay_ms = -1,
                              .effects = effects(s, &s->worker->effects, true)};
  end(s, &done);
}

static bool is_fan(lua_State *L, const struct slot *s)
{
  return lua_islightuserdata(L, 1) && lua_touserdata(L, 1) == &fan_mark && s->fan.len > 0;
}

static bool is_snooze(lua_State *L, const struct slot *s)
{
  return lua_islightuserdata(L, 1) && lua_touserdata(L, 1) == &snooze_mark &&
         s->snooze_ms >= 0;
}

static bool is_error(lua_State *L, int idx)
{
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
    return false;
  luaL_getmetatable(L, OUTCOME_ERROR);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

void outcome_returned(struct slot *s, lua_State *L)
{
  if (lua_isnoneornil(L, 1) && !lua_isnoneornil(L, 2)) {
    failure_read(L, 2, "returned", &s->worker->failure);
    outcome_raised(s);
  } else if (is_error(L, 1)) {
    failure_read(L, 1, "returned", &s->worker->failure);
    outcome_raised(s);
  } else if (is_snooze(L, s)) {
    snooze(s);
  } else if (is_fan(L, s)) {
    fan_out(s);
  } else {
    if (lua_gettop(L) == 0)
      lua_pushnil(L);
    complete_with(s, L);
  }
}
