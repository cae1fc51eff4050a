/* What a spec asks of its host, but for runs: see testing_.h. */
#include "cli/testing_.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "log/log.h"
#include "queue/event.h"

/* An operation of the store that the spec waits for. */
struct look {
  union {
    struct store_op op;
    struct store_get get;
    struct store_list list;
    struct store_sql sql;
    struct store_kv kv;
  } u;
  struct testing *t;
};

static void submit(struct testing *t, struct look *look, enum store_kind kind,
                   void (*done)(struct store_op *op))
{
  look->t = t;
  look->u.op.kind = kind;
  look->u.op.done = done;
  look->u.op.arg = look;
  store_submit(t->parts.store, &look->u.op);
}

static void answer_op(struct store_op *op, const struct buf *json, const char *none)
{
  struct look *look = op->arg;
  struct testing *t = look->t;
  if (t->ended)
    ; /* nobody waits any more */
  else if (op->status < 0)
    testing__refuse(t, op->err);
  else if (json->len > 0)
    testing__answer_text(t, json->data, json->len);
  else
    testing__answer_text(t, none, strlen(none));
  store_op_fini(op);
  free(look);
}

/* ---- jobs ---- */

static void pushed(void *arg, const struct store_new *jobs, size_t n,
                   const struct err *err)
{
  struct testing *t = arg;
  if (t->ended)
    return;
  if (err) {
    testing__refuse(t, err);
    return;
  }
  json_t *list = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(list, json_pack("{s:o, s:b}", "id", jx_id(jobs[i].id),
                                          "duplicate", jobs[i].duplicate));
  testing__answer(t, list);
}

static void push(struct testing *t, const json_t *specs)
{
  struct door_batch batch = {0};
  struct err err;
  door_add_all(&batch, pool_catalog(t->parts.pool), specs);
  if (batch.problems) {
    door_explain(&batch, &err);
    testing__refuse(t, &err);
  } else if (batch.n == 0) {
    pushed(t, NULL, 0, NULL);
  } else {
    queue_push(t->parts.queue, &batch, pushed, t);
  }
  door_fini(&batch);
}

static void enqueue(struct testing *t)
{
  push(t, json_object_get(t->asked, "jobs"));
}

static void emit(struct testing *t)
{
  const json_t *data = json_object_get(t->asked, "data");
  struct event event = {.name = jx_str(t->asked, "event", ""),
                        .data = jx_text(data, ""),
                        .data_len = json_string_length(data),
                        .source = "test"};
  struct err err;
  json_t *jobs = event_jobs(pool_catalog(t->parts.pool), &event, &err);
  if (jobs)
    push(t, jobs);
  else
    testing__refuse(t, &err);
  json_decref(jobs);
}

static void got_job(struct store_op *op)
{
  answer_op(op, &((struct store_get *)op)->json, "null");
}

static void job(struct testing *t)
{
  struct look *look = mem_alloc(sizeof *look);
  look->u.get.id = strtoll(jx_str(t->asked, "id", ""), NULL, 10);
  submit(t, look, STORE_JOB, got_job);
}

static void got_jobs(struct store_op *op)
{
  answer_op(op, &((struct store_list *)op)->items, "[]");
}

static unsigned states_of(const json_t *names)
{
  unsigned states = 0;
  size_t i;
  json_t *name;
  json_array_foreach(names, i, name)
    for (int s = 0; s < STORE_STATES; s++)
      if (strcmp(jx_text(name, ""), store_state_names[s]) == 0)
        states |= 1u << s;
  return states;
}

/* Newest first, from `before` down. */
static void jobs(struct testing *t)
{
  struct look *look = mem_alloc(sizeof *look);
  look->u.list.filter.states = states_of(json_object_get(t->asked, "states"));
  look->u.list.before = strtoll(jx_str(t->asked, "before", "0"), NULL, 10);
  look->u.list.limit = jx_int(t->asked, "limit", 1000);
  submit(t, look, STORE_JOBS, got_jobs);
}

/* ---- data ---- */

static void got_rows(struct store_op *op)
{
  answer_op(op, &((struct store_sql *)op)->answer, "null");
}

static void sql(struct testing *t)
{
  struct look *look = mem_alloc(sizeof *look);
  look->u.sql.sql = jx_str(t->asked, "sql", "");
  look->u.sql.params = jx_str(t->asked, "params", "[]");
  bool reads = strcmp(jx_str(t->asked, "verb", ""), "query") == 0;
  submit(t, look, reads ? STORE_QUERY : STORE_EXEC, got_rows);
}

static void got_value(struct store_op *op)
{
  answer_op(op, &((struct store_kv *)op)->answer, "null");
}

static void kv(struct testing *t)
{
  struct look *look = mem_alloc(sizeof *look);
  bool sets = json_object_get(t->asked, "value") != NULL;
  look->u.kv.verb = sets ? STORE_KV_SET : STORE_KV_GET;
  look->u.kv.key = jx_str(t->asked, "key", "");
  look->u.kv.value = jx_str(t->asked, "value", NULL);
  look->u.kv.if_version = -1;
  submit(t, look, sets ? STORE_KV_WRITE : STORE_KV_READ, got_value);
}

/* ---- time ---- */

void testing__set_clock(struct testing *t, int64_t ms)
{
  atomic_store(&t->now, ms);
  pool_tell_time(t->parts.pool);
}

static void clock_to(struct testing *t)
{
  struct err err;
  int64_t ms = jx_int(t->asked, "to", t->now);
  if (ms < t->now) {
    err_set(&err, "bad_time", "the clock goes forward only");
    testing__refuse(t, &err);
    return;
  }
  testing__set_clock(t, ms);
  testing__answer(t, json_integer(ms));
}

/* ---- the log ---- */

/* The file's lines are JSON objects. */
static void logs(struct testing *t)
{
  struct buf list = {0};
  char *path = mem_printf("%s/log/orchestrator.log", t->folder);
  char piece[4096];
  log_flush();
  FILE *file = fopen(path, "re");
  buf_putc(&list, '[');
  while (file && fgets(piece, sizeof piece, file))
    buf_puts(&list, piece);
  for (size_t i = 0; i + 1 < list.len; i++)
    if (list.data[i] == '\n')
      list.data[i] = ',';
  if (list.len > 1)
    list.len--; /* the last line's end */
  buf_putc(&list, ']');
  if (file)
    fclose(file);
  free(path);
  testing__answer_text(t, list.data, list.len);
  buf_fini(&list);
}

/* ---- the table of verbs ---- */

static const struct {
  const char *name;
  void (*serve)(struct testing *t);
} verbs[] = {
    {"enqueue", enqueue},
    {"emit", emit},
    {"run", testing__run},
    {"drain", testing__drain},
    {"job", job},
    {"jobs", jobs},
    {"query", sql},
    {"exec", sql},
    {"kv", kv},
    {"clock", clock_to},
    {"logs", logs},
};

void testing__serve(struct testing *t)
{
  struct err err;
  const char *verb = jx_str(t->asked, "verb", "");
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(verbs[i].name, verb) == 0) {
      verbs[i].serve(t);
      return;
    }
  err_set(&err, "bad_request", "the host of a test knows no \"%.40s\"", verb);
  testing__refuse(t, &err);
}
