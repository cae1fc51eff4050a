/* Cases: how jobs are seen: in full, in lists, in numbers. */
#ifndef CANDY_SPEC_STORE_CASES_LOOK_H
#define CANDY_SPEC_STORE_CASES_LOOK_H

#include "harness.h"

/* Long integers, escapes and spaces stay as they came. */
static void payloads_stay_as_they_came(void)
{
  static const char payload[] =
      "{ \"n\": 123456789012345678901234567890, \"z\":\"\\u0000\\u00e4 \xc3\xa4\", "
      "\"e\":[] ,\"f\":1.50}";
  know("t", NULL);
  struct store_new job = a_job("t");
  job.payload = payload;
  job.payload_len = sizeof payload - 1;
  job.key = "k\xc3\xb6y";
  job.tags = "[\"a\",\"b\"]";
  job.workspace = "acme";
  job.queue = "mail";
  int64_t id = add(job);
  struct store_claim claim = take(1);
  const struct store_job *j = &claim.jobs[0];
  CHECK_TEXT(j->payload, payload);
  CHECK_INT((int64_t)j->payload_len, sizeof payload - 1);
  CHECK_TEXT(j->key, "k\xc3\xb6y");
  CHECK_TEXT(j->tags, "[\"a\",\"b\"]");
  CHECK_TEXT(j->workspace, "acme");
  CHECK_TEXT(j->queue, "mail");
  CHECK_TEXT(j->type, "t");
  CHECK(!j->checkpoint);
  CHECK_INT(j->max_retries, 3);
  struct store_finish op = a_finish((struct taken){id, j->lease}, STORE_OK);
  op.result = "{\"big\": 98765432109876543210 }";
  CHECK(act(&op.op) == 0);
  store_op_fini(&claim.op);
  struct store_get get = {.op.kind = STORE_JOB, .id = id};
  CHECK(act(&get.op) == 0);
  CHECK(strstr(get.json.data, payload));
  CHECK(strstr(get.json.data, op.result));
  store_op_fini(&get.op);
}

static void a_job_in_full(void)
{
  static const char *const names[] = {
      "id",          "state",    "type",       "queue",     "priority",    "payload",
      "tags",        "key",      "workspace",  "parent_id", "max_retries", "retry_count",
      "attempt",     "rescues",  "created_at", "run_at",    "began_at",    "finished_at",
      "waiting_for", "progress", "result",     "error",     "attempts",    "trace_id",
      "cancelling",  "deadline", "edits",      "batch_id",  "after"};
  int64_t id = add_one("t");
  json_t *job = job_of(id);
  CHECK_INT((int64_t)json_object_size(job), sizeof names / sizeof names[0]);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    CHECK(json_object_get(job, names[i]));
  json_decref(job);
  CHECK_TEXT(member(id, "state"), "\"available\"");
  CHECK_TEXT(member(id, "workspace"), "\"default\"");
  CHECK_TEXT(member(id, "queue"), "\"default\"");
  CHECK_TEXT(member(id, "tags"), "[]");
  CHECK_TEXT(member(id, "attempts"), "[]");
  CHECK_TEXT(member(id, "result"), "null");
  CHECK_TEXT(member(999999, "state"), "none");
}

/* ---- lists ---- */

/* The ids of a page as "3 2 1", in memory that the next call takes back. */
static const char *ids_in(struct store_filter filter, int64_t limit, int64_t *before)
{
  static struct buf ids;
  struct store_list op = {.op.kind = STORE_JOBS,
                          .filter = filter,
                          .limit = limit,
                          .before = before ? *before : 0};
  CHECK(act(&op.op) == 0);
  json_t *items = jx_parse(op.items.data, op.items.len, &last_err), *item;
  CHECK(items);
  size_t i;
  ids.len = 0;
  buf_puts(&ids, "");
  json_array_foreach(items, i, item) {
    CHECK(!json_object_get(item, "payload") && !json_object_get(item, "attempts"));
    buf_printf(&ids, "%s%s", i ? " " : "", jx_str(item, "id", "?"));
  }
  json_decref(items);
  if (before)
    *before = op.next;
  store_op_fini(&op.op);
  return ids.data;
}

