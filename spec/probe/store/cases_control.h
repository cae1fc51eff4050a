/* Cases: deadlines, queues and tasks that rest, changes of waiting jobs, the audit. */
#ifndef CANDY_SPEC_STORE_CASES_CONTROL_H
#define CANDY_SPEC_STORE_CASES_CONTROL_H

#include "cases_cancel.h"

/* ---- counts ---- */

static struct store_count count_of(enum store_kind bulk, struct store_filter filter,
                                   int64_t max)
{
  struct store_count op = {
      .op.kind = STORE_COUNT, .bulk = bulk, .filter = filter, .max = max};
  CHECK(act(&op.op) == 0);
  return op;
}

static void counts_before_bulk_operations(void)
{
  know("t", NULL);
  struct store_filter any = {0}, dead = {.states = 1u << STORE_DEAD};
  for (int i = 0; i < 6; i++)
    add_one("t");
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  take_one();
  CHECK_INT(count_of(STORE_CANCEL, any, 100).count, 4);
  CHECK(!count_of(STORE_CANCEL, any, 100).more);
  CHECK_INT(count_of(STORE_CANCEL, any, 3).count, 3);
  CHECK(count_of(STORE_CANCEL, any, 3).more);
  CHECK_INT(count_of(STORE_CANCEL, dead, 100).count, 0);
  CHECK_INT(count_of(STORE_REQUEUE, any, 100).count, 1);
  CHECK_INT(count_of(STORE_PURGE, any, 100).count, 2);
  CHECK_INT(count_of(STORE_PURGE, dead, 100).count, 1);
}

/* ---- deadlines ---- */

static int64_t add_until(int64_t deadline, int64_t delay_ms)
{
  struct store_new job = a_job("t");
  job.deadline = deadline;
  job.delay_ms = delay_ms;
  return add(job);
}

static void pass_deadlines(void)
{
  struct store_deadlines op = {.op.kind = STORE_DEADLINES};
  CHECK(act(&op.op) == 0);
}

static const char *error_code(int64_t id)
{
  static char code[32];
  json_t *job = job_of(id);
  snprintf(code, sizeof code, "%s", jx_str(json_object_get(job, "error"), "code", ""));
  json_decref(job);
  return code;
}

static void deadlines_of_waiting_jobs(void)
{
  know("t", NULL);
  int64_t past = clock_wall_ms() - 1000;
  int64_t late = add_until(past, 0), later = add_until(past, 3600000),
          fine = add_until(clock_wall_ms() + 3600000, 0);
  CHECK_INT(store->next_deadline, past);
  CHECK_INT(take_one().id, fine); /* what is too late never starts */
  CHECK_INT(take_one().id, 0);
  CHECK(is_in(late, STORE_DEAD));
  CHECK(is_in(later, STORE_DEAD));
  CHECK_TEXT(error_code(late), "deadline");
  CHECK(store->next_deadline > clock_wall_ms());
  struct store_new soon = a_job("t");
  soon.deadline_ms = 10;
  soon.delay_ms = 3600000;
  int64_t id = add(soon);
  while (clock_wall_ms() < store->next_deadline)
    usleep(1000);
  pass_deadlines();
  CHECK(is_in(id, STORE_DEAD));
  struct store_bulk again = {.op.kind = STORE_REQUEUE, .max = 10};
  CHECK(act(&again.op) == 0); /* by hand it has all the time */
  CHECK_INT(again.count, 3);
  CHECK_INT(take_one().id, late);
}

static void deadlines_of_running_jobs(void)
{
  know("t", NULL);
  ear_heard.n = 0;
  store_watch(store, &ear);
  struct store_new job = a_job("t");
  job.deadline_ms = 200;
  int64_t id = add(job);
  struct taken t = take_one();
  CHECK_INT(t.id, id);
  while (clock_wall_ms() < store->next_deadline)
    usleep(1000);
  pass_deadlines();
  CHECK_INT(ear_heard.n, 1);
  CHECK_INT(ear_heard.lease, t.lease);
  CHECK(is_in(id, STORE_RUNNING));
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  CHECK(is_in(id, STORE_DEAD));
  CHECK_TEXT(error_code(id), "deadline");
}

static void deadlines_that_were_kept(void)
{
  know("t", NULL);
  struct store_new job = a_job("t");
  job.deadline_ms = 300;
  int64_t id = add(job);
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  reopen();
  know("t", NULL);
  CHECK(store->next_deadline > 0);
  while (clock_wall_ms() < store->next_deadline)
    usleep(1000);
  pass_deadlines();
  CHECK(is_in(id, STORE_COMPLETED));
  CHECK_INT(store->next_deadline, 0);
}

