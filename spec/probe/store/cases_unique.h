/* Cases: jobs that are the same, and what becomes of one more of them. */
#ifndef CANDY_SPEC_STORE_CASES_UNIQUE_H
#define CANDY_SPEC_STORE_CASES_UNIQUE_H

#include "cases_queue.h"

#define UNFINISHED                                                                       \
  (1u << STORE_SCHEDULED | 1u << STORE_AVAILABLE | 1u << STORE_RUNNING |                 \
   1u << STORE_RETRYABLE | 1u << STORE_PENDING)

static struct store_unique a_unique(char hash, enum store_same same)
{
  struct store_unique unique = {.same = same, .states = UNFINISHED};
  memset(unique.hash, hash, sizeof unique.hash);
  return unique;
}

/* Enqueues one job with a payload; it is `duplicate` or not. Returns its id. */
static int64_t add_same(const struct store_unique *unique, const char *payload,
                        bool duplicate)
{
  struct store_new job = a_job("t");
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = &job, .n = 1};
  job.unique = unique;
  job.payload = payload;
  job.payload_len = strlen(payload);
  CHECK(act(&op.op) == 0);
  CHECK(job.id > 0);
  CHECK(job.duplicate == duplicate);
  return job.id;
}

static void the_same_job_is_the_answer(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_KEEP);
  struct store_unique other = a_unique('b', STORE_SAME_KEEP);
  know("t", NULL);
  int64_t first = add_same(&u, "{\"n\":1}", false);
  CHECK_INT(add_same(&u, "{\"n\":2}", true), first);
  CHECK(add_same(&other, "{}", false) != first);
  CHECK_TEXT(member(first, "payload"), "{\"n\":1}");
  struct taken t = take_one();
  CHECK_INT(t.id, first);
  CHECK_INT(add_same(&u, "{}", true), first);
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  CHECK(is_in(first, STORE_RETRYABLE));
  CHECK_INT(add_same(&u, "{}", true), first);
  reopen();
  CHECK_INT(add_same(&u, "{}", true), first);
}

static void the_same_job_after_its_end(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_KEEP);
  know("t", NULL);
  int64_t first = add_same(&u, "{}", false);
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  int64_t second = add_same(&u, "{}", false);
  CHECK(second > first);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  int64_t third = add_same(&u, "{}", false);
  CHECK(third > second);
  CHECK_INT(add_same(&u, "{}", true), third);
}

static void states_that_count(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_KEEP);
  know("t", NULL);
  u.states = 1u << STORE_COMPLETED;
  int64_t first = add_same(&u, "{}", false);
  int64_t second = add_same(&u, "{}", false);
  CHECK(second > first);
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  CHECK_INT(add_same(&u, "{}", true), second);
  u.states = 1u << STORE_DEAD;
  int64_t third = add_same(&u, "{}", false);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  CHECK_INT(add_same(&u, "{}", true), third);
}

static void a_window_of_sameness(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_KEEP);
  u.states |= 1u << STORE_COMPLETED;
  know("t", NULL);
  int64_t first = add_same(&u, "{}", false);
  u.window_ms = 3600000;
  CHECK_INT(add_same(&u, "{}", true), first);
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  CHECK_INT(add_same(&u, "{}", true), first);
  u.window_ms = 5;
  wait_until(clock_wall_ms() + 10);
  CHECK(add_same(&u, "{}", false) > first);
}

/* Equal ones within one operation and within one turn; each has its answer. */
static void the_same_jobs_in_bulk(void)
{
  struct store_unique a = a_unique('a', STORE_SAME_KEEP);
  struct store_unique b = a_unique('b', STORE_SAME_KEEP);
  struct store_new jobs[6], more[2];
  for (int i = 0; i < 6; i++)
    jobs[i] = a_job("t");
  jobs[0].unique = jobs[2].unique = jobs[5].unique = &a;
  jobs[1].unique = jobs[3].unique = &b;
  more[0] = more[1] = jobs[0];
  struct store_enqueue first = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = 6};
  struct store_enqueue second = {.op.kind = STORE_ENQUEUE, .jobs = more, .n = 2};
  know("t", NULL);
  submit(&first.op);
  submit(&second.op);
  wait_for_all();
  CHECK(first.op.status == 0 && second.op.status == 0);
  CHECK(!jobs[0].duplicate && !jobs[1].duplicate && !jobs[4].duplicate);
  CHECK(jobs[2].duplicate && jobs[3].duplicate && jobs[5].duplicate);
  CHECK_INT(jobs[2].id, jobs[0].id);
  CHECK_INT(jobs[5].id, jobs[0].id);
  CHECK_INT(jobs[3].id, jobs[1].id);
  CHECK(more[0].duplicate && more[1].duplicate);
  CHECK_INT(more[1].id, jobs[0].id);
  CHECK_INT(stats().counts[STORE_AVAILABLE], 3);
}

