/* Cases: where limits, order, pauses, edits, deadlines and jobs that wait for others
 * meet. */
#ifndef CANDY_SPEC_STORE_CASES_MEET_H
#define CANDY_SPEC_STORE_CASES_MEET_H

#include "cases_control.h"
#include "cases_gates.h"
#include "cases_graph.h"

/* The slot that it gives up calls a job whose place lies between others of the claim. */
static void a_paused_job_gives_its_slot_to_one_before_it(void)
{
  struct store_type types[] = {{.name = "few", .limit.concurrency = 1}, {.name = "t"}};
  know_all(types, 2, NULL, 0);
  int64_t dep = add_one("t"), plain = add_one("t");
  struct store_new job = a_job("few");
  job.after = &dep;
  job.n_after = 1;
  int64_t waits = add(job), runs = add_one("few");
  struct taken_all first = THESE(dep, plain, runs);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_DONE);
  THESE(0); /* the one that waited meets the limit */
  CHECK(finish(first.jobs[1], STORE_RELEASE) == STORE_DONE);
  CHECK(finish(first.jobs[2], STORE_RELEASE) == STORE_DONE);
  set_pause(true, "few", false);
  struct taken_all only = take_all();
  CHECK_INT((int64_t)only.n, 1);
  CHECK_INT(only.jobs[0].id, plain);
  while (take_all().more) /* all of them are set aside */
    continue;
  set_pause(true, "few", true);
  struct taken_all second = THESE(waits);
  CHECK(finish(second.jobs[0], STORE_OK) == STORE_DONE);
  THESE(runs);
}

/* A change of one that waits for others puts it behind those that are there, in queues
 * that have an order too. */
static void edits_of_pending_jobs_in_order(void)
{
  know_queue((struct store_queue){.name = "q", .ageing_ms = 60000});
  set_pause(false, "q", false);
  int64_t dep = add_one("t");
  struct store_new job = a_job("t");
  job.queue = "q";
  job.after = &dep;
  job.n_after = 1;
  int64_t last = add(job);
  usleep(2000); /* the two have different turns */
  int64_t first = add_keyed("t", "q", NULL);
  usleep(2000);
  CHECK(edit((struct store_edit){.id = last, .sets_priority = true}));
  CHECK_INT(run_one(), dep);
  set_pause(false, "q", true);
  THESE(first, last);
}

/* It is found again, and has its own priority, behind the time that it was given. */
static void a_pending_job_that_ages_keeps_its_priority(void)
{
  know_queue((struct store_queue){.name = "q", .ageing_ms = 60000});
  int64_t dep = add_one("t");
  struct store_new job = a_job("t");
  job.queue = "q";
  job.priority = -5;
  job.after = &dep;
  job.n_after = 1;
  int64_t last = add(job);
  CHECK(edit((struct store_edit){.id = last, .sets_time = true, .delay_ms = 1}));
  CHECK(run_one() == dep);
  CHECK_TEXT(member(last, "priority"), "-5");
  int64_t now = clock_steady_ms();
  while (clock_steady_ms() < now + 5)
    usleep(1000);
  int64_t first = add_keyed("t", "q", NULL);
  THESE(last, first);
}

/* The children of its run before are no concern of the next one. */
static void a_fan_that_was_cancelled_and_runs_again(void)
{
  know("t", "child");
  int64_t id = add_one("t");
  fan_out_of(1, 0, false);
  struct taken old = take_one();
  struct store_bulk cancel = {.op.kind = STORE_CANCEL, .max = 1};
  cancel.filter.ids = &id;
  cancel.filter.n_ids = 1;
  cancel.reason = ERROR("cancelled");
  CHECK(act(&cancel.op) == 0);
  CHECK(is_in(id, STORE_CANCELLED));
  struct store_bulk again = {.op.kind = STORE_REQUEUE, .max = 1};
  again.filter.ids = &id;
  again.filter.n_ids = 1;
  CHECK(act(&again.op) == 0);
  CHECK_INT(again.count, 1);
  CHECK_INT(fan_out_of(1, 0, false).id, id);
  CHECK(finish(old, STORE_FAIL) == STORE_DONE);
  CHECK(is_in(id, STORE_PENDING));
  CHECK(run_one() > 0);
  CHECK(is_in(id, STORE_AVAILABLE));
}

/* What becomes ready when a claim lets a deadline pass is that claim's, or it says that
 * there is more: nobody else would come for it. */
static void a_deadline_that_passes_wakes_who_waits(void)
{
  know("t", NULL);
  int64_t late = add_until(clock_wall_ms() - 1000, 0);
  struct store_new job = a_job("t");
  job.after = &late;
  job.n_after = 1;
  job.after_any = true;
  int64_t id = add(job);
  THESE(id);
  CHECK(is_in(late, STORE_DEAD));
}

/* A queue that rests holds no slot of a task that others wait for. */
static void a_paused_queue_leaves_slots_to_others(void)
{
  know_type((struct store_type){.name = "few", .limit.concurrency = 1});
  int64_t a = add_keyed("few", "a", NULL), b = add_keyed("few", "b", NULL),
          c = add_keyed("few", "b", NULL), d = add_keyed("few", "a", NULL);
  struct taken_all first = THESE(a);
  CHECK(finish(first.jobs[0], STORE_RELEASE) == STORE_DONE);
  set_pause(false, "a", false); /* a slot was there when the queue came to rest */
  struct taken_all second = THESE(b);
  CHECK(finish(second.jobs[0], STORE_OK) == STORE_DONE);
  second = THESE(c); /* and others are called past those that rest */
  CHECK(finish(second.jobs[0], STORE_RESCUE) == STORE_DONE);
  set_pause(false, "b", false);
  set_pause(false, "a", true);
  second = THESE(d); /* it waited for the slot all the time */
  CHECK(finish(second.jobs[0], STORE_OK) == STORE_DONE);
  second = THESE(a);
  set_pause(false, "b", true);
  CHECK(finish(second.jobs[0], STORE_OK) == STORE_DONE);
  THESE(c);
}

/* One that is to end and has not begun counts for nothing either, nor has it an attempt.
 */
static void rate_of_jobs_that_end_before_they_begin(void)
{
  struct store_type t = {.name = "t", .limit = {.rate = 1, .window_ms = 60000}};
  know_type(t);
  int64_t a = add_one("t"), b = add_one("t");
  struct taken_all first = THESE(a);
  CHECK_INT(cancel_one(a), 1);
  CHECK(finish(first.jobs[0], STORE_RELEASE) == STORE_DONE);
  CHECK(is_in(a, STORE_CANCELLED));
  CHECK_TEXT(member(a, "began_at"), "null");
  CHECK_TEXT(member(a, "attempts"), "[]");
  THESE(b);
}

/* One that is given back after it began, as a host that stops does it, has begun. */
static void rate_of_jobs_given_back_after_they_began(void)
{
  struct store_type t = {.name = "t", .limit = {.rate = 2, .window_ms = 60000}};
  know_type(t);
  int64_t a = add_one("t"), b = add_one("t"), c = add_one("t");
  struct taken_all first = THESE(a, b);
  struct store_finish back = a_finish(first.jobs[0], STORE_RELEASE);
  back.began_at = clock_wall_ms();
  CHECK(act(&back.op) == 0);
  CHECK(back.verdict == STORE_DONE);
  store_op_fini(&back.op);
  THESE(0);
  CHECK(is_in(a, STORE_AVAILABLE));
  CHECK(is_in(c, STORE_AVAILABLE));
  CHECK_TEXT(member(a, "retry_count"), "0");
  CHECK_TEXT(member(a, "rescues"), "0");
}

#endif
