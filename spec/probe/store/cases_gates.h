/* Cases: limits, strict order, fairness, ageing: who may run, and who is next. */
#ifndef CANDY_SPEC_STORE_CASES_GATES_H
#define CANDY_SPEC_STORE_CASES_GATES_H

#include "cases_queue.h"
#include "harness.h"

/* ---- policies, and jobs with keys ---- */

static inline void know_all(const struct store_type *types, size_t n,
                            const struct store_queue *queues, size_t n_queues)
{
  struct store_types op = {.op.kind = STORE_TYPES,
                           .types = types,
                           .n = n,
                           .queues = queues,
                           .n_queues = n_queues};
  CHECK(act(&op.op) == 0);
}

static inline void know_type(struct store_type type)
{
  know_all(&type, 1, NULL, 0);
}

/* Type "t", which has no policy, and a queue. */
static inline void know_queue(struct store_queue queue)
{
  struct store_type t = {.name = "t"};
  know_all(&t, 1, &queue, 1);
}

static inline int64_t add_keyed(const char *type, const char *queue, const char *key)
{
  struct store_new job = a_job(type);
  job.queue = queue;
  job.key = key;
  return add(job);
}

enum { TAKEN_MAX = 200 };

struct taken_all {
  struct taken jobs[TAKEN_MAX];
  size_t n;
  bool more;
};

static inline struct taken_all take_all(void)
{
  struct taken_all all = {.n = 0};
  struct store_claim claim = take(TAKEN_MAX);
  for (; all.n < claim.n; all.n++)
    all.jobs[all.n] = (struct taken){claim.jobs[all.n].id, claim.jobs[all.n].lease};
  all.more = claim.more;
  store_op_fini(&claim.op);
  return all;
}

/* Takes all there is, which must be these, up to a 0. */
static inline struct taken_all take_these(int line, const int64_t *ids)
{
  struct taken_all all = take_all();
  size_t n = 0;
  while (ids[n])
    n++;
  if (n != all.n)
    printf("# line %d takes %zu\n", line, all.n);
  CHECK_INT((int64_t)all.n, (int64_t)n);
  for (size_t i = 0; i < n; i++)
    CHECK_INT(all.jobs[i].id, ids[i]);
  CHECK(!all.more);
  return all;
}

#define THESE(...) take_these(__LINE__, (const int64_t[]){__VA_ARGS__, 0})

static inline void recover(void)
{
  struct store_recover op = {.op.kind = STORE_RECOVER};
  CHECK(act(&op.op) == 0);
}

/* The next job, however long it takes; the store says when to look again. */
static inline struct taken take_when_due(void)
{
  for (;;) {
    struct store_claim claim = take(1);
    bool again = claim.more || store->next_due > 0;
    struct taken t = {0, 0};
    if (claim.n)
      t = (struct taken){claim.jobs[0].id, claim.jobs[0].lease};
    store_op_fini(&claim.op);
    if (t.id)
      return t;
    CHECK(again);
    usleep(1000);
  }
}

/* ---- limits ---- */

static void limit_of_a_task(void)
{
  struct store_type types[] = {{.name = "few", .limit.concurrency = 2}, {.name = "many"}};
  int64_t few[5];
  know_all(types, 2, NULL, 0);
  for (int i = 0; i < 5; i++)
    few[i] = add_one("few");
  int64_t many = add_one("many");
  struct taken_all first = THESE(few[0], few[1], many);
  CHECK(is_in(few[2], STORE_AVAILABLE));
  CHECK_TEXT(member(few[2], "waiting_for"), "\"limit\"");
  CHECK_INT(stats().counts[STORE_AVAILABLE], 3);
  CHECK_INT(stats().set_aside, 0);
  THESE(0);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_DONE);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_STALE);
  struct taken_all second = THESE(few[2]);
  CHECK(finish(second.jobs[0], STORE_FAIL) == STORE_DONE);
  CHECK(finish(first.jobs[1], STORE_RETRY) == STORE_DONE);
  THESE(few[3], few[4]);
}

