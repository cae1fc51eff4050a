/* Jobs as JSON: see view.h. */
#include "store/view.h"

#include "base/json.h"
#include "base/trace.h"

#include <inttypes.h>
#include <string.h>

/* ---- members; each brings the comma that it needs ---- */

static void put_name(struct buf *b, const char *name)
{
  if (b->len && b->data[b->len - 1] != '{')
    buf_putc(b, ',');
  buf_printf(b, "\"%s\":", name);
}

static void put_int(struct buf *b, const char *name, int64_t value)
{
  put_name(b, name);
  buf_printf(b, "%" PRId64, value);
}

static void put_time(struct buf *b, const char *name, int64_t ms)
{
  if (ms) {
    put_int(b, name, ms);
    return;
  }
  put_name(b, name);
  buf_puts(b, "null");
}

static void put_id(struct buf *b, const char *name, int64_t id)
{
  put_name(b, name);
  if (id)
    buf_printf(b, "\"%" PRId64 "\"", id);
  else
    buf_puts(b, "null");
}

static void put_text(struct buf *b, const char *name, struct view_text text)
{
  put_name(b, name);
  if (text.data)
    buf_json_string(b, text.data, text.len);
  else
    buf_puts(b, "null");
}

static void put_json(struct buf *b, const char *name, struct view_text json,
                     const char *absent)
{
  put_name(b, name);
  if (json.data && json.len)
    buf_append(b, json.data, json.len);
  else
    buf_puts(b, absent);
}

/* ---- parts ---- */

static void put_progress(struct buf *b, const struct view_job *job, bool whole)
{
  put_name(b, "progress");
  if (!job->has_progress) {
    buf_puts(b, "null");
    return;
  }
  buf_putc(b, '{');
  put_name(b, "percent");
  if (job->percent < 0)
    buf_puts(b, "null");
  else
    buf_printf(b, "%.15g", job->percent);
  put_text(b, "message", job->message);
  if (whole)
    put_json(b, "checkpoint", job->checkpoint, "null");
  buf_putc(b, '}');
}

static void put_head(struct buf *b, const struct view_job *job)
{
  put_id(b, "id", job->id);
  put_name(b, "state");
  buf_printf(b, "\"%s\"", store_state_names[job->state]);
  put_text(b, "type", job->type);
  put_text(b, "queue", job->queue);
  put_int(b, "priority", job->priority);
}

static void put_trace(struct buf *b, const struct view_job *job)
{
  char made[TRACE_LEN + 1];
  trace_of_job(made, job->id);
  put_text(b, "trace_id",
           job->trace.data ? job->trace : (struct view_text){made, TRACE_LEN});
}

static void put_middle(struct buf *b, const struct view_job *job)
{
  put_json(b, "tags", job->tags, "[]");
  put_text(b, "key", job->key);
  put_text(b, "workspace", job->workspace);
  put_trace(b, job);
  put_id(b, "parent_id", job->parent);
  put_id(b, "batch_id", job->batch);
  put_int(b, "max_retries", job->max_retries);
  put_int(b, "retry_count", job->retry_count);
  put_int(b, "attempt", job->retry_count + 1);
  put_int(b, "rescues", job->rescues);
  put_time(b, "created_at", job->created_at);
  put_time(b, "run_at", job->run_at);
  put_time(b, "began_at", job->began_at);
  put_time(b, "finished_at", job->finished_at);
  put_name(b, "waiting_for");
  if (job->waiting_for)
    buf_printf(b, "\"%s\"", job->waiting_for);
  else
    buf_puts(b, "null");
}

/* Of a long error only code and message. */
static void put_short_error(struct buf *b, struct view_text error)
{
  json_t *whole = error.data ? jx_parse(error.data, error.len, NULL) : NULL;
  put_name(b, "error");
  if (json_is_object(whole)) {
    const char *code = jx_str(whole, "code", "unknown");
    const char *message = jx_str(whole, "message", "");
    buf_putc(b, '{');
    put_text(b, "code", (struct view_text){code, strlen(code)});
    put_text(b, "message", (struct view_text){message, strlen(message)});
    buf_putc(b, '}');
  } else {
    buf_puts(b, "null");
  }
  json_decref(whole);
}

/* ---- the face ---- */

