/* links: base store
 *
 * What jobs cost that wait behind one key: blocked FOLDER N
 *
 * Counts, as JSON: rows changed for each of N jobs until all of them wait ("moved"); and
 * the steps of SQLite's machine for 100 other jobs to come, run and end, with nobody
 * waiting ("alone") and with all of them ("beside").
 */
#include "store/harness.h"

#include "store/sqlite.h"

enum { OTHERS = 100 };

static struct sqlite_conn *writer(void)
{
  return &((struct sqlite *)store)->writer.conn;
}

static int64_t steps(void)
{
  int64_t sum = 0;
  for (sqlite3_stmt *s = sqlite3_next_stmt(writer()->db, NULL); s;
       s = sqlite3_next_stmt(writer()->db, s))
    sum += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 0);
  return sum;
}

static void add_many(const char *key, size_t n)
{
  struct store_new *jobs = mem_alloc(n * sizeof *jobs);
  for (size_t i = 0; i < n; i++) {
    jobs[i] = a_job("t");
    jobs[i].key = key;
  }
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = n};
  CHECK(act(&op.op) == 0);
  free(jobs);
}

static int64_t steps_of_others(const char *key)
{
  int64_t before = steps();
  add_many(key, 1);
  for (int i = 0; i < OTHERS; i++) {
    struct taken t = take_one();
    while (!t.id) {
      usleep(1000);
      t = take_one();
    }
    CHECK(finish(t, STORE_OK) == STORE_DONE);
    if (i + 1 < OTHERS)
      add_many(key, 1);
  }
  return steps() - before;
}

int main(int argc, char **argv)
{
  size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
  loop = uv_default_loop();
  store_url = "sqlite:";
  store_folder = argv[1];
  open_store();
  struct store_type t = {.name = "t", .key_limit.concurrency = 1};
  struct store_types types = {.op.kind = STORE_TYPES, .types = &t, .n = 1};
  CHECK(act(&types.op) == 0);
  int64_t alone = steps_of_others("a");
  add_many("busy", n + 1);
  int64_t before = sqlite3_total_changes64(writer()->db);
  CHECK(take_one().id > 0);
  for (bool more = true; more;) {
    struct store_claim claim = take(10);
    CHECK(claim.n == 0);
    more = claim.more || store->next_due;
    store_op_fini(&claim.op);
  }
  int64_t moved = sqlite3_total_changes64(writer()->db) - before;
  int64_t beside = steps_of_others("a");
  printf("{\"moved\":%.3f,\"alone\":%lld,\"beside\":%lld}\n", (double)moved / (double)n,
         (long long)alone, (long long)beside);
  close_store();
  uv_loop_close(loop);
  return 0;
}
