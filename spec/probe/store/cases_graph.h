/* Cases: jobs that wait for others, batches, children. */
#ifndef CANDY_SPEC_STORE_CASES_GRAPH_H
#define CANDY_SPEC_STORE_CASES_GRAPH_H

#include "harness.h"

static int64_t add_after(const int64_t *after, size_t n)
{
  struct store_new job = a_job("t");
  job.after = after;
  job.n_after = n;
  return add(job);
}

static void add_list(struct store_new *jobs, size_t n)
{
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = n};
  CHECK(act(&op.op) == 0);
  store_op_fini(&op.op);
}

/* Claims one and completes it; its id, or 0. */
static int64_t run_one(void)
{
  struct taken t = take_one();
  if (t.id)
    CHECK(finish(t, STORE_OK) == STORE_DONE);
  return t.id;
}

static const char *code_of(int64_t id)
{
  static char code[40];
  json_t *job = job_of(id);
  snprintf(code, sizeof code, "%s",
           jx_str(json_object_get(job, "error"), "code", "none"));
  json_decref(job);
  return code;
}

/* ---- dependencies ---- */

static void jobs_wait_for_others(void)
{
  char want[64];
  know("t", NULL);
  int64_t ids[] = {add_one("t"), add_one("t")};
  int64_t both[] = {ids[0], ids[1], ids[0]};
  int64_t id = add_after(both, 3);
  CHECK(is_in(id, STORE_PENDING));
  CHECK_TEXT(member(id, "waiting_for"), "\"jobs\"");
  snprintf(want, sizeof want, "[\"%lld\",\"%lld\"]", (long long)ids[0],
           (long long)ids[1]);
  CHECK_TEXT(member(id, "after"), want);
  CHECK_INT(stats().counts[STORE_PENDING], 1);
  CHECK_INT(run_one(), ids[0]);
  CHECK(is_in(id, STORE_PENDING));
  CHECK_INT(run_one(), ids[1]);
  CHECK(is_in(id, STORE_AVAILABLE));
  CHECK_TEXT(member(id, "after"), "[]");
  CHECK_INT(run_one(), id);
  CHECK_INT(run_one(), 0);
}

/* It keeps the place that it took when it came. */
static void a_waiting_job_keeps_its_place(void)
{
  know("t", NULL);
  int64_t first = add_one("t"), second = add_after(&first, 1), third = add_one("t");
  struct taken t = take_one();
  CHECK_INT(t.id, first);
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK_INT(run_one(), second);
  CHECK_INT(run_one(), third);
}

static void what_has_ended_counts(void)
{
  know("t", NULL);
  int64_t good = add_one("t"), dead = add_one("t"), none = dead + 1000;
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  CHECK(is_in(add_after(&good, 1), STORE_AVAILABLE));
  int64_t cancelled = add_after(&dead, 1);
  CHECK(is_in(cancelled, STORE_CANCELLED));
  CHECK_TEXT(code_of(cancelled), "dependency_failed");
  struct store_new job = a_job("t");
  job.after = &dead;
  job.n_after = 1;
  job.after_any = true;
  CHECK(is_in(add(job), STORE_AVAILABLE));
  struct store_new jobs[] = {a_job("t"), a_job("t")};
  jobs[1].after = &none;
  jobs[1].n_after = 1;
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = 2};
  CHECK(act(&op.op) < 0);
  CHECK_TEXT(last_err.code, "no_such_job");
  CHECK(!jobs[0].refused && jobs[1].refused);
  store_op_fini(&op.op);
  CHECK_INT(stats().counts[STORE_AVAILABLE], 2);
}

static void delays_begin_behind_dependencies(void)
{
  know("t", NULL);
  int64_t first = add_one("t");
  struct store_new job = a_job("t");
  job.after = &first;
  job.n_after = 1;
  job.delay_ms = 3600000;
  int64_t id = add(job);
  CHECK(is_in(id, STORE_PENDING));
  CHECK_INT(store->next_due, 0);
  run_one();
  CHECK(is_in(id, STORE_SCHEDULED));
  CHECK(store->next_due > clock_wall_ms() + 3500000);
}

