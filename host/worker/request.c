/* What Lua asks of the host: a verb and a JSON body in, an answer out (frame/message.h).
 * An answer for a process that has gone meanwhile is dropped. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define ANSWER_MAX     (CHANNEL_MESSAGE - (size_t)64 * 1024)
#define CHECKPOINT_MAX ((size_t)1024 * 1024)
#define MESSAGE_MAX    1000

struct request {
  struct pool *pool;
  struct worker *worker;
  unsigned incarnation;
  uint32_t number, cell;
  json_t *body;

  union {
    struct store_op op;
    struct store_sql sql;
    struct store_kv kv;
    struct store_progress progress;
  } u;
};

/* ---- answers ---- */

static void answer(struct request *r, bool ok, const char *text, size_t len)
{
  struct worker *w = r->worker;
  if (w->incarnation == r->incarnation && w->process) {
    struct buf b = {0};
    struct message_answer m = {.number = r->number, .ok = ok, .body = {text, len}};
    message_put_answer(&b, &m);
    process_send(w->process, MESSAGE_ANSWER, b.data, b.len);
    buf_fini(&b);
  }
  json_decref(r->body);
  free(r);
}

static void refuse(struct request *r, const struct err *err);

static void answer_checked(struct request *r, const char *text, size_t len)
{
  struct err err;
  if (len <= ANSWER_MAX) {
    answer(r, true, text, len);
    return;
  }
  err_set(&err, "answer_too_large",
          "the answer has %zu bytes, and at most %zu fit: ask for less at a time", len,
          (size_t)ANSWER_MAX);
  refuse(r, &err);
}

static void answer_json(struct request *r, json_t *value)
{
  size_t len;
  char *text = jx_dump(value, &len);
  json_decref(value);
  answer(r, true, text, len);
  free(text);
}

static void refuse(struct request *r, const struct err *err)
{
  size_t len;
  json_t *value = jx_error(err->code, err->text);
  char *text = jx_dump(value, &len);
  json_decref(value);
  answer(r, false, text, len);
  free(text);
}

/* ---- enqueue ---- */

static void pushed(void *arg, const struct store_new *jobs, size_t n,
                   const struct err *err)
{
  struct request *r = arg;
  if (err) {
    refuse(r, err);
    return;
  }
  json_t *ids = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(ids, jx_id(jobs[i].id));
  answer_json(r, json_pack("{s:o}", "ids", ids));
}

static void enqueue(struct request *r)
{
  struct door_batch batch = {0};
  struct err err;
  json_t *jobs = json_object_get(r->body, "jobs");
  door_add_all(&batch, r->pool->catalog, jobs);
  if (batch.problems)
    door_explain(&batch, &err);
  else if (batch.n == 0 || batch.n > DOOR_JOBS_MAX)
    err_set(&err, "too_many_tasks", "a push takes 1 to %d jobs, not %zu", DOOR_JOBS_MAX,
            batch.n);
  else
    err_clear(&err);
  if (err.code[0]) {
    refuse(r, &err);
  } else {
    if (r->cell < PAGE_CELLS && r->worker->flights[r->cell].open)
      door_descend(&batch, &r->worker->flights[r->cell].job);
    queue_push(r->pool->queue, &batch, pushed, r);
  }
  door_fini(&batch);
}

/* ---- the store's own verbs ---- */

static void submit(struct request *r, enum store_kind kind,
                   void (*done)(struct store_op *op))
{
  r->u.op.kind = kind;
  r->u.op.done = done;
  r->u.op.arg = r;
  store_submit(queue_store(r->pool->queue), &r->u.op);
}

/* Answers with what the operation left in `text`, or with its error. */
static void answer_op(struct request *r, struct buf *text)
{
  struct err *err = r->u.op.status < 0 ? r->u.op.err : NULL;
  struct buf kept = {0};
  struct err copy;
  if (err)
    copy = *err;
  else
    kept = *text, *text = (struct buf){0};
  store_op_fini(&r->u.op);
  if (err)
    refuse(r, &copy);
  else
    answer_checked(r, kept.data, kept.len);
  buf_fini(&kept);
}

static void sql_done(struct store_op *op)
{
  struct request *r = op->arg;
  answer_op(r, &r->u.sql.answer);
}

static void run_sql(struct request *r, enum store_kind kind)
{
  r->u.sql.sql = jx_str(r->body, "sql", "");
  r->u.sql.params = jx_str(r->body, "params", "[]");
  submit(r, kind, sql_done);
}

static void query(struct request *r)
{
  run_sql(r, STORE_QUERY);
}

static void exec(struct request *r)
{
  run_sql(r, STORE_EXEC);
}

/* ---- kv ---- */

