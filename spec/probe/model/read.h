/* Operations for the model's probe, read from JSON. Their strings are the request's, and
 * lists and what else they point to are in the turn's memory. */
#ifndef CANDY_SPEC_MODEL_READ_H
#define CANDY_SPEC_MODEL_READ_H

#include "../store/harness.h"

#include "base/arena.h"

static const char *text_of(const json_t *args, const char *name)
{
  return jx_str(args, name, NULL);
}

static int index_of(const char *const *names, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0)
      return i;
  check_failed(__FILE__, __LINE__, name);
}

#define INDEX_OF(names, name)                                                            \
  index_of(names, (int)(sizeof(names) / sizeof(names)[0]), name)

/* The member as a list of n integers, or NULL when there are none. */
static int64_t *read_ints(struct arena *a, const json_t *args, const char *name,
                          size_t *n)
{
  const json_t *list = json_object_get(args, name);
  *n = json_array_size(list);
  int64_t *ints = *n ? arena_alloc(a, *n * sizeof *ints) : NULL;
  for (size_t i = 0; i < *n; i++)
    ints[i] = json_integer_value(json_array_get(list, i));
  return ints;
}

/* ---- jobs to be ---- */

static unsigned read_states(const json_t *list)
{
  unsigned states = 0;
  for (size_t i = 0; i < json_array_size(list); i++)
    states |= 1u << index_of(store_state_names, STORE_STATES,
                             jx_text(json_array_get(list, i), ""));
  return states;
}

static const char *const sames[] = {
    [STORE_SAME_KEEP] = "keep",
    [STORE_SAME_DEBOUNCE] = "debounce",
    [STORE_SAME_SUPERSEDE] = "supersede",
    [STORE_SAME_SUPERSEDE_QUEUED] = "supersede_queued",
};

static const struct store_unique *read_unique(struct arena *a, const json_t *args)
{
  if (!args)
    return NULL;
  struct store_unique *u = arena_alloc(a, sizeof *u);
  u->hash[0] = (unsigned char)jx_int(args, "hash", 0);
  u->same = (enum store_same)INDEX_OF(sames, jx_str(args, "same", "nothing"));
  u->states = read_states(json_object_get(args, "states"));
  u->window_ms = jx_int(args, "window", 0);
  u->wait_ms = jx_int(args, "wait", 0);
  u->max_wait_ms = jx_int(args, "max_wait", 0);
  return u;
}

static struct store_new read_job(struct arena *a, const json_t *args)
{
  struct store_new job = a_job(text_of(args, "type"));
  job.queue = text_of(args, "queue");
  job.key = text_of(args, "key");
  job.payload = jx_str(args, "payload", "{}");
  job.payload_len = strlen(job.payload);
  job.delay_ms = jx_int(args, "delay", 0);
  job.deadline_ms = jx_int(args, "deadline", 0);
  job.priority = (int)jx_int(args, "priority", 0);
  job.batch = jx_int(args, "batch", 0);
  job.after = read_ints(a, args, "after", &job.n_after);
  job.after_any = jx_bool(args, "after_any", false);
  job.unique = read_unique(a, json_object_get(args, "unique"));
  return job;
}

static struct store_new *read_jobs(struct arena *a, const json_t *list, size_t *n)
{
  *n = json_array_size(list);
  struct store_new *jobs = arena_alloc(a, (*n + 1) * sizeof *jobs);
  for (size_t i = 0; i < *n; i++)
    jobs[i] = read_job(a, json_array_get(list, i));
  return jobs;
}

static void read_enqueue(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_enqueue *enqueue = (struct store_enqueue *)op;
  enqueue->jobs = read_jobs(a, json_object_get(args, "jobs"), &enqueue->n);
}

static void read_batch(struct arena *a, const json_t *args, struct store_op *op)
{
  static const char *const events[] = {"success", "complete", "death"};
  struct store_batch *batch = (struct store_batch *)op;
  const json_t *followers = json_object_get(args, "followers");
  batch->jobs = read_jobs(a, json_object_get(args, "jobs"), &batch->n);
  batch->at_most = (size_t)jx_int(args, "at_most", 0);
  for (int event = 0; event < STORE_BATCH_EVENTS; event++) {
    const json_t *job = json_object_get(followers, events[event]);
    if (!job)
      continue;
    struct store_new *follower = arena_alloc(a, sizeof *follower);
    *follower = read_job(a, job);
    batch->followers[event] = follower;
  }
}