/* A diamond in one list: each names those in front of it. */
static void a_list_that_is_a_graph(void)
{
  int64_t first[] = {-1}, second[] = {-2}, both[] = {-1, -2};
  know("t", NULL);
  struct store_new jobs[] = {a_job("t"), a_job("t"), a_job("t"), a_job("t")};
  jobs[1].after = first;
  jobs[2].after = second;
  jobs[3].after = both;
  jobs[1].n_after = jobs[2].n_after = 1;
  jobs[3].n_after = 2;
  add_list(jobs, 4);
  CHECK_INT(run_one(), jobs[0].id);
  CHECK(is_in(jobs[3].id, STORE_PENDING));
  CHECK_INT(run_one(), jobs[1].id);
  CHECK_INT(take_one().id, jobs[2].id);
  CHECK_INT(take_one().id, 0);
  CHECK(is_in(jobs[3].id, STORE_PENDING));
}

/* A line of jobs, each behind the one in front of it. */
static struct store_new *add_line(size_t n)
{
  static const int64_t before[] = {-1};
  struct store_new *jobs = mem_alloc(n * sizeof *jobs);
  for (size_t i = 0; i < n; i++) {
    jobs[i] = a_job("t");
    jobs[i].after = before;
    jobs[i].n_after = i > 0;
  }
  add_list(jobs, n);
  return jobs;
}

static void a_long_line_is_cancelled(void)
{
  enum { N = 12000 };

  know("t", NULL);
  struct store_new *jobs = add_line(N);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  while (stats().counts[STORE_PENDING] > 0)
    continue; /* more than one turn takes: the store goes on by itself */
  CHECK(is_in(jobs[1].id, STORE_CANCELLED));
  CHECK(is_in(jobs[N - 1].id, STORE_CANCELLED));
  CHECK_TEXT(code_of(jobs[N - 1].id), "dependency_failed");
  struct store_stats s = stats();
  CHECK_INT(s.counts[STORE_DEAD], 1);
  CHECK_INT(s.counts[STORE_AVAILABLE], 0);
  free(jobs);
}

/* Each turn takes some of them; the store ends and begins again in between. */
static void many_wait_for_one(void)
{
  enum { N = 12000 };

  know("t", NULL);
  int64_t first = add_one("t");
  struct store_new *jobs = mem_alloc(N * sizeof *jobs);
  for (int i = 0; i < N; i++) {
    jobs[i] = a_job("t");
    jobs[i].after = &first;
    jobs[i].n_after = 1;
  }
  add_list(jobs, N);
  reopen();
  know("t", NULL);
  CHECK_INT(run_one(), first);
  reopen();
  know("t", NULL);
  while (stats().counts[STORE_PENDING] > 0)
    continue;
  struct store_claim claim = take(N + 1);
  CHECK_INT((int64_t)claim.n, N);
  store_op_fini(&claim.op);
  CHECK(is_in(jobs[N - 1].id, STORE_RUNNING));
  free(jobs);
}

static void lost_jobs_cancel_what_waits(void)
{
  know("!t", NULL);
  int64_t id = add_one("t"), next = add_after(&id, 1);
  CHECK_INT(take_one().id, id);
  reopen();
  struct store_recover op = {.op.kind = STORE_RECOVER};
  CHECK(act(&op.op) == 0);
  CHECK(is_in(id, STORE_DEAD));
  CHECK(is_in(next, STORE_CANCELLED));
}

/* ---- batches ---- */

static json_t *batch_of(int64_t id)
{
  struct store_batches op = {.op.kind = STORE_BATCHES, .id = id};
  CHECK(act(&op.op) == 0);
  json_t *batch = op.items.len ? jx_parse(op.items.data, op.items.len, &last_err) : NULL;
  store_op_fini(&op.op);
  return batch;
}

/* "state total completed dead cancelled" */
static const char *batch_line(int64_t id)
{
  static char line[100];
  json_t *b = batch_of(id);
  snprintf(line, sizeof line, "%s %d %d %d %d", jx_str(b, "state", "none"),
           (int)jx_int(b, "total", -1), (int)jx_int(b, "completed", -1),
           (int)jx_int(b, "dead", -1), (int)jx_int(b, "cancelled", -1));
  json_decref(b);
  return line;
}

