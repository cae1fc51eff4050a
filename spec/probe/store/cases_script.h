/* Cases: what scripts keep in the store: tables, values by key; and API keys. */
#ifndef CANDY_SPEC_STORE_CASES_SCRIPT_H
#define CANDY_SPEC_STORE_CASES_SCRIPT_H

#include "harness.h"

static void sql_in_and_out(void)
{
  make_table("create table t (a, b, c)");
  CHECK_TEXT(sql(STORE_EXEC, "insert into t values (?, ?, ?)",
                 "[9007199254740993, 0.5, \"\xc3\xa4\\u0000\\\"\"]"),
             "{\"changes\":1,\"last_id\":1}");
  CHECK_TEXT(sql(STORE_EXEC, "insert into t values (?, ?, ?)", "[true, null, false]"),
             "{\"changes\":1,\"last_id\":2}");
  CHECK_TEXT(QUERY("select * from t order by rowid"),
             "[{\"a\":9007199254740993,\"b\":0.5,\"c\":\"\xc3\xa4\\u0000\\\"\"},"
             "{\"a\":1,\"b\":null,\"c\":0}]");
  CHECK_TEXT(EXEC("update t set a = 0"), "{\"changes\":2,\"last_id\":0}");
  CHECK_TEXT(EXEC("select * from t"), "{\"changes\":0,\"last_id\":0}");
  CHECK_TEXT(QUERY("select 1e999 as inf, -1 as n, 0.1 as tenth"),
             "[{\"inf\":null,\"n\":-1,\"tenth\":0.1}]");
  CHECK_TEXT(QUERY("select 1 as n; -- and no more"), "[{\"n\":1}]");
}

static void sql_errors(void)
{
  make_table("create table t (a integer primary key, b)");
  CHECK_TEXT(QUERY("select * from nowhere"), "sql_error");
  CHECK(strstr(last_err.text, "nowhere"));
  CHECK_TEXT(EXEC("insert into t values (1, 2); delete from t"), "sql_error");
  CHECK(strstr(last_err.text, "more than one"));
  CHECK_TEXT(EXEC(" -- nothing"), "sql_error");
  CHECK_TEXT(sql(STORE_EXEC, "insert into t values (?, ?)", "[1]"), "sql_error");
  CHECK(strstr(last_err.text, "takes 2 parameters"));
  CHECK_TEXT(sql(STORE_EXEC, "insert into t values (?, ?)", "[1, {}]"), "sql_error");
  CHECK(strstr(last_err.text, "parameter 2 is an object"));
  CHECK_TEXT(QUERY("select x'ff00' as data"), "sql_error");
  CHECK(strstr(last_err.text, "data") && strstr(last_err.text, "hex"));
  CHECK_TEXT(QUERY("select cast(x'ff' as text) as name"), "sql_error");
  CHECK(strstr(last_err.text, "name"));
  CHECK_TEXT(EXEC("insert into t values (1, 1)"), "{\"changes\":1,\"last_id\":1}");
  CHECK_TEXT(EXEC("insert into t values (2, 1), (1, 1)"), "sql_error");
  CHECK_TEXT(QUERY("select count(*) as n from t"), "[{\"n\":1}]");
  CHECK_TEXT(QUERY("insert into t values (5, 5)"), "sql_forbidden");
  CHECK(strstr(last_err.text, "exec"));
}

static void sql_that_is_forbidden(void)
{
  static const char *const texts[] = {
      "delete from candy_job",
      "select * from CANDY_job",
      "insert into candy_meta values ('next', 1)",
      "select * from sqlite_master",
      "select name from pragma_table_info('candy_job')",
      "pragma journal_mode = delete",
      "attach 'x.db' as x",
      "detach main",
      "begin",
      "commit",
      "savepoint a",
      "analyze",
      "create table x (a)",
      "create temp table x (a)",
      "drop table mine",
      "alter table mine add column b",
      "create trigger tr after insert on mine begin delete from candy_job; end",
      "select load_extension('x')",
  };
  make_table("create table mine (a)");
  add_one("t");
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    printf("# %s\n", texts[i]);
    CHECK_TEXT(EXEC(texts[i]), "sql_forbidden");
    CHECK(last_err.text[0]);
  }
  CHECK_TEXT(QUERY("select * from candy_job"), "sql_forbidden");
  CHECK_TEXT(EXEC("vacuum"), "sql_error");
  CHECK_INT(stats().counts[STORE_AVAILABLE], 1);
}