/* Its deadline is over with it, whatever it had ended of. */
static void deadlines_of_jobs_retried_by_hand(void)
{
  know("t", NULL);
  struct store_new job = a_job("t");
  job.deadline_ms = 300;
  int64_t id = add(job), due = store->next_deadline;
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  struct store_bulk again = {.op.kind = STORE_REQUEUE, .max = 1};
  CHECK(act(&again.op) == 0);
  CHECK_INT(again.count, 1);
  while (clock_wall_ms() < due)
    usleep(1000);
  pass_deadlines();
  CHECK(is_in(id, STORE_AVAILABLE));
  CHECK_INT(store->next_deadline, 0);
}

/* More than one turn takes: none of them may begin meanwhile. */
static void many_deadlines(void)
{
  enum { MANY = 5000 };
  struct store_new *jobs = mem_alloc(MANY * sizeof *jobs);
  know("t", NULL);
  for (int i = 0; i < MANY; i++) {
    jobs[i] = a_job("t");
    jobs[i].deadline = clock_wall_ms() - 1;
  }
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = MANY};
  CHECK(act(&op.op) == 0);
  for (int i = 0; i < 7; i++) {
    struct store_claim claim = take(100);
    CHECK_INT((int64_t)claim.n, 0);
    store_op_fini(&claim.op);
  }
  CHECK_INT(stats().counts[STORE_DEAD], MANY);
  free(jobs);
}

/* ---- what rests ---- */

static void set_pause(bool task, const char *name, bool resume)
{
  struct store_pause op = {.op.kind = STORE_PAUSE,
                           .task = task,
                           .name = name,
                           .resume = resume,
                           .by = "ops",
                           .reason = "repairs"};
  CHECK(act(&op.op) == 0);
}

static int64_t add_in(const char *queue, const char *type)
{
  struct store_new job = a_job(type);
  job.queue = queue;
  return add(job);
}

static void paused_queues(void)
{
  know("t", NULL);
  int64_t slow = add_in("slow", "t"), fast = add_in("fast", "t");
  set_pause(false, "slow", false);
  set_pause(false, "nobody", false);
  struct store_claim claim = take(10);
  CHECK_INT((int64_t)claim.n, 1);
  CHECK_INT(claim.jobs[0].id, fast);
  CHECK(!claim.more); /* nobody must ask for it again and again */
  store_op_fini(&claim.op);
  CHECK(is_in(slow, STORE_AVAILABLE));
  CHECK_TEXT(member(slow, "waiting_for"), "\"resume\"");
  reopen();
  know("t", NULL);
  CHECK_INT(take_one().id, 0);
  struct store_queues queues = {.op.kind = STORE_QUEUES};
  CHECK(act(&queues.op) == 0);
  json_t *all = jx_parse(queues.json.data, queues.json.len, &last_err);
  json_t *items = json_object_get(all, "items"), *one = json_array_get(items, 2);
  CHECK_INT((int64_t)json_array_size(items), 3);
  CHECK_TEXT(jx_str(one, "name", ""), "slow");
  CHECK_INT(jx_int(one, "available", -1), 1);
  CHECK_TEXT(jx_str(json_object_get(one, "paused"), "reason", ""), "repairs");
  CHECK_INT(jx_int(json_array_get(items, 0), "running", -1), 1);
  json_decref(all);
  store_op_fini(&queues.op);
  set_pause(false, "slow", true);
  CHECK_INT(take_one().id, slow);
}

static void paused_tasks(void)
{
  know("t", "u");
  int64_t first = add_one("t"), second = add_one("u"), third = add_one("t");
  set_pause(true, "t", false);
  CHECK_INT(take_one().id, second);
  CHECK_INT(take_one().id, 0);
  CHECK(is_in(first, STORE_AVAILABLE));
  CHECK_TEXT(member(first, "waiting_for"), "\"resume\"");
  int64_t fourth = add_one("t");
  CHECK_INT(cancel_one(third), 1);
  set_pause(true, "t", true);
  CHECK_INT(take_one().id, first);
  CHECK_INT(take_one().id, fourth);
  CHECK_INT(take_one().id, 0);
}