static int64_t add_batch_of(size_t n, size_t at_most, const struct store_new *follower)
{
  struct store_new *jobs = mem_alloc((n + 1) * sizeof *jobs);
  for (size_t i = 0; i < n; i++)
    jobs[i] = a_job("t");
  struct store_batch op = {.op.kind = STORE_BATCH,
                           .name = "nightly",
                           .jobs = jobs,
                           .n = n,
                           .at_most = at_most,
                           .followers = {follower, follower, follower}};
  CHECK(act(&op.op) == 0);
  free(jobs);
  store_op_fini(&op.op);
  return op.id;
}

static int64_t follower_of(int64_t batch, const char *event)
{
  json_t *b = batch_of(batch);
  json_t *follower = json_object_get(json_object_get(b, "followers"), event);
  int64_t id = atoll(jx_str(follower, "id", "0"));
  json_decref(b);
  return id;
}

static void a_batch_and_what_follows_it(void)
{
  struct store_new next = a_job("next");
  know("t", NULL);
  int64_t id = add_batch_of(3, 0, &next);
  CHECK_TEXT(batch_line(id), "running 3 0 0 0");
  run_one();
  CHECK_TEXT(batch_line(id), "running 3 1 0 0");
  struct store_claim claim = take(1);
  CHECK_INT(claim.jobs[0].batch, id);
  struct taken t = {claim.jobs[0].id, claim.jobs[0].lease};
  store_op_fini(&claim.op);
  CHECK(finish(t, STORE_FAIL) == STORE_DONE);
  CHECK_TEXT(batch_line(id), "running 3 1 1 0");
  CHECK(follower_of(id, "on_death") > 0);
  CHECK_INT(follower_of(id, "on_complete"), 0);
  run_one();
  CHECK_TEXT(batch_line(id), "failed 3 2 1 0");
  int64_t complete = follower_of(id, "on_complete");
  CHECK(complete > 0);
  CHECK_INT(follower_of(id, "on_success"), 0);
  CHECK_INT(bulk(STORE_REQUEUE, (struct store_filter){0}, 10), 1);
  CHECK_TEXT(batch_line(id), "running 3 2 0 0");
  CHECK_INT(run_one(), t.id);
  CHECK_TEXT(batch_line(id), "completed 3 3 0 0");
  CHECK(follower_of(id, "on_success") > 0);
  CHECK_INT(follower_of(id, "on_complete"), complete);
  know("next", NULL);
  claim = take(9);
  CHECK_INT((int64_t)claim.n, 3);
  CHECK_INT(claim.jobs[0].batch, id);
  t = (struct taken){claim.jobs[0].id, claim.jobs[0].lease};
  store_op_fini(&claim.op);
  CHECK(finish(t, STORE_OK) == STORE_DONE); /* and is none of its jobs */
  CHECK_TEXT(batch_line(id), "completed 3 3 0 0");
}

static void an_empty_batch_has_ended(void)
{
  struct store_new next = a_job("t");
  know("t", NULL);
  int64_t id = add_batch_of(0, 0, &next);
  CHECK_TEXT(batch_line(id), "completed 0 0 0 0");
  CHECK(follower_of(id, "on_success") > 0);
  CHECK(follower_of(id, "on_complete") > 0);
  CHECK_INT(follower_of(id, "on_death"), 0);
}

static void jobs_join_their_batch(void)
{
  know("t", NULL);
  int64_t id = add_batch_of(1, 0, NULL);
  struct store_new child = a_job("t");
  child.batch = id;
  struct store_finish op = a_finish(take_one(), STORE_OK);
  op.children = &child;
  op.n_children = 1;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  CHECK_TEXT(batch_line(id), "running 2 1 0 0");
  CHECK_INT(run_one(), child.id);
  CHECK_TEXT(batch_line(id), "completed 2 2 0 0");
  struct store_enqueue late = {.op.kind = STORE_ENQUEUE, .jobs = &child, .n = 1};
  CHECK(act(&late.op) < 0);
  CHECK_TEXT(last_err.code, "batch_ended");
  CHECK(child.refused);
  store_op_fini(&late.op);
  child.batch = 999;
  CHECK(act(&late.op) < 0);
  CHECK_TEXT(last_err.code, "no_such_batch");
  store_op_fini(&late.op);
}

