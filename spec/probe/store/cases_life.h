/* Cases: what is acknowledged stays: reopening, backup, many jobs, sudden death. */
#ifndef CANDY_SPEC_STORE_CASES_LIFE_H
#define CANDY_SPEC_STORE_CASES_LIFE_H

#include "harness.h"

#include <sys/stat.h>
#include <sys/wait.h>

static void all_or_none(void)
{
  struct store_new jobs[3] = {a_job("t"), a_job("t"), a_job("t")};
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = 3};
  jobs[2].tags = "[this is no JSON";
  CHECK(act(&op.op) < 0);
  CHECK_INT(stats().counts[STORE_AVAILABLE], 0);
  store_op_fini(&op.op);
  jobs[2].tags = "[]";
  CHECK(act(&op.op) == 0);
  CHECK(jobs[0].id < jobs[1].id && jobs[1].id < jobs[2].id);
  CHECK_INT(stats().counts[STORE_AVAILABLE], 3);
}

/* A failed operation among others: they are not hurt, and names that it brought are not
 * left behind. */
static void failures_stay_alone(void)
{
  know("fresh", "t");
  struct store_new good = a_job("t"), bad = a_job("fresh2"), next = a_job("fresh3");
  bad.tags = "{";
  struct store_enqueue a = {.op.kind = STORE_ENQUEUE, .jobs = &good, .n = 1};
  struct store_enqueue b = {.op.kind = STORE_ENQUEUE, .jobs = &bad, .n = 1};
  struct store_enqueue c = {.op.kind = STORE_ENQUEUE, .jobs = &next, .n = 1};
  submit(&a.op);
  submit(&b.op);
  submit(&c.op);
  wait_for_all();
  CHECK(a.op.status == 0 && b.op.status < 0 && c.op.status == 0);
  store_op_fini(&b.op);
  CHECK_TEXT(member(next.id, "type"), "\"fresh3\"");
  reopen();
  CHECK_TEXT(member(good.id, "type"), "\"t\"");
  CHECK_TEXT(member(next.id, "type"), "\"fresh3\"");
}

static char finished_order[4], marks[] = "abc";
static size_t finished_n;

static void note_order(struct store_op *op)
{
  finished_order[finished_n++] = *(const char *)op->arg;
}

static void done_comes_in_order(void)
{
  know("t", NULL);
  struct store_new job = a_job("t");
  struct store_claim claim = {
      .op = {.kind = STORE_CLAIM, .done = note_order, .arg = marks}, .max = 1};
  struct store_enqueue enqueue = {
      .op = {.kind = STORE_ENQUEUE, .done = note_order, .arg = marks + 1},
      .jobs = &job,
      .n = 1};
  struct store_finish stale = {
      .op = {.kind = STORE_FINISH, .done = note_order, .arg = marks + 2},
      .id = 1,
      .lease = 99};
  store_submit(store, &claim.op);
  store_submit(store, &enqueue.op);
  store_submit(store, &stale.op);
  while (finished_n < 3)
    uv_run(loop, UV_RUN_ONCE);
  CHECK_TEXT(finished_order, "cab"); /* ends, claims, the rest */
  CHECK_INT((int64_t)claim.n, 1);    /* claims run last, whatever came first */
  store_op_fini(&claim.op);
}

static char *job_text(int64_t id)
{
  json_t *job = job_of(id);
  char *text = jx_dump(job, NULL);
  json_decref(job);
  return text;
}

static void reopening_keeps_everything(void)
{
  know("t", NULL);
  struct store_new timed = a_job("t");
  timed.delay_ms = 3600000;
  timed.tags = "[\"x\"]";
  int64_t scheduled = add(timed), completed = add_one("t"), dead = add_one("t"),
          running = add_one("t"), available = add_one("t");
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  struct taken t = take_one();
  int64_t ids[] = {scheduled, completed, dead, running, available};
  char *before[5];
  for (int i = 0; i < 5; i++)
    before[i] = job_text(ids[i]);
  reopen();
  for (int i = 0; i < 5; i++) {
    char *after = job_text(ids[i]);
    CHECK_TEXT(after, before[i]);
    free(before[i]);
    free(after);
  }
  CHECK(finish(t, STORE_OK) == STORE_DONE);
  CHECK(is_in(running, STORE_COMPLETED));
}