static void limit_of_a_key(void)
{
  know_type((struct store_type){.name = "t", .key_limit.concurrency = 1});
  int64_t a1 = add_keyed("t", NULL, "a"), a2 = add_keyed("t", NULL, "a"),
          b1 = add_keyed("t", NULL, "b"), none1 = add_keyed("t", NULL, NULL),
          none2 = add_keyed("t", NULL, NULL), b2 = add_keyed("t", NULL, "b");
  struct taken_all first = THESE(a1, b1, none1, none2);
  CHECK(finish(first.jobs[1], STORE_OK) == STORE_DONE);
  THESE(b2);
  CHECK(finish(first.jobs[0], STORE_SNOOZE) == STORE_DONE);
  struct taken_all second = THESE(a2);
  CHECK(is_in(a1, STORE_AVAILABLE));
  CHECK(finish(second.jobs[0], STORE_OK) == STORE_DONE);
  THESE(a1);
}

static void limit_of_a_queue(void)
{
  struct store_queue q = {.name = "q", .limit.concurrency = 2};
  know_queue(q);
  int64_t ids[4], other = add_one("t");
  for (int i = 0; i < 4; i++)
    ids[i] = add_keyed("t", "q", NULL);
  struct taken_all first = take_all();
  CHECK_INT((int64_t)first.n, 3);
  CHECK(is_in(ids[0], STORE_RUNNING) && is_in(ids[1], STORE_RUNNING));
  CHECK(finish(first.jobs[first.jobs[0].id == other], STORE_OK) == STORE_DONE);
  THESE(ids[2]);
  q.limit.concurrency = 3;
  know_queue(q);
  THESE(ids[3]);
}

static void limit_of_a_key_in_a_queue(void)
{
  struct store_queue q = {.name = "q", .key_limit.concurrency = 1};
  struct store_type types[] = {{.name = "t"}, {.name = "u"}};
  know_all(types, 2, &q, 1);
  int64_t a1 = add_keyed("t", "q", "a"), a2 = add_keyed("u", "q", "a"),
          b1 = add_keyed("u", "q", "b"), elsewhere = add_keyed("t", NULL, "a");
  struct taken_all first = take_all();
  CHECK_INT((int64_t)first.n, 3);
  CHECK(is_in(a1, STORE_RUNNING) && is_in(b1, STORE_RUNNING));
  CHECK(is_in(elsewhere, STORE_RUNNING) && is_in(a2, STORE_AVAILABLE));
  for (size_t i = 0; i < first.n; i++)
    CHECK(finish(first.jobs[i], STORE_OK) == STORE_DONE);
  THESE(a2);
}

/* A job that has its key's slot keeps it while it waits for one of its task. */
static void limits_together(void)
{
  know_type((struct store_type){
      .name = "t", .limit.concurrency = 2, .key_limit.concurrency = 1});
  int64_t a1 = add_keyed("t", NULL, "a"), b1 = add_keyed("t", NULL, "b"),
          b2 = add_keyed("t", NULL, "b"), c1 = add_keyed("t", NULL, "c"),
          c2 = add_keyed("t", NULL, "c"), d1 = add_keyed("t", NULL, "d");
  struct taken_all first = THESE(a1, b1);
  CHECK(finish(first.jobs[1], STORE_OK) == STORE_DONE);
  struct taken_all second = THESE(c1);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_DONE);
  struct taken_all third = THESE(b2);
  CHECK(finish(second.jobs[0], STORE_OK) == STORE_DONE);
  CHECK(finish(third.jobs[0], STORE_OK) == STORE_DONE);
  THESE(c2, d1);
}

/* Slots are what runs, whatever happened meanwhile. */
static void slots_survive(void)
{
  struct store_type t = {.name = "t", .key_limit.concurrency = 1};
  know_type(t);
  int64_t a1 = add_keyed("t", NULL, "a"), a2 = add_keyed("t", NULL, "a"),
          b1 = add_keyed("t", NULL, "b"), b2 = add_keyed("t", NULL, "b");
  THESE(a1, b1);
  reopen();
  know_type(t);
  THESE(0);
  reopen();
  recover();
  know_type(t);
  struct taken_all first = THESE(a1, b1);
  CHECK(finish(first.jobs[0], STORE_RELEASE) == STORE_DONE);
  CHECK(finish(first.jobs[1], STORE_RESCUE) == STORE_DONE);
  reopen();
  know_type(t);
  first = THESE(a1, b1);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_DONE);
  CHECK(finish(first.jobs[1], STORE_OK) == STORE_DONE);
  reopen();
  know_type(t);
  THESE(a2, b2);
}