static void kv_done(struct store_op *op)
{
  struct request *r = op->arg;
  struct store_kv *kv = &r->u.kv;
  struct buf b = {0};
  const char *name = kv->verb == STORE_KV_LIST ? "items" : "value";
  buf_printf(&b, "{\"found\":%s,\"version\":%lld,\"%s\":", kv->found ? "true" : "false",
             (long long)kv->version, name);
  if (kv->answer.len)
    buf_append(&b, kv->answer.data, kv->answer.len);
  else
    buf_puts(&b, "null");
  buf_putc(&b, '}');
  answer_op(r, &b);
  buf_fini(&b);
}

static const char *const kv_verbs[] = {[STORE_KV_GET] = "get",
                                       [STORE_KV_LIST] = "list",
                                       [STORE_KV_SET] = "set",
                                       [STORE_KV_ADD] = "add",
                                       [STORE_KV_DELETE] = "delete"};

/* Locks are values of a workspace of their own, which no other name can reach. */
#define LOCKS "candy:locks"

static void kv(struct request *r)
{
  struct store_kv *k = &r->u.kv;
  const char *verb = jx_str(r->body, "verb", "");
  while (k->verb <= STORE_KV_DELETE && strcmp(kv_verbs[k->verb], verb) != 0)
    k->verb++;
  if (k->verb > STORE_KV_DELETE) {
    struct err err;
    err_set(&err, "bad_request", "kv has no verb \"%.20s\"", verb);
    refuse(r, &err);
    return;
  }
  k->workspace = json_is_true(json_object_get(r->body, "lock")) ? LOCKS : NULL;
  k->key = jx_str(r->body, "key", "");
  k->value = jx_str(r->body, "value", "null");
  k->by = json_number_value(json_object_get(r->body, "by"));
  k->expires_ms = jx_int(r->body, "expires_ms", 0);
  k->if_version = jx_int(r->body, "if_version", -1);
  k->limit = jx_int(r->body, "limit", 100);
  submit(r, k->verb <= STORE_KV_LIST ? STORE_KV_READ : STORE_KV_WRITE, kv_done);
}

/* ---- progress ---- */

static void progress_done(struct store_op *op)
{
  struct request *r = op->arg;
  struct buf b = {0};
  buf_printf(&b, "{\"stale\":%s}", r->u.progress.stale ? "true" : "false");
  answer_op(r, &b);
  buf_fini(&b);
}

static int check_progress(const struct request *r, struct err *err)
{
  const json_t *checkpoint = json_object_get(r->body, "checkpoint");
  const json_t *message = json_object_get(r->body, "message");
  if (r->cell >= PAGE_CELLS || !r->worker->flights[r->cell].open)
    return err_set(err, "no_job", "only a running job has progress");
  if (json_string_length(checkpoint) > CHECKPOINT_MAX)
    return err_set(
        err, "checkpoint_too_large",
        "the checkpoint has %zu bytes as JSON; at most %zu are kept: keep large "
        "data in a table",
        json_string_length(checkpoint), (size_t)CHECKPOINT_MAX);
  if (json_string_length(message) > MESSAGE_MAX)
    return err_set(err, "message_too_large", "a progress message has at most %d bytes",
                   MESSAGE_MAX);
  return 0;
}

static void progress(struct request *r)
{
  struct store_progress *p = &r->u.progress;
  const json_t *percent = json_object_get(r->body, "percent");
  struct err err;
  if (check_progress(r, &err) < 0) {
    refuse(r, &err);
    return;
  }
  p->id = r->worker->flights[r->cell].job.id;
  p->lease = r->worker->flights[r->cell].job.lease;
  p->percent = json_is_number(percent) ? json_number_value(percent) : -1;
  p->message = jx_str(r->body, "message", NULL);
  p->checkpoint = jx_str(r->body, "checkpoint", NULL);
  submit(r, STORE_PROGRESS, progress_done);
}

/* ---- the way in ---- */

static const struct {
  const char *name;
  void (*serve)(struct request *r);
} verbs[] = {{"enqueue", enqueue},
             {"query", query},
             {"exec", exec},
             {"kv", kv},
             {"progress", progress}};

void request__serve(struct worker *w, const char *body, size_t len)
{
  struct message_request m;
  struct err err;
  if (message_get_request(body, len, &m) < 0 || !m.verb.data || !m.body.data) {
    process_kill(w->process, "asked for something that makes no sense");
    return;
  }
  struct request *r = mem_alloc(sizeof *r);
  r->pool = w->pool;
  r->worker = w;
  r->incarnation = w->incarnation;
  r->number = m.number;
  r->cell = m.cell;
  r->body = jx_parse(m.body.data, m.body.len, &err);
  if (!r->body) {
    refuse(r, &err);
    return;
  }
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(verbs[i].name, m.verb.data) == 0) {
      verbs[i].serve(r);
      return;
    }
  err_set(&err, "bad_request", "the host knows no \"%.40s\"", m.verb.data);
  refuse(r, &err);
}
