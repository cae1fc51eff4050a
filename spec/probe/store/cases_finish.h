/* Cases: what a finish does, and to whom. */
#ifndef CANDY_SPEC_STORE_CASES_FINISH_H
#define CANDY_SPEC_STORE_CASES_FINISH_H

#include "harness.h"

static void stale_leases_do_nothing(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  struct taken old = take_one();
  CHECK(finish(old, STORE_RELEASE) == STORE_DONE);
  CHECK(finish(old, STORE_OK) == STORE_STALE);
  CHECK(is_in(id, STORE_AVAILABLE));
  struct taken now = take_one();
  CHECK_INT(now.id, id);
  CHECK(finish(old, STORE_OK) == STORE_STALE);
  CHECK(finish(old, STORE_FAIL) == STORE_STALE);
  CHECK(finish((struct taken){id, now.lease + 1}, STORE_OK) == STORE_STALE);
  CHECK(is_in(id, STORE_RUNNING));
  CHECK(finish(now, STORE_OK) == STORE_DONE);
  CHECK(finish(now, STORE_OK) == STORE_STALE);
  CHECK(finish(now, STORE_RETRY) == STORE_STALE);
  CHECK(is_in(id, STORE_COMPLETED));
}

/* The same claim is finished twice in one turn: the first one counts. */
static void one_turn_one_finish(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  struct taken t = take_one();
  struct store_finish first = a_finish(t, STORE_OK), second = a_finish(t, STORE_FAIL);
  first.result = "1";
  submit(&first.op);
  submit(&second.op);
  wait_for_all();
  CHECK(first.verdict == STORE_DONE);
  CHECK(second.verdict == STORE_STALE);
  CHECK(is_in(id, STORE_COMPLETED));
  CHECK_TEXT(member(id, "result"), "1");
}

static void retries_keep_their_history(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  for (int i = 0; i < 3; i++) {
    struct store_finish op = a_finish(take_one(), STORE_RETRY);
    op.began_at = 1000 + i;
    CHECK(act(&op.op) == 0);
    CHECK(op.verdict == STORE_DONE);
    CHECK(is_in(id, STORE_RETRYABLE));
  }
  struct store_claim claim = take(1);
  CHECK_INT(claim.jobs[0].retry_count, 3);
  struct taken t = {claim.jobs[0].id, claim.jobs[0].lease};
  store_op_fini(&claim.op);
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  json_t *job = job_of(id), *attempts = json_object_get(job, "attempts");
  CHECK_INT(jx_int(job, "retry_count", -1), 3);
  CHECK_INT(jx_int(job, "attempt", -1), 4);
  CHECK_INT((int64_t)json_array_size(attempts), 4);
  for (int i = 0; i < 3; i++) {
    json_t *a = json_array_get(attempts, (size_t)i);
    CHECK_INT(jx_int(a, "attempt", 0), i + 1);
    CHECK_INT(jx_int(a, "began_at", 0), 1000 + i);
    CHECK_TEXT(jx_str(a, "state", ""), "failed");
    CHECK_TEXT(jx_str(a, "worker", ""), "host/1");
    CHECK_TEXT(jx_str(json_object_get(a, "error"), "message", ""), "it broke");
  }
  CHECK_TEXT(jx_str(json_array_get(attempts, 3), "state", ""), "completed");
  json_decref(job);
}

static void a_delayed_retry_waits(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  struct store_finish op = a_finish(take_one(), STORE_RETRY);
  op.delay_ms = 3600000;
  CHECK(act(&op.op) == 0);
  CHECK_INT(take_one().id, 0);
  CHECK(is_in(id, STORE_RETRYABLE));
  CHECK(store->next_due > clock_wall_ms());
}

static int64_t bulk(enum store_kind kind, struct store_filter filter, int64_t max)
{
  struct store_bulk op = {.op.kind = kind, .filter = filter, .max = max};
  CHECK(act(&op.op) == 0);
  return op.count;
}

