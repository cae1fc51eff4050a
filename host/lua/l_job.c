/* core: the job that runs. `take` and `finish` are the two ends of candy/work.lua; the
 * rest serves candy/job.lua.
 *
 * A job object is a table that holds nothing of the job: which job it stands for is known
 * here by its address, so that no script can make one or change whose it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "lua/core.h"
#include "lua/ljson.h"
#include "lua/outcome.h"
#include "lua/tasks.h"

#define EFFECTS_MAX ((size_t)8 * 1024 * 1024)

/* ---- begin and end ---- */

/* Whether the payload fits the task; if not, the job has ended. */
static bool prepare(struct slot *s, const struct task *task)
{
  struct worker *w = s->worker;
  struct err err;
  if (task_check(task, &s->job->m.payload, &err) == 0)
    return true;
  failure_set(&w->failure, err.code, "%s", err.text);
  outcome_permanent(s);
  return false;
}

static void push_object(lua_State *L, struct slot *s)
{
  lua_newtable(L);
  lua_pushvalue(L, 1);
  lua_setmetatable(L, -2);
  s->object = lua_topointer(L, -1);
}

/* take(metatable) -> function, job object | nothing when no job may begin now. A task
 * that is not declared here (its file is left out) may be so in another worker. */
static int take(lua_State *L)
{
  struct worker *w = worker_of(L);
  struct slot *s = w->running;
  struct job *job;
  while (lua_settop(L, 1), (job = turn_take_job(w))) {
    const struct task *task = tasks_push(w->tasks, L, &job->m.type);
    if (!task || !turn_begins(w, job)) {
      outcome_skipped(w, job);
      continue;
    }
    entry_mark(w, PAGE_JOB, job->m.cell);
    slot_begin(s, job, task);
    if (prepare(s, task)) {
      push_object(L, s);
      return 2;
    }
  }
  return 0;
}

/* finish(...): what the task returned */
static int finish(lua_State *L)
{
  struct worker *w = worker_of(L);
  outcome_returned(w->running, L);
  w->now_ns = clock_mono_ns();
  entry_mark(w, PAGE_IDLE, 0);
  return 0;
}

static void misuse_of_other(lua_State *L, const struct worker *w, const void *object)
{
  for (uint32_t i = 0; object && i < w->settings.slots; i++)
    if (w->slots[i].object == object)
      core_misuse(L, "the job is another one's: its methods work in its own task only");
  core_misuse(L, "the job has ended: its methods work until the task returns");
}

/* The slot of the job object at 1, which must be that of the job whose Lua runs. */
static struct slot *check_job(lua_State *L)
{
  struct worker *w = worker_of(L);
  struct slot *s = w->running ? w->running : w->told;
  const void *object = lua_topointer(L, 1);
  if (!s || !object || s->object != object)
    misuse_of_other(L, w, object);
  return s;
}

/* ---- fields ---- */

static void push_text(lua_State *L, const struct wire_text *text)
{
  if (text->data)
    lua_pushlstring(L, text->data, text->len);
  else
    lua_pushnil(L);
}

static void push_json(lua_State *L, const struct wire_text *text)
{
  struct err err;
  push_text(L, text);
  if (text->data && ljson_read(L, -1, &err) < 0)
    luaL_error(L, "the job cannot be read: %s", err.text);
}

static void push_id(lua_State *L, const struct message_job *m)
{
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, m->id);
  lua_pushstring(L, text);
}

static void push_type(lua_State *L, const struct message_job *m)
{
  push_text(L, &m->type);
}

static void push_payload(lua_State *L, const struct message_job *m)
{
  push_json(L, &m->payload);
  if (lua_isnil(L, -1))
    lua_newtable(L);
}

static void push_attempt(lua_State *L, const struct message_job *m)
{
  lua_pushnumber(L, (lua_Number)m->retry_count + 1);
}

static void push_max_retries(lua_State *L, const struct message_job *m)
{
  lua_pushnumber(L, (lua_Number)m->max_retries);
}

static void push_lease(lua_State *L, const struct message_job *m)
{
  lua_pushnumber(L, (lua_Number)m->lease);
}

static void push_queue(lua_State *L, const struct message_job *m)
{
  push_text(L, &m->queue);
}

static void push_key(lua_State *L, const struct message_job *m)
{
  push_text(L, &m->key);
}

static void push_tags(lua_State *L, const struct message_job *m)
{
  push_json(L, &m->tags);
  if (!lua_isnil(L, -1))
    return;
  lua_newtable(L);
  ljson_mark_array(L, -1);
}

static void push_workspace(lua_State *L, const struct message_job *m)
{
  push_text(L, &m->workspace);
}