/* What a refused operation added is no answer to anybody. */
static void the_same_job_of_what_was_refused(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_KEEP);
  struct store_new jobs[2] = {a_job("t"), a_job("t")};
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = 2};
  jobs[0].unique = &u;
  jobs[1].tags = "[\"broken\"";
  CHECK(act(&op.op) < 0);
  store_op_fini(&op.op);
  know("t", NULL);
  int64_t id = add_same(&u, "{}", false);
  CHECK_INT(take_one().id, id);
  CHECK_INT(take_one().id, 0);
}

static void children_that_are_the_same(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_KEEP);
  struct store_new children[2] = {a_job("t"), a_job("t")};
  know("t", NULL);
  add_one("t");
  struct store_finish op = a_finish(take_one(), STORE_OK);
  children[0].unique = children[1].unique = &u;
  op.children = children;
  op.n_children = 2;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  CHECK(!children[0].duplicate && children[1].duplicate);
  CHECK_INT(children[1].id, children[0].id);
  CHECK_INT(add_same(&u, "{}", true), children[0].id);
  store_op_fini(&op.op);
}

static void a_debounced_job(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_DEBOUNCE);
  u.wait_ms = 60;
  know("t", NULL);
  int64_t began = clock_wall_ms();
  int64_t first = add_same(&u, "{\"n\":1}", false);
  CHECK(is_in(first, STORE_SCHEDULED));
  for (int i = 0; i < 3; i++) {
    usleep(20000);
    CHECK_INT(add_same(&u, "{\"n\":2}", true), first);
  }
  CHECK_TEXT(member(first, "payload"), "{\"n\":2}");
  CHECK(store->next_due >= began + 60);
  struct taken t = take_one();
  while (t.id == 0)
    t = take_one();
  CHECK_INT(t.id, first);
  CHECK(clock_wall_ms() >= began + 120);
  int64_t second = add_same(&u, "{\"n\":3}", false);
  CHECK(second > first);
  CHECK_TEXT(member(first, "payload"), "{\"n\":2}");
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK_INT(add_same(&u, "{\"n\":4}", true), second);
}

/* The time of the first call counts, also when the job has come due meanwhile. */
static void a_debounced_job_has_an_end(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_DEBOUNCE);
  u.wait_ms = 3600000;
  u.max_wait_ms = 30;
  know("t", NULL);
  int64_t first = add_same(&u, "{\"n\":1}", false);
  CHECK_INT(add_same(&u, "{\"n\":2}", true), first);
  CHECK(store->next_due <= clock_wall_ms() + 30);
  wait_until(clock_wall_ms() + 40);
  CHECK_INT(add_same(&u, "{\"n\":3}", true), first);
  CHECK_INT(take_one().id, first);
  CHECK_TEXT(member(first, "payload"), "{\"n\":3}");
}

/* One that is ready, or kept back, goes to wait anew. */
static void a_debounced_job_that_came_due(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_DEBOUNCE);
  u.wait_ms = 1;
  int64_t first = add_same(&u, "{\"n\":1}", false);
  wait_until(clock_wall_ms() + 5);
  know("other", NULL);
  CHECK_INT(take_one().id, 0); /* it came due, and is set aside for want of its type */
  CHECK(is_in(first, STORE_AVAILABLE));
  u.wait_ms = 3600000;
  CHECK_INT(add_same(&u, "{\"n\":2}", true), first);
  CHECK(is_in(first, STORE_SCHEDULED));
  know("t", NULL);
  CHECK_INT(take_one().id, 0);
  u.wait_ms = 1;
  CHECK_INT(add_same(&u, "{\"n\":3}", true), first);
  wait_until(clock_wall_ms() + 5);
  CHECK_INT(take_one().id, first);
  CHECK_TEXT(member(first, "payload"), "{\"n\":3}");
}

