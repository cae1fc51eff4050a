/* candy bench: what this machine does with no-op jobs, on a private host (bench_host.h).
 *
 * A host whose only slot is kept is filled: single durable enqueues from coroutines of a
 * script, then many at a time. One with all its workers drains that, timed by the times
 * in the store. Then it gets jobs one by one, 100 a second: how long each waits is known
 * to half a millisecond, since scripts see whole ones.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/bench_host.h"
#include "cli/cli.h"
#include "cli/table.h"

#define JOBS        100000
#define JOBS_LEAST  100
#define JOBS_MOST   1000000
#define WORKERS_MAX 256
#define BEATS       200
#define BEAT_MS     10
#define PAGE        200 /* of a list of jobs */
#define LOOK_MS     10

struct bench {
  struct bench_host host;
  int64_t jobs, workers; /* workers 0: as many as by default */
  char *first, *last;    /* ids of the jobs that are drained */
  double start_ms, single_per_s, bulk_per_s, drain_per_s, p50_ms, p99_ms;
};

/* ---- filling ---- */

/* Enqueues a job; returns its id (the caller frees it), or NULL with err. */
static char *push(struct bench *b, const char *body, struct err *err)
{
  json_t *answer = bench_host_call(&b->host, "POST", "/tasks", body, err);
  char *id = answer ? mem_strdup(jx_str(answer, "id", "")) : NULL;
  json_decref(answer);
  return id;
}

static json_t *run_job(struct bench *b, const char *body, struct err *err)
{
  char *id = push(b, body, err);
  json_t *job = id ? bench_host_wait(&b->host, id, err) : NULL;
  free(id);
  return job;
}

static int fill(struct bench *b, struct err *err)
{
  char body[96];
  if (bench_host_start(&b->host, 1, 1, err) < 0)
    return -1;
  snprintf(body, sizeof body, "{\"type\":\"fill\",\"payload\":{\"jobs\":%" PRId64 "}}",
           b->jobs);
  json_t *job = run_job(b, body, err);
  if (!job)
    return -1;
  const json_t *result = json_object_get(job, "result");
  b->single_per_s = json_number_value(json_object_get(result, "single_per_s"));
  b->bulk_per_s = json_number_value(json_object_get(result, "bulk_per_s"));
  b->first = mem_strdup(jx_str(result, "first", ""));
  b->last = mem_strdup(jx_str(result, "last", ""));
  json_decref(job);
  bench_host_stop(&b->host);
  return 0;
}

/* ---- draining ---- */

/* The number of jobs that a list has on its first page, or -1 with err. */
static int64_t listed(struct bench *b, const char *filter, json_t **items,
                      struct err *err)
{
  char target[128];
  snprintf(target, sizeof target, "/tasks?%s&limit=%d", filter, PAGE);
  json_t *page = bench_host_call(&b->host, "GET", target, NULL, err);
  if (!page)
    return -1;
  int64_t n = (int64_t)json_array_size(json_object_get(page, "items"));
  if (items)
    *items = json_incref(json_object_get(page, "items"));
  json_decref(page);
  return n;
}

/* The last jobs of several workers end in any order. */
static int wait_drained(struct bench *b, struct err *err)
{
  json_t *last = bench_host_wait(&b->host, b->last, err);
  int64_t left = -1, lost = -1;
  json_decref(last);
  if (!last)
    return -1;
  while ((left = listed(b, "state=available,running,retryable", NULL, err)) > 0)
    poll(NULL, 0, LOOK_MS);
  if (left == 0)
    lost = listed(b, "state=dead,cancelled", NULL, err);
  if (lost > 0)
    err_set(err, "bench", "jobs of the bench failed");
  return lost == 0 ? 0 : -1;
}

static int64_t last_end(const json_t *items)
{
  int64_t latest = 0;
  size_t i;
  json_t *job;
  json_array_foreach(items, i, job) {
    int64_t at = jx_int(job, "finished_at", 0);
    latest = at > latest ? at : latest;
  }
  return latest;
}

static int time_drain(struct bench *b, struct err *err)
{
  json_t *items = NULL, *first = bench_host_wait(&b->host, b->first, err);
  int status = -1;
  if (first && listed(b, "type=noop", &items, err) > 0) {
    int64_t took = last_end(items) - jx_int(first, "began_at", 0);
    b->drain_per_s = (double)b->jobs * 1000 / (double)(took > 0 ? took : 1);
    status = 0;
  }
  json_decref(items);
  json_decref(first);
  return status;
}