static void limits_change(void)
{
  struct store_type t = {.name = "t", .limit.concurrency = 1};
  int64_t ids[7];
  know_type(t);
  for (int i = 0; i < 7; i++)
    ids[i] = add_keyed("t", NULL, i % 2 ? "odd" : "even");
  struct taken_all first = THESE(ids[0]);
  t.limit.concurrency = 3;
  know_type(t);
  struct taken_all second = THESE(ids[1], ids[2]);
  t.limit.concurrency = 1;
  know_type(t);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_DONE);
  CHECK(finish(second.jobs[0], STORE_OK) == STORE_DONE);
  THESE(0);
  CHECK(finish(second.jobs[1], STORE_OK) == STORE_DONE);
  first = THESE(ids[3]);
  t.limit.concurrency = 0;
  t.key_limit.concurrency = 1;
  know_type(t);
  THESE(ids[4]);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_DONE);
  THESE(ids[5]);
  know("t", NULL);
  THESE(ids[6]);
}

/* An operation that fails, or a turn that is played again, leaves no slot taken. */
static void limits_and_failures(void)
{
  know_type((struct store_type){.name = "t", .limit.concurrency = 1});
  make_table("create table one (a unique)");
  EXEC("insert into one values (1)");
  int64_t first = add_one("t"), second = add_one("t");
  struct store_write write = {"insert into one values (1)", "[]"};
  struct store_finish refused = a_finish(THESE(first).jobs[0], STORE_OK);
  refused.writes = &write;
  refused.n_writes = 1;
  CHECK(act(&refused.op) == 0);
  CHECK(refused.verdict == STORE_REFUSED);
  store_op_fini(&refused.op);
  THESE(0);
  CHECK(is_in(second, STORE_AVAILABLE));
  struct store_finish good =
      a_finish((struct taken){refused.id, refused.lease}, STORE_OK);
  struct store_sql bad = {.op.kind = STORE_EXEC,
                          .sql = "insert or rollback into one values (1)"};
  submit(&good.op);
  submit(&bad.op);
  wait_for_all();
  CHECK(good.verdict == STORE_DONE && bad.op.status < 0);
  store_op_fini(&bad.op);
  THESE(second);
}

static void many_behind_one_key(void)
{
  enum { BEHIND = 12000 };

  struct store_new *jobs = mem_alloc(BEHIND * sizeof *jobs);
  know_type((struct store_type){.name = "t", .key_limit.concurrency = 1});
  for (int i = 0; i < BEHIND; i++) {
    jobs[i] = a_job("t");
    jobs[i].key = "busy";
  }
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = BEHIND};
  CHECK(act(&op.op) == 0);
  int64_t other = add_keyed("t", NULL, "idle");
  struct taken busy = take_when_due();
  CHECK_INT(busy.id, jobs[0].id);
  CHECK_INT(take_when_due().id, other);
  for (int i = 1; i < 20; i++) {
    CHECK(finish(busy, STORE_OK) == STORE_DONE);
    busy = THESE(jobs[i].id).jobs[0];
  }
  free(jobs);
}

/* ---- rates ---- */

static void rate_of_a_task(void)
{
  enum { WINDOW = 400 };

  struct store_type t = {.name = "t", .limit = {.rate = 3, .window_ms = WINDOW}};
  int64_t ids[7];
  know_type(t);
  for (int i = 0; i < 7; i++)
    ids[i] = add_one("t");
  int64_t began = clock_wall_ms();
  for (int i = 0; i < 3; i++)
    CHECK(finish(take_when_due(), STORE_OK) == STORE_DONE);
  reopen();
  know_type(t);
  CHECK_INT(take_when_due().id, ids[3]);
  CHECK(clock_wall_ms() >= began + WINDOW);
  for (int i = 4; i < 7; i++)
    CHECK_INT(take_when_due().id, ids[i]);
  CHECK(clock_wall_ms() >= began + 2 * WINDOW);
}

