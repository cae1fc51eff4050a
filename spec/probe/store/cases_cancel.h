/* Cases: jobs that are cancelled, wherever they are. */
#ifndef CANDY_SPEC_STORE_CASES_CANCEL_H
#define CANDY_SPEC_STORE_CASES_CANCEL_H

#include "harness.h"

#define REASON "{\"code\":\"cancelled\",\"message\":\"nobody wants it\"}"

/* What a watch of the store was told. */
static struct {
  int n;
  int64_t id, lease;
  char reason[100];
} ear_heard;

static void hear_cancel(void *arg, int64_t id, int64_t lease, const char *reason)
{
  (void)arg;
  ear_heard.n++;
  ear_heard.id = id;
  ear_heard.lease = lease;
  snprintf(ear_heard.reason, sizeof ear_heard.reason, "%s", reason);
}

static struct {
  int n;
  int64_t id;
  enum store_state state;
  char type[20];
} end_heard;

static void hear_end(void *arg, const struct store_job *job, enum store_state became,
                     const char *reason)
{
  (void)arg;
  end_heard.n++;
  end_heard.id = job->id;
  end_heard.state = became;
  snprintf(end_heard.type, sizeof end_heard.type, "%s", job->type);
  CHECK_TEXT(reason, REASON);
}

static struct store_watch ear = {.cancel = hear_cancel, .ended = hear_end};

static struct store_bulk a_cancel(struct store_filter filter)
{
  return (struct store_bulk){
      .op.kind = STORE_CANCEL, .filter = filter, .max = INT64_MAX, .reason = REASON};
}

static struct store_bulk cancel_where(struct store_filter filter)
{
  struct store_bulk op = a_cancel(filter);
  CHECK(act(&op.op) == 0);
  return op;
}

static int64_t cancel_one(int64_t id)
{
  return cancel_where((struct store_filter){.ids = &id, .n_ids = 1}).count;
}

static void waiting_jobs_are_cancelled(void)
{
  struct store_new later = a_job("t");
  later.delay_ms = 3600000;
  know("t", NULL);
  store_watch(store, &ear);
  int64_t ready = add_one("t"), scheduled = add(later), aside = add_one("nobody");
  CHECK_INT(take_one().id, ready);
  int64_t retried = ready, next = add_one("t");
  CHECK_INT(take_one().id, next); /* sets the unknown type aside on its way */
  struct store_finish retry = a_finish((struct taken){retried, 1}, STORE_RETRY);
  retry.delay_ms = 3600000;
  CHECK(act(&retry.op) == 0);
  ready = add_one("t");
  int64_t all[] = {ready, scheduled, aside, retried};
  for (size_t i = 0; i < 4; i++) {
    CHECK_INT(cancel_one(all[i]), 1);
    CHECK_INT(end_heard.id, all[i]);
    CHECK_INT(end_heard.n, (int64_t)i + 1);
    CHECK_INT(end_heard.state, STORE_CANCELLED);
    CHECK_TEXT(end_heard.type, all[i] == aside ? "nobody" : "t");
    CHECK(is_in(all[i], STORE_CANCELLED));
    CHECK_TEXT(member(all[i], "error"), REASON);
    CHECK_INT(cancel_one(all[i]), 0);
  }
  CHECK_INT(take_one().id, 0);
  CHECK_INT(ear_heard.n, 0);
  CHECK_INT(stats().counts[STORE_CANCELLED], 4);
}

static void running_jobs_are_told(void)
{
  know("t", NULL);
  store_watch(store, &ear);
  int64_t id = add_one("t");
  struct taken t = take_one();
  struct store_bulk op = cancel_where((struct store_filter){0});
  CHECK_INT(op.count, 1);
  CHECK_INT(op.told, 1);
  CHECK_INT(ear_heard.n, 1);
  CHECK_INT(ear_heard.id, id);
  CHECK_INT(ear_heard.lease, t.lease);
  CHECK_TEXT(ear_heard.reason, REASON);
  CHECK_INT(end_heard.n, 0);
  CHECK(is_in(id, STORE_RUNNING));
  op = cancel_where((struct store_filter){0}); /* who was told is not told again */
  CHECK_INT(op.count, 1);
  CHECK_INT(op.told, 0);
  CHECK_INT(op.again, 1);
  CHECK_INT(ear_heard.n, 1);
  struct store_finish end = a_finish(t, STORE_RETRY);
  CHECK(act(&end.op) == 0);
  CHECK(end.verdict == STORE_DONE);
  CHECK(end.became == STORE_CANCELLED);
  CHECK_TEXT(end.reason.data, REASON);
  store_op_fini(&end.op);
  CHECK(is_in(id, STORE_CANCELLED));
  CHECK_TEXT(member(id, "error"), REASON);
  CHECK(finish(t, STORE_OK) == STORE_STALE);
  CHECK_INT(take_one().id, 0);
}

/* Whatever becomes of the claim, the job does not run again. */
static void told_jobs_end_with_their_claim(void)
{
  static const enum store_outcome outcomes[] = {STORE_RETRY, STORE_FAIL, STORE_SNOOZE,
                                                STORE_RELEASE, STORE_RESCUE};

  know("t", NULL);
  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    int64_t id = add_one("t");
    struct taken t = take_one();
    CHECK_INT(cancel_one(id), 1);
    CHECK(finish(t, outcomes[i]) == STORE_DONE);
    CHECK(is_in(id, STORE_CANCELLED));
    CHECK(finish(t, outcomes[i]) == STORE_STALE);
  }
}

