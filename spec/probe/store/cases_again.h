/* Cases: what is done again: jobs that people bring back in batches, policies that are
 * lowered for jobs that come back, steps that a stop or another operation breaks off. */
#ifndef CANDY_SPEC_STORE_CASES_AGAIN_H
#define CANDY_SPEC_STORE_CASES_AGAIN_H

#include "cases_control.h"
#include "cases_finish.h"
#include "cases_gates.h"
#include "cases_graph.h"

static int64_t retry_by_hand(int64_t id)
{
  struct store_bulk op = {
      .op.kind = STORE_REQUEUE, .filter = {.ids = &id, .n_ids = 1}, .max = 1};
  CHECK(act(&op.op) == 0);
  return op.count;
}

static void cancel_batch(int64_t id)
{
  struct store_batch_cancel op = {.op.kind = STORE_BATCH_CANCEL, .id = id};
  CHECK(act(&op.op) == 0);
  CHECK(op.found);
}

/* ---- batches ---- */

/* It waits for its turn as before. */
static void a_held_job_that_is_retried_is_held(void)
{
  know("t", NULL);
  int64_t batch = add_batch_of(4, 1, NULL), first = batch + 1;
  CHECK_INT(cancel_one(first + 2), 1);
  CHECK_INT(retry_by_hand(first + 2), 1);
  CHECK(is_in(first + 2, STORE_PENDING));
  for (int i = 0; i < 4; i++) {
    struct taken t = take_one();
    CHECK_INT(t.id, first + i);
    CHECK_INT(take_one().id, 0);
    CHECK(finish(t, STORE_OK) == STORE_DONE);
  }
  CHECK_TEXT(batch_line(batch), "completed 4 4 0 0");
}

/* One whose turn came while it was cancelled runs at once, and counts. */
static void a_job_whose_turn_has_passed_is_retried(void)
{
  know("t", NULL);
  int64_t batch = add_batch_of(4, 1, NULL), first = batch + 1;
  CHECK_INT(cancel_one(first + 1), 1);
  CHECK_INT(run_one(), first);
  struct taken third = take_one();
  CHECK_INT(third.id, first + 2);
  CHECK_INT(retry_by_hand(first + 1), 1);
  struct taken second = take_one();
  CHECK_INT(second.id, first + 1);
  CHECK(finish(third, STORE_OK) == STORE_DONE);
  CHECK_INT(take_one().id, 0);
  CHECK(finish(second, STORE_OK) == STORE_DONE);
  CHECK_INT(run_one(), first + 3);
  CHECK_TEXT(batch_line(batch), "completed 4 4 0 0");
}

/* Then it goes on: what joins runs, and so does what is held back in it. */
static void a_cancelled_batch_whose_jobs_are_retried(void)
{
  struct store_new more = a_job("t");
  know("t", NULL);
  int64_t batch = add_batch_of(3, 1, NULL), first = batch + 1;
  cancel_batch(batch);
  CHECK_TEXT(batch_line(batch), "cancelled 3 0 0 3");
  CHECK_INT(retry_by_hand(first + 1), 1);
  CHECK_TEXT(batch_line(batch), "running 3 0 0 2");
  more.batch = batch;
  int64_t joined = add(more);
  CHECK_INT(run_one(), first + 1);
  CHECK_INT(run_one(), joined);
  CHECK_TEXT(batch_line(batch), "failed 4 2 0 2");
}

/* A death that was there before cancels nobody who is brought back; one more does. */
static void children_that_are_retried_after_a_death(void)
{
  know("t", "child");
  int64_t parent = add_one("t");
  fan_out_of(3, 1, true);
  struct taken child = take_one();
  CHECK(finish(child, STORE_FAIL) == STORE_DONE);
  CHECK(is_in(child.id + 1, STORE_CANCELLED) && is_in(child.id + 2, STORE_CANCELLED));
  CHECK_INT(take_one().id, parent);
  CHECK_INT(retry_by_hand(child.id + 1), 1);
  CHECK_INT(retry_by_hand(child.id + 2), 1);
  CHECK(is_in(child.id + 2, STORE_PENDING));
  child = take_one();
  CHECK(finish(child, STORE_FAIL) == STORE_DONE);
  CHECK(is_in(child.id + 1, STORE_CANCELLED));
}

