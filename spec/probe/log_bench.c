/* links: base store
 *
 * How fast the log table takes lines: log_bench FOLDER [LINES] [BATCH]
 *
 * Writes LINES lines in operations of BATCH, waits until their words are in the index,
 * and searches. Prints the rates as one line of JSON.
 */
#include "base/clock.h"
#include "base/trace.h"
#include "store/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_FLIGHT 4

static struct store *store;
static uv_loop_t *loop;
static int64_t lines = 200000, batch = 1000, written, submitted;

static double seconds_since(int64_t begin_ns)
{
  return (double)(clock_mono_ns() - begin_ns) / 1e9;
}

static void stop_on_error(const struct store_op *op)
{
  if (op->status == 0)
    return;
  fprintf(stderr, "log_bench: %s\n", op->err->text);
  exit(1);
}

/* ---- writing ---- */

static struct store_log_line *make_lines(void)
{
  struct store_log_line *all = mem_alloc((size_t)batch * sizeof *all);
  for (int64_t i = 0; i < batch; i++) {
    char *trace = mem_alloc(TRACE_LEN + 1);
    all[i] = (struct store_log_line){
        .time = clock_wall_ms(),
        .level = i % 50 == 0 ? 2 : 1,
        .message = mem_printf("fetched page %lld of the feed in %lld ms", (long long)i,
                              (long long)i * 7 % 997),
        .attempt = 1,
        .type = "digest",
        .worker = "worker-1",
        .trace = trace,
        .fields = "{\"repo\":\"acme/shop\",\"bytes\":48213}",
    };
  }
  return all;
}

/* Three lines a job, each a trace. */
static void submit(struct store_log_write *write)
{
  for (size_t i = 0; i < write->n; i++) {
    struct store_log_line *line = (struct store_log_line *)(uintptr_t)&write->lines[i];
    line->job = (submitted + (int64_t)i) / 3 + 1;
    trace_of_job((char *)(uintptr_t)line->trace, line->job);
  }
  submitted += batch;
  store_submit(store, &write->op);
}

static void done(struct store_op *op)
{
  struct store_log_write *write = (struct store_log_write *)op;
  stop_on_error(op);
  store_op_fini(op);
  written += (int64_t)write->n;
  if (submitted < lines)
    submit(write);
}

static double write_all(void)
{
  struct store_log_write ops[IN_FLIGHT];
  int64_t begin = clock_mono_ns();
  for (int i = 0; i < IN_FLIGHT; i++) {
    ops[i] = (struct store_log_write){.op = {.kind = STORE_LOG_WRITE, .done = done},
                                      .lines = make_lines(),
                                      .n = (size_t)batch};
    submit(&ops[i]);
  }
  while (written < submitted)
    uv_run(loop, UV_RUN_ONCE);
  return (double)written / seconds_since(begin);
}

/* ---- words ---- */

static int64_t indexed(const char *folder)
{
  sqlite3 *db = NULL;
  sqlite3_stmt *s = NULL;
  int64_t mark = 0;
  char *path = mem_printf("%s/candy.db", folder);
  sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
  sqlite3_prepare_v2(db, "select value from candy_meta where name = 'logs_indexed'", -1,
                     &s, NULL);
  if (sqlite3_step(s) == SQLITE_ROW)
    mark = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  sqlite3_close(db);
  free(path);
  return mark;
}

static double index_all(const char *folder)
{
  int64_t begin = clock_mono_ns(), before = indexed(folder);
  while (indexed(folder) < written)
    usleep(20000);
  return (double)(written - before) / seconds_since(begin);
}

/* ---- looking ---- */

static void set_flag(struct store_op *op)
{
  *(int *)op->arg = 1;
}

static double look(struct store_log_filter filter)
{
  int flag = 0;
  struct store_log_list op = {.op = {.kind = STORE_LOGS, .done = set_flag, .arg = &flag},
                              .filter = filter,
                              .limit = 50};
  int64_t begin = clock_mono_ns();
  store_submit(store, &op.op);
  while (!flag)
    uv_run(loop, UV_RUN_ONCE);
  stop_on_error(&op.op);
  store_op_fini(&op.op);
  return seconds_since(begin) * 1000;
}

int main(int argc, char **argv)
{
  struct err err;
  const char *const none[] = {"no_such_type"};
  if (argc < 2)
    return 2;
  if (argc > 2)
    lines = atoll(argv[2]);
  if (argc > 3)
    batch = atoll(argv[3]);
  struct store_config config = {.folder = argv[1]};
  loop = uv_default_loop();
  if (store_open(&store, loop, "sqlite:", &config, &err) < 0) {
    fprintf(stderr, "log_bench: %s\n", err.text);
    return 1;
  }
  double writes = write_all();
  double tail_ms = look((struct store_log_filter){.search = "nothing"});
  double words = index_all(argv[1]);
  printf("{\"written_per_s\":%.0f,\"indexed_per_s\":%.0f,\"search_tail_ms\":%.1f,"
         "\"search_rare_ms\":%.1f,\"search_common_ms\":%.1f,\"by_job_ms\":%.1f,"
         "\"by_level_ms\":%.1f,\"by_absent_type_ms\":%.1f}\n",
         writes, words, tail_ms, look((struct store_log_filter){.search = "nothing"}),
         look((struct store_log_filter){.search = "fetched page"}),
         look((struct store_log_filter){.job = 3}),
         look((struct store_log_filter){.levels = 12}),
         look((struct store_log_filter){.types = none, .n_types = 1}));
  store_close(&store);
  return 0;
}