/* What a job did not do is not counted either. */
static void refused_finishes_are_not_counted(void)
{
  know("t", NULL);
  int64_t id = add_batch_of(2, 0, NULL);
  struct store_write bad = {"insert into nowhere values (1)", NULL};
  struct store_finish a = a_finish(take_one(), STORE_OK),
                      b = a_finish(take_one(), STORE_OK);
  a.writes = &bad;
  a.n_writes = 1;
  submit(&a.op);
  submit(&b.op);
  wait_for_all();
  CHECK(a.verdict == STORE_REFUSED);
  store_op_fini(&a.op);
  CHECK_TEXT(batch_line(id), "running 2 1 0 0");
}

static void a_batch_lets_go_so_many(void)
{
  know("t", NULL);
  int64_t id = add_batch_of(20, 3, NULL);
  struct taken t[4];
  for (int i = 0; i < 3; i++)
    t[i] = take_one();
  CHECK_INT(take_one().id, 0);
  CHECK_INT(stats().counts[STORE_PENDING], 17);
  CHECK(finish(t[1], STORE_OK) == STORE_DONE);
  t[1] = take_one();
  CHECK(t[1].id > t[2].id);
  CHECK_INT(take_one().id, 0);
  CHECK(finish(t[0], STORE_FAIL) == STORE_DONE);
  CHECK(finish(t[1], STORE_OK) == STORE_DONE);
  CHECK(finish(t[2], STORE_OK) == STORE_DONE);
  struct store_claim claim = take(20);
  CHECK_INT((int64_t)claim.n, 3);
  store_op_fini(&claim.op);
  CHECK_TEXT(batch_line(id), "running 20 3 1 0");
}

static void a_batch_is_cancelled(void)
{
  enum { N = 6000 };
  struct store_new next = a_job("next");
  know("t", NULL);
  int64_t id = add_batch_of(N, 0, &next);
  struct taken t = take_one();
  struct store_batch_cancel op = {.op.kind = STORE_BATCH_CANCEL, .id = id};
  CHECK(act(&op.op) == 0);
  CHECK(op.found && op.running);
  while (stats().counts[STORE_AVAILABLE] > 0)
    continue;
  CHECK_TEXT(batch_line(id), "cancelling 6000 0 0 5999");
  struct store_new child = a_job("t");
  child.batch = id;
  CHECK(is_in(add(child), STORE_CANCELLED));
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK_TEXT(batch_line(id), "cancelled 6001 1 0 6000");
  CHECK(follower_of(id, "on_complete") > 0);
  CHECK_INT(follower_of(id, "on_success"), 0);
  CHECK(act(&op.op) == 0);
  CHECK(op.found && !op.running);
  op.id = 999999;
  CHECK(act(&op.op) == 0);
  CHECK(!op.found);
}

static void lists_of_batches(void)
{
  know("t", NULL);
  int64_t ids[3];
  for (int i = 0; i < 3; i++)
    ids[i] = add_batch_of(2, 0, NULL);
  struct store_batches page = {.op.kind = STORE_BATCHES, .limit = 2};
  CHECK(act(&page.op) == 0);
  json_t *items = jx_parse(page.items.data, page.items.len, &last_err);
  CHECK_INT((int64_t)json_array_size(items), 2);
  CHECK_INT(atoll(jx_str(json_array_get(items, 0), "id", "")), ids[2]);
  CHECK_INT(page.next, ids[1]);
  json_decref(items);
  store_op_fini(&page.op);
  struct store_list jobs = {.op.kind = STORE_JOBS, .filter.batch = ids[1], .limit = 100};
  CHECK(act(&jobs.op) == 0);
  items = jx_parse(jobs.items.data, jobs.items.len, &last_err);
  CHECK_INT((int64_t)json_array_size(items), 2);
  CHECK_INT(atoll(jx_str(json_array_get(items, 0), "batch_id", "")), ids[1]);
  json_decref(items);
  store_op_fini(&jobs.op);
}

/* ---- children ---- */

/* Claims one, which fans out into n. */
static struct taken fan_out_of(size_t n, size_t at_most, bool fail_on_death)
{
  struct store_new *jobs = mem_alloc((n + 1) * sizeof *jobs);
  for (size_t i = 0; i < n; i++)
    jobs[i] = a_job("child");
  struct store_fan fan = {
      .jobs = jobs, .n = n, .at_most = at_most, .fail_on_death = fail_on_death};
  struct taken t = take_one();
  CHECK(t.id > 0);
  struct store_finish op = a_finish(t, STORE_FAN_OUT);
  op.fan = &fan;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  store_op_fini(&op.op);
  free(jobs);
  return t;
}