/* ---- what a stop leaves ---- */

enum { AWAITED = 60, WAITING = 400 };

/* Jobs, each with so many that wait for it that cancelling all takes some turns. */
static void add_much(int64_t ids[AWAITED])
{
  struct store_new *jobs = mem_alloc(WAITING * sizeof *jobs);
  for (int i = 0; i < AWAITED; i++) {
    ids[i] = add_one("awaited");
    for (int j = 0; j < WAITING; j++) {
      jobs[j] = a_job("t");
      jobs[j].after = &ids[i];
      jobs[j].n_after = 1;
    }
    add_list(jobs, WAITING);
  }
  free(jobs);
}

/* The store ends and begins again in the midst of it. */
static void cancel_and_reopen(const int64_t *ids, size_t n)
{
  struct store_bulk op = {.op.kind = STORE_CANCEL,
                          .filter = {.ids = ids, .n_ids = n},
                          .max = (int64_t)n,
                          .reason = "{\"code\":\"cancelled\",\"message\":\"no\"}"};
  CHECK(act(&op.op) == 0);
  reopen();
  CHECK(stats().counts[STORE_PENDING] > 0);
}

static void wait_for_the_rest(void)
{
  while (stats().counts[STORE_PENDING] > 0)
    continue;
}

/* The parent is the last of those that are cancelled. */
static void children_left_by_a_stop(void)
{
  int64_t ids[AWAITED + 1];
  add_much(ids);
  know("parent", "child");
  ids[AWAITED] = add_one("parent");
  CHECK_INT(fan_out_of(3, 1, false).id, ids[AWAITED]);
  cancel_and_reopen(ids, AWAITED + 1);
  CHECK(is_in(ids[AWAITED], STORE_CANCELLED));
  wait_for_the_rest();
  struct store_stats s = stats();
  CHECK_INT(s.counts[STORE_AVAILABLE], 0);
  CHECK_INT(s.counts[STORE_RUNNING], 0);
}

static void retried_jobs_survive_a_stop(void)
{
  int64_t ids[AWAITED];
  know("b", NULL);
  struct store_new jobs[] = {a_job("b"), a_job("b"), a_job("b")};
  struct store_batch batch = {.op.kind = STORE_BATCH, .jobs = jobs, .n = 3};
  CHECK(act(&batch.op) == 0);
  CHECK_INT(take_one().id, jobs[0].id);
  cancel_batch(batch.id);
  CHECK_INT(retry_by_hand(jobs[1].id), 1);
  add_much(ids);
  cancel_and_reopen(ids, AWAITED);
  wait_for_the_rest();
  CHECK(is_in(jobs[1].id, STORE_AVAILABLE));
  CHECK(is_in(jobs[2].id, STORE_CANCELLED));
}

/* ---- limits that are lowered ---- */

static void lowered_limits_hold_after_a_restart(void)
{
  struct store_type t = {.name = "t", .limit.concurrency = 3};
  int64_t ids[5];
  know_type(t);
  for (int i = 0; i < 5; i++)
    ids[i] = add_keyed("t", NULL, "k");
  THESE(ids[0], ids[1], ids[2]);
  reopen();
  recover();
  t.limit.concurrency = 1;
  know_type(t);
  struct taken_all all = THESE(ids[0]);
  CHECK(finish(all.jobs[0], STORE_OK) == STORE_DONE);
  all = THESE(ids[1]);
  t.limit.concurrency = 2;
  know_type(t);
  THESE(ids[2]);
}

