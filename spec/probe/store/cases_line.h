/* Cases: lines of strict order whose first is elsewhere for a while. */
#ifndef CANDY_SPEC_STORE_CASES_LINE_H
#define CANDY_SPEC_STORE_CASES_LINE_H

#include "cases_again.h"

static void know_line_and_rate(int64_t rate)
{
  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  struct store_queue q = {.name = "q", .key_limit = {.rate = rate, .window_ms = 300}};
  know_all(types, 2, &q, 1);
}

static void order_behind_a_rate_after_a_restart(void)
{
  int64_t a = 0, b = 0;
  let_a_line_meet_a_rate(&a, &b);
  reopen();
  usleep(400000); /* the window ends */
  recover();
  know_line_and_rate(2);
  in_order(a, b);
}

static void order_behind_a_rate_over_a_pause(void)
{
  int64_t a = 0, b = 0;
  let_a_line_meet_a_rate(&a, &b);
  set_pause(true, "t", false);
  usleep(400000);
  for (int i = 0; i < 3; i++)
    CHECK_INT((int64_t)take_all().n, 0);
  set_pause(true, "t", true);
  in_order(a, b);
}

static void order_behind_a_rate_that_is_taken_away(void)
{
  int64_t a = 0, b = 0;
  struct store_type t = {.name = "t", .order = STORE_BY_KEY};
  let_a_line_meet_a_rate(&a, &b);
  know_all(&t, 1, NULL, 0);
  in_order(a, b);
}

static void order_behind_a_rate_that_is_raised(void)
{
  int64_t a = 0, b = 0;
  let_a_line_meet_a_rate(&a, &b);
  know_line_and_rate(20);
  in_order(a, b);
}

/* The first meets a rate, and two wait behind it. */
static void let_three_meet_a_rate(int64_t ids[3])
{
  know_line_and_rate(3);
  for (int i = 0; i < 3; i++)
    ids[i] = add_keyed("t", "q", "k");
  for (int i = 0; i < 3; i++)
    CHECK(finish(THESE(ids[0]).jobs[0], STORE_RETRY) == STORE_DONE);
  CHECK_INT((int64_t)take_all().n, 0);
}

/* The rate lets it out while its queue rests, and one leaves the line. */
static void order_behind_a_rate_of_a_paused_queue(void)
{
  int64_t ids[3];
  let_three_meet_a_rate(ids);
  set_pause(false, "q", false);
  usleep(400000);
  CHECK_INT((int64_t)take_all().n, 0);
  CHECK_INT(cancel_one(ids[2]), 1);
  CHECK_INT((int64_t)take_all().n, 0);
  set_pause(false, "q", true);
  in_order(ids[0], ids[1]);
}

/* The rate lets it out, one leaves the line, and others are claimed meanwhile. */
static void order_behind_a_rate_and_others(void)
{
  int64_t ids[3];
  struct store_new urgent = a_job("u");
  urgent.queue = "q";
  urgent.priority = -1;
  let_three_meet_a_rate(ids);
  int64_t first = add(urgent), second = add(urgent);
  usleep(400000);
  CHECK_INT(take_one().id, first);
  CHECK_INT(cancel_one(ids[2]), 1);
  CHECK_INT(take_one().id, second);
  in_order(ids[0], ids[1]);
}

/* Its first waits for its retry, and others have the only slot before. */
static void a_line_in_retry_with_other_limits(void)
{
  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  struct store_queue q = {.name = "q", .key_limit.concurrency = 1};
  know_all(types, 2, NULL, 0);
  struct taken other = THESE(add_keyed("u", "q", "k")).jobs[0];
  int64_t a = add_keyed("t", "q", "k"), b = add_keyed("t", "q", "k");
  struct store_finish again = a_finish(THESE(a).jobs[0], STORE_RETRY);
  again.delay_ms = 50;
  CHECK(act(&again.op) == 0);
  store_op_fini(&again.op);
  know_all(types, 2, &q, 1);
  THESE(0);
  usleep(80000); /* it is due */
  THESE(0);
  CHECK(finish(other, STORE_OK) == STORE_DONE);
  in_order(a, b);
}

/* The first was called, and goes away before it has met its gate. */
static void a_line_whose_first_goes_away(void)
{
  struct store_type t = {.name = "t", .order = STORE_BY_KEY};
  int64_t ids[3];
  know_type(t);
  for (int i = 0; i < 3; i++)
    ids[i] = add_keyed("t", NULL, "k");
  CHECK(finish(THESE(ids[0]).jobs[0], STORE_OK) == STORE_DONE);
  CHECK_INT(cancel_one(ids[1]), 1);
  CHECK_INT(take_when_due().id, ids[2]);
}