static void the_dead(void)
{
  int64_t ids[6];
  know("t", NULL);
  for (int i = 0; i < 6; i++)
    ids[i] = add_one("t");
  for (int i = 0; i < 5; i++)
    CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  CHECK_INT(stats().counts[STORE_DEAD], 5);
  struct store_filter one = {.ids = ids, .n_ids = 1}, rest = {.ids = ids + 1, .n_ids = 5};
  CHECK_INT(bulk(STORE_REQUEUE, one, 100), 1);
  CHECK_INT(bulk(STORE_REQUEUE, one, 100), 0);
  CHECK(is_in(ids[0], STORE_AVAILABLE));
  CHECK_TEXT(member(ids[0], "retry_count"), "0");
  CHECK_INT(take_one().id, ids[5]);
  struct taken back = take_one();
  CHECK_INT(back.id, ids[0]);
  CHECK(back.lease > 1);
  CHECK(finish(back, STORE_OK) == STORE_DONE);
  CHECK_INT(bulk(STORE_PURGE, rest, 2), 2);
  CHECK_TEXT(member(ids[1], "state"), "none");
  CHECK(is_in(ids[3], STORE_DEAD));
  CHECK_INT(bulk(STORE_PURGE, rest, 100), 2);
  CHECK(is_in(ids[5], STORE_RUNNING));
  CHECK(is_in(ids[0], STORE_COMPLETED));
  struct store_filter completed = {.states = 1u << STORE_COMPLETED};
  CHECK_INT(bulk(STORE_REQUEUE, completed, 100), 0);
  CHECK_INT(bulk(STORE_PURGE, completed, 100), 1);
  CHECK_TEXT(member(ids[0], "state"), "none");
}

/* Far more than one step, with a filter that few fit. */
static void bulk_over_many_turns(void)
{
  enum { N = 12000 };
  struct store_new *jobs = mem_alloc(N * sizeof *jobs);
  struct store_finish *ends = mem_alloc(N * sizeof *ends);
  know("t", "rare");
  for (int i = 0; i < N; i++)
    jobs[i] = a_job(i % 1000 == 999 ? "rare" : "t");
  struct store_enqueue enqueue = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = N};
  CHECK(act(&enqueue.op) == 0);
  struct store_claim claim = take(N);
  CHECK_INT((int64_t)claim.n, N);
  for (int i = 0; i < N; i++) {
    ends[i] = a_finish((struct taken){claim.jobs[i].id, claim.jobs[i].lease}, STORE_FAIL);
    submit(&ends[i].op);
  }
  wait_for_all();
  store_op_fini(&claim.op);
  const char *rare = "rare";
  struct store_filter filter = {.types = &rare, .n_types = 1};
  CHECK_INT(bulk(STORE_REQUEUE, filter, 5), 5);
  CHECK_INT(take_one().id, jobs[999].id);
  CHECK_INT(bulk(STORE_REQUEUE, filter, 1000), 7);
  CHECK_INT(bulk(STORE_PURGE, (struct store_filter){0}, INT64_MAX), N - 12);
  free(jobs);
  free(ends);
}

/* ---- effects ---- */

static void effects_come_with_the_finish(void)
{
  know("t", NULL);
  make_table("create table notes (n integer, text text)");
  int64_t id = add_one("t");
  struct store_write writes[] = {{"insert into notes values (?, ?)", "[1, \"a\"]"},
                                 {"update notes set n = n + ?", "[41]"}};
  struct store_new children[] = {a_job("t"), a_job("t")};
  children[1].delay_ms = 3600000;
  struct store_finish op = a_finish(take_one(), STORE_OK);
  op.writes = writes;
  op.n_writes = 2;
  op.children = children;
  op.n_children = 2;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  CHECK_TEXT(QUERY("select * from notes"), "[{\"n\":42,\"text\":\"a\"}]");
  CHECK(is_in(id, STORE_COMPLETED));
  CHECK(is_in(children[0].id, STORE_AVAILABLE));
  CHECK(is_in(children[1].id, STORE_SCHEDULED));
  char parent[32];
  snprintf(parent, sizeof parent, "\"%lld\"", (long long)id);
  CHECK_TEXT(member(children[0].id, "parent_id"), parent);
}

