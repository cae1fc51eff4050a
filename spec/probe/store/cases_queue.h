/* Cases: in which order jobs come out of the queue, and which do. */
#ifndef CANDY_SPEC_STORE_CASES_QUEUE_H
#define CANDY_SPEC_STORE_CASES_QUEUE_H

#include "harness.h"

static void order(void)
{
  int64_t ids[50];
  know("t", NULL);
  for (int i = 0; i < 50; i++)
    ids[i] = add_one("t");
  for (int i = 0; i < 50; i += 10) {
    struct store_claim claim = take(10);
    CHECK_INT((int64_t)claim.n, 10);
    CHECK(claim.more == (i < 40));
    for (int j = 0; j < 10; j++)
      CHECK_INT(claim.jobs[j].id, ids[i + j]);
    store_op_fini(&claim.op);
  }
  CHECK_INT(take_one().id, 0);
}

static void priority(void)
{
  static const int priorities[] = {5, -3, 0, 5, -3};
  static const int wanted[] = {1, 4, 2, 0, 3};
  int64_t ids[5];
  know("t", NULL);
  for (int i = 0; i < 5; i++) {
    struct store_new job = a_job("t");
    job.priority = priorities[i];
    ids[i] = add(job);
  }
  struct store_claim claim = take(10);
  CHECK_INT((int64_t)claim.n, 5);
  for (int i = 0; i < 5; i++) {
    CHECK_INT(claim.jobs[i].id, ids[wanted[i]]);
    CHECK_INT(claim.jobs[i].priority, priorities[wanted[i]]);
  }
  store_op_fini(&claim.op);
}

static void wait_until(int64_t ms)
{
  while (clock_wall_ms() < ms)
    usleep(1000);
}

/* A job with a time is behind those that were there when it came due. */
static void delays(void)
{
  know("t", NULL);
  struct store_new late = a_job("t"), later = a_job("t"), past = a_job("t");
  late.run_at = clock_wall_ms() + 60;
  later.delay_ms = 120;
  past.run_at = 1000;
  int64_t later_id = add(later), late_id = add(late), past_id = add(past);
  CHECK(is_in(late_id, STORE_SCHEDULED));
  CHECK(is_in(past_id, STORE_AVAILABLE));
  CHECK_INT(take_one().id, past_id);
  CHECK_INT(take_one().id, 0);
  wait_until(late.run_at + 120);
  int64_t now_id = add_one("t");
  struct store_claim claim = take(10);
  CHECK_INT((int64_t)claim.n, 3);
  CHECK_INT(claim.jobs[0].id, now_id);
  CHECK_INT(claim.jobs[1].id, late_id);
  CHECK_INT(claim.jobs[2].id, later_id);
  store_op_fini(&claim.op);
}

static void next_due(void)
{
  know("t", NULL);
  CHECK_INT(store->next_due, 0);
  struct store_new far = a_job("t"), near = a_job("t");
  far.run_at = clock_wall_ms() + 3600000;
  near.run_at = clock_wall_ms() + 40;
  add(far);
  CHECK_INT(store->next_due, far.run_at);
  add(near);
  CHECK_INT(store->next_due, near.run_at);
  reopen();
  CHECK_INT(store->next_due, near.run_at);
  know("t", NULL);
  wait_until(near.run_at);
  CHECK(take_one().id);
  CHECK_INT(store->next_due, far.run_at);
}

static void release_keeps_its_place(void)
{
  know("t", NULL);
  int64_t first = add_one("t"), second = add_one("t");
  struct taken t = take_one();
  CHECK_INT(t.id, first);
  CHECK(finish(t, STORE_RELEASE) == STORE_DONE);
  struct taken again = take_one();
  CHECK_INT(again.id, first);
  CHECK(again.lease > t.lease);
  CHECK_TEXT(member(first, "retry_count"), "0");
  CHECK_TEXT(member(first, "rescues"), "0");
  CHECK_INT(take_one().id, second);
}

static void rescue_is_counted_apart(void)
{
  know("t", NULL);
  int64_t first = add_one("t");
  add_one("t");
  CHECK(finish(take_one(), STORE_RESCUE) == STORE_DONE);
  CHECK_TEXT(member(first, "rescues"), "1");
  CHECK_TEXT(member(first, "retry_count"), "0");
  struct store_claim claim = take(1);
  CHECK_INT(claim.jobs[0].id, first);
  CHECK_INT(claim.jobs[0].rescues, 1);
  CHECK_INT(claim.jobs[0].retry_count, 0);
  store_op_fini(&claim.op);
  json_t *job = job_of(first);
  json_t *attempts = json_object_get(job, "attempts");
  CHECK_INT((int64_t)json_array_size(attempts), 2);
  CHECK_TEXT(jx_str(json_array_get(attempts, 0), "state", ""), "rescued");
  CHECK_TEXT(jx_str(json_array_get(attempts, 1), "state", ""), "running");
  json_decref(job);
}

