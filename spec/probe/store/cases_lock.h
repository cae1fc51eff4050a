/* Cases: lines of locks, who holds one, and who is next. */
#ifndef CANDY_SPEC_STORE_CASES_LOCK_H
#define CANDY_SPEC_STORE_CASES_LOCK_H

#include "harness.h"

#define HOUR 3600000

/* The changes that operations told, as "TOKEN TOKEN-": with a "-" one whose time is over.
 */
static char lock_changes[512];
static int64_t lock_next_due;

static void keep_changes(const struct store_lock *op)
{
  size_t at = strlen(lock_changes);
  lock_next_due = op->next_due;
  for (size_t i = 0; i < op->n_changes && at < sizeof lock_changes - 32; i++)
    at += (size_t)snprintf(lock_changes + at, 32, "%s%lld%s", at ? " " : "",
                           (long long)op->changes[i].token,
                           op->changes[i].until ? "" : "-");
}

/* Those since the last call. */
static const char *told_of_locks(void)
{
  static char text[sizeof lock_changes];
  memcpy(text, lock_changes, sizeof text);
  lock_changes[0] = 0;
  return text;
}

static struct store_lock lock_act(struct store_lock op)
{
  op.op.kind = STORE_LOCK;
  CHECK(act(&op.op) == 0);
  keep_changes(&op);
  store_op_fini(&op.op);
  return op;
}

/* The token; 0 when it did not join the line. */
static int64_t join_line(const char *name, int64_t wait_ms, int64_t ttl_ms,
                         enum store_lock_state want)
{
  struct store_lock op = lock_act((struct store_lock){
      .verb = STORE_LOCK_TAKE, .name = name, .wait_ms = wait_ms, .ttl_ms = ttl_ms});
  CHECK_INT(op.state, want);
  return op.token;
}

static enum store_lock_state leave_lines(const int64_t *tokens, size_t n)
{
  return lock_act((struct store_lock){
                      .verb = STORE_LOCK_LEAVE, .tokens = tokens, .n_tokens = n})
      .state;
}

static enum store_lock_state leave_line(int64_t token)
{
  return leave_lines(&token, 1);
}

static enum store_lock_state extend_lease(int64_t token, int64_t ttl_ms)
{
  struct store_lock op = lock_act((struct store_lock){
      .verb = STORE_LOCK_EXTEND, .tokens = &token, .n_tokens = 1, .ttl_ms = ttl_ms});
  return op.state;
}

static const char *shown(int64_t a, const char *after, int64_t b)
{
  static char text[64];
  snprintf(text, sizeof text, "%lld%s%lld", (long long)a, after, (long long)b);
  return text;
}

static const char *one(int64_t token)
{
  static char text[32];
  snprintf(text, sizeof text, "%lld", (long long)token);
  return text;
}

static const char *ended(int64_t token)
{
  static char text[32];
  snprintf(text, sizeof text, "%lld-", (long long)token);
  return text;
}

/* Looks until something has been due. */
static const char *look_until_due(void)
{
  while (!lock_changes[0]) {
    usleep(1000);
    lock_act((struct store_lock){.verb = STORE_LOCK_LOOK});
  }
  return told_of_locks();
}

static void a_lock_has_one_holder(void)
{
  int64_t a = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  CHECK(a > 0 && lock_next_due > 0);
  CHECK_INT(join_line("x", 0, HOUR, STORE_LOCK_OVER), 0);
  int64_t other = join_line("y", 0, HOUR, STORE_LOCK_HELD);
  CHECK(other > a);
  CHECK(leave_line(a) == STORE_LOCK_HELD);
  CHECK(leave_line(a) == STORE_LOCK_OVER);
  CHECK(join_line("x", 0, HOUR, STORE_LOCK_HELD) > other);
  CHECK(leave_line(other) == STORE_LOCK_HELD);
}