/* A finish whose second write fails, among others that must not be disturbed. */
static void refuse_with(const char *sql_text, const char *code)
{
  struct taken before = take_one(), bad = take_one(), after = take_one();
  struct store_write writes[] = {{"insert into notes values (1)", NULL},
                                 {sql_text, NULL}};
  struct store_write note = {"insert into notes values (100)", NULL};
  struct store_new child = a_job("child");
  struct store_finish a = a_finish(before, STORE_OK), b = a_finish(bad, STORE_OK),
                      c = a_finish(after, STORE_OK);
  a.writes = c.writes = &note;
  a.n_writes = c.n_writes = 1;
  b.writes = writes;
  b.n_writes = 2;
  b.children = &child;
  b.n_children = 1;
  submit(&a.op);
  submit(&b.op);
  submit(&c.op);
  wait_for_all();
  CHECK(a.verdict == STORE_DONE && a.op.status == 0);
  CHECK(b.verdict == STORE_REFUSED && b.op.status == 0);
  CHECK_TEXT(b.op.err->code, code);
  CHECK(c.verdict == STORE_DONE && c.op.status == 0);
  CHECK(is_in(before.id, STORE_COMPLETED));
  CHECK(is_in(bad.id, STORE_RUNNING));
  CHECK(is_in(after.id, STORE_COMPLETED));
  CHECK_TEXT(QUERY("select n, count(*) as times from notes group by n"),
             "[{\"n\":100,\"times\":2}]");
  store_op_fini(&b.op);
  CHECK(finish(bad, STORE_FAIL) == STORE_DONE);
  CHECK_INT(stats().counts[STORE_AVAILABLE], 0);
}

static void three_jobs(void)
{
  know("t", "child");
  make_table("create table notes (n integer check (n > 0))");
  for (int i = 0; i < 3; i++)
    add_one("t");
}

static void a_failing_write_is_refused(void)
{
  three_jobs();
  refuse_with("insert into notes values (-1)", "sql_error");
}

static void a_slow_write_is_refused(void)
{
  three_jobs();
  refuse_with("insert into notes with recursive c(n) as (select 1 union all select n + 1 "
              "from c) select n from c",
              "sql_timeout");
}

static void a_write_that_rolls_back_is_refused(void)
{
  three_jobs();
  refuse_with("insert or rollback into notes values (-1)", "sql_error");
}

static void stale_finishes_have_no_effects(void)
{
  know("t", NULL);
  make_table("create table notes (n integer)");
  add_one("t");
  struct taken old = take_one();
  CHECK(finish(old, STORE_RELEASE) == STORE_DONE);
  struct taken now = take_one();
  CHECK_INT(now.id, old.id);
  struct store_write write = {"insert into notes values (1)", NULL};
  struct store_new child = a_job("t");
  struct store_finish op = a_finish(old, STORE_OK);
  op.writes = &write;
  op.n_writes = 1;
  op.children = &child;
  op.n_children = 1;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_STALE);
  CHECK_TEXT(QUERY("select * from notes"), "[]");
  CHECK_INT(stats().counts[STORE_AVAILABLE], 0);
}

/* ---- progress ---- */

static bool progress(struct taken t, double percent, const char *message,
                     const char *checkpoint)
{
  struct store_progress op = {.op.kind = STORE_PROGRESS,
                              .id = t.id,
                              .lease = t.lease,
                              .percent = percent,
                              .message = message,
                              .checkpoint = checkpoint};
  CHECK(act(&op.op) == 0);
  return !op.stale;
}

static void progress_and_checkpoints(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  CHECK_TEXT(member(id, "progress"), "null");
  struct taken t = take_one();
  CHECK(progress(t, 12.5, "reading", NULL));
  CHECK(progress(t, -1, NULL, "{\"page\":7}"));
  CHECK(!progress((struct taken){id, t.lease + 1}, 99, "wrong", NULL));
  CHECK_TEXT(member(id, "progress"), "{\"percent\":12.5,\"message\":\"reading\","
                                     "\"checkpoint\":{\"page\":7}}");
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  CHECK(!progress(t, 99, "too late", NULL));
  struct store_claim claim = take(1);
  CHECK_TEXT(claim.jobs[0].checkpoint, "{\"page\":7}");
  store_op_fini(&claim.op);
}

/* A checkpoint and the failure behind it may well travel in one turn. */
static void progress_just_before_a_finish(void)
{
  know("t", NULL);
  add_one("t");
  struct taken t = take_one();
  struct store_progress p = {.op.kind = STORE_PROGRESS,
                             .id = t.id,
                             .lease = t.lease,
                             .percent = -1,
                             .checkpoint = "1"};
  struct store_finish f = a_finish(t, STORE_RETRY);
  submit(&p.op);
  submit(&f.op);
  wait_for_all();
  CHECK(!p.stale && f.verdict == STORE_DONE);
  struct store_claim claim = take(1);
  CHECK_TEXT(claim.jobs[0].checkpoint, "1");
  store_op_fini(&claim.op);
}

#endif