static void snooze_counts_nothing(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  CHECK(finish(take_one(), STORE_SNOOZE) == STORE_DONE);
  CHECK(is_in(id, STORE_SCHEDULED));
  struct store_claim claim = take(1);
  CHECK_INT(claim.jobs[0].id, id);
  CHECK_INT(claim.jobs[0].retry_count, 0);
  store_op_fini(&claim.op);
}

/* Each queue gets its share, and what one leaves goes to the others. */
static void queues_are_fair(void)
{
  know("t", NULL);
  struct store_new job = a_job("t");
  for (int i = 0; i < 100; i++) {
    job.queue = i < 90 ? "big" : i < 97 ? "small" : "tiny";
    add(job);
  }
  struct store_claim claim = take(30);
  int big = 0, small = 0, tiny = 0;
  CHECK_INT((int64_t)claim.n, 30);
  for (size_t i = 0; i < claim.n; i++) {
    big += strcmp(claim.jobs[i].queue, "big") == 0;
    small += strcmp(claim.jobs[i].queue, "small") == 0;
    tiny += strcmp(claim.jobs[i].queue, "tiny") == 0;
  }
  CHECK_INT(small, 7);
  CHECK_INT(tiny, 3);
  CHECK_INT(big, 20);
  store_op_fini(&claim.op);
}

/* One slot at a time must not stay with one queue. */
static void queues_take_turns(void)
{
  know("t", NULL);
  struct store_new job = a_job("t");
  for (int i = 0; i < 10; i++) {
    job.queue = i < 5 ? "a" : "b";
    add(job);
  }
  int from_a = 0;
  for (int i = 0; i < 6; i++) {
    struct store_claim claim = take(1);
    from_a += claim.jobs[0].queue[0] == 'a';
    store_op_fini(&claim.op);
  }
  CHECK_INT(from_a, 3);
}

static void unknown_types_are_set_aside(void)
{
  int64_t unknown = 0;
  for (int i = 0; i < 20; i++)
    unknown = add_one("later");
  int64_t known = add_one("t");
  know("t", NULL);
  struct store_claim claim = take(5);
  CHECK_INT((int64_t)claim.n, 1);
  CHECK_INT(claim.jobs[0].id, known);
  CHECK(!claim.more);
  store_op_fini(&claim.op);
  CHECK(is_in(unknown, STORE_AVAILABLE));
  CHECK_TEXT(member(unknown, "waiting_for"), "\"task\"");
  CHECK_INT(stats().set_aside, 20);
  CHECK_INT(stats().counts[STORE_AVAILABLE], 20);
  reopen();
  know("t", "later");
  CHECK_INT(stats().set_aside, 0);
  CHECK_TEXT(member(unknown, "waiting_for"), "null");
  claim = take(100);
  CHECK_INT((int64_t)claim.n, 20);
  CHECK_INT(claim.jobs[19].id, unknown);
  store_op_fini(&claim.op);
}

static void recovery(void)
{
  know("t", "!once");
  int64_t plain = add_one("t"), once = add_one("once"), waiting = add_one("t");
  struct store_claim claim = take(2);
  CHECK_INT((int64_t)claim.n, 2);
  int64_t lease = claim.jobs[0].lease;
  store_op_fini(&claim.op);
  reopen();
  struct store_recover recover = {.op.kind = STORE_RECOVER};
  CHECK(act(&recover.op) == 0);
  CHECK_INT(recover.released, 1);
  CHECK_INT(recover.lost, 1);
  CHECK(is_in(once, STORE_DEAD));
  json_t *job = job_of(once);
  CHECK_TEXT(jx_str(json_object_get(job, "error"), "code", ""), "outcome_unknown");
  json_decref(job);
  know("t", "!once");
  claim = take(10);
  CHECK_INT((int64_t)claim.n, 2);
  CHECK_INT(claim.jobs[0].id, plain);
  CHECK_INT(claim.jobs[0].retry_count, 0);
  CHECK(claim.jobs[0].lease > lease);
  CHECK_INT(claim.jobs[1].id, waiting);
  store_op_fini(&claim.op);
}

#endif
