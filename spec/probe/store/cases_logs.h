/* Cases: the log table: lines in, pages by filter and search, their end. */
#ifndef CANDY_SPEC_STORE_CASES_LOGS_H
#define CANDY_SPEC_STORE_CASES_LOGS_H

#include "harness.h"

#include <sqlite3.h>

static void log_lines(const struct store_log_line *lines, size_t n)
{
  struct store_log_write op = {.op.kind = STORE_LOG_WRITE, .lines = lines, .n = n};
  CHECK(act(&op.op) == 0);
  store_op_fini(&op.op);
}

static struct store_log_line a_line(const char *message)
{
  return (struct store_log_line){.time = clock_wall_ms(), .level = 1, .message = message};
}

static void log_text(const char *message)
{
  struct store_log_line line = a_line(message);
  log_lines(&line, 1);
}

/* Runs a page and returns its ids as "3 2 1"; those that are context in parentheses. In
 * memory that the next call takes back. */
static const char *page_of(struct store_log_list *op)
{
  static struct buf ids;
  size_t i;
  json_t *item;
  op->op = (struct store_op){.kind = STORE_LOGS};
  if (op->limit == 0)
    op->limit = 100;
  ids.len = 0;
  buf_puts(&ids, "");
  if (act(&op->op) < 0) {
    buf_puts(&ids, last_err.code);
    store_op_fini(&op->op);
    return ids.data;
  }
  json_t *items = jx_parse(op->items.data, op->items.len, &last_err);
  CHECK(items);
  json_array_foreach(items, i, item) {
    const char *id = jx_str(item, "id", "?");
    bool hit = jx_bool(item, "match", true);
    buf_printf(&ids, hit ? "%s%s" : "%s(%s)", i ? " " : "", id);
  }
  json_decref(items);
  store_op_fini(&op->op);
  return ids.data;
}

static const char *lines_by(struct store_log_filter filter)
{
  return page_of(&(struct store_log_list){.filter = filter});
}

static const char *search(const char *text)
{
  return lines_by((struct store_log_filter){.search = text});
}

/* Until the index of words has caught up with the log. Only SQLite has one that is
 * behind. */