static void locks_of_workspaces_are_apart(void)
{
  struct store_lock op = {.verb = STORE_LOCK_TAKE, .name = "x", .ttl_ms = HOUR};
  CHECK_INT(lock_act(op).state, STORE_LOCK_HELD);
  op.workspace = "other";
  CHECK_INT(lock_act(op).state, STORE_LOCK_HELD);
  op.workspace = "default";
  CHECK_INT(lock_act(op).state, STORE_LOCK_OVER);
}

static void locks_come_in_order_of_arrival(void)
{
  int64_t line[5];
  line[0] = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  for (int i = 1; i < 5; i++) {
    line[i] = join_line("x", HOUR, HOUR, STORE_LOCK_WAITS);
    CHECK(line[i] > line[i - 1]);
  }
  CHECK(leave_line(line[2]) == STORE_LOCK_OVER); /* it only waited */
  CHECK_TEXT(told_of_locks(), "");
  CHECK(leave_line(line[0]) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), one(line[1]));
  CHECK_INT(join_line("x", 0, HOUR, STORE_LOCK_OVER), 0); /* nobody overtakes */
  CHECK(leave_line(line[1]) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), one(line[3]));
  CHECK(leave_line(line[3]) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), one(line[4]));
  CHECK(leave_line(line[4]) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), "");
  CHECK_INT(lock_next_due, 0);
}

/* All that one job has, holders and waiters of several lines. */
static void locks_left_together(void)
{
  int64_t mine[3];
  mine[0] = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  int64_t next = join_line("x", HOUR, HOUR, STORE_LOCK_WAITS);
  mine[1] = join_line("y", 0, HOUR, STORE_LOCK_HELD);
  mine[2] = join_line("x", HOUR, HOUR, STORE_LOCK_WAITS);
  CHECK(leave_lines(mine, 3) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), one(next));
  CHECK(leave_line(next) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), "");
}

static void leases_end(void)
{
  int64_t b = join_line("y", 0, HOUR, STORE_LOCK_HELD);
  int64_t a = join_line("x", 0, 1, STORE_LOCK_HELD);
  CHECK_TEXT(look_until_due(), ended(a));
  CHECK(extend_lease(a, HOUR) == STORE_LOCK_OVER);
  CHECK(leave_line(a) == STORE_LOCK_OVER);
  CHECK(extend_lease(b, HOUR) == STORE_LOCK_HELD);
  CHECK(join_line("x", 0, HOUR, STORE_LOCK_HELD) > a);
}

static void an_ended_lease_goes_to_the_next(void)
{
  int64_t a = join_line("x", 0, 50, STORE_LOCK_HELD);
  int64_t b = join_line("x", HOUR, HOUR, STORE_LOCK_WAITS);
  CHECK_TEXT(look_until_due(), shown(a, "- ", b));
  CHECK(extend_lease(b, HOUR) == STORE_LOCK_HELD);
}

static void an_extended_lease_counts_from_now(void)
{
  int64_t a = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  int64_t first = lock_next_due;
  CHECK(extend_lease(a, 2 * HOUR) == STORE_LOCK_HELD);
  CHECK(lock_next_due >= first + HOUR);
  CHECK(extend_lease(a, 1) == STORE_LOCK_HELD); /* and may end sooner */
  look_until_due();
  CHECK(extend_lease(a, HOUR) == STORE_LOCK_OVER);
  int64_t b = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  int64_t waits = join_line("x", HOUR, HOUR, STORE_LOCK_WAITS);
  CHECK(extend_lease(waits, HOUR) == STORE_LOCK_OVER); /* it has no lease yet */
  CHECK(leave_line(b) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), one(waits));
}

static void patience_ends(void)
{
  int64_t a = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  int64_t b = join_line("x", 20, HOUR, STORE_LOCK_WAITS);
  int64_t c = join_line("x", HOUR, HOUR, STORE_LOCK_WAITS);
  CHECK_TEXT(look_until_due(), ended(b));
  CHECK(leave_line(a) == STORE_LOCK_HELD);
  CHECK_TEXT(told_of_locks(), one(c));
}