static const char *list_state(enum store_state state)
{
  return ids_in((struct store_filter){.states = 1u << state}, 100, NULL);
}

static const char *id_text(int64_t id)
{
  static char text[32];
  snprintf(text, sizeof text, "%lld", (long long)id);
  return text;
}

static void lists_by_state(void)
{
  know("t", NULL);
  struct store_new timed = a_job("t");
  timed.delay_ms = 3600000;
  int64_t scheduled = add(timed), completed = add_one("t"), dead = add_one("t"),
          retryable = add_one("t"), running = add_one("t");
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  CHECK(finish(take_one(), STORE_FAIL) == STORE_DONE);
  struct store_finish op = a_finish(take_one(), STORE_RETRY);
  op.delay_ms = 3600000;
  CHECK(act(&op.op) == 0);
  CHECK_INT(take_one().id, running);
  int64_t available = add_one("t");
  CHECK_TEXT(list_state(STORE_SCHEDULED), id_text(scheduled));
  CHECK_TEXT(list_state(STORE_COMPLETED), id_text(completed));
  CHECK_TEXT(list_state(STORE_DEAD), id_text(dead));
  CHECK_TEXT(list_state(STORE_RETRYABLE), id_text(retryable));
  CHECK_TEXT(list_state(STORE_RUNNING), id_text(running));
  CHECK_TEXT(list_state(STORE_AVAILABLE), id_text(available));
  CHECK_TEXT(list_state(STORE_CANCELLED), "");
  CHECK_TEXT(list_state(STORE_PENDING), "");
  struct store_filter two = {.states = 1u << STORE_DEAD | 1u << STORE_COMPLETED};
  char want[64];
  snprintf(want, sizeof want, "%lld %lld", (long long)dead, (long long)completed);
  CHECK_TEXT(ids_in(two, 10, NULL), want);
  struct store_stats s = stats();
  for (int i = 0; i < STORE_STATES; i++)
    CHECK_INT(s.counts[i], i != STORE_CANCELLED && i != STORE_PENDING);
}

static void lists_by_filter(void)
{
  int64_t ids[4];
  for (int i = 0; i < 4; i++) {
    struct store_new job = a_job(i < 2 ? "mail" : "video");
    job.queue = i % 2 ? "odd" : "even";
    job.tags = i == 1 ? "[\"red\",\"round\"]" : i == 2 ? "[\"red\"]" : NULL;
    job.payload = i == 3 ? "{\"a\":\"100%_sure\"}" : "{\"a\":\"100xysure\"}";
    job.payload_len = strlen(job.payload);
    ids[i] = add(job);
  }
  char want[4][64];
  const char *mail = "mail", *odd = "odd";
  snprintf(want[0], 64, "%lld %lld", (long long)ids[1], (long long)ids[0]);
  snprintf(want[1], 64, "%lld %lld", (long long)ids[3], (long long)ids[1]);
  snprintf(want[2], 64, "%lld %lld", (long long)ids[2], (long long)ids[1]);
  snprintf(want[3], 64, "%lld", (long long)ids[3]);
  struct store_filter f = {.types = &mail, .n_types = 1};
  CHECK_TEXT(ids_in(f, 10, NULL), want[0]);
  f = (struct store_filter){.queues = &odd, .n_queues = 1};
  CHECK_TEXT(ids_in(f, 10, NULL), want[1]);
  CHECK_TEXT(ids_in((struct store_filter){.tag = "red"}, 10, NULL), want[2]);
  CHECK_TEXT(ids_in((struct store_filter){.search = "100%_s"}, 10, NULL), want[3]);
  CHECK_TEXT(ids_in((struct store_filter){.search = "100%x"}, 10, NULL), "");
  f = (struct store_filter){.tag = "red", .types = &mail, .n_types = 1};
  CHECK_TEXT(ids_in(f, 10, NULL), id_text(ids[1]));
  f = (struct store_filter){.ids = ids, .n_ids = 4, .queues = &odd, .n_queues = 1};
  CHECK_TEXT(ids_in(f, 10, NULL), want[1]);
  int64_t now = clock_wall_ms();
  CHECK_TEXT(ids_in((struct store_filter){.until = now - 60000}, 10, NULL), "");
  CHECK_TEXT(ids_in((struct store_filter){.since = now + 60000}, 10, NULL), "");
  CHECK_TEXT(
      ids_in((struct store_filter){.since = now - 60000, .search = "_sure"}, 10, NULL),
      want[3]);
}