static void wait_for_words(int64_t last)
{
  char *path = mem_printf("%s/candy.db", store_folder);
  int64_t mark = -1, deadline = clock_mono_ns() + 20000 * CLOCK_MS;
  while (mark != last && clock_mono_ns() < deadline) {
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    usleep(10000);
    CHECK(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    sqlite3_prepare_v2(db, "select value from candy_meta where name = 'logs_indexed'", -1,
                       &s, NULL);
    if (sqlite3_step(s) == SQLITE_ROW)
      mark = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
  }
  free(path);
  CHECK_INT(mark, last);
}

/* ---- in and out ---- */

static void a_log_line_in_full(void)
{
  static const char want[] =
      "{\"id\":\"1\",\"time\":1700000000000,\"level\":\"error\",\"message\":\"it "
      "\\\"broke\\\"\","
      "\"job_id\":\"12\",\"attempt\":3,\"type\":\"digest\","
      "\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\",\"worker\":\"w1\","
      "\"workspace\":\"acme\",\"fields\":{\"n\": 1.50}}";
  struct store_log_line lines[] = {{.time = 1700000000000,
                                    .level = 3,
                                    .message = "it \"broke\"",
                                    .job = 12,
                                    .attempt = 3,
                                    .type = "digest",
                                    .worker = "w1",
                                    .trace = "0af7651916cd43dd8448eb211c80319c",
                                    .workspace = "acme",
                                    .fields = "{\"n\": 1.50}"},
                                   {.time = 1700000000001, .message = "bare"}};
  log_lines(lines, 2);
  struct store_log_get get = {.op.kind = STORE_LOG, .id = 1};
  CHECK(act(&get.op) == 0);
  CHECK_TEXT(get.json.data, want);
  store_op_fini(&get.op);
  get.id = 2;
  CHECK(act(&get.op) == 0);
  CHECK_TEXT(
      get.json.data,
      "{\"id\":\"2\",\"time\":1700000000001,\"level\":\"debug\",\"message\":\"bare\","
      "\"job_id\":null,\"attempt\":null,\"type\":null,\"trace_id\":null,"
      "\"worker\":null,\"workspace\":\"default\",\"fields\":null}");
  store_op_fini(&get.op);
  get.id = 3;
  CHECK(act(&get.op) == 0);
  CHECK_INT((int64_t)get.json.len, 0);
}

static void log_lines_without_message(void)
{
  struct store_log_line lines[] = {a_line("good"), a_line(" \t\n")};
  struct store_log_write op = {.op.kind = STORE_LOG_WRITE, .lines = lines, .n = 2};
  CHECK(act(&op.op) < 0);
  CHECK_TEXT(last_err.code, "log_empty");
  store_op_fini(&op.op);
  lines[1] = a_line("good");
  lines[1].level = 4;
  CHECK(act(&op.op) < 0);
  CHECK_TEXT(last_err.code, "log_level");
  store_op_fini(&op.op);
  CHECK_TEXT(lines_by((struct store_log_filter){0}), "");
}

static void log_filters(void)
{
  struct store_log_line lines[6];
  for (int i = 0; i < 6; i++) {
    lines[i] = a_line("line");
    lines[i].level = i % 4;
    lines[i].time = 1700000000000 + i * 10;
    lines[i].job = i < 3 ? 7 : 0;
    lines[i].type = i < 2 ? "a" : i < 4 ? "b" : NULL;
    lines[i].worker = i == 1 ? "w1" : NULL;
    lines[i].trace = i == 5 ? "0af7651916cd43dd8448eb211c80319c" : NULL;
  }
  log_lines(lines, 6);
  const char *const types[] = {"a", "b"};
  CHECK_TEXT(lines_by((struct store_log_filter){0}), "6 5 4 3 2 1");
  CHECK_TEXT(lines_by((struct store_log_filter){.levels = 8}), "4");
  CHECK_TEXT(lines_by((struct store_log_filter){.levels = 12}), "4 3");
  CHECK_TEXT(lines_by((struct store_log_filter){.levels = 1}), "5 1");
  CHECK_TEXT(lines_by((struct store_log_filter){.job = 7}), "3 2 1");
  CHECK_TEXT(lines_by((struct store_log_filter){.job = 7, .levels = 4}), "3");
  CHECK_TEXT(lines_by((struct store_log_filter){.types = types, .n_types = 1}), "2 1");
  CHECK_TEXT(lines_by((struct store_log_filter){.types = types, .n_types = 2}),
             "4 3 2 1");
  CHECK_TEXT(lines_by((struct store_log_filter){.worker = "w1"}), "2");
  CHECK_TEXT(lines_by((struct store_log_filter){.trace = lines[5].trace}), "6");
  CHECK_TEXT(lines_by((struct store_log_filter){.since = lines[3].time}), "6 5 4");
  CHECK_TEXT(lines_by((struct store_log_filter){.until = lines[3].time}), "3 2 1");
  CHECK_TEXT(
      lines_by((struct store_log_filter){.since = lines[2].time, .until = lines[4].time}),
      "4 3");
}

/* ---- search ---- */

static void check_searches(void)
{
  CHECK_TEXT(search("connection"), "3 1");
  CHECK_TEXT(search("CONNECTION refused"), "1");
  CHECK_TEXT(search("refused connection"), "1");
  CHECK_TEXT(search("\"refused connection\""), "");
  CHECK_TEXT(search("\"connection refused\""), "1");
  CHECK_TEXT(search("conn*"), "3 1");
  CHECK_TEXT(search("conn"), "");
  CHECK_TEXT(search("\"connection ref\"*"), "1");
  CHECK_TEXT(search("cafe"), "2");
  CHECK_TEXT(search("CAF\xc3\x89"), "2");
  CHECK_TEXT(search("db.example.com:5432"), "1");
  CHECK_TEXT(search("retry_count"), "4"); /* in the fields */
  CHECK_TEXT(search("failed retry_count"), "4");
  CHECK_TEXT(search("connection failed"), "");
  CHECK_TEXT(search("\"one two\""), "4"); /* on two lines of a text in the fields */
  CHECK_TEXT(search("new"), "4");
  CHECK_TEXT(search("order order"), "5");
  CHECK_TEXT(search("\"order order stop\""), "5");
}

static void log_search(void)
{
  struct store_log_line lines[] = {
      a_line("connection refused by db.example.com:5432"),
      a_line("the Caf\xc3\xa9 opens"),
      a_line("Connection closed"),
      a_line("it failed"),
      a_line("order order order stop"),
  };
  lines[3].fields = "{\"retry_count\":3,\"text\":\"one\\ntwo\",\"path\":\"C:\\\\new\"}";
  log_lines(lines, 5);
  check_searches();
  wait_for_words(5);
  check_searches();
  reopen();
  check_searches();
}

/* What people type is never a mistake in some language. */
static void log_search_texts(void)
{
  static const char *const texts[] = {
      "a OR b", "NEAR(a b)", "message:x", "a AND",   "\"open", "*a",      "a**",
      "(",      "-a",        "a ^b",      "a\"b\"c", "{a}:b",  "'; drop", "\"\" a"};
  log_text("some words");
  for (int round = 0; round < 2; round++) {
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
      const char *have = search(texts[i]);
      if (*have && strcmp(have, "log_search") != 0)
        CHECK_TEXT(have, texts[i]);
    }
    CHECK_TEXT(search("\"some words"), "1");
    CHECK_TEXT(search("some AND words"), "");
    CHECK_TEXT(search("--- \"\" *"), "log_search");
    wait_for_words(1);
  }
}

