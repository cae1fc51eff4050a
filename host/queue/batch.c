/* Batches on their way in: see batch.h. */
#include "queue/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "queue/door_.h"
#include "queue/queue_.h"

#define NAME_LONGEST 200

static const char *const events[STORE_BATCH_EVENTS] = {
    [STORE_BATCH_SUCCESS] = "on_success",
    [STORE_BATCH_COMPLETE] = "on_complete",
    [STORE_BATCH_DEATH] = "on_death"};

/* ---- fields of the batch itself ---- */

static void problem(struct batch_order *o, const char *field, const char *code,
                    const char *text)
{
  struct door d = {.batch = &o->door, .pointer = ""};
  door__problem(&d, field, code, "%s", text);
}

static void read_name(struct batch_order *o, const json_t *value)
{
  size_t len = json_string_length(value);
  if (!json_is_string(value) || len == 0 || len > NAME_LONGEST ||
      strlen(json_string_value(value)) != len)
    problem(o, "/name", "invalid", "must be a text of 1 to 200 bytes");
  else
    o->name = arena_strdup(&o->door.memory, json_string_value(value));
}

static void read_at_most(struct batch_order *o, const json_t *value)
{
  json_int_t n = json_integer_value(value);
  if (json_is_integer(value) && n >= 1 && n <= BATCH_JOBS_MAX)
    o->at_most = (size_t)n;
  else
    problem(o, "/at_most", "invalid", "must be an integer from 1 to 50000");
}

static void check_jobs(struct batch_order *o, const json_t *value)
{
  if (!value)
    problem(o, "/jobs", "required", "is missing: a list of jobs");
  else if (!json_is_array(value))
    problem(o, "/jobs", "type", "must be a list of jobs");
  else if (json_array_size(value) > BATCH_JOBS_MAX)
    problem(o, "/jobs", "too_many_tasks",
            "has too many: at most 50000 at a time; jobs of the batch can add to it");
}

static bool is_event(const char *name)
{
  for (int i = 0; i < STORE_BATCH_EVENTS; i++)
    if (strcmp(events[i], name) == 0)
      return true;
  return false;
}

static void read_fields(struct batch_order *o, const json_t *body)
{
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)(uintptr_t)body, name, value) {
    if (json_is_null(value) || strcmp(name, "jobs") == 0 || is_event(name))
      continue;
    if (strcmp(name, "name") == 0)
      read_name(o, value);
    else if (strcmp(name, "at_most") == 0)
      read_at_most(o, value);
    else
      door__unknown_field(&(struct door){.batch = &o->door, .pointer = ""}, name,
                          "is not a field of a batch; known fields: name, jobs, at_most, "
                          "on_success, on_complete, on_death");
  }
  check_jobs(o, json_object_get(body, "jobs"));
}

/* Jobs that are let go by and by do not wait for the next call. Returns the index of one
 * that is to, or -1. */
static ssize_t find_debounced(const struct store_new *jobs, size_t n, size_t at_most)
{
  for (size_t i = 0; at_most > 0 && i < n; i++)
    if (jobs[i].unique && jobs[i].unique->same == STORE_SAME_DEBOUNCE)
      return (ssize_t)i;
  return -1;
}

static const char bounded[] =
    "is debounced, which goes without at_most: leave that out, or add \"unique\": false";

/* Once they were read: o->n_jobs of them. */
static void check_members(struct batch_order *o)
{
  ssize_t debounced =
      o->door.problems ? -1 : find_debounced(o->door.jobs, o->n_jobs, o->at_most);
  if (debounced >= 0) {
    char pointer[48];
    snprintf(pointer, sizeof pointer, "/jobs/%zd", debounced);
    problem(o, pointer, "invalid", bounded);
  }
  for (size_t i = 0; i < o->n_jobs && !o->door.problems; i++)
    if (o->door.jobs[i].batch) {
      char pointer[48];
      snprintf(pointer, sizeof pointer, "/jobs/%zu/batch", i);
      problem(o, pointer, "invalid", "must be left out: the job belongs to this batch");
    }
}

/* ---- what follows ---- */

/* Returns whether there is such a request. */
static bool begin_follower(const json_t *body, int event, const json_t **spec,
                           char pointer[32])
{
  *spec = json_object_get(body, events[event]);
  snprintf(pointer, 32, "/%s", events[event]);
  return *spec && !json_is_null(*spec);
}

static void end_follower(struct batch_order *o, int event, size_t before,
                         const char *pointer)
{
  struct door d = {.batch = &o->door, .pointer = pointer};
  if (o->door.n == before)
    return;
  const struct store_new *job = &o->door.jobs[before];
  o->follower[event] = o->door.n;
  if (job->n_after)
    door__problem(&d, "/after", "invalid", "what follows a batch waits for nothing else");
  if (job->batch)
    door__problem(&d, "/batch", "invalid", "what follows a batch is no part of another");
}

/* ---- sources ---- */