static void rate_of_a_key_and_of_a_queue(void)
{
  struct store_type t = {.name = "t", .key_limit = {.rate = 1, .window_ms = 60000}};
  struct store_queue q = {.name = "q", .limit = {.rate = 2, .window_ms = 60000}};
  know_all(&t, 1, &q, 1);
  int64_t a1 = add_keyed("t", "q", "a"), a2 = add_keyed("t", "q", "a"),
          b1 = add_keyed("t", "q", "b"), c1 = add_keyed("t", "q", "c"),
          a3 = add_keyed("t", NULL, "a"), c2 = add_keyed("t", NULL, "c");
  struct taken_all all = take_all();
  CHECK_INT((int64_t)all.n, 3);
  CHECK(is_in(a1, STORE_RUNNING) || is_in(a3, STORE_RUNNING));
  CHECK(is_in(a2, STORE_AVAILABLE));
  CHECK(is_in(b1, STORE_RUNNING) || is_in(c1, STORE_RUNNING));
  CHECK(is_in(c1, STORE_RUNNING) != is_in(c2, STORE_RUNNING));
  THESE(0);
}

/* What never began counts for nothing. */
static void rate_of_released_jobs(void)
{
  struct store_type t = {.name = "t", .limit = {.rate = 2, .window_ms = 60000}};
  know_type(t);
  int64_t a = add_one("t"), b = add_one("t"), c = add_one("t");
  struct taken_all first = THESE(a, b);
  CHECK(finish(first.jobs[0], STORE_RELEASE) == STORE_DONE);
  reopen();
  know_type(t);
  first = THESE(a);
  CHECK(finish(first.jobs[0], STORE_RESCUE) == STORE_DONE);
  THESE(0);
  CHECK(is_in(c, STORE_AVAILABLE));
}

/* ---- order ---- */

static void strict_order_by_key(void)
{
  struct store_type t = {.name = "t", .order = STORE_BY_KEY};
  know_type(t);
  int64_t a1 = add_keyed("t", NULL, "a"), a2 = add_keyed("t", NULL, "a"),
          b1 = add_keyed("t", NULL, "b");
  struct store_new urgent = a_job("t");
  urgent.key = "a";
  urgent.priority = -5;
  int64_t a3 = add(urgent);
  struct taken_all first = THESE(a1, b1);
  CHECK_TEXT(member(a2, "waiting_for"), "\"order\"");
  struct store_finish later = a_finish(first.jobs[0], STORE_RETRY);
  later.delay_ms = 100;
  int64_t earliest = clock_wall_ms() + later.delay_ms;
  CHECK(act(&later.op) == 0);
  reopen();
  know_type(t);
  first.jobs[0] = take_when_due();
  CHECK_INT(first.jobs[0].id, a1);
  CHECK(clock_wall_ms() >= earliest);
  THESE(0);
  CHECK(finish(first.jobs[0], STORE_RESCUE) == STORE_DONE);
  first = THESE(a1);
  CHECK(finish(first.jobs[0], STORE_SNOOZE) == STORE_DONE);
  first = THESE(a1);
  CHECK(finish(first.jobs[0], STORE_FAIL) == STORE_DONE);
  first = THESE(a2);
  CHECK(finish(first.jobs[0], STORE_OK) == STORE_DONE);
  THESE(a3);
}

