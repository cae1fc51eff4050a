/* A case: random operations against limits and order, and what must hold after each. */
#ifndef CANDY_SPEC_STORE_CASES_GATES_RANDOM_H
#define CANDY_SPEC_STORE_CASES_GATES_RANDOM_H

#include "cases_gates.h"

#define JOBS_OF_A_STORY  120
#define STEPS_OF_A_STORY 500
#define STORIES          12

/* What is known of each job, by the order of entry. */
struct known {
  int64_t id, lease;
  int type, queue, key; /* places in the names below; key 0: none */

  enum { WAITS, RUNS, OVER } state;

  bool told; /* to end */
};

static struct known story[JOBS_OF_A_STORY];
static int story_n;
static bool by_other_policies;
static int ordered_queue; /* jobs in strict order by key are in one queue */

static const char *const story_types[] = {"limited", "ordered", "plain"};
static const char *const story_queues[] = {"default", "line", "capped", "fair"};
static const char *const story_keys[] = {NULL, "a", "b", "c"};

enum { LIMITED, ORDERED, PLAIN };

enum { DEFAULT, LINE, CAPPED, FAIR };

static int any(int n)
{
  return (int)(random() % n);
}

static void say_policies(void)
{
  struct store_type types[] = {
      {.name = "limited", .limit.concurrency = 3, .key_limit.concurrency = 1},
      {.name = "ordered", .order = STORE_BY_KEY},
      {.name = "plain"},
  };
  struct store_queue queues[] = {
      {.name = "line", .order = STORE_STRICT},
      {.name = "capped", .limit.concurrency = 2, .key_limit.concurrency = 1},
      {.name = "fair", .fair = true},
  };
  if (by_other_policies) {
    types[0].key_limit.concurrency = 0;
    types[1].limit.concurrency = 2;
    queues[1].key_limit.concurrency = 0;
    queues[2].key_limit.concurrency = 2;
  }
  know_all(types, 3, queues, 3);
}

static bool is_same_line(const struct known *a, const struct known *b)
{
  bool queue = a->queue == LINE && b->queue == LINE;
  return queue ||
         (a->type == ORDERED && b->type == ORDERED && a->key && a->key == b->key);
}

static void check_order(const struct known *job)
{
  for (const struct known *k = story; k < job; k++)
    CHECK(k->state == OVER || !is_same_line(k, job));
}

static int count_running(int type, int queue, int key)
{
  int n = 0;
  for (const struct known *k = story; k < story + story_n; k++)
    n += k->state == RUNS && (type < 0 || k->type == type) &&
         (queue < 0 || k->queue == queue) && (key < 0 || k->key == key);
  return n;
}

static void check_limits(void)
{
  CHECK(count_running(LIMITED, -1, -1) <= 3);
  CHECK(count_running(-1, CAPPED, -1) <= 2);
  for (int key = 1; key < 4; key++) {
    CHECK(count_running(LIMITED, -1, key) <= 1);
    CHECK(count_running(-1, CAPPED, key) <= 1);
  }
}

/* ---- what happens ---- */

static void enter(void)
{
  if (story_n == JOBS_OF_A_STORY)
    return;
  struct known *k = &story[story_n++];
  *k = (struct known){.type = any(3), .queue = any(4), .key = any(4)};
  if (k->type == ORDERED)
    k->queue = ordered_queue;
  else if (k->type == LIMITED && k->queue == LINE)
    k->queue = DEFAULT;
  struct store_new job = a_job(story_types[k->type]);
  job.queue = story_queues[k->queue];
  job.key = story_keys[k->key];
  job.priority = any(3) - 1;
  k->id = add(job);
}

static struct known *find_known(int64_t id)
{
  struct known *k = story;
  while (k->id != id)
    k++;
  return k;
}

static void begin(void)
{
  struct store_claim claim = take((size_t)any(6) + 1);
  for (size_t i = 0; i < claim.n; i++) {
    struct known *k = find_known(claim.jobs[i].id);
    CHECK(k->state == WAITS);
    check_order(k);
    k->state = RUNS;
    k->lease = claim.jobs[i].lease;
  }
  store_op_fini(&claim.op);
}

static struct known *any_running(void)
{
  int n = count_running(-1, -1, -1), wanted = n ? any(n) : -1;
  for (struct known *k = story; k < story + story_n; k++)
    if (k->state == RUNS && wanted-- == 0)
      return k;
  return NULL;
}

static void end_one(void)
{
  static const enum store_outcome outcomes[] = {STORE_OK,      STORE_OK,    STORE_OK,
                                                STORE_RETRY,   STORE_FAIL,  STORE_SNOOZE,
                                                STORE_RELEASE, STORE_RESCUE};

  struct known *k = any_running();
  if (!k)
    return;
  enum store_outcome outcome = outcomes[any(8)];
  struct store_finish op = a_finish((struct taken){k->id, k->lease}, outcome);
  op.delay_ms = any(3);
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_DONE);
  store_op_fini(&op.op);
  k->state = k->told || outcome == STORE_OK || outcome == STORE_FAIL ? OVER : WAITS;
}