static int drain(struct bench *b, struct err *err)
{
  int64_t began = clock_mono_ns();
  if (bench_host_start(&b->host, (int)b->workers, 0, err) < 0)
    return -1;
  b->start_ms = (double)(clock_mono_ns() - began) / CLOCK_MS;
  return wait_drained(b, err) < 0 ? -1 : time_drain(b, err);
}

/* ---- latency ---- */

static double wall_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int beat(struct bench *b, double *delay, struct err *err)
{
  double sent = wall_ms();
  json_t *job = run_job(b, "{\"type\":\"echo\"}", err);
  if (!job)
    return -1;
  double at = json_number_value(json_object_get(json_object_get(job, "result"), "at"));
  *delay = at + 0.5 - sent;
  json_decref(job);
  return 0;
}

static int by_size(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static int measure_latency(struct bench *b, struct err *err)
{
  double delays[BEATS], next = wall_ms();
  for (size_t i = 0; i < BEATS; i++) {
    if (beat(b, &delays[i], err) < 0)
      return -1;
    next += BEAT_MS;
    double left = next - wall_ms();
    poll(NULL, 0, left > 0 ? (int)left : 0);
  }
  qsort(delays, BEATS, sizeof *delays, by_size);
  b->p50_ms = delays[BEATS / 2 - 1];
  b->p99_ms = delays[BEATS * 99 / 100 - 1];
  return 0;
}

/* ---- the command ---- */

static void print_row(struct table *table, const char *what, double value,
                      const char *unit)
{
  char text[32];
  snprintf(text, sizeof text, value < 1000 ? "%.2f" : "%.0f", value);
  table_add(table, what);
  table_add(table, text);
  table_add(table, unit);
}

static void print_for_people(const struct bench *b)
{
  static const struct table_column columns[] = {
      {"FIGURE", NULL}, {"VALUE", NULL}, {"UNIT", NULL}};
  struct table *table = table_new(columns, 3);
  print_row(table, "start to ready", b->start_ms, "ms");
  print_row(table, "enqueue one by one, 64 coroutines", b->single_per_s, "jobs/s");
  print_row(table, "enqueue by 1000", b->bulk_per_s, "jobs/s");
  print_row(table, "drain", b->drain_per_s, "jobs/s");
  print_row(table, "enqueue to handler, calm, p50", b->p50_ms, "ms");
  print_row(table, "enqueue to handler, calm, p99", b->p99_ms, "ms");
  table_print(table, stdout);
  table_free(&table);
}

static void print_for_programs(const struct bench *b)
{
  printf("{\"version\":\"%s\",\"jobs\":%" PRId64 ",\"start_ms\":%.1f,"
         "\"single_per_s\":%.0f,\"bulk_per_s\":%.0f,\"drain_per_s\":%.0f,"
         "\"p50_ms\":%.2f,\"p99_ms\":%.2f}\n",
         CANDY_VERSION, b->jobs, b->start_ms, b->single_per_s, b->bulk_per_s,
         b->drain_per_s, b->p50_ms, b->p99_ms);
}

static int read_number(const struct cli_args *args, const char *flag, int64_t least,
                       int64_t most, int64_t *n, struct err *err)
{
  const char *text = cli_option(args, flag);
  if (!text)
    return 0;
  size_t len = strspn(text, "0123456789");
  *n = len && len < 10 && !text[len] ? strtoll(text, NULL, 10) : -1;
  if (*n >= least && *n <= most)
    return 0;
  return err_set(err, "usage",
                 "--%s: must be a whole number from %" PRId64 " to %" PRId64
                 ", not \"%s\"",
                 flag, least, most, text);
}

static int measure(struct bench *b, struct err *err)
{
  int status = -1;
  if (bench_host_init(&b->host, err) == 0 && fill(b, err) == 0 && drain(b, err) == 0)
    status = measure_latency(b, err);
  bench_host_fini(&b->host);
  return status;
}

int cmd_bench(struct conf *conf, const struct cli_args *args)
{
  struct err err = {0};
  struct bench b = {.jobs = JOBS};
  int code = CLI_OK;
  (void)conf;
  if (read_number(args, "jobs", JOBS_LEAST, JOBS_MOST, &b.jobs, &err) < 0 ||
      read_number(args, "workers", 1, WORKERS_MAX, &b.workers, &err) < 0)
    return cli_fail_err(CLI_USAGE, &err);
  if (measure(&b, &err) < 0)
    code = cli_fail_err(CLI_FAILED, &err);
  else if (args->json)
    print_for_programs(&b);
  else
    print_for_people(&b);
  free(b.first);
  free(b.last);
  return code;
}
