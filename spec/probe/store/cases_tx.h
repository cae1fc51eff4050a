/* Cases: transactions of scripts, which are conversations. */
#ifndef CANDY_SPEC_STORE_CASES_TX_H
#define CANDY_SPEC_STORE_CASES_TX_H

#include "harness.h"

#include <signal.h>
#include <sys/wait.h>

static int64_t tx_begin_for(struct taken job)
{
  struct store_tx_begin op = {
      .op.kind = STORE_TX_BEGIN, .id = job.id, .lease = job.lease};
  int rc = act(&op.op);
  store_op_fini(&op.op);
  return rc < 0 ? 0 : op.tx;
}

static int64_t tx_begin(void)
{
  return tx_begin_for((struct taken){0, 0});
}

static const char *tx_sql(int64_t tx, bool reads, const char *text)
{
  static char *answer;
  struct store_tx_sql op = {
      .sql = {.op.kind = STORE_TX_SQL, .sql = text}, .tx = tx, .reads = reads};
  free(answer);
  answer = mem_strdup(act(&op.sql.op) < 0 ? last_err.code : op.sql.answer.data);
  store_op_fini(&op.sql.op);
  return answer;
}

#define TX_EXEC(tx, text)  tx_sql(tx, false, text)
#define TX_QUERY(tx, text) tx_sql(tx, true, text)

static int tx_end(int64_t tx, bool keep)
{
  struct store_tx_end op = {.op.kind = STORE_TX_END, .tx = tx, .keep = keep};
  int rc = act(&op.op);
  store_op_fini(&op.op);
  return rc;
}

static void a_transaction_is_kept_whole(void)
{
  make_table("create table t (a)");
  int64_t tx = tx_begin();
  CHECK(tx > 0);
  CHECK_TEXT(TX_EXEC(tx, "insert into t values (1), (2)"),
             "{\"changes\":2,\"last_id\":2}");
  CHECK_TEXT(TX_QUERY(tx, "select a from t"), "[{\"a\":1},{\"a\":2}]");
  CHECK_TEXT(QUERY("select a from t"), "[]"); /* others see it when it is kept */
  CHECK(tx_end(tx, true) == 0);
  CHECK_TEXT(QUERY("select a from t"), "[{\"a\":1},{\"a\":2}]");
  reopen();
  CHECK_TEXT(QUERY("select count(*) as n from t"), "[{\"n\":2}]");
}

static void a_transaction_is_taken_back(void)
{
  make_table("create table t (a)");
  int64_t tx = tx_begin();
  CHECK_TEXT(TX_EXEC(tx, "insert into t values (1)"), "{\"changes\":1,\"last_id\":1}");
  CHECK(tx_end(tx, false) == 0);
  CHECK_TEXT(QUERY("select a from t"), "[]");
  CHECK(tx_end(tx, true) < 0);
  CHECK_TEXT(last_err.code, "tx_timeout");
  CHECK_TEXT(EXEC("insert into t values (2)"), "{\"changes\":1,\"last_id\":1}");
}

/* Whatever ends it, nothing is kept and the next one begins anew. */
static void a_failure_ends_a_transaction(void)
{
  static const struct {
    const char *sql, *code;
  } faults[] = {
      {"insert into t values (1)", "sql_error"},
      {"insert or rollback into t values (1)", "sql_error"},
      {"insert into nowhere values (1)", "sql_error"},
      {"select * from candy_job", "sql_forbidden"},
      {"commit", "sql_forbidden"},
      {"rollback", "sql_forbidden"},
      {"drop table t", "sql_forbidden"},
      {"pragma journal_mode = delete", "sql_forbidden"},
      {"insert into t select 5 union all select count(*) from (with recursive c(n) as "
       "(select 1 union all select n + 1 from c) select n from c)",
       "tx_timeout"},
  };

  make_table("create table t (a integer primary key)");
  CHECK_TEXT(EXEC("insert into t values (1)"), "{\"changes\":1,\"last_id\":1}");
  for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
    printf("# %s\n", faults[i].sql);
    int64_t tx = tx_begin();
    CHECK_TEXT(TX_EXEC(tx, "insert into t values (2)"), "{\"changes\":1,\"last_id\":2}");
    CHECK_TEXT(TX_EXEC(tx, faults[i].sql), faults[i].code);
    CHECK_TEXT(TX_EXEC(tx, "insert into t values (3)"), "tx_timeout");
    CHECK(tx_end(tx, true) < 0);
    CHECK_TEXT(last_err.code, "tx_timeout");
    CHECK_TEXT(QUERY("select a from t"), "[{\"a\":1}]");
  }
}

static void a_transaction_checks_its_references(void)
{
  make_table(
      "create table p (id integer primary key);"
      "create table c (p integer references p (id) deferrable initially deferred)");
  int64_t tx = tx_begin();
  TX_EXEC(tx, "insert into c values (7)");
  TX_EXEC(tx, "insert into p values (7)");
  CHECK(tx_end(tx, true) == 0);
  tx = tx_begin();
  TX_EXEC(tx, "insert into c values (8)");
  CHECK(tx_end(tx, true) < 0);
  CHECK_TEXT(last_err.code, "sql_error");
  CHECK_TEXT(EXEC("insert into c values (9)"), "sql_error");
  CHECK(add_one("t") > 0);
  CHECK_TEXT(QUERY("select p from c"), "[{\"p\":7}]");
}