int batch_read(struct batch_order *o, const struct catalog *catalog, const char *text,
               size_t len, struct err *err)
{
  json_t *body = jx_parse(text, len, err);
  if (!body)
    return -1;
  struct json_span whole = json_span_trim(text), part;
  if (!json_is_object(body))
    problem(o, "", "type", "must be an object {\"jobs\": [...], ...}");
  else
    read_fields(o, body);
  if (!o->door.problems && json_span_member(whole, "jobs", &part))
    door__add_list(&o->door, catalog, json_object_get(body, "jobs"), part, "/jobs");
  o->n_jobs = o->door.n;
  check_members(o);
  for (int event = 0; event < STORE_BATCH_EVENTS; event++) {
    char pointer[32];
    const json_t *spec;
    size_t before = o->door.n;
    if (!begin_follower(body, event, &spec, pointer) ||
        !json_span_member(whole, events[event], &part))
      continue;
    door__add_one(&o->door, catalog, spec, part, pointer);
    end_follower(o, event, before, pointer);
  }
  json_decref(body);
  return 0;
}

static void add_specs(struct door_batch *door, const struct catalog *catalog,
                      const json_t *jobs)
{
  size_t i;
  json_t *spec;
  json_array_foreach(jobs, i, spec) {
    char pointer[32];
    snprintf(pointer, sizeof pointer, "/jobs/%zu", i);
    door__add_spec(door, catalog, spec, pointer);
  }
}

void batch_read_specs(struct batch_order *o, const struct catalog *catalog,
                      const json_t *body)
{
  read_fields(o, body);
  if (!o->door.problems)
    add_specs(&o->door, catalog, json_object_get(body, "jobs"));
  o->n_jobs = o->door.n;
  check_members(o);
  for (int event = 0; event < STORE_BATCH_EVENTS; event++) {
    char pointer[32];
    const json_t *spec;
    size_t before = o->door.n;
    if (!begin_follower(body, event, &spec, pointer))
      continue;
    door__add_spec(&o->door, catalog, spec, pointer);
    end_follower(o, event, before, pointer);
  }
}

void batch_fini(struct batch_order *order)
{
  door_fini(&order->door);
  *order = (struct batch_order){0};
}

int batch_read_fan(struct door_batch *door, struct store_fan *fan,
                   const struct catalog *catalog, const json_t *spec, struct err *err)
{
  const json_t *jobs = json_object_get(spec, "jobs");
  if (json_array_size(jobs) > FAN_JOBS_MAX)
    return err_set(err, "too_many_tasks", "a fan-out has at most %d children, not %zu",
                   FAN_JOBS_MAX, json_array_size(jobs));
  add_specs(door, catalog, jobs);
  if (door->problems) {
    door_explain(door, err);
    return err_wrap(err, "a child job was refused");
  }
  for (size_t i = 0; i < door->n; i++)
    if (door->jobs[i].batch)
      return err_set(err, "invalid",
                     "/jobs/%zu/batch: children are a batch of their own, and no part of "
                     "another",
                     i);
  int64_t at_most = jx_int(spec, "at_most", 0);
  ssize_t debounced = find_debounced(door->jobs, door->n, at_most > 0 ? 1 : 0);
  if (debounced >= 0)
    return err_set(err, "invalid", "/jobs/%zd %s", debounced, bounded);
  *fan = (struct store_fan){.jobs = door->jobs,
                            .n = door->n,
                            .at_most = at_most > 0 ? (size_t)at_most : 0,
                            .fail_on_death = jx_bool(spec, "fail_on_death", false)};
  return 0;
}

/* ---- to the store ---- */

struct push {
  struct store_batch op;
  struct queue *queue;
  struct batch_order order;
  batch_pushed pushed;
  void *arg;
};

static void pushed(struct store_op *op)
{
  struct push *p = op->arg;
  queue__note(p->queue, op);
  queue__settled(p->queue);
  p->pushed(p->arg, &p->op, op->err);
  store_op_fini(op);
  batch_fini(&p->order);
  free(p);
}

void batch_push(struct queue *q, struct batch_order *order, batch_pushed done, void *arg)
{
  struct push *p = mem_alloc(sizeof *p);
  p->queue = q;
  p->order = *order;
  *order = (struct batch_order){0};
  p->pushed = done;
  p->arg = arg;
  p->op.op = (struct store_op){.kind = STORE_BATCH, .done = pushed, .arg = p};
  p->op.name = p->order.name;
  p->op.jobs = p->order.door.jobs;
  p->op.n = p->order.n_jobs;
  p->op.at_most = p->order.at_most;
  for (int event = 0; event < STORE_BATCH_EVENTS; event++)
    if (p->order.follower[event])
      p->op.followers[event] = &p->order.door.jobs[p->order.follower[event] - 1];
  store_submit(q->store, &p->op.op);
  q->config.wake(q->config.arg);
}

json_t *batch_store_problem(const struct store_new *jobs, size_t n, const char *prefix,
                            const struct err *err)
{
  size_t i = 0;
  while (i < n && !jobs[i].refused)
    i++;
  if (i == n)
    return NULL;
  const char *field = strstr(err->code, "batch") ? "batch" : "after";
  json_t *pointer =
      prefix ? json_sprintf("%s/%zu/%s", prefix, i, field) : json_sprintf("/%s", field);
  return json_pack("[{s:o, s:s, s:s}]", "pointer", pointer, "code", err->code, "message",
                   err->text);
}
