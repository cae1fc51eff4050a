/* links: base store
 *
 * How fast the store is by itself: store_bench URL FOLDER [JOBS] [BATCH] [KIND]
 *
 * Enqueues JOBS jobs in operations of BATCH, then drains them with BATCH jobs in flight:
 * each turn finishes what the last one claimed and claims as many again. Prints the rates
 * as one line of JSON.
 *
 * KIND is plain (by default), batch (all of them are in one), after (every second job
 * waits for the one in front of it), awaited (plain, while jobs wait for another one), or
 * unique (each has a hash of its own that it must be the only one of).
 */
#include "base/buf.h"
#include "base/clock.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD                                                                          \
  "{\"repo\":\"acme/shop\",\"issue\":1234567,\"title\":\"A title of an usual length "    \
  "for "                                                                                 \
  "this\",\"n\":12345}"
#define IN_FLIGHT 4 /* enqueue operations under way */

static struct store *store;
static int64_t jobs = 200000, batch = 1000;
static const char *kind = "plain";
static int64_t enqueued, finished, in_batch;

static void stop_on_error(const struct store_op *op)
{
  if (op->status == 0)
    return;
  fprintf(stderr, "store_bench: %s\n", op->err->text);
  exit(1);
}

/* ---- enqueue ---- */

static bool is_kind(const char *name)
{
  return strcmp(kind, name) == 0;
}

/* As far from each other as hashes are, and new in each run. */
static void set_hashes(struct store_enqueue *op)
{
  static uint64_t state;
  state = state ? state : (uint64_t)clock_wall_ms();
  for (size_t i = 0; i < op->n; i++) {
    struct store_unique *u = (struct store_unique *)(uintptr_t)op->jobs[i].unique;
    for (size_t at = 0; at < sizeof u->hash; at += sizeof state) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      uint64_t mixed = (state ^ state >> 29) * 0x9e3779b97f4a7c15u;
      memcpy(u->hash + at, &mixed, sizeof mixed);
    }
  }
}

static void enqueue_more(struct store_enqueue *op)
{
  int64_t left = jobs - enqueued;
  op->n = (size_t)(left < batch ? left : batch);
  if (is_kind("unique"))
    set_hashes(op);
  enqueued += (int64_t)op->n;
  if (op->n)
    store_submit(store, &op->op);
}

static void enqueue_done(struct store_op *op)
{
  stop_on_error(op);
  store_op_fini(op);
  enqueue_more((struct store_enqueue *)op);
}

static struct store_enqueue *enqueue_new(void)
{
  static const int64_t before[] = {-1};
  struct store_enqueue *op = mem_alloc(sizeof *op);
  op->op.kind = STORE_ENQUEUE;
  op->op.done = enqueue_done;
  op->jobs = mem_alloc((size_t)batch * sizeof *op->jobs);
  for (int64_t i = 0; i < batch; i++)
    op->jobs[i] = (struct store_new){.type = "noop",
                                     .payload = PAYLOAD,
                                     .payload_len = strlen(PAYLOAD),
                                     .max_retries = 3,
                                     .after = before,
                                     .n_after = is_kind("after") && i % 2,
                                     .batch = in_batch};
  struct store_unique *rules =
      is_kind("unique") ? mem_alloc((size_t)batch * sizeof *rules) : NULL;
  for (int64_t i = 0; rules && i < batch; i++) {
    rules[i].states = 1u << STORE_AVAILABLE;
    op->jobs[i].unique = &rules[i];
  }
  return op;
}

/* ---- drain ---- */

static void finish_done(struct store_op *op)
{
  stop_on_error(op);
  if (((struct store_finish *)op)->verdict == STORE_DONE)
    finished++;
  store_op_fini(op);
  free(op);
}