static void a_queue_that_is_strict_from_now_on(void)
{
  int64_t ids[4];
  know("t", NULL);
  for (int i = 0; i < 4; i++)
    ids[i] = add_keyed("t", "q", i % 2 ? "odd" : "even");
  struct taken_all all = take_all();
  CHECK_INT((int64_t)all.n, 4);
  CHECK(finish(all.jobs[3], STORE_RETRY) == STORE_DONE);
  reopen();
  recover();
  know_queue((struct store_queue){.name = "q", .order = STORE_STRICT});
  for (int i = 0; i < 3; i++) {
    all = THESE(ids[i]);
    CHECK(finish(all.jobs[0], STORE_OK) == STORE_DONE);
  }
}

/* Those who wait at the task's gate have their key's slots: too many by now. */
static void slots_of_those_who_wait_are_lowered(void)
{
  struct store_type t = {.name = "t", .limit.concurrency = 1, .key_limit.concurrency = 3};
  int64_t ids[4];
  know_type(t);
  for (int i = 0; i < 4; i++)
    ids[i] = add_keyed("t", NULL, "k");
  struct taken_all all = THESE(ids[0]);
  t.limit.concurrency = 0;
  t.key_limit.concurrency = 2;
  know_type(t);
  struct taken_all more = THESE(ids[1]);
  CHECK(finish(all.jobs[0], STORE_OK) == STORE_DONE);
  THESE(ids[2]);
  CHECK(finish(more.jobs[0], STORE_OK) == STORE_DONE);
  THESE(ids[3]);
}

/* ---- rates ---- */

/* It may not keep its slot from one that is before it in the line. */
static void a_job_that_comes_back_to_a_rate(void)
{
  know_type((struct store_type){
      .name = "t", .limit = {.concurrency = 1, .rate = 1, .window_ms = 300}});
  struct store_new urgent = a_job("t");
  urgent.priority = -1;
  int64_t first = add_one("t");
  struct taken t = THESE(first).jobs[0];
  int64_t second = add(urgent);
  THESE(0);
  CHECK(finish(t, STORE_RESCUE) == STORE_DONE);
  THESE(0);
  t = take_when_due();
  CHECK_INT(t.id, second);
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK_INT(take_when_due().id, first);
}

/* While it waits for its key's rate, the slot of its task is for others. */
static void a_job_that_comes_back_to_the_rate_of_its_key(void)
{
  know_type((struct store_type){
      .name = "t", .limit.concurrency = 1, .key_limit = {.rate = 1, .window_ms = 60000}});
  int64_t a = add_keyed("t", NULL, "a"), b = add_keyed("t", NULL, "b");
  struct taken t = THESE(a).jobs[0];
  CHECK(finish(t, STORE_RESCUE) == STORE_DONE);
  CHECK_INT(take_when_due().id, b);
  CHECK(is_in(a, STORE_AVAILABLE));
}

/* ---- pauses ---- */

static void a_task_that_rests_again_at_once(void)
{
  enum { MANY = 12000 };

  struct store_pause resume = {
      .op.kind = STORE_PAUSE, .task = true, .name = "t", .resume = true, .by = "a"};
  struct store_pause pause = {
      .op.kind = STORE_PAUSE, .task = true, .name = "t", .by = "b"};
  struct store_new *jobs = mem_alloc(MANY * sizeof *jobs);
  know("t", NULL);
  set_pause(true, "t", false);
  for (int i = 0; i < MANY; i++)
    jobs[i] = a_job("t");
  add_list(jobs, MANY);
  while (take_all().more)
    continue;
  submit(&resume.op);
  uv_run(loop, UV_RUN_NOWAIT); /* the writer has it: its steps take several turns */
  submit(&pause.op);
  wait_for_all();
  CHECK(resume.op.status == 0 && pause.op.status == 0);
  for (struct taken_all all = take_all(); all.more || all.n; all = take_all())
    CHECK_INT((int64_t)all.n, 0);
  set_pause(true, "t", true);
  CHECK_INT(take_one().id, jobs[0].id);
  free(jobs);
}