static void closing_finishes_what_was_submitted(void)
{
  enum { N = 50 };
  struct store_new jobs[N];
  struct store_enqueue ops[N];
  for (int i = 0; i < N; i++) {
    jobs[i] = a_job("t");
    ops[i] = (struct store_enqueue){.op.kind = STORE_ENQUEUE, .jobs = &jobs[i], .n = 1};
    submit(&ops[i].op);
  }
  close_store();
  CHECK_INT(done, submitted);
  open_store();
  CHECK_INT(stats().counts[STORE_AVAILABLE], N);
}

/* ---- many ---- */

struct many {
  struct store_claim claim;
  struct store_finish finishes[500];
  char *seen; /* by id: how often it was finished */
  int64_t finished;
};

static void many_finished(struct store_op *op)
{
  struct many *m = op->arg;
  const struct store_finish *f = (const struct store_finish *)op;
  CHECK(f->verdict == STORE_DONE);
  m->seen[f->id]++;
  m->finished++;
}

static void many_claimed(struct store_op *op)
{
  struct many *m = op->arg;
  size_t n = m->claim.n;
  for (size_t i = 0; i < n; i++) {
    const struct store_job *job = &m->claim.jobs[i];
    m->finishes[i] = a_finish((struct taken){job->id, job->lease}, STORE_OK);
    m->finishes[i].op.done = many_finished;
    m->finishes[i].op.arg = m;
    store_submit(store, &m->finishes[i].op);
  }
  store_op_fini(op);
  if (n)
    store_submit(store, op);
}

static void twenty_thousand(void)
{
  enum { N = 20000, STEP = 1000 };
  struct many m = {.claim = {.op = {.kind = STORE_CLAIM, .done = many_claimed},
                             .max = sizeof m.finishes / sizeof m.finishes[0]},
                   .seen = mem_alloc(N + 100)};
  struct store_new jobs[STEP];
  m.claim.op.arg = &m;
  know("t", NULL);
  for (int i = 0; i < STEP; i++) {
    jobs[i] = a_job("t");
    jobs[i].priority = i % 3;
    jobs[i].queue = i % 2 ? "odd" : "even";
  }
  for (int i = 0; i < N; i += STEP) {
    struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = STEP};
    CHECK(act(&op.op) == 0);
  }
  store_submit(store, &m.claim.op);
  while (m.finished < N)
    CHECK(uv_run(loop, UV_RUN_ONCE) || m.finished == N);
  for (int i = 1; i <= N; i++)
    CHECK_INT(m.seen[i], 1);
  CHECK_INT(stats().counts[STORE_AVAILABLE] + stats().counts[STORE_RUNNING], 0);
  CHECK_INT(stats().counts[STORE_COMPLETED], 10000); /* counting ends there */
  free(m.seen);
}

/* ---- backup ---- */

static int backup_ended;
static struct err backup_err;

static void on_backup(void *arg, const struct err *err)
{
  (void)arg;
  err_clear(&backup_err);
  if (err)
    backup_err = *err;
  backup_ended++;
}

static void backup_while_writing(void)
{
  enum { STEP = 200 };

  char file[512];
  struct store_new jobs[STEP];
  snprintf(file, sizeof file, "%s/copy.db", store_folder);
  for (int i = 0; i < STEP; i++)
    jobs[i] = a_job("t");
  struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = jobs, .n = STEP};
  for (int i = 0; i < 50; i++)
    CHECK(act(&op.op) == 0);
  CHECK(store_backup(store, file, on_backup, NULL, &last_err) == 0);
  CHECK(store_backup(store, file, on_backup, NULL, &last_err) < 0);
  CHECK_TEXT(last_err.code, "backup_busy");
  int64_t least = jobs[STEP - 1].id;
  while (!backup_ended)
    CHECK(act(&op.op) == 0);
  CHECK_TEXT(backup_err.code, "");
  CHECK(store_backup(store, file, on_backup, NULL, &last_err) < 0);
  CHECK_TEXT(last_err.code, "backup_exists");
  close_store();
  char *url = mem_printf("%s%s", store_url, file);
  store_url = url;
  open_store();
  CHECK(is_in(least, STORE_AVAILABLE));
  CHECK_TEXT(member(jobs[STEP - 1].id + 1, "state"), "none");
  free(url);
}

/* ---- sudden death ---- */

/* The child works the store, and tells over a pipe what was acknowledged: the id of each
 * job that was enqueued, and the negative id of each that was finished. */