static void claim_done(struct store_op *op)
{
  struct store_claim *claim = (struct store_claim *)op;
  stop_on_error(op);
  size_t n = claim->n;
  for (size_t i = 0; i < n; i++) {
    struct store_finish *f = mem_alloc(sizeof *f);
    *f = (struct store_finish){.op = {.kind = STORE_FINISH, .done = finish_done},
                               .id = claim->jobs[i].id,
                               .lease = claim->jobs[i].lease,
                               .outcome = STORE_OK,
                               .began_at = claim->jobs[i].created_at,
                               .worker = "w1",
                               .result = "{\"ok\":true}"};
    store_submit(store, &f->op);
  }
  store_op_fini(op);
  if (n)
    store_submit(store, op);
}

static void nothing(struct store_op *op)
{
  stop_on_error(op);
  store_op_fini(op);
}

static double run(uv_loop_t *loop)
{
  int64_t began = clock_mono_ns();
  uv_run(loop, UV_RUN_DEFAULT);
  return (double)(clock_mono_ns() - began) / 1e9;
}

static void batch_made(struct store_op *op)
{
  stop_on_error(op);
  in_batch = ((struct store_batch *)op)->id;
  store_op_fini(op);
}

/* One job holds the batch open, or lets the other wait: neither is ever run. */
static void prepare(uv_loop_t *loop)
{
  static const int64_t before[] = {-1};
  struct store_new two[] = {{.type = "never", .payload = "{}", .payload_len = 2},
                            {.type = "never",
                             .payload = "{}",
                             .payload_len = 2,
                             .after = before,
                             .n_after = 1}};
  struct store_batch made = {
      .op = {.kind = STORE_BATCH, .done = batch_made}, .jobs = two, .n = 1};
  struct store_enqueue waiting = {
      .op = {.kind = STORE_ENQUEUE, .done = nothing}, .jobs = two, .n = 2};
  if (is_kind("batch"))
    store_submit(store, &made.op);
  else if (is_kind("awaited"))
    store_submit(store, &waiting.op);
  run(loop);
}

static double enqueue_all(uv_loop_t *loop)
{
  struct store_enqueue *ops[IN_FLIGHT];
  for (int i = 0; i < IN_FLIGHT; i++) {
    ops[i] = enqueue_new();
    enqueue_more(ops[i]);
  }
  double seconds = run(loop);
  for (int i = 0; i < IN_FLIGHT; i++) {
    free((void *)(uintptr_t)ops[i]->jobs[0].unique); /* the first of all rules */
    free(ops[i]->jobs);
    free(ops[i]);
  }
  return seconds;
}

static double drain_all(uv_loop_t *loop)
{
  static const struct store_type type = {.name = "noop"};
  struct store_types types = {
      .op = {.kind = STORE_TYPES, .done = nothing}, .types = &type, .n = 1};
  struct store_claim claim = {.op = {.kind = STORE_CLAIM, .done = claim_done},
                              .max = (size_t)batch};
  store_submit(store, &types.op);
  store_submit(store, &claim.op);
  return run(loop);
}

int main(int argc, char **argv)
{
  struct err err;
  uv_loop_t *loop = uv_default_loop();
  if (argc < 3) {
    fprintf(stderr, "usage: store_bench URL FOLDER [JOBS] [BATCH] [KIND]\n");
    return 2;
  }
  if (argc > 3)
    jobs = strtoll(argv[3], NULL, 10);
  if (argc > 4)
    batch = strtoll(argv[4], NULL, 10);
  if (argc > 5)
    kind = argv[5];
  struct store_config config = {.folder = argv[2]};
  if (store_open(&store, loop, argv[1], &config, &err) < 0) {
    fprintf(stderr, "store_bench: %s\n", err.text);
    return 1;
  }
  prepare(loop);
  double enqueue = enqueue_all(loop), drain = drain_all(loop);
  printf("{\"jobs\":%lld,\"batch\":%lld,\"enqueue_per_s\":%.0f,\"drain_per_s\":%.0f,"
         "\"finished\":%lld}\n",
         (long long)jobs, (long long)batch, (double)jobs / enqueue, (double)jobs / drain,
         (long long)finished);
  store_close(&store);
  uv_run(loop, UV_RUN_DEFAULT);
  return finished == jobs ? 0 : 1;
}
