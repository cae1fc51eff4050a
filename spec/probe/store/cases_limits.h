/* Cases: what one script, one job or one statement may take from everybody else. */
#ifndef CANDY_SPEC_STORE_CASES_LIMITS_H
#define CANDY_SPEC_STORE_CASES_LIMITS_H

#include "cases_look.h"
#include "cases_script.h"
#include "harness.h"

static void functions_of_sql(void)
{
  CHECK_TEXT(QUERY("select instr('b\xc3\xa4r', 'r') as a, instr('b', 'x') as b, "
                   "instr('b', '') as c, instr(x'0001c3a402', x'02') as d, "
                   "instr('12', 2) as e, instr(null, 'x') as f, instr('', 'x') as g"),
             "[{\"a\":3,\"b\":0,\"c\":1,\"d\":5,\"e\":2,\"f\":null,\"g\":0}]");
  CHECK_TEXT(QUERY("select replace('aXbXX', 'X', '--') as a, replace('aaa', 'aa', 'b') "
                   "as b, replace('a', '', 'x') as c, replace('a', 'a', '') as d, "
                   "replace(12, 2, 3) as e, replace('a', null, 'x') as f"),
             "[{\"a\":\"a--b----\",\"b\":\"ba\",\"c\":\"a\",\"d\":\"\",\"e\":\"13\","
             "\"f\":null}]");
  CHECK_TEXT(QUERY("select trim('xya\xc3\xa4xy', 'yx') as a, ltrim('\xc3\xa4\xc3\xa4 z', "
                   "' \xc3\xa4') as b, rtrim('abb', 'b') as c, trim('aa', 'a') as d, "
                   "trim('a', '') as e, trim(null, 'a') as f, trim(' a ') as g"),
             "[{\"a\":\"a\xc3\xa4\",\"b\":\"z\",\"c\":\"a\",\"d\":\"\",\"e\":\"a\","
             "\"f\":null,\"g\":\"a\"}]");
}

/* One call each: nothing stops it once it runs. The suite ends a case that hangs. */
static void calls_that_would_take_long(void)
{
  static const char *const texts[] = {
      "insert into t values (instr(zeroblob(8000000), zeroblob(4000000) || x'01'))",
      "insert into t values (length(replace(hex(zeroblob(4000000)), "
      "hex(zeroblob(2000000)) || 'x', '')))",
      "insert into t values (length(replace(hex(zeroblob(1000000)), '0', "
      "hex(zeroblob(1000)))))",
      "insert into t values (length(trim(hex(zeroblob(4000000)), hex(randomblob(64)))))",
      "insert into t values (length(trim('a', hex(zeroblob(4000000)))))",
      "insert into t values (hex(zeroblob(4000000)) like '%0_0_0_0_0_0_0_0_0_0_0_0_0_0_"
      "0_0_0_0_0_0_0_01')",
      "insert into t values (hex(zeroblob(4000000)) like "
      "'%0_%0_%0_%0_%0_%0_%0_%0_%0_%0_%0_%0_%0_%0_%01')",
      "insert into t values ('a' like hex(zeroblob(4000000)))",
      "insert into t values (length(printf('%.*f', 100000000, 1)))",
      "insert into t values (length(randomblob(1000000000)))",
      "insert into t values (json_patch('{}', '{}'))",
  };
  make_table("create table t (a)");
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    int64_t began = clock_mono_ns();
    const char *answer = EXEC(texts[i]);
    printf("# %lld ms: %.40s: %s\n", (long long)((clock_mono_ns() - began) / CLOCK_MS),
           answer, texts[i]);
  }
  struct buf line = {0};
  buf_puts(&line, "insert into t values (0");
  for (int i = 0; i < 2000; i++)
    buf_puts(&line, " | length(hex(zeroblob(4000000)) || random())");
  buf_puts(&line, ")");
  CHECK_TEXT(EXEC(line.data), "sql_error"); /* too deep */
  line.len = 0;
  buf_puts(&line, "insert into t values ");
  for (int i = 0; i < 2000; i++)
    buf_printf(&line, "%c(length(hex(randomblob(4000000))))", i ? ',' : ' ');
  CHECK_TEXT(EXEC(line.data), "sql_timeout");
  line.len = 0;
  buf_puts(&line, "insert into t select 0");
  for (int i = 0; i < 150; i++)
    buf_printf(&line, "+ (x like '%%0_%d')", i);
  buf_puts(&line, " from (select hex(zeroblob(4000000)) as x)");
  CHECK_TEXT(EXEC(line.data), "sql_forbidden");
  buf_fini(&line);
  CHECK_TEXT(EXEC("delete from t where a = 'no'"), "{\"changes\":0,\"last_id\":0}");
}

/* ---- memory ---- */

#define MEGABYTES                                                                        \
  "with recursive c(x, b) as (select 1, zeroblob(1000000) union select x + 1, "          \
  "zeroblob(1000000) from c limit 3000) select max(x) as n, length(b) as l from c"

