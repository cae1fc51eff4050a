/* From struct conf to what the pool keeps: see pool_settings.h. */
#include "cli/pool_settings.h"

#include "base/json.h"

static json_t *list(char *const *items, size_t n)
{
  json_t *array = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(array, json_string(items[i]));
  return array;
}

static json_t *outgoing(const struct conf *c)
{
  return json_pack("{s:s?, s:s?, s:o, s:o}", "proxy", c->outgoing_proxy, "ca_file",
                   c->outgoing_ca_file, "no_proxy",
                   list(c->outgoing_no_proxy, c->n_outgoing_no_proxy), "private_allow",
                   list(c->outgoing_private_allow, c->n_outgoing_private_allow));
}

/* What workers go by, by the names that INIT has for it (lua/run.c). */
static json_t *told(const struct conf *c)
{
  json_t *limits = json_pack(
      "{s:I, s:I, s:I, s:I, s:s}", "slots", (json_int_t)c->worker_slots, "memory_max",
      (json_int_t)c->worker_memory, "result_max", (json_int_t)c->worker_result_max,
      "timeout_ms", (json_int_t)c->task_timeout, "log_level", c->log_level);
  json_t *programs = json_pack(
      "{s:I, s:o, s:I, s:I}", "file_job_max", (json_int_t)c->file_job_max,
      "process_allow", list(c->process_allow, c->n_process_allow), "process_memory",
      (json_int_t)c->process_memory, "process_max", (json_int_t)c->process_max);
  json_object_update_new(limits, programs);
  json_object_set_new(limits, "outgoing", outgoing(c));
  return limits;
}

struct queue_keep queue_keep_of(const struct conf *c)
{
  return (struct queue_keep){c->keep_completed, c->keep_dead, c->keep_logs,
                             c->keep_logs_max};
}

struct pool_settings pool_settings_of(const struct conf *c)
{
  return (struct pool_settings){
      .slots = (int)c->worker_slots,
      .stall_ms = c->worker_stall,
      .defaults = {(int)c->task_max_retries, c->task_timeout, c->task_cancel_grace},
      .keep = queue_keep_of(c),
      .told = told(c)};
}