static void push_created_at(lua_State *L, const struct message_job *m)
{
  lua_pushnumber(L, (lua_Number)m->created_at);
}

static void push_batch(lua_State *L, const struct message_job *m)
{
  char text[24];
  snprintf(text, sizeof text, "%" PRId64, m->batch);
  if (m->batch)
    lua_pushstring(L, text);
  else
    lua_pushnil(L);
}

static void push_checkpoint(lua_State *L, const struct message_job *m)
{
  push_json(L, &m->checkpoint);
}

static void push_trace(lua_State *L, const struct message_job *m)
{
  char made[TRACE_LEN + 1];
  trace_of_job(made, m->id);
  if (m->trace.data)
    push_text(L, &m->trace);
  else
    lua_pushstring(L, made);
}

static const struct {
  const char *name;
  void (*push)(lua_State *L, const struct message_job *m);
} fields[] = {
    {"payload", push_payload},
    {"id", push_id},
    {"type", push_type},
    {"attempt", push_attempt},
    {"checkpoint", push_checkpoint},
    {"queue", push_queue},
    {"key", push_key},
    {"tags", push_tags},
    {"workspace", push_workspace},
    {"created_at", push_created_at},
    {"max_retries", push_max_retries},
    {"lease", push_lease},
    {"trace_id", push_trace},
    {"batch", push_batch},
};

/* job_field(job, name) -> value | nil for a name that is no field */
static int job_field(lua_State *L)
{
  const char *name = luaL_checkstring(L, 2);
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if (strcmp(fields[i].name, name) == 0) {
      fields[i].push(L, &check_job(L)->job->m);
      return 1;
    }
  return 0;
}

/* ---- effects ---- */

static void separate(lua_State *L, struct buf *list, size_t more)
{
  if (list->len + more > EFFECTS_MAX)
    core_misuse(L, "the job's writes and children are larger than the limit of %zu MB",
                EFFECTS_MAX >> 20);
  if (list->len > 0)
    buf_putc(list, ',');
}

/* job_write(job, sql, params as JSON text) */
static int job_write(lua_State *L)
{
  struct slot *s = check_job(L);
  size_t sql_len, params_len;
  const char *sql = luaL_checklstring(L, 2, &sql_len);
  const char *params = luaL_checklstring(L, 3, &params_len);
  separate(L, &s->writes, sql_len + params_len);
  buf_putc(&s->writes, '[');
  buf_json_string(&s->writes, sql, sql_len);
  buf_putc(&s->writes, ',');
  buf_json_string(&s->writes, params, params_len);
  buf_putc(&s->writes, ']');
  return 0;
}

/* job_child(job, request as JSON text) */
static int job_child(lua_State *L)
{
  struct slot *s = check_job(L);
  size_t len;
  const char *child = luaL_checklstring(L, 2, &len);
  separate(L, &s->children, len);
  buf_append(&s->children, child, len);
  return 0;
}

/* job_snooze(job, ms) -> what the task returns to be run again later */
static int job_snooze(lua_State *L)
{
  check_job(L)->snooze_ms = (int64_t)luaL_checknumber(L, 2);
  outcome_push_snooze(L);
  return 1;
}

/* job_cancelled(job) -> false | true, why */
static int job_cancelled(lua_State *L)
{
  const char *why = slot_cancelled(check_job(L));
  lua_pushboolean(L, why != NULL);
  if (!why)
    return 1;
  lua_pushstring(L, why);
  return 2;
}

/* job_beat(job) */
static int job_beat(lua_State *L)
{
  slot_beat(check_job(L));
  return 0;
}

/* job_fan_out(job, {jobs,...} as JSON text) -> what the task returns to wait for them */
static int job_fan_out(lua_State *L)
{
  struct slot *s = check_job(L);
  size_t len;
  const char *fan = luaL_checklstring(L, 2, &len);
  s->fan.len = 0;
  separate(L, &s->fan, len);
  buf_append(&s->fan, fan, len);
  outcome_push_fan(L);
  return 1;
}

/* job_meta() -> the metatable of job objects, to be filled */
static int job_meta(lua_State *L)
{
  luaL_newmetatable(L, LJSON_JOB);
  return 1;
}

static const luaL_Reg functions[] = {
    {"take", take},
    {"finish", finish},
    {"job_meta", job_meta},
    {"job_field", job_field},
    {"job_write", job_write},
    {"job_child", job_child},
    {"job_snooze", job_snooze},
    {"job_cancelled", job_cancelled},
    {"job_beat", job_beat},
    {"job_fan_out", job_fan_out},
    {NULL, NULL},
};

void core_job(lua_State *L)
{
  luaL_register(L, NULL, functions);
}