static void search_sees_errors(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  struct store_finish op = a_finish(take_one(), STORE_FAIL);
  op.error = "{\"code\":\"x\",\"message\":\"The Mail Server said no\"}";
  CHECK(act(&op.op) == 0);
  CHECK_TEXT(ids_in((struct store_filter){.search = "mail server"}, 10, NULL),
             id_text(id));
  CHECK_TEXT(ids_in((struct store_filter){.search = "code"}, 10, NULL), "");
}

static void pages(void)
{
  int64_t before = 0, last = 0;
  int seen = 0, turns = 0;
  for (int i = 0; i < 25; i++)
    last = add_one("t");
  do {
    const char *at = ids_in((struct store_filter){0}, 10, &before);
    for (char *end; *at; at = *end ? end + 1 : end, seen++, last--)
      CHECK_INT(strtoll(at, &end, 10), last);
    add_one("t"); /* comes before all pages that follow: nothing is seen twice */
    turns++;
  } while (before);
  CHECK_INT(seen, 25);
  CHECK_INT(turns, 3);
}

/* ---- retention ---- */

static int64_t expire(int64_t completed_ms, int64_t dead_ms, int64_t max)
{
  struct store_expire op = {.op.kind = STORE_EXPIRE,
                            .completed_ms = completed_ms,
                            .dead_ms = dead_ms,
                            .max = max};
  CHECK(act(&op.op) == 0);
  return op.count;
}

static void retention(void)
{
  int64_t ids[20];
  know("t", NULL);
  for (int i = 0; i < 20; i++) {
    struct store_new job = a_job("t");
    job.tags = "[\"x\"]";
    ids[i] = add(job);
  }
  for (int i = 0; i < 18; i++)
    CHECK(finish(take_one(), i % 3 ? STORE_OK : STORE_FAIL) == STORE_DONE);
  struct taken running = take_one();
  CHECK_INT(expire(3600000, 3600000, 100), 0);
  usleep(5000);
  CHECK_INT(expire(1, 3600000, 5), 5);
  CHECK_INT(expire(1, 3600000, 100), 7);
  CHECK_INT(expire(1, 3600000, 100), 0);
  CHECK_TEXT(member(ids[1], "state"), "none");
  CHECK(is_in(ids[0], STORE_DEAD));
  CHECK_INT(expire(3600000, 1, 100), 6);
  CHECK_TEXT(member(ids[0], "state"), "none");
  CHECK(is_in(running.id, STORE_RUNNING));
  CHECK(is_in(ids[19], STORE_AVAILABLE));
  char want[64];
  snprintf(want, sizeof want, "%lld %lld", (long long)ids[19], (long long)ids[18]);
  CHECK_TEXT(ids_in((struct store_filter){.tag = "x"}, 100, NULL), want);
}

/* An id is never given again, even when all that had higher ones is forgotten. */
static void ids_are_never_reused(void)
{
  know("t", NULL);
  int64_t id = add_one("t");
  CHECK(finish(take_one(), STORE_OK) == STORE_DONE);
  usleep(5000);
  CHECK_INT(expire(1, 1, 10), 1);
  reopen();
  CHECK(add_one("t") > id);
}

#endif
