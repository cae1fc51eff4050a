/* What came of operations, for the model's probe, told as JSON. */
#ifndef CANDY_SPEC_MODEL_TELL_H
#define CANDY_SPEC_MODEL_TELL_H

#include "../store/harness.h"

static json_t *ids_of(const struct store_new *jobs, size_t n)
{
  json_t *ids = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(ids, json_integer(jobs[i].id));
  return ids;
}

/* Which of them are the answer of an earlier job, in the order of their ids' list. */
static json_t *duplicates_of(const struct store_new *jobs, size_t n)
{
  json_t *list = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(list, json_boolean(jobs[i].duplicate));
  return list;
}

static json_t *tell_enqueue(const struct store_op *op)
{
  const struct store_enqueue *enqueue = (const struct store_enqueue *)op;
  return json_pack("{s:o, s:o}", "ids", ids_of(enqueue->jobs, enqueue->n), "duplicates",
                   duplicates_of(enqueue->jobs, enqueue->n));
}

static json_t *tell_batch(const struct store_op *op)
{
  const struct store_batch *batch = (const struct store_batch *)op;
  return json_pack("{s:I, s:o}", "id", (json_int_t)batch->id, "ids",
                   ids_of(batch->jobs, batch->n));
}

static json_t *tell_batch_cancel(const struct store_op *op)
{
  const struct store_batch_cancel *cancel = (const struct store_batch_cancel *)op;
  return json_pack("{s:b, s:b}", "found", (int)cancel->found, "running",
                   (int)cancel->running);
}

static json_t *tell_claim(const struct store_op *op)
{
  const struct store_claim *claim = (const struct store_claim *)op;
  json_t *list = json_array();
  for (size_t i = 0; i < claim->n; i++) {
    const struct store_job *job = &claim->jobs[i];
    json_array_append_new(
        list, json_pack("{s:I, s:I, s:i, s:i, s:i, s:s, s:s, s:s, s:I, s:s?, s:s?}", "id",
                        (json_int_t)job->id, "lease", (json_int_t)job->lease,
                        "retry_count", job->retry_count, "rescues", job->rescues,
                        "priority", job->priority, "type", job->type, "queue", job->queue,
                        "payload", job->payload, "batch", (json_int_t)job->batch, "key",
                        job->key, "checkpoint", job->checkpoint));
  }
  return json_pack("{s:o, s:b}", "jobs", list, "more", (int)claim->more);
}

static json_t *tell_finish(const struct store_op *op)
{
  static const char *const verdicts[] = {
      [STORE_DONE] = "done", [STORE_STALE] = "stale", [STORE_REFUSED] = "refused"};
  const struct store_finish *f = (const struct store_finish *)op;
  bool counts = f->verdict == STORE_DONE;
  return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "verdict", verdicts[f->verdict],
                   "became", counts ? store_state_names[f->became] : "", "error",
                   op->err ? op->err->code : "", "children",
                   ids_of(f->children, f->n_children), "duplicates",
                   duplicates_of(f->children, f->n_children), "fan",
                   ids_of(f->fan ? f->fan->jobs : NULL, f->fan ? f->fan->n : 0));
}

static json_t *tell_progress(const struct store_op *op)
{
  return json_pack("{s:b}", "stale", (int)((const struct store_progress *)op)->stale);
}

static json_t *tell_nothing(const struct store_op *op)
{
  (void)op;
  return json_object();
}

static json_t *tell_recover(const struct store_op *op)
{
  const struct store_recover *recover = (const struct store_recover *)op;
  return json_pack("{s:I, s:I, s:I}", "released", (json_int_t)recover->released, "lost",
                   (json_int_t)recover->lost, "cancelled",
                   (json_int_t)recover->cancelled);
}

static json_t *tell_bulk(const struct store_op *op)
{
  const struct store_bulk *bulk = (const struct store_bulk *)op;
  return json_pack("{s:I, s:I, s:I}", "count", (json_int_t)bulk->count, "told",
                   (json_int_t)bulk->told, "again", (json_int_t)bulk->again);
}

static json_t *tell_edit(const struct store_op *op)
{
  return json_pack("{s:b}", "done", (int)((const struct store_edit *)op)->done);
}

static json_t *tell_expire(const struct store_op *op)
{
  return json_pack("{s:I}", "count",
                   (json_int_t)((const struct store_expire *)op)->count);
}

static json_t *tell_lock(const struct store_op *op)
{
  static const char *const states[] = {
      [STORE_LOCK_HELD] = "held",
      [STORE_LOCK_WAITS] = "waits",
      [STORE_LOCK_OVER] = "over",
      [STORE_LOCK_CROWDED] = "crowded",
  };
  const struct store_lock *lock = (const struct store_lock *)op;
  json_t *changes = json_array();
  for (size_t i = 0; i < lock->n_changes; i++)
    json_array_append_new(changes, json_pack("{s:I, s:I}", "token",
                                             (json_int_t)lock->changes[i].token, "until",
                                             (json_int_t)lock->changes[i].until));
  return json_pack("{s:s, s:I, s:I, s:o, s:I}", "state", states[lock->state], "token",
                   (json_int_t)lock->token, "until", (json_int_t)lock->until, "changes",
                   changes, "next_due", (json_int_t)lock->next_due);
}

#endif