/* Whose patience is over is not given the lock, though its holder ends only now. One
 * turn, so that both end in the same moment. */
static void patience_and_lease_end_together(void)
{
  int64_t a = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  struct store_lock ops[] = {
      {.verb = STORE_LOCK_TAKE, .name = "x", .wait_ms = 1, .ttl_ms = HOUR},
      {.verb = STORE_LOCK_TAKE, .name = "x", .wait_ms = HOUR, .ttl_ms = HOUR},
      {.verb = STORE_LOCK_EXTEND, .tokens = &a, .n_tokens = 1, .ttl_ms = 1},
  };
  char want[96];
  for (int i = 0; i < 3; i++) {
    ops[i].op.kind = STORE_LOCK;
    submit(&ops[i].op);
  }
  wait_for_all();
  snprintf(want, sizeof want, "%lld- %lld- %lld", (long long)ops[0].token, (long long)a,
           (long long)ops[1].token);
  CHECK_TEXT(look_until_due(), want);
}

static void a_line_has_an_end(void)
{
  for (int i = 0; i < STORE_LOCK_LINE; i++)
    join_line("x", HOUR, HOUR, i ? STORE_LOCK_WAITS : STORE_LOCK_HELD);
  CHECK_INT(join_line("x", HOUR, HOUR, STORE_LOCK_CROWDED), 0);
  join_line("y", HOUR, HOUR, STORE_LOCK_HELD);
}

static void many_are_due_at_once(void)
{
  enum { LOCKS = 1200 };

  char name[32];
  for (int i = 0; i < LOCKS; i++) {
    snprintf(name, sizeof name, "%d", i);
    join_line(name, 0, 1, STORE_LOCK_HELD);
  }
  while (lock_next_due)
    lock_act((struct store_lock){.verb = STORE_LOCK_LOOK});
}

/* In one turn: who comes before the holder leaves waits, and is next. */
static void locks_in_one_turn(void)
{
  int64_t a = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  struct store_lock take = {.op.kind = STORE_LOCK,
                            .verb = STORE_LOCK_TAKE,
                            .name = "x",
                            .wait_ms = HOUR,
                            .ttl_ms = HOUR};
  struct store_lock go = {
      .op.kind = STORE_LOCK, .verb = STORE_LOCK_LEAVE, .tokens = &a, .n_tokens = 1};
  submit(&take.op);
  submit(&go.op);
  wait_for_all();
  CHECK_INT(take.state, STORE_LOCK_WAITS);
  keep_changes(&go);
  CHECK_TEXT(told_of_locks(), one(take.token));
  store_op_fini(&take.op);
  store_op_fini(&go.op);
}

/* The lines outlive the store's end; a host's start empties them, and tokens still grow.
 */
static void locks_after_a_restart(void)
{
  int64_t a = join_line("x", 0, HOUR, STORE_LOCK_HELD);
  reopen();
  CHECK_INT(join_line("x", 0, HOUR, STORE_LOCK_OVER), 0);
  int64_t waits = join_line("x", HOUR, HOUR, STORE_LOCK_WAITS);
  CHECK(waits > a);
  struct store_recover op = {.op.kind = STORE_RECOVER};
  CHECK(act(&op.op) == 0);
  CHECK(extend_lease(a, HOUR) == STORE_LOCK_OVER);
  CHECK_INT(lock_next_due, 0);
  CHECK(leave_line(waits) == STORE_LOCK_OVER);
  reopen();
  CHECK(join_line("x", 0, HOUR, STORE_LOCK_HELD) > waits);
}

static void scripts_leave_locks_alone(void)
{
  CHECK_TEXT(QUERY("select * from candy_lock"), "sql_forbidden");
  CHECK_TEXT(EXEC("delete from candy_lock"), "sql_forbidden");
}

#endif