static void read_batch_cancel(struct arena *a, const json_t *args, struct store_op *op)
{
  (void)a;
  ((struct store_batch_cancel *)op)->id = jx_int(args, "id", 0);
}

/* ---- claims and their ends ---- */

static void read_claim(struct arena *a, const json_t *args, struct store_op *op)
{
  (void)a;
  ((struct store_claim *)op)->max = (size_t)jx_int(args, "max", 1);
}

static const char *const outcomes[] = {
    [STORE_OK] = "ok",           [STORE_RETRY] = "retry",     [STORE_FAIL] = "fail",
    [STORE_SNOOZE] = "snooze",   [STORE_RELEASE] = "release", [STORE_RESCUE] = "rescue",
    [STORE_FAN_OUT] = "fan_out",
};

static void read_writes(struct arena *a, const json_t *list, struct store_finish *f)
{
  f->n_writes = json_array_size(list);
  f->writes = arena_alloc(a, (f->n_writes + 1) * sizeof *f->writes);
  for (size_t i = 0; i < f->n_writes; i++)
    f->writes[i].sql = jx_text(json_array_get(list, i), "");
}

static const struct store_fan *read_fan(struct arena *a, const json_t *args)
{
  struct store_fan *fan = arena_alloc(a, sizeof *fan);
  fan->jobs = read_jobs(a, json_object_get(args, "jobs"), &fan->n);
  fan->at_most = (size_t)jx_int(args, "at_most", 0);
  fan->fail_on_death = jx_bool(args, "fail_on_death", false);
  return fan;
}

static void read_finish(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_finish *f = (struct store_finish *)op;
  f->id = jx_int(args, "id", 0);
  f->lease = jx_int(args, "lease", 0);
  f->outcome = (enum store_outcome)INDEX_OF(outcomes, jx_str(args, "outcome", "nothing"));
  f->delay_ms = jx_int(args, "delay", 0);
  if (f->outcome != STORE_OK)
    f->error = ERROR("broken");
  f->children = read_jobs(a, json_object_get(args, "children"), &f->n_children);
  read_writes(a, json_object_get(args, "writes"), f);
  if (f->outcome == STORE_FAN_OUT)
    f->fan = read_fan(a, json_object_get(args, "fan"));
}

static void read_progress(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_progress *p = (struct store_progress *)op;
  (void)a;
  p->id = jx_int(args, "id", 0);
  p->lease = jx_int(args, "lease", 0);
  p->percent = (double)jx_int(args, "percent", -1);
  p->checkpoint = text_of(args, "checkpoint");
}

/* ---- types and policies ---- */

static const char *const orders[] = {
    [STORE_LOOSE] = "loose", [STORE_BY_KEY] = "by_key", [STORE_STRICT] = "strict"};

static struct store_limit read_limit(const json_t *args)
{
  return (struct store_limit){
      .concurrency = jx_int(args, "concurrency", 0),
      .rate = jx_int(args, "rate", 0),
      .window_ms = jx_int(args, "window", 0),
      .keyless = jx_bool(args, "keyless", false),
  };
}

static struct store_type read_type(const json_t *type)
{
  return (struct store_type){
      .name = text_of(type, "name"),
      .once = jx_bool(type, "once", false),
      .limit = read_limit(json_object_get(type, "limit")),
      .key_limit = read_limit(json_object_get(type, "key_limit")),
      .order = (enum store_order)INDEX_OF(orders, jx_str(type, "order", "loose")),
  };
}

static void read_weights(struct arena *a, const json_t *weights, struct store_queue *q)
{
  struct store_weight *list =
      arena_alloc(a, (json_object_size(weights) + 1) * sizeof *list);
  const char *key = NULL;
  json_t *weight = NULL;
  json_object_foreach((json_t *)(uintptr_t)weights, key, weight)
    list[q->n_weights++] = (struct store_weight){key, (int)json_integer_value(weight)};
  q->weights = list;
}

