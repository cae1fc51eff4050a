/* New jobs: one immutable row each, and a narrow one that says when it may run. */
#include "store/sqlite.h"

static int64_t name_id(struct sqlite_writer *w, enum sqlite_kind kind, const char *text,
                       struct err *err)
{
  return sqlite__name_id(&w->conn, &w->names, kind, text ? text : "default", err);
}

static int64_t due_at(const struct sqlite_writer *w, const struct store_new *job)
{
  bool debounced = job->unique && job->unique->same == STORE_SAME_DEBOUNCE;
  int64_t delay_ms = debounced ? job->unique->wait_ms : job->delay_ms;
  int64_t by_delay = delay_ms > 0 ? w->now + delay_ms : 0;
  return by_delay > job->run_at ? by_delay : job->run_at;
}

int sqlite__add_ready(struct sqlite_writer *w, const struct sqlite_place *p,
                      struct err *err)
{
  if (sqlite__run(&w->conn, SQL_READY_ADD,
                  ARGS(arg_int(p->queue), arg_int(p->priority), arg_int(p->turn),
                       arg_int(p->seq), arg_int(p->id), arg_int(p->lease),
                       arg_int(p->retry_count), arg_int(p->rescues), arg_int(w->now),
                       arg_int(p->held)),
                  err) < 0)
    return -1;
  sqlite__ready_changed(w, p, 1);
  if (p->seq == p->id)
    return 0;
  return sqlite__run(&w->conn, SQL_PLACE_ADD,
                     ARGS(arg_int(p->id), arg_int(p->queue), arg_int(p->priority),
                          arg_int(p->turn), arg_int(p->seq)),
                     err) < 0
             ? -1
             : 0;
}

int sqlite__leave_ready(struct sqlite_writer *w, const struct sqlite_place *p,
                        struct err *err)
{
  sqlite__ready_changed(w, p, -1);
  if (p->seq == p->id)
    return 0;
  return sqlite__run(&w->conn, SQL_PLACE_DROP, ARGS(arg_int(p->id)), err) < 0 ? -1 : 0;
}

int sqlite__add_scheduled(struct sqlite_writer *w, const struct sqlite_place *p,
                          enum store_state state, int64_t run_at, struct err *err)
{
  int64_t *next_due = &w->memory.next_due;
  if (sqlite__run(&w->conn, SQL_SCHEDULED_ADD,
                  ARGS(arg_int(p->id), arg_int(state), arg_int(run_at), arg_int(p->queue),
                       arg_int(p->priority), arg_int(p->lease), arg_int(p->retry_count),
                       arg_int(p->rescues), arg_id(p->seq), arg_int(p->held),
                       arg_int(p->turn)),
                  err) < 0)
    return -1;
  if (*next_due == 0 || run_at < *next_due)
    *next_due = run_at;
  return 0;
}

int sqlite__add_at(struct sqlite_writer *w, const struct sqlite_place *p, int64_t run_at,
                   struct err *err)
{
  struct sqlite_place later = *p;
  if (run_at <= w->now)
    return sqlite__add_ready(w, p, err);
  later.seq = 0; /* its place in the queue is that of the moment when it comes due */
  return sqlite__add_scheduled(w, &later, STORE_SCHEDULED, run_at, err);
}

/* priority: as candy_job has it, which may be another than that of the place. */
static int add_row(struct sqlite_writer *w, const struct store_new *job, int64_t type,
                   int64_t priority, const struct sqlite_place *p, struct err *err)
{
  int64_t workspace = name_id(w, NAME_WORKSPACE, job->workspace, err);
  if (workspace < 0)
    return -1;
  if (sqlite__run(&w->conn, SQL_JOB_ADD,
                  ARGS(arg_int(p->id), arg_int(type), arg_int(p->queue),
                       arg_int(workspace), arg_int(priority), arg_int(job->max_retries),
                       arg_int(w->now),
                       arg_id(job->n_after ? job->run_at : due_at(w, job)),
                       arg_id(job->parent), arg_text(job->key), arg_text(job->tags),
                       arg_bytes(job->payload, job->payload_len), arg_text(job->trace),
                       arg_int(p->turn), arg_id(job->batch)),
                  err) < 0)
    return -1;
  if (!job->tags)
    return 0;
  return sqlite__run(&w->conn, SQL_TAGS_ADD, ARGS(arg_int(p->id), arg_text(job->tags)),
                     err) < 0
             ? -1
             : 0;
}

static int set_deadline(struct sqlite_writer *w, const struct store_new *job,
                        struct err *err)
{
  int64_t at = job->deadline_ms ? w->now + job->deadline_ms : job->deadline;
  if (job->deadline && job->deadline < at)
    at = job->deadline;
  return sqlite__set_deadline(w, job->id, at, err);
}

static int add(struct sqlite_writer *w, struct store_new *job, struct err *err)
{
  struct sqlite_subject s = {
      .type = name_id(w, NAME_TYPE, job->type, err),
      .queue = name_id(w, NAME_QUEUE, job->queue, err),
      .key = job->key,
  };
  if (s.type < 0 || s.queue < 0)
    return -1;
  int64_t run_at = due_at(w, job), id = w->memory.next++;
  int priority = sqlite__ordered_priority(w, &s, job->priority);
  struct sqlite_place p = {.id = id, .seq = id, .queue = s.queue, .priority = priority};
  if (run_at <= w->now && sqlite__place_in_order(w, &s, &p, err) < 0)
    return -1;
  if (add_row(w, job, s.type, priority, &p, err) < 0)
    return -1;
  job->id = id;
  if ((job->deadline || job->deadline_ms) && set_deadline(w, job, err) < 0)
    return -1;
  if (job->n_after || job->batch > 0)
    return sqlite__add_tied(w, job, &p, err);
  return sqlite__add_at(w, &p, run_at, err);
}

int sqlite__add_job(struct sqlite_writer *w, struct store_new *job, struct err *err)
{
  int rc = job->unique ? sqlite__unique(w, job, err) : 1;
  job->duplicate = rc == 0;
  return rc > 0 ? add(w, job, err) : rc;
}

int sqlite__enqueue(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_enqueue *enqueue = (struct store_enqueue *)op;
  for (size_t i = 0; i < enqueue->n; i++)
    if (sqlite__add_job(w, &enqueue->jobs[i], err) < 0)
      return -1;
  return 0;
}