/* What comes back while its task rests is still before those behind it. */
static void order_over_a_pause(void)
{
  know_type((struct store_type){.name = "t", .order = STORE_BY_KEY});
  int64_t a = add_keyed("t", NULL, "k"), b = add_keyed("t", NULL, "k");
  struct taken t = THESE(a).jobs[0];
  CHECK(finish(t, STORE_SNOOZE) == STORE_DONE);
  set_pause(true, "t", false);
  THESE(0);
  set_pause(true, "t", true);
  t = take_when_due();
  CHECK_INT(t.id, a);
  set_pause(true, "t", false);
  CHECK(finish(t, STORE_RELEASE) == STORE_DONE);
  THESE(0);
  CHECK_INT(cancel_one(a), 1);
  THESE(0);
  set_pause(true, "t", true);
  CHECK_INT(take_when_due().id, b);
}

/* A start that is taken back in the turn in which all are counted again. */
static void a_start_taken_back_at_a_recovery(void)
{
  struct store_queue q = {.name = "q", .limit = {.rate = 2, .window_ms = 60000}};
  know_queue(q);
  int64_t ids[3];
  for (int i = 0; i < 3; i++)
    ids[i] = add_in("q", "t");
  struct store_finish back = a_finish(take_one(), STORE_RELEASE);
  struct store_recover op = {.op.kind = STORE_RECOVER};
  submit(&back.op);
  submit(&op.op);
  wait_for_all();
  THESE(ids[0], ids[1]);
}

/* ---- forgetting ---- */

static int64_t purge_children(void)
{
  static const char *const types[] = {"child"};
  struct store_bulk op = {
      .op.kind = STORE_PURGE, .filter = {.types = types, .n_types = 1}, .max = 1000};
  CHECK(act(&op.op) == 0);
  return op.count;
}

/* A parent finds each of them, however they ended and however long it waits. */
static void children_stay_for_their_parent(void)
{
  know("t", "child");
  int64_t id = add_one("t");
  fan_out_of(2, 0, false);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  usleep(3000);
  CHECK_INT(expire_all() + purge_children(), 0);
  CHECK(run_one() > id);
  usleep(3000);
  CHECK_INT(expire_all() + purge_children(), 0);
  const char *children = children_of(id);
  CHECK(strstr(children, "\"dead\"") && strstr(children, "\"completed\""));
  CHECK_INT(run_one(), id);
  CHECK_INT(purge_children(), 2);
}

/* Its end is still to be told when it runs again, and waits for other children. */
static void a_parent_that_is_retried_before_all_is_told(void)
{
  enum { MANY = 4 * AWAITED };

  int64_t ids[MANY + 1], *parent = &ids[MANY];
  struct store_new jobs[] = {a_job("child"), a_job("child")};
  struct store_fan fan = {.jobs = jobs, .n = 2};
  for (int i = 0; i < MANY; i += AWAITED)
    add_much(ids + i);
  know("parent", "child");
  *parent = add_one("parent");
  fan_out_of(2, 1, false);
  cancel_where((struct store_filter){.ids = ids, .n_ids = MANY + 1});
  CHECK_INT(retry_by_hand(*parent), 1);
  struct taken t = take_one();
  while (t.id != *parent)
    t = take_one();
  struct store_finish end = a_finish(t, STORE_FAN_OUT);
  end.fan = &fan;
  CHECK(act(&end.op) == 0);
  CHECK(end.verdict == STORE_DONE);
  store_op_fini(&end.op);
  CHECK(stats().counts[STORE_PENDING] > 1);
  while (stats().counts[STORE_PENDING] > 1)
    continue;
  CHECK(is_in(jobs[0].id, STORE_AVAILABLE) && is_in(jobs[1].id, STORE_AVAILABLE));
  CHECK_INT(run_one() + run_one(), jobs[0].id + jobs[1].id);
  CHECK_INT(run_one(), *parent);
}

/* One that is kept does not count as one of those that were wanted. */
static void a_purge_passes_by_what_stays(void)
{
  static const char *const types[] = {"child"};
  struct store_bulk op = {
      .op.kind = STORE_PURGE, .filter = {.types = types, .n_types = 1}, .max = 1};
  know("t", "child");
  add_one("t");
  fan_out_of(2, 0, false);
  run_one();
  int64_t other = add_one("child");
  struct taken second = take_one();
  CHECK_INT(run_one(), other);
  CHECK(second.id > 0);
  CHECK_INT(count_of(STORE_PURGE, op.filter, 10).count, 1);
  CHECK(act(&op.op) == 0);
  CHECK_INT(op.count, 1);
}