#define FOREVER                                                                          \
  "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) "     \
  "from c"

static void sql_budgets(void)
{
  make_table("create table t (a)");
  add_one("t");
  CHECK_TEXT(EXEC("insert into t " FOREVER), "sql_timeout");
  CHECK_TEXT(QUERY("with recursive c(n) as (select 1 union all select n + 1 from c "
                   "where n < 10000) select n from c")[0] == '['
                 ? "fits"
                 : last_err.code,
             "fits");
  CHECK_TEXT(QUERY("with recursive c(n) as (select 1 union all select n + 1 from c) "
                   "select n from c"),
             "sql_too_many_rows");
  CHECK_TEXT(QUERY("select a, a as b from (select hex(zeroblob(2500000)) as a)"),
             "sql_too_many_rows");
  CHECK_TEXT(QUERY("select a from t"), "[]");
}

/* Other operations of the turn that a slow statement ends are not hurt. */
static void a_slow_statement_fails_alone(void)
{
  make_table("create table t (a)");
  struct store_new jobs[2] = {a_job("t"), a_job("t")};
  struct store_enqueue before = {.op.kind = STORE_ENQUEUE, .jobs = &jobs[0], .n = 1};
  struct store_enqueue after = {.op.kind = STORE_ENQUEUE, .jobs = &jobs[1], .n = 1};
  struct store_sql slow = {.op.kind = STORE_EXEC, .sql = "insert into t " FOREVER};
  submit(&before.op);
  submit(&slow.op);
  submit(&after.op);
  wait_for_all();
  CHECK(slow.op.status < 0);
  CHECK_TEXT(slow.op.err->code, "sql_timeout");
  CHECK(before.op.status == 0 && after.op.status == 0);
  CHECK(is_in(jobs[0].id, STORE_AVAILABLE));
  CHECK(is_in(jobs[1].id, STORE_AVAILABLE));
  CHECK(jobs[0].id != jobs[1].id);
  CHECK_INT(stats().counts[STORE_AVAILABLE], 2);
  store_op_fini(&slow.op);
}

static void schemas(void)
{
  const char *steps[] = {
      "create table digests (repo text not null, n integer)",
      "create index digests_by_repo on digests (repo); insert into digests values "
      "('a', 1)",
      "alter table digests add column at integer not null default 0 check (at >= 0)"};
  CHECK(apply_schema("digests", steps, 1) == 0);
  CHECK(apply_schema("digests", steps, 3) == 0);
  CHECK(apply_schema("digests", steps, 3) == 0);
  CHECK(apply_schema("digests", steps, 2) == 0);
  CHECK_TEXT(QUERY("select * from digests"), "[{\"repo\":\"a\",\"n\":1,\"at\":0}]");
  steps[1] = "create index other on digests (n)";
  CHECK(apply_schema("digests", steps, 3) < 0);
  CHECK_TEXT(last_err.code, "schema_changed");
  CHECK(strstr(last_err.text, "digests") && strstr(last_err.text, "step 2"));
  reopen();
  CHECK(apply_schema("digests", steps, 1) == 0);
}

static void schemas_that_fail(void)
{
  const char *steps[] = {"create table good (a)", "create table bad (a"};
  CHECK(apply_schema("s", steps, 2) < 0);
  CHECK_TEXT(last_err.code, "sql_error");
  CHECK(strstr(last_err.text, "\"s\"") && strstr(last_err.text, "step 2"));
  CHECK_TEXT(QUERY("select * from good"), "sql_error");
  static const char *const wrong[] = {
      "create table candy_x (a)",
      "create table x (a); alter table x rename to candy_x",
      "drop table candy_job",
      "create trigger tr after insert on candy_job begin select 1; end",
      "create index i on candy_job (type)",
      "delete from candy_job",
      "pragma user_version = 99",
      "create temp table x (a)",
      "attach 'x.db' as x",
      "create table x (job integer references candy_job (id))",
  };
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    printf("# %s\n", wrong[i]);
    CHECK(apply_schema("w", &wrong[i], 1) < 0);
    CHECK_TEXT(last_err.code, "sql_forbidden");
  }
  CHECK(apply_schema("s", steps, 1) == 0);
  CHECK_TEXT(QUERY("select * from good"), "[]");
}