/* Half of the hits are in the index and half are not, over several pages. */
static void log_search_in_pages(void)
{
  enum { N = 30 };
  struct store_log_line lines[N];
  for (int i = 0; i < N; i++)
    lines[i] = a_line(i % 3 ? "needle" : "hay");
  log_lines(lines, N);
  wait_for_words(N);
  log_lines(lines, N);
  struct store_log_list op = {.filter.search = "needle", .limit = 7};
  int hits = 0;
  do {
    const char *ids = page_of(&op);
    for (const char *at = ids; *at; at += strcspn(at, " "), at += strspn(at, " "))
      hits++;
    op.before = op.next;
  } while (op.next);
  CHECK_INT(hits, 2 * N * 2 / 3);
}

/* A scan that finds little ends its page early, and the next one goes on. */
static void log_scan_has_an_end(void)
{
  enum { N = 25000 };
  struct store_log_line *lines = mem_alloc(N * sizeof *lines);
  for (int i = 0; i < N; i++)
    lines[i] = a_line(i == 10 ? "needle" : "hay");
  log_lines(lines, N);
  struct store_log_list op = {.filter.search = "needle", .forward = true};
  CHECK_TEXT(page_of(&op), "11");
  CHECK(op.more);
  CHECK_INT(op.next, 20000);
  op.after = op.next;
  CHECK_TEXT(page_of(&op), "");
  CHECK(!op.more);
  CHECK_INT(op.next, N);
  free(lines);
}

/* ---- pages ---- */

static void log_pages(void)
{
  for (int i = 1; i <= 5; i++)
    log_text("line");
  struct store_log_list op = {.limit = 2};
  CHECK_TEXT(page_of(&op), "5 4");
  op.before = op.next;
  CHECK_TEXT(page_of(&op), "3 2");
  op.before = op.next;
  CHECK_TEXT(page_of(&op), "1");
  CHECK_INT(op.next, 0);
  struct store_log_list up = {.forward = true, .limit = 2};
  CHECK_TEXT(page_of(&up), "1 2");
  CHECK(up.more);
  up.after = 4;
  CHECK_TEXT(page_of(&up), "5");
  CHECK(!up.more);
  CHECK_INT(up.next, 5);
  up.after = -1;
  CHECK_TEXT(page_of(&up), "");
  CHECK_INT(up.next, 5);
}

static void log_context(void)
{
  for (int i = 1; i <= 20; i++)
    log_text(i == 5 || i == 8 || i == 15 ? "needle" : "hay");
  struct store_log_list op = {.filter.search = "needle", .context = 2};
  CHECK_TEXT(page_of(&op), "(17) (16) 15 (14) (13) (10) (9) 8 (7) (6) 5 (4) (3)");
  op.limit = 1;
  CHECK_TEXT(page_of(&op), "(17) (16) 15 (14) (13)");
  op.before = op.next;
  CHECK_TEXT(page_of(&op), "(10) (9) 8 (7) (6)");
  struct store_log_get get = {.op.kind = STORE_LOG, .id = 2, .context = 2};
  CHECK(act(&get.op) == 0);
  json_t *line = jx_parse(get.json.data, get.json.len, &last_err);
  CHECK_INT((int64_t)json_array_size(json_object_get(line, "before")), 1);
  json_t *after = json_object_get(line, "after");
  CHECK_TEXT(jx_str(json_array_get(after, 0), "id", ""), "3");
  CHECK_TEXT(jx_str(json_array_get(after, 1), "id", ""), "4");
  json_decref(line);
  store_op_fini(&get.op);
}

/* ---- the end ---- */

static int64_t expire_logs(int64_t keep_ms, int64_t keep_rows)
{
  struct store_log_expire op = {.op.kind = STORE_LOG_EXPIRE,
                                .keep_ms = keep_ms,
                                .keep_rows = keep_rows,
                                .max = 5000};
  CHECK(act(&op.op) == 0);
  store_op_fini(&op.op);
  return op.count;
}

static void log_retention(void)
{
  enum { N = 1500 };
  struct store_log_line *lines = mem_alloc(N * sizeof *lines);
  for (int i = 0; i < N; i++) {
    lines[i] = a_line(i % 2 ? "odd" : "even");
    lines[i].time -= i < 1000 ? 100000 : 0;
  }
  log_lines(lines, N);
  wait_for_words(N);
  CHECK_INT(expire_logs(200000, N), 0);
  CHECK_INT(expire_logs(50000, N), 1000);
  CHECK_INT(expire_logs(50000, 10), 490);
  CHECK_TEXT(search("odd"), "1500 1498 1496 1494 1492");
  CHECK_INT(expire_logs(0, 0), 9); /* the newest one stays */
  CHECK_TEXT(search("odd"), "1500");
  CHECK_TEXT(search("even"), "");
  reopen();
  log_text("next");
  CHECK_TEXT(lines_by((struct store_log_filter){0}), "1501 1500");
  free(lines);
}