static const char *children_of(int64_t id)
{
  static char *text;
  struct store_children op = {.op.kind = STORE_CHILDREN, .id = id};
  CHECK(act(&op.op) == 0);
  free(text);
  text = mem_strdup(op.found ? op.items.data : "none");
  store_op_fini(&op.op);
  return text;
}

static void a_parent_waits_for_its_children(void)
{
  know("t", "child");
  int64_t id = add_one("t"), other = add_one("t");
  CHECK_TEXT(children_of(id), "none");
  struct taken before = fan_out_of(3, 0, false);
  CHECK_INT(before.id, id);
  CHECK(is_in(id, STORE_PENDING));
  CHECK(finish(before, STORE_OK) == STORE_STALE);
  CHECK_INT(run_one(), other);
  struct store_finish op = a_finish(take_one(), STORE_OK);
  op.result = "{\"n\":1}";
  CHECK(act(&op.op) == 0);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  CHECK(is_in(id, STORE_PENDING));
  int64_t last = run_one();
  CHECK(is_in(id, STORE_AVAILABLE));
  CHECK_TEXT(member(id, "retry_count"), "0");
  json_t *children = jx_parse(children_of(id), strlen(children_of(id)), &last_err);
  CHECK_INT((int64_t)json_array_size(children), 3);
  CHECK_INT(jx_int(json_object_get(json_array_get(children, 0), "result"), "n", 0), 1);
  CHECK_TEXT(jx_str(json_array_get(children, 1), "state", ""), "dead");
  CHECK_TEXT(jx_str(json_object_get(json_array_get(children, 1), "error"), "code", ""),
             "broken");
  CHECK_INT(atoll(jx_str(json_array_get(children, 2), "id", "")), last);
  json_decref(children);
  struct taken again = take_one();
  CHECK_INT(again.id, id);
  CHECK(again.lease > before.lease);
  CHECK(finish(again, STORE_OK) == STORE_DONE);
}

static void children_run_so_many_at_once(void)
{
  enum { N = 500 };

  know("t", "child");
  int64_t id = add_one("t");
  fan_out_of(N, 8, false);
  for (int i = 0; i < N; i++) {
    CHECK_INT(stats().counts[STORE_AVAILABLE], i < N - 8 ? 8 : N - i);
    CHECK(run_one() > id);
  }
  CHECK(is_in(id, STORE_AVAILABLE));
}

static void no_children_at_all(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  fan_out_of(0, 0, false);
  CHECK(is_in(id, STORE_AVAILABLE));
  CHECK_TEXT(children_of(id), "[]");
}

/* The first that dies cancels those that wait, and the parent is told. */
static void a_dead_child_fails_the_fan(void)
{
  know("t", "child");
  int64_t id = add_one("t");
  fan_out_of(5, 2, true);
  struct taken bad = take_one(), good = take_one();
  CHECK(finish(bad, STORE_FAIL) == STORE_DONE);
  CHECK(is_in(id, STORE_PENDING));
  CHECK_INT(stats().counts[STORE_CANCELLED], 3);
  CHECK(finish(good, STORE_OK) == STORE_DONE);
  CHECK(is_in(id, STORE_AVAILABLE));
  struct store_children op = {.op.kind = STORE_CHILDREN, .id = id};
  CHECK(act(&op.op) == 0);
  CHECK(op.failed);
  CHECK_INT(op.first_dead, bad.id);
  store_op_fini(&op.op);
}