static void memory_has_an_end(void)
{
  make_table("create table t (a, b)");
  CHECK_TEXT(QUERY(MEGABYTES), "sql_error");
  CHECK(strstr(last_err.text, "memory"));
  struct buf wide = {0};
  buf_puts(&wide, "select 1");
  for (int i = 0; i < 40; i++)
    buf_puts(&wide, ", hex(zeroblob(4000000))");
  CHECK_TEXT(QUERY(wide.data), "sql_error");
  CHECK(strstr(last_err.text, "memory"));
  CHECK_TEXT(QUERY("select hex(zeroblob(2500000)) as a, hex(zeroblob(2500000)) as b"),
             "sql_too_many_rows");
  CHECK_TEXT(QUERY("select hex(zeroblob(5000000)) as a"), "sql_error");
  CHECK(strstr(last_err.text, "8 MB"));
  buf_fini(&wide);
}

/* A write that needs too much fails alone; on a slow machine its time ends first. */
static void memory_of_writes(void)
{
  make_table("create table t (a, b)");
  struct store_new job = a_job("t");
  struct store_enqueue plain = {.op.kind = STORE_ENQUEUE, .jobs = &job, .n = 1};
  struct store_sql large = {.op.kind = STORE_EXEC, .sql = "insert into t " MEGABYTES};
  submit(&plain.op);
  submit(&large.op);
  wait_for_all();
  CHECK(plain.op.status == 0 && is_in(job.id, STORE_AVAILABLE));
  CHECK(large.op.status < 0);
  store_op_fini(&large.op);
  CHECK_TEXT(QUERY("select a from t"), "[]");
}

/* ---- failures that look like the disk's ---- */

static void no_row_id_left(void)
{
  make_table("create table t (id integer primary key autoincrement, a)");
  EXEC("insert into t (id) values (9223372036854775807)");
  know("job", NULL);
  int64_t id = add_one("job");
  struct store_write write = {"insert into t (a) values (1)", "[]"};
  struct store_finish op = a_finish(take_one(), STORE_OK);
  struct store_new other = a_job("other");
  struct store_enqueue beside = {.op.kind = STORE_ENQUEUE, .jobs = &other, .n = 1};
  op.writes = &write;
  op.n_writes = 1;
  submit(&op.op);
  submit(&beside.op);
  wait_for_all();
  CHECK(beside.op.status == 0);
  CHECK(op.op.status == 0 && op.verdict == STORE_REFUSED);
  CHECK(strstr(op.op.err->text, "row id"));
  CHECK(is_in(id, STORE_RUNNING));
  store_op_fini(&op.op);
  CHECK_TEXT(EXEC("insert into t (a) values (1)"), "sql_error");
}

/* ---- turns ---- */

enum { SLOW = 5 };

/* What needs no SQL of scripts does not wait for what does. */
static void slow_writes_let_others_pass(void)
{
  struct store_finish slow[SLOW];
  struct store_write write = {"insert into t " FOREVER, "[]"};
  int slow_done = 0;
  make_table("create table t (a)");
  know("job", NULL);
  for (int i = 0; i < SLOW; i++)
    add_one("job");
  for (int i = 0; i < SLOW; i++) {
    slow[i] = a_finish(take_one(), STORE_OK);
    slow[i].writes = &write;
    slow[i].n_writes = 1;
  }
  for (int i = 0; i < SLOW; i++) {
    slow[i].op.done = on_done;
    slow[i].op.arg = &slow_done;
    store_submit(store, &slow[i].op);
  }
  add_one("job");
  CHECK(slow_done < SLOW);
  CHECK(take_one().id > 0);
  CHECK(slow_done < SLOW);
  while (slow_done < SLOW)
    uv_run(loop, UV_RUN_ONCE);
  for (int i = 0; i < SLOW; i++) {
    CHECK(slow[i].verdict == STORE_REFUSED);
    CHECK_TEXT(slow[i].op.err->code, "sql_timeout");
    store_op_fini(&slow[i].op);
  }
}

static char *large_payload(size_t len)
{
  char *payload = mem_alloc(len + 1);
  memset(payload, '0', len);
  payload[0] = payload[len - 1] = '"';
  return payload;
}

static void claims_have_an_end_in_bytes(void)
{
  enum { JOBS = 5, LEN = 3000000 };

  char *payload = large_payload(LEN);
  size_t n = 0, claims = 0;
  know("t", NULL);
  for (int i = 0; i < JOBS; i++) {
    struct store_new job = a_job("t");
    job.payload = payload;
    job.payload_len = LEN;
    add(job);
  }
  for (bool more = true; more; claims++) {
    struct store_claim claim = take(100);
    CHECK(claim.n > 0 && claim.n < JOBS);
    for (size_t i = 0; i < claim.n; i++)
      CHECK(claim.jobs[i].payload_len == LEN && claim.jobs[i].payload[LEN - 1] == '"');
    n += claim.n;
    more = claim.more;
    store_op_fini(&claim.op);
  }
  CHECK_INT((int64_t)n, JOBS);
  CHECK(claims > 1);
  free(payload);
}