/* Steps of the index and of retention, which end by bytes. */
static void log_lines_that_are_large(void)
{
  enum { N = 24, LARGE = 60000 };
  struct store_log_line lines[N];
  char *fields = mem_alloc(LARGE + 16);
  memset(fields, 'x', LARGE);
  memcpy(fields, "{\"word ", 7);
  memcpy(fields + LARGE, "\":1}", 5);
  for (int i = 0; i < N; i++) {
    lines[i] = a_line("large");
    lines[i].fields = fields;
    lines[i].time -= 100000;
  }
  log_lines(lines, N);
  wait_for_words(N);
  CHECK_INT(expire_logs(50000, N), N - 1);
  CHECK_TEXT(search("word large"), "24");
  free(fields);
}

static void spoil_words(void)
{
  sqlite3 *db = NULL;
  char *path = mem_printf("%s/candy.db", store_folder);
  CHECK(sqlite3_open(path, &db) == SQLITE_OK);
  CHECK(sqlite3_exec(db, "delete from orchestrator_logs_text_data where id > 10", NULL,
                     NULL, NULL) == SQLITE_OK);
  sqlite3_close(db);
  free(path);
}

/* What is damaged is the index alone: searches do without, and it is made anew. */
static void log_words_that_are_damaged(void)
{
  enum { N = 300 };
  struct store_log_line lines[N];
  for (int i = 0; i < N; i++)
    lines[i] = a_line(i == 5 || i == 290 ? "needle" : "hay");
  log_lines(lines, N);
  wait_for_words(N);
  spoil_words();
  reopen();
  CHECK_TEXT(search("needle"), "291 6");
  CHECK_INT(expire_logs(INT32_MAX, 200), 100);
  CHECK_TEXT(search("needle"), "291");
  wait_for_words(N);
  CHECK_TEXT(search("needle"), "291");
  log_text("needle");
  CHECK_TEXT(search("needle"), "301 291");
}

static void scripts_leave_the_log_alone(void)
{
  static const char *const steps[] = {
      "create table orchestrator_logs_mine (a)",
      "create view v as select * from orchestrator_logs",
      "alter table orchestrator_logs rename to mine",
      "drop table orchestrator_logs_text",
  };
  log_text("one");
  wait_for_words(1);
  CHECK_TEXT(QUERY("select * from orchestrator_logs"), "sql_forbidden");
  CHECK_TEXT(QUERY("select * from Orchestrator_Logs_Text"), "sql_forbidden");
  CHECK_TEXT(QUERY("select * from orchestrator_logs_text_data"), "sql_forbidden");
  CHECK_TEXT(EXEC("delete from orchestrator_logs"), "sql_forbidden");
  CHECK_TEXT(EXEC("insert into orchestrator_logs_text(orchestrator_logs_text) "
                  "values ('delete-all')"),
             "sql_forbidden");
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    CHECK(apply_schema("mine", &steps[i], 1) < 0);
  static const char *const good[] = {"create table mine (a)",
                                     "alter table mine rename column a to b",
                                     "alter table mine rename to yours"};
  CHECK(apply_schema("good", good, 3) == 0);
  CHECK_TEXT(search("one"), "1");
}

static void told(void *arg)
{
  ++*(int *)arg;
}

static void log_watches(void)
{
  int first = 0, second = 0;
  struct store_watch a = {.logged = told, .arg = &first},
                     b = {.logged = told, .arg = &second};
  store_watch(store, &a);
  store_watch(store, &b);
  log_text("one");
  store_unwatch(store, &a);
  log_text("two");
  store_unwatch(store, &b);
  log_text("three");
  CHECK_INT(first, 1);
  CHECK_INT(second, 2);
}

/* ---- traces of jobs ---- */

static void traces(void)
{
  know("t", NULL);
  struct store_new given = a_job("t");
  given.trace = "0af7651916cd43dd8448eb211c80319c";
  int64_t a = add(given), b = add_one("t");
  struct store_claim claim = take(2);
  CHECK_TEXT(claim.jobs[0].trace, given.trace);
  CHECK(!claim.jobs[1].trace);
  CHECK_TEXT(claim.jobs[0].payload, "{}");
  CHECK_TEXT(claim.jobs[1].payload, "{}");
  store_op_fini(&claim.op);
  CHECK_TEXT(member(a, "trace_id"), "\"0af7651916cd43dd8448eb211c80319c\"");
  char want[40];
  snprintf(want, sizeof want, "\"%032llx\"", (long long)b);
  CHECK_TEXT(member(b, "trace_id"), want);
}

#endif