static struct store_queue read_queue(struct arena *a, const json_t *queue)
{
  struct store_queue q = {
      .name = text_of(queue, "name"),
      .limit = read_limit(json_object_get(queue, "limit")),
      .key_limit = read_limit(json_object_get(queue, "key_limit")),
      .order = (enum store_order)INDEX_OF(orders, jx_str(queue, "order", "loose")),
      .fair = jx_bool(queue, "fair", false),
      .ageing_ms = jx_int(queue, "ageing", 0),
  };
  read_weights(a, json_object_get(queue, "weights"), &q);
  return q;
}

static void read_types(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_types *types = (struct store_types *)op;
  const json_t *list = json_object_get(args, "types"),
               *queues = json_object_get(args, "queues");
  types->n = json_array_size(list);
  types->n_queues = json_array_size(queues);
  struct store_type *named = arena_alloc(a, (types->n + 1) * sizeof *named);
  struct store_queue *ruled = arena_alloc(a, (types->n_queues + 1) * sizeof *ruled);
  for (size_t i = 0; i < types->n; i++)
    named[i] = read_type(json_array_get(list, i));
  for (size_t i = 0; i < types->n_queues; i++)
    ruled[i] = read_queue(a, json_array_get(queues, i));
  types->types = named;
  types->queues = ruled;
}

/* ---- what people do ---- */

static void read_nothing(struct arena *a, const json_t *args, struct store_op *op)
{
  (void)a;
  (void)args;
  (void)op;
}

static void read_exec(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_sql *exec = (struct store_sql *)op;
  (void)a;
  exec->sql = text_of(args, "sql");
  exec->params = "[]";
}

static void read_bulk(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_bulk *bulk = (struct store_bulk *)op;
  bulk->max = jx_int(args, "max", INT64_MAX);
  bulk->filter.ids = read_ints(a, args, "ids", &bulk->filter.n_ids);
  bulk->filter.states = read_states(json_object_get(args, "states"));
  if (op->kind == STORE_CANCEL)
    bulk->reason = ERROR("cancelled");
}

static void read_expire(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_expire *expire = (struct store_expire *)op;
  (void)a;
  expire->completed_ms = jx_int(args, "completed", 0);
  expire->dead_ms = jx_int(args, "dead", 0);
  expire->max = 1000;
}

static void read_pause(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_pause *pause = (struct store_pause *)op;
  (void)a;
  pause->task = jx_bool(args, "task", false);
  pause->resume = jx_bool(args, "resume", false);
  pause->name = text_of(args, "name");
  pause->by = "the model";
}

static void read_edit(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_edit *edit = (struct store_edit *)op;
  (void)a;
  edit->id = jx_int(args, "id", 0);
  edit->by = "the model";
  edit->queue = text_of(args, "queue");
  edit->payload = text_of(args, "payload");
  edit->payload_len = edit->payload ? strlen(edit->payload) : 0;
  edit->sets_priority = json_object_get(args, "priority") != NULL;
  edit->priority = (int)jx_int(args, "priority", 0);
  edit->sets_time = json_object_get(args, "delay") != NULL;
  edit->delay_ms = jx_int(args, "delay", 0);
}

static const char *const lock_verbs[] = {
    [STORE_LOCK_TAKE] = "take",
    [STORE_LOCK_EXTEND] = "extend",
    [STORE_LOCK_LEAVE] = "leave",
    [STORE_LOCK_LOOK] = "look",
};

static void read_lock(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_lock *lock = (struct store_lock *)op;
  int64_t *token = arena_alloc(a, sizeof *token);
  *token = jx_int(args, "token", 0);
  lock->verb =
      (enum store_lock_verb)INDEX_OF(lock_verbs, jx_str(args, "verb", "nothing"));
  lock->name = text_of(args, "name");
  lock->wait_ms = jx_int(args, "wait", 0);
  lock->ttl_ms = jx_int(args, "ttl", 0);
  lock->tokens = token;
  lock->n_tokens = 1;
}

#endif