/* A search through payloads takes as many turns as it needs. */
static void bulk_over_large_payloads(void)
{
  enum { JOBS = 12, LEN = 4000000 };

  char *payload = large_payload(LEN);
  know("t", NULL);
  for (int i = 0; i < JOBS; i++) {
    struct store_new job = a_job("t");
    job.payload = payload;
    job.payload_len = LEN;
    add(job);
    CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  }
  struct store_bulk bulk = {.op.kind = STORE_REQUEUE, .filter.search = "000\"", .max = 9};
  CHECK(act(&bulk.op) == 0);
  CHECK_INT(bulk.count, 9);
  struct store_bulk rest = {.op.kind = STORE_PURGE, .filter.search = "0\"", .max = 100};
  CHECK(act(&rest.op) == 0);
  CHECK_INT(rest.count, JOBS - 9);
  free(payload);
}

/* ---- names ---- */

static void names_of_the_database(void)
{
  static const char *const wrong[] = {
      "create table json_each (value)",
      "create view JSON_TREE as select 1 as value",
      "create table pragma_foreign_key_list (name)",
      "create table x (a); alter table x rename to json_each",
      "create table fts5 (a)",
      "create view v as select hash from candy_api_key",
      "create view v as select hash from [candy_api_key]",
      "create table a (x); create trigger tr after insert on a begin delete from "
      "candy_job; end",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    printf("# %s\n", wrong[i]);
    CHECK(apply_schema("w", &wrong[i], 1) < 0);
    CHECK_TEXT(last_err.code, "sql_forbidden");
    struct store_new job = a_job("t");
    job.tags = "[\"x\"]";
    add(job);
  }
  make_table("create table my_candy_jar (a); create view sweets as select a from "
             "my_candy_jar");
  CHECK_TEXT(QUERY("select * from sweets"), "[]");
}

/* Whether or not something else has used it before. */
static void json_tables(void)
{
  make_table("create table t (a)");
  CHECK_TEXT(EXEC("insert into t select value from json_each('[1,2]')"),
             "{\"changes\":2,\"last_id\":2}");
  CHECK_TEXT(QUERY("select sum(value) as n from json_each('[1,2]')"), "[{\"n\":3}]");
  CHECK_TEXT(QUERY("select count(*) as n from json_tree('[[1],2]')"), "[{\"n\":4}]");
  CHECK_TEXT(QUERY("select * from fts3tokenize('simple', 'a b')"), "sql_forbidden");
  CHECK_TEXT(QUERY("select * from pragma_table_list"), "sql_forbidden");
}

static void statements_that_declare(void)
{
  static const char *const texts[] = {
      "create table x (a)",
      "create temp table x (a)",
      "drop table mine",
      "alter table mine add column b",
      "create index i on mine (a)",
      "create virtual table v using fts5(a)",
      "analyze",
      "create view v as select 1",
  };
  make_table("create table mine (a)");
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    printf("# %s\n", texts[i]);
    CHECK_TEXT(EXEC(texts[i]), "sql_forbidden");
    CHECK(strstr(last_err.text, "candy.schema"));
    CHECK(!strstr(last_err.text, "sqlite_"));
  }
}

static void a_slow_step(void)
{
  static const char *const step = "create table t (a); insert into t " FOREVER;
  CHECK(apply_schema("slow", &step, 1) < 0);
  CHECK_TEXT(last_err.code, "sql_timeout");
  CHECK(strstr(last_err.text, "step") && strstr(last_err.text, "5000 ms"));
  CHECK_TEXT(QUERY("select * from t"), "sql_error");
}

/* ---- looking, forgetting ---- */

static void completed_jobs_have_no_error(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  CHECK(finish(take_one(), STORE_RETRY) == STORE_DONE);
  CHECK_TEXT(member(id, "error"), "{\"code\":\"broken\",\"message\":\"it broke\"}");
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  CHECK_TEXT(member(id, "error"), "null");
  CHECK(strstr(member(id, "attempts"), "it broke"));
  struct store_list list = {.op.kind = STORE_JOBS, .limit = 10};
  CHECK(act(&list.op) == 0);
  CHECK(strstr(list.items.data, "\"error\":null"));
  store_op_fini(&list.op);
}

static void retention_of_many(void)
{
  enum { JOBS = 12000 };
  struct store_new *jobs = mem_alloc(JOBS * sizeof *jobs);
  know("t", NULL);
  for (int i = 0; i < JOBS; i++)
    jobs[i] = a_job("t");
  struct store_enqueue add_all = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = JOBS};
  CHECK(act(&add_all.op) == 0);
  struct store_claim claim = take(JOBS);
  struct store_finish *ends = mem_alloc(claim.n * sizeof *ends);
  for (size_t i = 0; i < claim.n; i++) {
    ends[i] = a_finish((struct taken){claim.jobs[i].id, claim.jobs[i].lease}, STORE_OK);
    submit(&ends[i].op);
  }
  wait_for_all();
  usleep(5000);
  CHECK_INT(expire(1, 3600000, 10000), 10000);
  CHECK_INT(expire(1, 3600000, 10000), JOBS - 10000);
  CHECK_INT(expire(1, 3600000, 10000), 0);
  store_op_fini(&claim.op);
  free(ends);
  free(jobs);
}

#endif