/* One that runs is told, and ends with its claim. */
static void cancel_any(void)
{
  struct known *k = story_n ? &story[any(story_n)] : NULL;
  if (!k || k->state == OVER)
    return;
  struct store_filter filter = {.ids = &k->id, .n_ids = 1};
  struct store_bulk op = {
      .op.kind = STORE_CANCEL, .filter = filter, .max = 1, .reason = ERROR("cancelled")};
  CHECK(act(&op.op) == 0);
  store_op_fini(&op.op);
  k->told = k->state == RUNS;
  k->state = k->told ? RUNS : OVER;
}

/* To another time, which is over soon, or with another payload. What is in strict order
 * gives its place away with it, so these are left alone. */
static void edit_any(void)
{
  struct known *k = story_n ? &story[any(story_n)] : NULL;
  if (!k || k->state != WAITS || k->queue == LINE || k->type == ORDERED)
    return;
  struct store_edit op = {.op.kind = STORE_EDIT,
                          .id = k->id,
                          .by = "a spec",
                          .payload = "{}",
                          .payload_len = 2,
                          .sets_time = any(2),
                          .delay_ms = any(3),
                          .sets_priority = any(2),
                          .priority = any(3)};
  CHECK(act(&op.op) == 0);
  store_op_fini(&op.op);
}

/* Others pass those that rest, in strict order, too: none of these are in the line. */
static void rest(bool resume)
{
  struct store_pause op = {.op.kind = STORE_PAUSE,
                           .by = "a spec",
                           .task = true,
                           .resume = resume,
                           .name = story_types[LIMITED]};
  CHECK(act(&op.op) == 0);
  store_op_fini(&op.op);
}

static void end_in_vain(void)
{
  struct known *k = any_running();
  if (!k)
    return;
  struct store_write write = {"insert into nothing values (1)", "[]"};
  struct store_finish op = a_finish((struct taken){k->id, k->lease}, STORE_OK);
  op.writes = &write;
  op.n_writes = 1;
  CHECK(act(&op.op) == 0);
  CHECK(op.verdict == STORE_REFUSED);
  store_op_fini(&op.op);
}

/* A turn that is played again, with a finish in it. */
static void end_twice(void)
{
  struct known *k = any_running();
  if (!k)
    return;
  struct store_finish op = a_finish((struct taken){k->id, k->lease}, STORE_OK);
  struct store_sql bad = {.op.kind = STORE_EXEC,
                          .sql = "insert or rollback into one values (1)"};
  submit(&op.op);
  submit(&bad.op);
  wait_for_all();
  CHECK(op.verdict == STORE_DONE && bad.op.status < 0);
  store_op_fini(&bad.op);
  store_op_fini(&op.op);
  k->state = OVER;
}

static void restart(void)
{
  reopen();
  if (any(2)) {
    recover();
    for (struct known *k = story; k < story + story_n; k++)
      k->state = k->state != RUNS ? k->state : k->told ? OVER : WAITS;
  }
  say_policies();
}

static void step(void)
{
  int what = any(100);
  if (what < 30)
    enter();
  else if (what < 55)
    begin();
  else if (what < 80)
    end_one();
  else if (what < 84)
    cancel_any();
  else if (what < 87)
    edit_any();
  else if (what < 90)
    rest(any(3) != 0);
  else if (what < 93)
    end_in_vain();
  else if (what < 95)
    end_twice();
  else if (what < 97)
    restart();
  else
    say_policies();
}

/* Nothing is left behind: all of them come to their end. */
static void end_all(void)
{
  int64_t give_up = clock_wall_ms() + 10000;
  rest(true);
  for (int left = story_n; left > 0;) {
    begin();
    left = 0;
    for (struct known *k = story; k < story + story_n; k++) {
      if (k->state == RUNS)
        CHECK(finish((struct taken){k->id, k->lease}, STORE_OK) == STORE_DONE);
      k->state = k->state == RUNS ? OVER : k->state;
      left += k->state != OVER;
    }
    CHECK(clock_wall_ms() < give_up);
  }
}

static void tell_story(unsigned seed, bool policies_change)
{
  printf("# seed %u\n", seed);
  srandom(seed);
  story_n = 0;
  by_other_policies = false;
  ordered_queue = any(4);
  say_policies();
  for (int i = 0; i < STEPS_OF_A_STORY; i++) {
    if (policies_change && any(40) == 0) {
      by_other_policies = !by_other_policies;
      say_policies();
    }
    step();
    if (!policies_change)
      check_limits();
  }
  end_all();
  say_policies();
  CHECK_INT(take_one().id, 0);
}

static void any_order_of_events(void)
{
  unsigned seed = (unsigned)(clock_wall_ms() % 100000);
  make_table("create table one (a unique)");
  EXEC("insert into one values (1)");
  for (unsigned i = 0; i < STORIES; i++)
    tell_story(i < STORIES / 2 ? i : seed + i, i % 2);
}

#endif