/* The parent waits for them: they must not wait for it in turn, by whatever way. */
static void children_wait_for_each_other_only(void)
{
  static const int64_t before[] = {-1};
  know("t", "child");
  int64_t id = add_one("t"), behind = add_after(&id, 1);
  struct store_new jobs[] = {a_job("child"), a_job("child")};
  struct store_fan fan = {.jobs = jobs, .n = 2};
  struct store_finish op = a_finish(take_one(), STORE_FAN_OUT);
  op.fan = &fan;
  jobs[1].after = &behind;
  jobs[1].n_after = 1;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_REFUSED);
  CHECK_TEXT(op.op.err->code, "circular_wait");
  store_op_fini(&op.op);
  CHECK(is_in(id, STORE_RUNNING));
  jobs[1].after = before;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  struct store_new late = a_job("child");
  late.batch = atoll(member(jobs[0].id, "batch_id") + 1);
  late.after = &id;
  late.n_after = 1;
  struct store_enqueue enqueue = {.op.kind = STORE_ENQUEUE, .jobs = &late, .n = 1};
  CHECK(act(&enqueue.op) < 0);
  CHECK_TEXT(last_err.code, "circular_wait");
  store_op_fini(&enqueue.op);
  late.after = &jobs[1].id;
  CHECK(is_in(add(late), STORE_PENDING));
  for (int i = 0; i < 3; i++)
    CHECK(run_one() > behind);
  CHECK_INT(run_one(), id);
  CHECK_INT(run_one(), behind);
}

static void fans_within_fans(void)
{
  struct store_new job = a_job("t");
  struct store_fan fan = {.jobs = &job, .n = 1};
  know("t", NULL);
  int64_t first = add_one("t");
  for (int depth = 0; depth < STORE_FAN_DEPTH; depth++) {
    struct store_finish op = a_finish(take_one(), STORE_FAN_OUT);
    op.fan = &fan;
    CHECK(act(&op.op) == 0);
    CHECK(op.verdict == STORE_DONE);
  }
  struct taken last = take_one();
  struct store_finish op = a_finish(last, STORE_FAN_OUT);
  op.fan = &fan;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_REFUSED);
  CHECK_TEXT(op.op.err->code, "fan_out_too_deep");
  store_op_fini(&op.op);
  CHECK_INT(stats().counts[STORE_PENDING], STORE_FAN_DEPTH);
  CHECK(finish(last, STORE_OK) == STORE_DONE);
  for (int depth = 0; depth < STORE_FAN_DEPTH; depth++)
    CHECK(run_one() > 0);
  CHECK(is_in(first, STORE_COMPLETED));
}

/* With the batch go its jobs, and their children, and the children of these. */
static void children_are_cancelled_with_their_parent(void)
{
  know("t", "child");
  int64_t id = add_batch_of(1, 0, NULL);
  fan_out_of(3, 0, false);
  fan_out_of(2, 1, false);
  CHECK_INT(stats().counts[STORE_PENDING], 3);
  struct store_batch_cancel op = {.op.kind = STORE_BATCH_CANCEL, .id = id};
  CHECK(act(&op.op) == 0);
  CHECK_INT(stats().counts[STORE_CANCELLED], 6);
  CHECK_INT(take_one().id, 0);
  CHECK_TEXT(batch_line(id), "cancelled 1 0 0 1");
}

static void children_survive_a_restart(void)
{
  know("t", "child");
  int64_t id = add_one("t");
  fan_out_of(4, 2, false);
  run_one();
  take_one();
  reopen();
  struct store_recover op = {.op.kind = STORE_RECOVER};
  CHECK(act(&op.op) == 0);
  know("t", "child");
  struct store_claim claim = take(9);
  CHECK_INT((int64_t)claim.n, 2);
  store_op_fini(&claim.op);
  CHECK(act(&op.op) == 0);
  for (int i = 0; i < 3; i++)
    CHECK(run_one() > id);
  CHECK_INT(run_one(), id);
}

static int64_t expire_all(void)
{
  struct store_expire op = {.op.kind = STORE_EXPIRE, .max = 1000};
  CHECK(act(&op.op) == 0);
  return op.count;
}

static void retention_of_batches(void)
{
  know("t", "child");
  int64_t batch = add_batch_of(1, 0, NULL), id = add_one("t");
  run_one();
  fan_out_of(2, 0, false);
  int64_t child = run_one();
  usleep(3000);
  CHECK_INT(expire_all(), 1);
  CHECK_TEXT(batch_line(batch), "none -1 -1 -1 -1");
  CHECK(is_in(child, STORE_COMPLETED)); /* its parent has not seen it yet */
  run_one();
  usleep(3000);
  CHECK_INT(expire_all(), 0);
  CHECK_INT(run_one(), id);
  usleep(3000);
  CHECK_INT(expire_all() + expire_all(), 3);
}

#endif