static void in_order(int64_t a, int64_t b)
{
  struct taken one = take_when_due();
  CHECK_INT(one.id, a);
  CHECK(finish(one, STORE_OK) == STORE_DONE);
  CHECK_INT(take_when_due().id, b);
}

/* Who comes back keeps the turn of its line there. */
static void strict_order_in_a_fair_queue(void)
{
  struct store_type t = {.name = "t", .order = STORE_BY_KEY};
  struct store_queue q = {.name = "q", .fair = true};
  know_all(&t, 1, &q, 1);
  int64_t a = add_keyed("t", "q", "k"), b = add_keyed("t", "q", "k");
  struct taken one = THESE(a).jobs[0];
  CHECK(finish(one, STORE_SNOOZE) == STORE_DONE);
  set_pause(true, "t", false);
  THESE(0);
  set_pause(true, "t", true);
  in_order(a, b);
}

/* Where there is no room for the first of a line any more, those behind it wait as well.
 */
static void strict_order_in_a_fair_queue_with_other_limits(void)
{
  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  struct store_queue plain = {.name = "q", .fair = true}, limited = plain;
  limited.key_limit.concurrency = 1;
  know_all(types, 2, &plain, 1);
  int64_t other = add_keyed("u", "q", "k");
  struct taken running = THESE(other).jobs[0];
  int64_t a = add_keyed("t", "q", "k"), b = add_keyed("t", "q", "k");
  CHECK(finish(THESE(a).jobs[0], STORE_SNOOZE) == STORE_DONE);
  know_all(types, 2, &limited, 1);
  THESE(0);
  know_all(types, 2, &plain, 1);
  struct taken first = take_one();
  CHECK_INT(first.id, a);
  CHECK(finish(first, STORE_OK) == STORE_DONE);
  CHECK_INT(take_when_due().id, b);
  CHECK(finish(running, STORE_OK) == STORE_DONE);
}

static void let_a_line_meet_a_rate(int64_t *a, int64_t *b)
{
  struct store_type t = {.name = "t", .order = STORE_BY_KEY};
  struct store_queue q = {.name = "q", .key_limit = {.rate = 2, .window_ms = 300}};
  know_all(&t, 1, &q, 1);
  *a = add_keyed("t", "q", "k");
  *b = add_keyed("t", "q", "k");
  for (int i = 0; i < 2; i++)
    CHECK(finish(THESE(*a).jobs[0], STORE_RETRY) == STORE_DONE);
  CHECK_INT((int64_t)take_all().n, 0);
}

/* Its line waits for it also where its queue has a rate for its key: until the rate lets
 * it begin, and the host has looked again. */
static void strict_order_behind_a_rate(void)
{
  int64_t a = 0, b = 0;
  let_a_line_meet_a_rate(&a, &b);
  usleep(400000);
  in_order(a, b);
}

static void strict_order_behind_a_rate_that_one_leaves(void)
{
  int64_t a = 0, b = 0;
  let_a_line_meet_a_rate(&a, &b);
  CHECK_INT((int64_t)take_all().n, 0);
  cancel_one(a);
  CHECK_INT(take_when_due().id, b);
}

/* That of its line itself. */
static void strict_order_with_a_rate_in_a_fair_queue(void)
{
  struct store_type t = {
      .name = "t", .order = STORE_BY_KEY, .key_limit = {.rate = 1, .window_ms = 300}};
  struct store_queue q = {.name = "q", .fair = true};
  know_all(&t, 1, &q, 1);
  int64_t a = add_keyed("t", "q", "k"), b = add_keyed("t", "q", "k");
  struct taken one = THESE(a).jobs[0];
  CHECK(finish(one, STORE_RETRY) == STORE_DONE);
  in_order(a, b);
}

#endif