/* ---- values by key ---- */

static struct store_kv kv(enum store_kv_verb verb, const char *key)
{
  bool reads = verb == STORE_KV_GET || verb == STORE_KV_LIST;
  return (struct store_kv){.op.kind = reads ? STORE_KV_READ : STORE_KV_WRITE,
                           .verb = verb,
                           .key = key,
                           .if_version = -1};
}

static const char *kv_text(struct store_kv op)
{
  static char *text;
  free(text);
  text = NULL;
  if (act(&op.op) < 0)
    text = mem_strdup(last_err.code);
  else if (op.found || op.verb == STORE_KV_LIST)
    text = mem_strdup(op.answer.len ? op.answer.data : "done");
  else
    text = mem_strdup("none");
  store_op_fini(&op.op);
  return text;
}

static const char *kv_set(const char *key, const char *value)
{
  struct store_kv op = kv(STORE_KV_SET, key);
  op.value = value;
  return kv_text(op);
}

static void values_by_key(void)
{
  CHECK_TEXT(kv_text(kv(STORE_KV_GET, "a")), "none");
  CHECK_TEXT(kv_set("a", "{\"x\":[]}"), "done");
  CHECK_TEXT(kv_text(kv(STORE_KV_GET, "a")), "{\"x\":[]}");
  struct store_kv other = kv(STORE_KV_GET, "a");
  other.workspace = "acme";
  CHECK_TEXT(kv_text(other), "none");
  reopen();
  CHECK_TEXT(kv_text(kv(STORE_KV_GET, "a")), "{\"x\":[]}");
  CHECK_TEXT(kv_text(kv(STORE_KV_DELETE, "a")), "done");
  CHECK_TEXT(kv_text(kv(STORE_KV_DELETE, "a")), "none");
  CHECK_TEXT(kv_text(kv(STORE_KV_GET, "a")), "none");
}

static void values_that_count(void)
{
  struct store_kv op = kv(STORE_KV_ADD, "n");
  op.by = 2;
  CHECK_TEXT(kv_text(op), "2");
  op.by = -0.5;
  CHECK_TEXT(kv_text(op), "1.5");
  CHECK_TEXT(kv_set("s", "\"text\""), "done");
  op.key = "s";
  CHECK_TEXT(kv_text(op), "kv_no_number");
  CHECK_TEXT(kv_text(kv(STORE_KV_GET, "s")), "\"text\"");
}

static void values_with_versions(void)
{
  struct store_kv op = kv(STORE_KV_SET, "v");
  op.value = "1";
  op.if_version = 0;
  CHECK(act(&op.op) == 0);
  CHECK(op.found && op.version > 0);
  int64_t first = op.version;
  CHECK(act(&op.op) == 0);
  CHECK(!op.found && op.version == first);
  op.if_version = first;
  op.value = "2";
  CHECK(act(&op.op) == 0);
  CHECK(op.found && op.version > first);
  CHECK(act(&op.op) == 0);
  CHECK(!op.found);
  struct store_kv gone = kv(STORE_KV_DELETE, "v");
  gone.if_version = first;
  CHECK_TEXT(kv_text(gone), "none");
  gone.if_version = op.version;
  CHECK_TEXT(kv_text(gone), "done");
  op.if_version = 0;
  CHECK(act(&op.op) == 0);
  CHECK(op.found && op.version > first + 1);
  store_op_fini(&op.op);
}

static void values_that_expire(void)
{
  struct store_kv op = kv(STORE_KV_SET, "e");
  op.value = "1";
  op.expires_ms = 30;
  CHECK_TEXT(kv_text(op), "done");
  usleep(40000);
  CHECK_TEXT(kv_text(kv(STORE_KV_GET, "e")), "none");
  op = kv(STORE_KV_SET, "e");
  op.value = "2";
  op.if_version = 0;
  CHECK_TEXT(kv_text(op), "done");
}

