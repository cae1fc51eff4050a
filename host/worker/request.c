/* What Lua asks of the host: a verb and a body in, an answer out (frame/message.h).
 * Here are the way in and the answers; the verbs are in request_NAME.c, by subject. An
 * answer for a process that has gone meanwhile is dropped. */
#include "worker/request_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define ANSWER_MAX (CHANNEL_MESSAGE - (size_t)64 * 1024)

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

void request__answer_text(struct request *r, const char *text, size_t len)
{
  struct err err;
  if (len <= ANSWER_MAX) {
    answer(r, true, text, len);
    return;
  }
  err_set(&err, "answer_too_large",
          "the answer has %zu bytes, and at most %zu fit: ask for less at a time", len,
          (size_t)ANSWER_MAX);
  request__refuse(r, &err);
}

void request__answer_json(struct request *r, json_t *value)
{
  size_t len;
  char *text = jx_dump(value, &len);
  json_decref(value);
  answer(r, true, text, len);
  free(text);
}

void request__answer_bytes(struct request *r, const struct buf *bytes)
{
  answer(r, true, bytes->data, bytes->len);
}

void request__refuse(struct request *r, const struct err *err)
{
  size_t len;
  json_t *value = jx_error(err->code, err->text);
  char *text = jx_dump(value, &len);
  json_decref(value);
  answer(r, false, text, len);
  free(text);
}

/* ---- the store ---- */

void request__submit(struct request *r, enum store_kind kind,
                     void (*done)(struct store_op *op))
{
  r->u.op.kind = kind;
  r->u.op.done = done;
  r->u.op.arg = r;
  store_submit(queue_store(r->pool->queue), &r->u.op);
}

void request__answer_op(struct request *r, struct buf *text)
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
    request__refuse(r, &copy);
  else
    request__answer_text(r, kept.data, kept.len);
  buf_fini(&kept);
}

/* ---- the way in ---- */

struct flight *request__flight(const struct request *r)
{
  struct worker *w = r->worker;
  bool known = w->incarnation == r->incarnation && r->cell < PAGE_CELLS;
  return known && w->flights[r->cell].open ? &w->flights[r->cell] : NULL;
}

static const struct verb {
  const char *name;
  void (*serve)(struct request *r);
} verbs[] = {
    {"enqueue", request__enqueue},
    {"batch", request__batch},
    {"batch_get", request__batch_get},
    {"batch_cancel", request__batch_cancel},
    {"children", request__children},
    {"query", request__query},
    {"exec", request__exec},
    {"tx_begin", request__tx_begin},
    {"tx_sql", request__tx_sql},
    {"tx_end", request__tx_end},
    {"kv", request__kv},
    {"lock_take", request__lock_take},
    {"lock_extend", request__lock_extend},
    {"lock_leave", request__lock_leave},
    {"secret", request__secret},
    {"seal", request__seal},
    {"open", request__open},
    {"emit", request__emit},
    {"retention", request__retention},
    {"integrity", request__integrity},
    {"vacuum", request__vacuum},
    {"checkpoint", request__checkpoint},
    {"rotate_logs", request__rotate_logs},
    {"stats", request__stats},
    {"logs", request__logs},
    {"progress", request__progress},
    {"cancel", request__cancel},
    {"pause", request__pause},
    {"http", request__outside},
    {"sleep", request__outside},
};

static const struct verb *find_verb(const char *name)
{
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(verbs[i].name, name) == 0)
      return &verbs[i];
  return NULL;
}

static void serve(struct request *r, const char *name)
{
  struct err err;
  const struct verb *verb = find_verb(name);
  if (!verb) {
    err_set(&err, "bad_request", "the host knows no \"%.40s\"", name);
    request__refuse(r, &err);
    return;
  }
  bool is_json = verb->serve != request__enqueue;
  r->verb = verb->name;
  if (is_json)
    r->body = jx_parse(r->bytes.data, r->bytes.len, &err);
  if (is_json && !r->body)
    request__refuse(r, &err);
  else
    verb->serve(r);
}

void request__serve(struct worker *w, const char *body, size_t len)
{
  struct message_request m;
  if (message_get_request(body, len, &m) < 0 || !m.verb.data || !m.body.data) {
    process_kill(w->process, REQUEST_NONSENSE);
    return;
  }
  struct request *r = mem_alloc(sizeof *r);
  r->pool = w->pool;
  r->worker = w;
  r->incarnation = w->incarnation;
  r->number = m.number;
  r->cell = m.cell;
  r->bytes = m.body;
  serve(r, m.verb.data);
}