static void strict_order_of_a_queue(void)
{
  struct store_queue q = {.name = "q", .order = STORE_STRICT};
  int64_t ids[4];
  know_queue(q);
  for (int i = 0; i < 4; i++)
    ids[i] = add_keyed("t", "q", i % 2 ? "odd" : NULL);
  int64_t other = add_one("t");
  struct taken_all first = take_all();
  CHECK_INT((int64_t)first.n, 2);
  CHECK(is_in(ids[0], STORE_RUNNING) && is_in(other, STORE_RUNNING));
  struct taken t = first.jobs[first.jobs[0].id == other];
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  reopen();
  know_queue(q);
  t = THESE(ids[0]).jobs[0];
  CHECK(finish(t, STORE_RELEASE) == STORE_DONE);
  t = THESE(ids[0]).jobs[0];
  reopen();
  recover();
  know_queue(q);
  first = take_all();
  CHECK_INT((int64_t)first.n, 2);
  t = first.jobs[first.jobs[0].id == other];
  CHECK_INT(t.id, ids[0]);
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  t = THESE(ids[1]).jobs[0];
  CHECK(finish(t, STORE_FAIL) == STORE_DONE);
  THESE(ids[2]);
  know_queue((struct store_queue){.name = "q"});
  THESE(ids[3]);
}

/* ---- fairness, ageing ---- */

static int64_t runs_of(const char *key, size_t n)
{
  int64_t found = 0;
  for (size_t i = 0; i < n; i++) {
    struct store_claim claim = take(1);
    CHECK_INT((int64_t)claim.n, 1);
    found += strcmp(claim.jobs[0].key, key) == 0;
    store_op_fini(&claim.op);
  }
  return found;
}

static void keys_take_turns(void)
{
  struct store_queue q = {.name = "q", .fair = true};
  know_queue(q);
  for (int i = 0; i < 60; i++)
    add_keyed("t", "q", "big");
  CHECK_INT(runs_of("big", 10), 10);
  for (int i = 0; i < 10; i++)
    add_keyed("t", "q", i % 2 ? "small" : "tiny");
  CHECK_INT(runs_of("big", 15), 5);
  CHECK_INT(runs_of("big", 10), 10);
  reopen();
  know_queue(q);
  for (int i = 0; i < 10; i++)
    add_keyed("t", "q", "small");
  int64_t shared = runs_of("big", 20);
  CHECK(shared >= 9 && shared <= 11);
}

static void keys_have_weights(void)
{
  struct store_weight weights[] = {{"zeta", 1}, {"acme", 3}};
  know_queue((struct store_queue){
      .name = "q", .fair = true, .weights = weights, .n_weights = 2});
  for (int i = 0; i < 60; i++) {
    add_keyed("t", "q", "zeta");
    add_keyed("t", "q", "acme");
  }
  int64_t acme = runs_of("acme", 40);
  CHECK(acme >= 29 && acme <= 31);
}

static void waiting_makes_urgent(void)
{
  know_queue((struct store_queue){.name = "q", .ageing_ms = 40});
  struct store_new old = a_job("t"), urgent = a_job("t");
  old.queue = urgent.queue = "q";
  old.priority = 3;
  int64_t first = add(old), never = 0;
  int64_t added = clock_wall_ms();
  urgent.priority = 1;
  int64_t soon = add(urgent);
  bool in_time = clock_wall_ms() < added + 60;
  old.priority = 1000000;
  never = add(old);
  CHECK_TEXT(member(never, "priority"), "1000000");
  wait_until(added + 200);
  int64_t late = add(urgent);
  struct store_claim claim = take(10);
  CHECK_INT((int64_t)claim.n, 4);
  CHECK_INT(claim.jobs[0].id, in_time ? soon : claim.jobs[0].id);
  CHECK_INT(claim.jobs[1].id, in_time ? first : claim.jobs[1].id);
  CHECK_INT(claim.jobs[2].id, late);
  CHECK_INT(claim.jobs[3].id, never);
  CHECK_INT(claim.jobs[3].priority, 1000000);
  struct taken t = {never, claim.jobs[3].lease};
  store_op_fini(&claim.op);
  CHECK(finish(t, STORE_RELEASE) == STORE_DONE);
  CHECK_TEXT(member(never, "retry_count"), "0");
  t = THESE(never).jobs[0];
  CHECK(finish(t, STORE_RETRY) == STORE_DONE);
  CHECK_TEXT(member(THESE(never).jobs[0].id, "retry_count"), "1");
}

#endif