static void tell(int fd, int64_t id)
{
  CHECK(write(fd, &id, sizeof id) == sizeof id);
}

/* Finishes a job with its effect: a row with its id. */
static void finish_with_effect(struct taken t, enum store_outcome outcome,
                               struct store_new *child)
{
  char params[32];
  struct store_write write = {"insert into effects values (?)", params};
  struct store_finish op = a_finish(t, outcome);
  snprintf(params, sizeof params, "[%lld]", (long long)t.id);
  op.writes = &write;
  op.n_writes = 1;
  op.children = child;
  op.n_children = child != NULL;
  CHECK(act(&op.op) == 0 && op.verdict == STORE_DONE);
}

/* Some jobs are running whenever the end comes: each is finished HELD turns later. */
static void work_a_turn(int fd, unsigned turn)
{
  enum { HELD = 4 };
  static struct taken held[HELD];
  struct store_new jobs[20], child = a_job("t");
  struct store_enqueue enqueue = {
      .op.kind = STORE_ENQUEUE, .jobs = jobs, .n = 1 + turn % 20};
  for (int i = 0; i < 20; i++)
    jobs[i] = a_job("t");
  CHECK(act(&enqueue.op) == 0);
  for (size_t i = 0; i < enqueue.n; i++)
    tell(fd, jobs[i].id);
  struct taken t = held[turn % HELD];
  held[turn % HELD] = take_one();
  if (!t.id)
    return;
  if (turn % 7 == 3) {
    finish_with_effect(t, STORE_RELEASE, NULL);
    return;
  }
  finish_with_effect(t, STORE_OK, turn % 5 == 0 ? &child : NULL);
  tell(fd, -t.id);
  if (turn % 5 == 0)
    tell(fd, child.id);
}

static void open_and_recover(void)
{
  struct store_recover recover = {.op.kind = STORE_RECOVER};
  open_store();
  CHECK(act(&recover.op) == 0);
  know("t", NULL);
}

enum { ENQUEUED = 1, FINISHED = 2, IDS = 200000 };

/* Reads up to `limit` notes of the child's. */
static void read_notes(int fd, unsigned limit, char *acknowledged)
{
  int64_t id;
  for (unsigned i = 0; i < limit && read(fd, &id, sizeof id) == sizeof id; i++) {
    CHECK(id < IDS && id > -IDS);
    acknowledged[id < 0 ? -id : id] |= id < 0 ? FINISHED : ENQUEUED;
  }
}

static void live_and_die(unsigned life, char *acknowledged)
{
  int fds[2];
  CHECK(pipe(fds) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    loop = mem_alloc(sizeof *loop);
    uv_loop_init(loop);
    open_and_recover();
    for (unsigned turn = 0;; turn++)
      work_a_turn(fds[1], turn);
  }
  close(fds[1]);
  read_notes(fds[0], 50 + life * 37 % 300, acknowledged);
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
  read_notes(fds[0], IDS, acknowledged);
  close(fds[0]);
}

/* Of all effects that there are, which job has how many? */
static void count_effects(char *effects)
{
  char query[96];
  for (int64_t from = 0; from < IDS; from += 5000) {
    snprintf(query, sizeof query, "select id from effects where id >= %lld and id < %lld",
             (long long)from, (long long)from + 5000);
    const char *text = QUERY(query);
    json_t *rows = jx_parse(text, strlen(text), &last_err), *row;
    size_t i;
    CHECK(rows);
    json_array_foreach(rows, i, row)
      effects[jx_int(row, "id", 0)]++;
    json_decref(rows);
  }
}

static void sudden_death(void)
{
  enum { LIVES = 12 };

  char *acknowledged = mem_alloc(IDS), *before = mem_alloc(IDS), *after = mem_alloc(IDS);
  make_table("create table effects (id integer)");
  close_store();
  for (unsigned life = 0; life < LIVES; life++)
    live_and_die(life, acknowledged);
  open_and_recover();
  count_effects(before);
  for (struct taken t = take_one(); t.id; t = take_one())
    finish_with_effect(t, STORE_OK, NULL);
  count_effects(after);
  for (int64_t id = 1; id < IDS; id++) {
    CHECK(before[id] || !(acknowledged[id] & FINISHED));
    CHECK(after[id] == 1 || (after[id] == 0 && !acknowledged[id]));
  }
  free(acknowledged);
  free(before);
  free(after);
}

#endif