static void many_paused(void)
{
  enum { MANY = 12000 };
  struct store_new *jobs = mem_alloc(MANY * sizeof *jobs);
  know("t", NULL);
  set_pause(true, "t", false);
  for (int i = 0; i < MANY; i++)
    jobs[i] = a_job("t");
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = MANY};
  CHECK(act(&op.op) == 0);
  for (int i = 0; i < 4; i++)
    CHECK_INT(take_one().id, 0);
  set_pause(true, "t", true);
  struct store_claim claim = take(MANY);
  CHECK_INT((int64_t)claim.n, MANY);
  CHECK_INT(claim.jobs[MANY - 1].id, jobs[MANY - 1].id);
  store_op_fini(&claim.op);
  free(jobs);
}

/* ---- changes ---- */

static bool edit(struct store_edit op)
{
  op.op.kind = STORE_EDIT;
  op.by = "ops";
  CHECK(act(&op.op) == 0);
  return op.done;
}

static void edits(void)
{
  know("t", NULL);
  int64_t first = add_one("t"), second = add_one("t"), third = add_one("t");
  CHECK(edit((struct store_edit){.id = first, .payload = "{\"a\":1}", .payload_len = 7}));
  CHECK(edit((struct store_edit){.id = third, .sets_priority = true, .priority = -1}));
  CHECK(edit((struct store_edit){
      .id = second, .queue = "other", .sets_tags = true, .tags = "[\"x\"]"}));
  CHECK_TEXT(member(first, "payload"), "{\"a\":1}");
  CHECK_TEXT(member(second, "queue"), "\"other\"");
  CHECK_TEXT(member(second, "tags"), "[\"x\"]");
  CHECK_TEXT(member(third, "priority"), "-1");
  json_t *job = job_of(first), *one = json_array_get(json_object_get(job, "edits"), 0);
  CHECK_TEXT(jx_str(one, "by", ""), "ops");
  CHECK_TEXT(jx_str(one, "action", ""), "edit");
  const json_t *now = json_object_get(json_object_get(one, "detail"), "new");
  CHECK_INT(jx_int(json_object_get(now, "payload"), "a", 0), 1);
  json_decref(job);
  struct store_claim claim = take(3);
  CHECK_INT((int64_t)claim.n, 3);
  bool in_order = false;
  for (int i = 0; i < 3; i++) {
    if (claim.jobs[i].id == first)
      CHECK_TEXT(claim.jobs[i].payload, "{\"a\":1}");
    if (claim.jobs[i].id == third)
      in_order = true;
    CHECK(claim.jobs[i].id != first || in_order);
  }
  store_op_fini(&claim.op);
}

static void edits_of_scheduled_jobs(void)
{
  know("t", NULL);
  int64_t now = clock_wall_ms(), id = add_until(0, 3600000), other = add_one("t");
  CHECK(edit((struct store_edit){.id = id, .sets_priority = true, .priority = 5}));
  CHECK(is_in(id, STORE_SCHEDULED));
  CHECK(
      edit((struct store_edit){.id = other, .sets_time = true, .run_at = now + 7200000}));
  CHECK(is_in(other, STORE_SCHEDULED));
  CHECK_INT(take_one().id, 0);
  CHECK(edit((struct store_edit){.id = id, .sets_time = true}));
  struct taken t = take_one();
  CHECK_INT(t.id, id);
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK_TEXT(member(id, "priority"), "5");
}

static void edits_come_too_late(void)
{
  know("t", NULL);
  struct store_edit later = {.sets_time = true, .run_at = clock_wall_ms() + 3600000};
  later.id = add_one("t");
  struct taken t = take_one();
  CHECK(!edit(later));
  CHECK(is_in(later.id, STORE_RUNNING));
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK(!edit(later));
  later.id = 999999;
  CHECK(!edit(later));
}

/* ---- the audit ---- */

static void what_people_did(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  struct store_bulk op = a_cancel((struct store_filter){.ids = &id, .n_ids = 1});
  op.by = "ada";
  op.asked = "{\"token\":\"abcdef1234567890\"}";
  CHECK(act(&op.op) == 0);
  CHECK(act(&op.op) == 0); /* the second time nothing is done */
  set_pause(false, "default", false);
  struct store_audit audit = {.op.kind = STORE_AUDIT, .limit = 10};
  CHECK(act(&audit.op) == 0);
  CHECK(!strstr(audit.items.data, "abcdef1234567890"));
  json_t *all = jx_parse(audit.items.data, audit.items.len, &last_err);
  CHECK_INT((int64_t)json_array_size(all), 2);
  CHECK_TEXT(jx_str(json_array_get(all, 0), "action", ""), "pause");
  CHECK_TEXT(jx_str(json_array_get(all, 1), "action", ""), "cancel");
  CHECK_TEXT(jx_str(json_array_get(all, 1), "by", ""), "ada");
  json_decref(all);
  store_op_fini(&audit.op);
}

#endif