static void what_was_done_is_completed(void)
{
  know("t", NULL);
  make_table("create table seen (n integer)");
  int64_t id = add_one("t");
  struct store_finish op = a_finish(take_one(), STORE_OK);
  struct store_write write = {"insert into seen values (1)", "[]"};
  CHECK_INT(cancel_one(id), 1);
  op.writes = &write;
  op.n_writes = 1;
  op.result = "7";
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  CHECK(op.became == STORE_COMPLETED);
  store_op_fini(&op.op);
  CHECK(is_in(id, STORE_COMPLETED));
  CHECK_TEXT(QUERY("select n from seen"), "[{\"n\":1}]");
}

/* A completion that is refused has not happened: what follows it ends as it was asked. */
static void a_refused_completion_is_still_told(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  struct taken t = take_one();
  struct store_finish op = a_finish(t, STORE_OK);
  struct store_write write = {"insert into nowhere values (1)", "[]"};
  CHECK_INT(cancel_one(id), 1);
  op.writes = &write;
  op.n_writes = 1;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_REFUSED);
  store_op_fini(&op.op);
  CHECK(is_in(id, STORE_RUNNING));
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  CHECK(is_in(id, STORE_CANCELLED));
}

/* Finish, cancellation and claim of one turn: finishes come first, claims last. */
static void cancel_races(void)
{
  know("t", NULL);
  ear_heard.n = 0;
  store_watch(store, &ear);
  int64_t done_one = add_one("t");
  struct store_finish end = a_finish(take_one(), STORE_OK);
  struct store_bulk all = a_cancel((struct store_filter){0}),
                    again = a_cancel((struct store_filter){0});
  struct store_claim claim = {.op.kind = STORE_CLAIM, .max = 10};
  int64_t ready = add_one("t");
  submit(&claim.op);
  submit(&all.op);
  submit(&again.op);
  submit(&end.op);
  wait_for_all();
  CHECK(end.verdict == STORE_DONE);
  CHECK(is_in(done_one, STORE_COMPLETED));
  CHECK(is_in(ready, STORE_CANCELLED));
  CHECK_INT(all.count + again.count, 1);
  CHECK_INT((int64_t)claim.n, 0);
  CHECK_INT(ear_heard.n, 0);
  store_op_fini(&claim.op);
  store_op_fini(&end.op);
}

static void cancelled_jobs_run_again_by_hand(void)
{
  know("t", NULL);
  int64_t waiting = add_one("t"), other = add_one("t");
  cancel_one(waiting);
  struct taken t = take_one();
  CHECK_INT(t.id, other);
  cancel_one(other);
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  struct store_bulk op = {.op.kind = STORE_REQUEUE, .max = 10};
  CHECK(act(&op.op) == 0);
  CHECK_INT(op.count, 0); /* nobody asked for cancelled ones */
  op.filter.states = 1u << STORE_CANCELLED;
  CHECK(act(&op.op) == 0);
  CHECK_INT(op.count, 2);
  struct taken a = take_one(), b = take_one();
  CHECK_INT(a.id, waiting);
  CHECK_INT(b.id, other);
  CHECK(b.lease > t.lease);
  CHECK(finish(t, STORE_OK) == STORE_STALE);
  CHECK(finish(a, STORE_OK) == STORE_DONE);
  CHECK(finish(b, STORE_RETRY) == STORE_DONE);
  CHECK(is_in(b.id, STORE_RETRYABLE));
}

/* A job that was told, of a `once` type too, has ended when its host is back. */
static void recovery_of_told_jobs(void)
{
  know("t", "!once");
  int64_t told[2] = {add_one("t"), add_one("once")}, other = add_one("t");
  struct store_claim claim = take(3);
  CHECK_INT((int64_t)claim.n, 3);
  store_op_fini(&claim.op);
  for (int i = 0; i < 2; i++)
    CHECK_INT(cancel_one(told[i]), 1);
  reopen();
  struct store_recover op = {.op.kind = STORE_RECOVER};
  CHECK(act(&op.op) == 0);
  CHECK_INT(op.cancelled, 2);
  CHECK_INT(op.released, 1);
  CHECK_INT(op.lost, 0);
  for (int i = 0; i < 2; i++) {
    CHECK(is_in(told[i], STORE_CANCELLED));
    CHECK_TEXT(member(told[i], "error"), REASON);
  }
  CHECK(is_in(other, STORE_AVAILABLE));
}

/* In steps, between which others have their turn. */
static void many_are_cancelled(void)
{
  enum { MANY = 20000 };
  struct store_new *jobs = mem_alloc(MANY * sizeof *jobs);
  know("t", NULL);
  for (int i = 0; i < MANY; i++) {
    jobs[i] = a_job("t");
    jobs[i].queue = i % 2 ? "odd" : "even";
  }
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = MANY};
  CHECK(act(&op.op) == 0);
  const char *odd = "odd";
  struct store_bulk some = a_cancel((struct store_filter){.queues = &odd, .n_queues = 1});
  submit(&some.op);
  struct store_new other = a_job("t");
  struct store_enqueue one = {.op.kind = STORE_ENQUEUE, .jobs = &other, .n = 1};
  submit(&one.op);
  wait_for_all();
  CHECK_INT(some.count, MANY / 2);
  CHECK(is_in(jobs[1].id, STORE_CANCELLED));
  CHECK(is_in(jobs[0].id, STORE_AVAILABLE));
  struct store_claim claim = take(MANY);
  CHECK_INT((int64_t)claim.n, MANY / 2 + 1);
  store_op_fini(&claim.op);
  free(jobs);
}

#endif