void view_summary(struct buf *b, const struct view_job *job)
{
  buf_putc(b, '{');
  put_head(b, job);
  put_middle(b, job);
  put_progress(b, job, false);
  put_short_error(b, job->error);
  buf_putc(b, '}');
}

void view_begin(struct buf *b, const struct view_job *job)
{
  buf_putc(b, '{');
  put_head(b, job);
  put_json(b, "payload", job->payload, "null");
  put_middle(b, job);
  put_json(b, "after", job->after, "[]");
  put_progress(b, job, true);
  put_json(b, "result", job->result, "null");
  put_json(b, "error", job->error, "null");
  put_json(b, "cancelling", job->cancelling, "null");
  put_time(b, "deadline", job->deadline);
  put_name(b, "attempts");
  buf_putc(b, '[');
}

void view_attempt(struct buf *b, const struct view_attempt *attempt)
{
  if (b->data[b->len - 1] != '[')
    buf_putc(b, ',');
  buf_putc(b, '{');
  put_int(b, "attempt", attempt->attempt);
  put_name(b, "state");
  buf_printf(b, "\"%s\"", attempt->state);
  put_time(b, "began_at", attempt->began_at);
  put_time(b, "ended_at", attempt->ended_at);
  put_text(b, "worker", attempt->worker);
  put_json(b, "error", attempt->error, "null");
  buf_putc(b, '}');
}

void view_edits(struct buf *b)
{
  buf_puts(b, "],\"edits\":");
}

void view_end(struct buf *b)
{
  buf_putc(b, '}');
}

/* ---- batches ---- */

static const char *batch_state(const struct view_batch *batch)
{
  if (!batch->finished_at)
    return batch->cancelling ? "cancelling" : "running";
  if (batch->completed == batch->total)
    return "completed";
  return batch->cancelling ? "cancelled" : "failed";
}

void view_batch(struct buf *b, const struct view_batch *batch)
{
  int64_t ended = batch->completed + batch->dead + batch->cancelled;
  buf_putc(b, '{');
  put_id(b, "id", batch->id);
  put_text(b, "name", batch->name);
  put_name(b, "state");
  buf_printf(b, "\"%s\"", batch_state(batch));
  put_text(b, "workspace", batch->workspace);
  put_id(b, "parent_id", batch->parent);
  put_int(b, "total", batch->total);
  put_int(b, "completed", batch->completed);
  put_int(b, "dead", batch->dead);
  put_int(b, "cancelled", batch->cancelled);
  put_name(b, "percent");
  int64_t tenths = batch->total ? ended * 1000 / batch->total : 1000;
  buf_printf(b, "%.15g", (double)tenths / 10.0); /* 100 only when all have ended */
  put_time(b, "at_most", batch->at_most);
  put_time(b, "created_at", batch->created_at);
  put_time(b, "finished_at", batch->finished_at);
  put_name(b, "followers");
  buf_putc(b, '{');
  if (batch->followers.data)
    buf_append(b, batch->followers.data, batch->followers.len);
  buf_puts(b, "}}");
}

void view_child(struct buf *b, const struct view_child *child)
{
  buf_putc(b, '{');
  put_id(b, "id", child->id);
  put_text(b, "type", child->type);
  put_name(b, "state");
  buf_printf(b, "\"%s\"", store_state_names[child->state]);
  put_json(b, "result", child->result, "null");
  put_json(b, "error", child->error, "null");
  buf_putc(b, '}');
}

/* ---- the log ---- */

void view_log_begin(struct buf *b, const struct view_log *line)
{
  static const char *const levels[] = {"debug", "info", "warn", "error"};
  buf_putc(b, '{');
  put_id(b, "id", line->id);
  put_int(b, "time", line->time);
  put_name(b, "level");
  buf_printf(b, "\"%s\"", levels[line->level & 3]);
  put_text(b, "message", line->message);
  put_id(b, "job_id", line->job);
  put_time(b, "attempt", line->attempt);
  put_text(b, "type", line->type);
  put_text(b, "trace_id", line->trace);
  put_text(b, "worker", line->worker);
  put_text(b, "workspace", line->workspace);
  put_json(b, "fields", line->fields, "null");
  if (line->match >= 0)
    buf_puts(b, line->match ? ",\"match\":true" : ",\"match\":false");
}