/* One that began, and came back, keeps what it began with. */
static void a_debounced_job_that_began(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_DEBOUNCE);
  u.wait_ms = 1;
  know("t", NULL);
  int64_t first = add_same(&u, "{\"n\":1}", false);
  wait_until(clock_wall_ms() + 5);
  struct store_finish snooze = a_finish(take_one(), STORE_SNOOZE);
  snooze.delay_ms = 3600000;
  CHECK(act(&snooze.op) == 0);
  int64_t second = add_same(&u, "{\"n\":2}", false);
  CHECK(second > first);
  CHECK_TEXT(member(first, "payload"), "{\"n\":1}");
  CHECK(is_in(first, STORE_SCHEDULED));
  store_op_fini(&snooze.op);
}

static void a_job_that_supersedes(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_SUPERSEDE);
  know("t", NULL);
  int64_t first = add_same(&u, "{}", false), second = add_same(&u, "{}", false);
  CHECK(is_in(first, STORE_CANCELLED));
  json_t *job = job_of(first);
  CHECK_TEXT(jx_str(json_object_get(job, "error"), "code", NULL), "superseded");
  json_decref(job);
  struct taken t = take_one();
  CHECK_INT(t.id, second);
  int64_t third = add_same(&u, "{}", false), fourth = add_same(&u, "{}", false);
  CHECK(is_in(third, STORE_CANCELLED));
  CHECK(is_in(second, STORE_RUNNING));
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  CHECK(is_in(second, STORE_CANCELLED)); /* it was told to end */
  CHECK_INT(take_one().id, fourth);
}

static void count_end(void *arg, const struct store_job *job, enum store_state became,
                      const char *reason)
{
  (void)became;
  (void)reason;
  if (job->type[0] == 'p')
    ++*(int *)arg;
}

static void a_parent_that_its_child_supersedes(void)
{
  int heard = 0;
  struct store_watch watch = {.ended = count_end, .arg = &heard};
  struct store_unique u = a_unique('a', STORE_SAME_SUPERSEDE);
  struct store_new child = a_job("t");
  struct store_fan fan = {.jobs = &child, .n = 1};
  child.unique = &u;
  know("t", NULL);
  know("parent", NULL);
  store_watch(store, &watch);
  struct store_new parent = a_job("parent");
  parent.unique = &u;
  int64_t id = add(parent);
  struct store_finish op = a_finish(take_one(), STORE_FAN_OUT);
  op.fan = &fan;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  CHECK(op.became == STORE_CANCELLED);
  CHECK(strstr(op.reason.data, "superseded"));
  store_op_fini(&op.op);
  CHECK(is_in(id, STORE_CANCELLED));
  CHECK_INT(heard, 0); /* its finish has told it */
  store_unwatch(store, &watch);
}

static void a_job_that_supersedes_the_queued(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_SUPERSEDE_QUEUED);
  know("t", NULL);
  int64_t first = add_same(&u, "{}", false);
  struct taken t = take_one();
  int64_t second = add_same(&u, "{}", false), third = add_same(&u, "{}", false);
  CHECK(is_in(first, STORE_RUNNING));
  CHECK(is_in(second, STORE_CANCELLED));
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  CHECK(is_in(first, STORE_RETRYABLE));
  int64_t fourth = add_same(&u, "{}", false);
  CHECK(is_in(first, STORE_CANCELLED)); /* by now it is queued too */
  CHECK(is_in(third, STORE_CANCELLED));
  CHECK_INT(take_one().id, fourth);
  CHECK_INT(take_one().id, 0);
}

/* What is forgotten is not known any more, whoever is asked. */
static void forgotten_jobs_are_not_the_same(void)
{
  struct store_unique u = a_unique('a', STORE_SAME_KEEP);
  struct store_unique former = a_unique('b', STORE_SAME_SUPERSEDE_QUEUED);
  know("t", NULL);
  u.states |= 1u << STORE_COMPLETED;
  int64_t first = add_same(&u, "{}", false);
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  add_same(&former, "{}", false);
  struct taken t = take_one();
  add_same(&former, "{}", false);
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK_INT(add_same(&u, "{}", true), first);
  usleep(3000);
  struct store_expire op = {.op.kind = STORE_EXPIRE, .max = 100};
  CHECK(act(&op.op) == 0);
  CHECK_INT(op.count, 2);
  CHECK(add_same(&u, "{}", false) > first);
  CHECK(add_same(&former, "{}", false) > t.id);
}

#endif