/* As many are in the line as the rate lets begin. */
static void order_behind_a_rate_of_a_long_line(void)
{
  int64_t ids[3];
  know_line_and_rate(2);
  for (int i = 0; i < 3; i++)
    ids[i] = add_keyed("t", "q", "k");
  struct taken first = THESE(ids[0]).jobs[0];
  usleep(400000); /* its window ends, and the last comes into the line */
  THESE(0);
  CHECK(finish(first, STORE_RETRY) == STORE_DONE);
  for (int i = 0; i < 2; i++) {
    first = take_when_due();
    CHECK_INT(first.id, ids[0]);
    CHECK(finish(first, STORE_RETRY) == STORE_DONE);
  }
  THESE(0);
  usleep(400000);
  in_order(ids[0], ids[1]);
}

static void know_line_and_slots(int64_t concurrency)
{
  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  struct store_queue q = {.name = "q", .key_limit.concurrency = concurrency};
  know_all(types, 2, &q, 1);
}

/* Its queue's key has one slot, and one that waits in the line came before it. */
static void order_behind_one_that_comes_late(void)
{
  know_line_and_slots(1);
  int64_t dep = add_one("u");
  struct store_new job = a_job("t");
  job.queue = "q";
  job.key = "k";
  job.after = &dep;
  job.n_after = 1;
  int64_t late = add(job);
  struct taken before = THESE(dep).jobs[0];
  struct taken elsewhere = THESE(add_keyed("t", "other", "k")).jobs[0];
  int64_t waits = add_keyed("t", "q", "k");
  THESE(0);
  CHECK(finish(before, STORE_OK) == STORE_DONE);
  THESE(0);
  CHECK(finish(elsewhere, STORE_OK) == STORE_DONE);
  in_order(late, waits);
}

/* Those who wait in it, or for its first, leave the other slots to others. */
static void a_line_has_one_slot_of_its_key(void)
{
  know_line_and_slots(2);
  int64_t a = add_keyed("t", "q", "k"), b = add_keyed("t", "q", "k");
  int64_t others[] = {add_keyed("u", "q", "k"), add_keyed("u", "q", "k")};
  struct taken_all all = THESE(a, others[0]);
  struct store_finish again = a_finish(all.jobs[0], STORE_RETRY);
  again.delay_ms = 50;
  CHECK(act(&again.op) == 0);
  store_op_fini(&again.op);
  struct taken other = THESE(others[1]).jobs[0];
  usleep(80000); /* it is due */
  THESE(0);
  CHECK(finish(other, STORE_OK) == STORE_DONE);
  in_order(a, b);
}

/* Whoever came first is next, of the strict task or of another. */
static void run_a_line_among_others(struct store_queue q)
{
  static const char *const tasks[] = {"t", "t", "u", "t", "u"};

  enum { N = sizeof tasks / sizeof tasks[0] };

  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  int64_t ids[N];
  know_all(types, 2, &q, 1);
  for (int i = 0; i < N; i++)
    ids[i] = add_keyed(tasks[i], "q", "k");
  for (int i = 0; i < N; i++)
    CHECK(finish(THESE(ids[i]).jobs[0], STORE_OK) == STORE_DONE);
}

static void a_line_among_others_with_a_slot(void)
{
  run_a_line_among_others((struct store_queue){.name = "q", .key_limit.concurrency = 1});
}

/* The key of a queue in strict order is before the line. */
static void a_line_among_others_in_order(void)
{
  run_a_line_among_others((struct store_queue){.name = "q", .order = STORE_BY_KEY});
}

/* Who waits for a slot of its queue's key has no place in the line yet. */
static void a_task_that_is_strict_from_now_on(void)
{
  struct store_type t = {.name = "t"}, strict = {.name = "t", .order = STORE_BY_KEY};
  struct store_queue q = {.name = "q", .key_limit.concurrency = 2};
  int64_t ids[5];
  know_all(&t, 1, &q, 1);
  for (int i = 0; i < 5; i++)
    ids[i] = add_keyed("t", "q", "k");
  struct taken_all all = THESE(ids[0], ids[1]);
  know_all(&strict, 1, &q, 1);
  CHECK(finish(all.jobs[0], STORE_OK) == STORE_DONE);
  THESE(0);
  CHECK(finish(all.jobs[1], STORE_OK) == STORE_DONE);
  for (int i = 2; i < 5; i++)
    CHECK(finish(THESE(ids[i]).jobs[0], STORE_OK) == STORE_DONE);
}