/* What is added to keeps the time that it was given first. */
static void values_that_count_for_a_time(void)
{
  struct store_kv op = kv(STORE_KV_ADD, "w");
  op.by = 1;
  op.expires_ms = 300;
  CHECK_TEXT(kv_text(op), "1");
  op.expires_ms = 0;
  CHECK_TEXT(kv_text(op), "2");
  op.expires_ms = 3600000;
  CHECK_TEXT(kv_text(op), "3");
  int64_t began = clock_mono_ns();
  while (strcmp(kv_text(kv(STORE_KV_GET, "w")), "none") != 0)
    CHECK(clock_mono_ns() - began < 10000 * CLOCK_MS);
  op.expires_ms = 0;
  CHECK_TEXT(kv_text(op), "1");
}

/* Goes through all by pages; returns how many pages there were. */
static int read_pages(const char *prefix, int64_t limit, int64_t want)
{
  char after[600] = "";
  int64_t seen = 0;
  for (int pages = 1;; pages++) {
    struct store_kv op = kv(STORE_KV_LIST, prefix);
    op.limit = limit;
    op.after = after[0] ? after : NULL;
    CHECK(act(&op.op) == 0);
    json_t *items = jx_parse(op.answer.data, op.answer.len, &last_err), *item;
    size_t i;
    json_array_foreach(items, i, item) {
      CHECK(strcmp(jx_str(item, "key", ""), after) > 0);
      snprintf(after, sizeof after, "%s", jx_str(item, "key", ""));
      seen++;
    }
    json_decref(items);
    bool more = op.more;
    store_op_fini(&op.op);
    if (!more) {
      CHECK_INT(seen, want);
      return pages;
    }
  }
}

static void values_in_pages(void)
{
  char key[32];
  char *large = mem_alloc((1 << 20) + 3);
  memset(large, 'x', (1 << 20) + 2);
  large[0] = large[(1 << 20) + 1] = '"';
  for (int i = 0; i < 10; i++) {
    snprintf(key, sizeof key, "k%d", i);
    CHECK_TEXT(kv_set(key, "1"), "done");
    snprintf(key, sizeof key, "l%d", i);
    CHECK_TEXT(kv_set(key, large), "done");
  }
  CHECK_INT(read_pages("k", 3, 10), 4);
  CHECK_INT(read_pages("k", 10, 10), 1);
  CHECK_INT(read_pages("k", 5, 10), 2);
  CHECK_INT(read_pages("none", 5, 0), 1);
  CHECK(read_pages("l", 1000, 10) >= 2); /* by their size */
  CHECK(read_pages("", 1000, 20) >= 2);
  free(large);
}

static void values_in_lists(void)
{
  static const char *const keys[] = {"a/1", "a/2", "a%", "b", "a/3"};
  for (size_t i = 0; i < 5; i++)
    CHECK_TEXT(kv_set(keys[i], "true"), "done");
  struct store_kv op = kv(STORE_KV_LIST, "a/");
  op.limit = 2;
  CHECK(act(&op.op) == 0);
  json_t *items = jx_parse(op.answer.data, op.answer.len, &last_err);
  CHECK_INT((int64_t)json_array_size(items), 2);
  CHECK_TEXT(jx_str(json_array_get(items, 1), "key", ""), "a/2");
  CHECK(jx_bool(json_array_get(items, 1), "value", false));
  CHECK(jx_int(json_array_get(items, 1), "version", 0) > 0);
  json_decref(items);
  store_op_fini(&op.op);
  op = kv(STORE_KV_LIST, "");
  CHECK(act(&op.op) == 0);
  items = jx_parse(op.answer.data, op.answer.len, &last_err);
  CHECK_INT((int64_t)json_array_size(items), 5);
  json_decref(items);
  store_op_fini(&op.op);
}

static void api_keys(void)
{
  struct store_key add_key = {.op.kind = STORE_KEY_ADD, .name = "admin"};
  memset(add_key.hash, 7, sizeof add_key.hash);
  CHECK(act(&add_key.op) == 0);
  add_key.name = "ci";
  CHECK(act(&add_key.op) == 0);
  reopen();
  struct store_keys keys = {.op.kind = STORE_KEYS};
  CHECK(act(&keys.op) == 0);
  CHECK_INT((int64_t)keys.n, 2);
  CHECK_TEXT(keys.keys[0].name, "admin");
  CHECK(memcmp(keys.keys[1].hash, add_key.hash, 32) == 0);
  CHECK(keys.keys[0].created_at > 0);
  store_op_fini(&keys.op);
}

#endif