/* Who says nothing more holds nobody up for long. */
static void a_silent_transaction_ends(void)
{
  make_table("create table t (a)");
  int64_t tx = tx_begin();
  TX_EXEC(tx, "insert into t values (1)");
  CHECK(add_one("t") > 0); /* comes back only when the transaction is over */
  CHECK_TEXT(TX_QUERY(tx, "select 1 as n"), "tx_timeout");
  CHECK(tx_end(tx, true) < 0);
  CHECK_TEXT(last_err.code, "tx_timeout");
  CHECK_TEXT(QUERY("select a from t"), "[]");
}

/* One that always has something to say, too. */
static void a_talkative_transaction_ends(void)
{
  make_table("create table t (a)");
  int64_t tx = tx_begin(), began = clock_mono_ns();
  while (strcmp(TX_EXEC(tx, "insert into t values (1)"), "tx_timeout") != 0)
    CHECK(clock_mono_ns() - began < 10000 * CLOCK_MS);
  CHECK_TEXT(QUERY("select a from t"), "[]");
}

static void a_transaction_needs_the_lease(void)
{
  make_table("create table t (a)");
  know("t", NULL);
  add_one("t");
  struct taken job = take_one();
  int64_t tx = tx_begin_for(job);
  CHECK(tx > 0);
  TX_EXEC(tx, "insert into t values (1)");
  CHECK(tx_end(tx, true) == 0);
  struct taken stale = {job.id, job.lease - 1};
  CHECK(tx_begin_for(stale) == 0);
  CHECK_TEXT(last_err.code, "stale_lease");
  CHECK(finish(job, STORE_OK) == STORE_DONE);
  CHECK(tx_begin_for(job) == 0);
  CHECK_TEXT(last_err.code, "stale_lease");
  CHECK_TEXT(QUERY("select a from t"), "[{\"a\":1}]");
}

/* ---- many at once ---- */

enum { TALKERS = 64 };

static struct talker {
  struct store_tx_begin begin;
  struct store_tx_sql read, write;
  struct store_tx_end end;
  char params[32];
} talkers[TALKERS];

static int talked;

static void kept(struct store_op *op)
{
  CHECK(op->status == 0);
  talked++;
}

static void has_written(struct store_op *op)
{
  struct talker *t = op->arg;
  CHECK(op->status == 0);
  t->end = (struct store_tx_end){
      .op = {.kind = STORE_TX_END, .done = kept}, .tx = t->begin.tx, .keep = true};
  store_op_fini(op);
  store_submit(store, &t->end.op);
}

static void has_read(struct store_op *op)
{
  struct talker *t = op->arg;
  CHECK(op->status == 0);
  json_t *rows = jx_parse(t->read.sql.answer.data, t->read.sql.answer.len, NULL);
  snprintf(t->params, sizeof t->params, "[%lld]",
           (long long)jx_int(json_array_get(rows, 0), "n", 0) + 1);
  json_decref(rows);
  store_op_fini(op);
  t->write = (struct store_tx_sql){
      .sql = {.op = {.kind = STORE_TX_SQL, .done = has_written, .arg = t},
              .sql = "update counter set n = ?",
              .params = t->params},
      .tx = t->begin.tx};
  store_submit(store, &t->write.sql.op);
}

static void has_begun(struct store_op *op)
{
  struct talker *t = op->arg;
  CHECK(op->status == 0);
  t->read = (struct store_tx_sql){
      .sql = {.op = {.kind = STORE_TX_SQL, .done = has_read, .arg = t},
              .sql = "select n from counter"},
      .tx = t->begin.tx,
      .reads = true};
  store_submit(store, &t->read.sql.op);
}

/* Each reads, adds in its own memory and writes; other writes come between them. */
static void transactions_add_up(void)
{
  int between = 0;
  make_table("create table counter (n); insert into counter values (0)");
  for (int i = 0; i < TALKERS; i++) {
    talkers[i].begin = (struct store_tx_begin){
        .op = {.kind = STORE_TX_BEGIN, .done = has_begun, .arg = &talkers[i]}};
    store_submit(store, &talkers[i].begin.op);
  }
  while (talked < TALKERS) {
    add_one("t");
    between += talked > 0 && talked < TALKERS;
  }
  CHECK(between > 0);
  CHECK_TEXT(QUERY("select n from counter"), "[{\"n\":64}]");
}

/* A host that dies within a transaction leaves nothing of it. */
static void death_in_a_transaction(void)
{
  int alive[2];
  char byte = 0;
  make_table("create table t (a)");
  close_store();
  CHECK(pipe(alive) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    loop = mem_alloc(sizeof *loop);
    uv_loop_init(loop);
    open_store();
    EXEC("insert into t values (1)");
    TX_EXEC(tx_begin(), "insert into t values (2)");
    CHECK(write(alive[1], &byte, 1) == 1);
    raise(SIGKILL);
  }
  CHECK(read(alive[0], &byte, 1) == 1);
  waitpid(pid, NULL, 0);
  open_store();
  CHECK_TEXT(QUERY("select a from t"), "[{\"a\":1}]");
}

static void closing_ends_transactions(void)
{
  make_table("create table t (a)");
  TX_EXEC(tx_begin(), "insert into t values (1)");
  reopen();
  CHECK_TEXT(QUERY("select a from t"), "[]");
}

#endif