/* Nobody is called until all of them are where they belong now. */
static void many_of_a_task_that_is_strict_from_now_on(void)
{
  enum { MANY = 12000 };

  struct store_type t = {.name = "t"}, strict = {.name = "t", .order = STORE_BY_KEY};
  struct store_queue q = {.name = "q", .key_limit.concurrency = 2};
  struct store_new *jobs = mem_alloc(MANY * sizeof *jobs);
  know_all(&t, 1, &q, 1);
  for (int i = 0; i < MANY; i++) {
    jobs[i] = a_job("t");
    jobs[i].queue = "q";
    jobs[i].key = i < MANY - 5 ? "k" : "l";
  }
  add_list(jobs, MANY);
  struct taken all[4];
  for (int i = 0; i < 4; i++)
    all[i] = take_when_due();
  CHECK_INT(all[2].id, jobs[MANY - 5].id);
  know_all(&strict, 1, &q, 1);
  for (int i = 0; i < 4; i++)
    CHECK(finish(all[i], STORE_OK) == STORE_DONE);
  struct taken one = take_when_due(), other = take_when_due();
  CHECK_INT(one.id, jobs[2].id);
  CHECK_INT(other.id, jobs[MANY - 3].id);
  CHECK_INT(take_one().id, 0);
  CHECK(finish(one, STORE_OK) == STORE_DONE && finish(other, STORE_OK) == STORE_DONE);
  CHECK_INT(take_when_due().id, jobs[3].id);
  CHECK_INT(take_when_due().id, jobs[MANY - 2].id);
  free(jobs);
}

/* ---- places ---- */

/* What a task that rests holds is nothing to a queue that is strict from now on. */
static void a_queue_that_is_strict_while_a_task_rests(void)
{
  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  struct store_queue q = {.name = "q", .fair = true},
                     strict = {.name = "q", .order = STORE_STRICT};
  know_all(types, 2, &q, 1);
  int64_t a = add_keyed("t", "q", "k");
  struct taken t = THESE(a).jobs[0];
  set_pause(true, "t", false);
  CHECK(finish(t, STORE_RELEASE) == STORE_DONE);
  THESE(0);
  know_all(types, 2, &strict, 1);
  int64_t other = add_keyed("u", "q", "x");
  t = take_when_due();
  CHECK_INT(t.id, other);
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  set_pause(true, "t", true);
  CHECK_INT(take_when_due().id, a);
}

/* Its priority stays that of its place as well. */
static void a_kept_place_when_something_else_is_changed(void)
{
  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  struct store_queue q = {.name = "q", .ageing_ms = 1000};
  know_all(types, 2, &q, 1);
  int64_t a = add_keyed("t", "q", "k");
  CHECK(edit((struct store_edit){.id = a, .sets_priority = true, .priority = 5}));
  struct store_finish again = a_finish(THESE(a).jobs[0], STORE_RETRY);
  again.delay_ms = 20;
  CHECK(act(&again.op) == 0);
  store_op_fini(&again.op);
  CHECK(edit((struct store_edit){.id = a, .sets_tags = true, .tags = "[\"x\"]"}));
  usleep(40000); /* it is due */
  int64_t other = add_keyed("u", "q", "x");
  THESE(a, other);
}

/* The queue has not gone back to the turn that one kept: a key that is new to it takes
 * turns with those that are there. */
static void the_turn_of_a_fair_queue_after_a_restart(void)
{
  enum { MANY = 10, NEW = 5 };

  struct store_type types[] = {{.name = "t", .order = STORE_BY_KEY}, {.name = "u"}};
  struct store_queue q = {.name = "q", .fair = true};
  int64_t ids[MANY], a, n = 0;
  know_all(types, 2, &q, 1);
  a = add_keyed("t", "q", "k");
  CHECK(finish(THESE(a).jobs[0], STORE_SNOOZE) == STORE_DONE);
  for (int i = 0; i < MANY; i++)
    ids[i] = add_keyed("u", "q", "x");
  set_pause(true, "t", false);
  for (int i = 0; i < MANY / 2; i++)
    CHECK_INT(run_one(), ids[i]);
  set_pause(true, "t", true);
  reopen();
  recover();
  know_all(types, 2, &q, 1);
  for (int i = 0; i < NEW; i++)
    add_keyed("u", "q", "y");
  CHECK_INT(run_one(), a);
  for (int i = 0; i < NEW; i++)
    n += run_one() > ids[MANY - 1];
  CHECK(n < NEW);
}

#endif
