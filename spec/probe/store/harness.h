/* What the cases of the conformance suite stand on: one store on one loop, and each
 * operation as a call that returns when it is done.
 *
 * Each case runs in a process of its own, so a failed check just ends it.
 */
#ifndef CANDY_SPEC_STORE_HARNESS_H
#define CANDY_SPEC_STORE_HARNESS_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                 \
  do {                                                                                   \
    if (!(condition))                                                                    \
      check_failed(__FILE__, __LINE__, #condition);                                      \
  } while (0)

#define CHECK_TEXT(have, want)                                                           \
  do {                                                                                   \
    const char *have_ = (have);                                                          \
    if (!have_ || strcmp(have_, want) != 0) {                                            \
      printf("# have: %s\n# want: %s\n", have_ ? have_ : "nothing", want);               \
      check_failed(__FILE__, __LINE__, #have);                                           \
    }                                                                                    \
  } while (0)

#define CHECK_INT(have, want)                                                            \
  do {                                                                                   \
    int64_t have_ = (have), want_ = (want);                                              \
    if (have_ != want_) {                                                                \
      printf("# have: %lld\n# want: %lld\n", (long long)have_, (long long)want_);        \
      check_failed(__FILE__, __LINE__, #have);                                           \
    }                                                                                    \
  } while (0)

static struct store *store;
static uv_loop_t *loop;
static const char *store_url;    /* of the backend under test */
static const char *store_folder; /* of this case */
static struct err last_err;      /* of the last operation; code is empty after success */
static bool fatal_seen;

static inline _Noreturn void check_failed(const char *file, int line, const char *what)
{
  printf("# %s:%d: %s\n", file, line, what);
  if (last_err.code[0])
    printf("# last error: %s: %s\n", last_err.code, last_err.text);
  fflush(stdout);
  _exit(1);
}

/* ---- the store ---- */

static inline void on_fatal(void *arg, const struct err *err)
{
  (void)arg;
  last_err = *err;
  fatal_seen = true;
}

static inline void open_store(void)
{
  struct store_config config = {.folder = store_folder, .fatal = on_fatal};
  if (store_open(&store, loop, store_url, &config, &last_err) < 0)
    check_failed(__FILE__, __LINE__, "the store opens");
}

static inline void close_store(void)
{
  store_close(&store);
  uv_run(loop, UV_RUN_DEFAULT);
}

static inline void reopen(void)
{
  close_store();
  open_store();
}

static inline void on_done(struct store_op *op)
{
  *(int *)op->arg += 1;
}

/* Several operations in one turn: submit each, then wait for all. */
static int submitted, done;

static inline void submit(struct store_op *op)
{
  op->done = on_done;
  op->arg = &done;
  submitted++;
  store_submit(store, op);
}

static inline void wait_for_all(void)
{
  while (done < submitted)
    uv_run(loop, UV_RUN_ONCE);
}

/* Returns the status, and keeps the error. */
static inline int act(struct store_op *op)
{
  submit(op);
  wait_for_all();
  err_clear(&last_err);
  if (op->err)
    last_err = *op->err;
  return op->status;
}

/* ---- jobs ---- */

static inline struct store_new a_job(const char *type)
{
  return (struct store_new){
      .type = type, .payload = "{}", .payload_len = 2, .max_retries = 3};
}

static inline int64_t add(struct store_new job)
{
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = &job, .n = 1};
  CHECK(act(&op.op) == 0);
  CHECK(job.id > 0);
  return job.id;
}

static inline int64_t add_one(const char *type)
{
  return add(a_job(type));
}

/* Names up to four types; "!" in front makes one run once only. */
static inline void know(const char *a, const char *b)
{
  struct store_type types[2];
  struct store_types op = {.op.kind = STORE_TYPES, .types = types};
  const char *names[] = {a, b};
  for (int i = 0; i < 2; i++)
    if (names[i])
      types[op.n++] = (struct store_type){.name = names[i] + (names[i][0] == '!'),
                                          .once = names[i][0] == '!'};
  CHECK(act(&op.op) == 0);
}

/* The caller releases it with store_op_fini. */
static inline struct store_claim take(size_t max)
{
  struct store_claim op = {.op.kind = STORE_CLAIM, .max = max};
  CHECK(act(&op.op) == 0);
  CHECK(op.n <= max);
  return op;
}

struct taken {
  int64_t id, lease;
};

/* Claims one and copies what it takes to finish it; id is 0 when there is none. */
static inline struct taken take_one(void)
{
  struct store_claim claim = take(1);
  struct taken t = {0, 0};
  if (claim.n)
    t = (struct taken){claim.jobs[0].id, claim.jobs[0].lease};
  store_op_fini(&claim.op);
  return t;
}

#define ERROR(code) "{\"code\":\"" code "\",\"message\":\"it broke\"}"

static inline struct store_finish a_finish(struct taken t, enum store_outcome outcome)
{
  return (struct store_finish){.op.kind = STORE_FINISH,
                               .id = t.id,
                               .lease = t.lease,
                               .outcome = outcome,
                               .worker = "host/1",
                               .error = outcome == STORE_OK ? NULL : ERROR("broken")};
}

static inline enum store_verdict finish(struct taken t, enum store_outcome outcome)
{
  struct store_finish op = a_finish(t, outcome);
  CHECK(act(&op.op) == 0);
  store_op_fini(&op.op);
  return op.verdict;
}

/* ---- looking ---- */

/* The job as the API shows it, or NULL. A new reference. */
static inline json_t *job_of(int64_t id)
{
  struct store_get op = {.op.kind = STORE_JOB, .id = id};
  CHECK(act(&op.op) == 0);
  json_t *job = op.json.len ? jx_parse(op.json.data, op.json.len, &last_err) : NULL;
  CHECK(job || !op.json.len);
  store_op_fini(&op.op);
  return job;
}

/* A member of the job as text in memory that the next call takes back; "none" when there
 * is no such job. */
static inline const char *member(int64_t id, const char *name)
{
  static char *text;
  json_t *job = job_of(id);
  free(text);
  text = job ? jx_dump(json_object_get(job, name), NULL) : mem_strdup("none");
  json_decref(job);
  return text;
}

static inline bool is_in(int64_t id, enum store_state state)
{
  char want[32];
  snprintf(want, sizeof want, "\"%s\"", store_state_names[state]);
  const char *have = member(id, "state");
  bool same = strcmp(have, want) == 0;
  if (!same)
    printf("# job %lld is %s\n", (long long)id, have);
  return same;
}

static inline struct store_stats stats(void)
{
  struct store_stats op = {.op.kind = STORE_STATS};
  CHECK(act(&op.op) == 0);
  return op;
}

/* The answer of a statement, or "code" of its error, in memory that the next call takes
 * back. */
static inline const char *sql(enum store_kind kind, const char *text, const char *params)
{
  static char *answer;
  struct store_sql op = {.op.kind = kind, .sql = text, .params = params};
  free(answer);
  answer = mem_strdup(act(&op.op) < 0 ? last_err.code : op.answer.data);
  store_op_fini(&op.op);
  return answer;
}

#define EXEC(text)  sql(STORE_EXEC, text, "[]")
#define QUERY(text) sql(STORE_QUERY, text, "[]")

static inline int apply_schema(const char *name, const char *const *steps, size_t n)
{
  struct store_schema op = {
      .op.kind = STORE_SCHEMA, .name = name, .steps = steps, .n = n};
  int rc = act(&op.op);
  store_op_fini(&op.op);
  return rc;
}

static inline void make_table(const char *sql_text)
{
  CHECK(apply_schema("table", &sql_text, 1) == 0);
}

#endif
