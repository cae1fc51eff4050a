/* links: base store
 *
 * A store that does what it is told and tells what came of it, for the model of the queue
 * (spec/support/model): model URL FOLDER [QUERY FROM TO]
 *
 * Requests come as lines of JSON on standard input and are answered in turn, a line each:
 *
 *   {"do":"open","schema":TEXT}  an empty store, in place of the last one, with a table
 *                              of scripts
 *   {"do":"restart"}           closes it and opens it again
 *   {"do":"clock","ms":N}      sets the store's clock, which stands still in between
 *   {"do":"turn","ops":[...]}  runs them in one turn: {"answers":[...]}, with the claims
 *                              that were told to end, and next_due and next_deadline
 *   {"do":"jobs"}              {"items":[...]}: all jobs, as the API shows them
 *   {"do":"batches"}           the same of batches
 *   {"do":"query","sql":TEXT}  {"items":[...]}
 *
 * Operations and their answers are in verbs[] below, model/read.h and model/tell.h. A
 * request that fails is answered by {"error":{"code","message"}}. With QUERY the store is
 * wrong on purpose: in its text, which must hold FROM, stands TO instead.
 */
#include "model/read.h"
#include "model/tell.h"

#include "store/sqlite_sql.h"

#include <stdatomic.h>

#define OPS_MAX  64
#define JOBS_MAX 1000

static _Atomic int64_t now_ms;

/* ---- a turn ---- */

struct verb {
  const char *name;
  enum store_kind kind;
  size_t size;
  void (*read)(struct arena *a, const json_t *args, struct store_op *op);
  json_t *(*tell)(const struct store_op *op);
};

static const struct verb verbs[] = {
    {"enqueue", STORE_ENQUEUE, sizeof(struct store_enqueue), read_enqueue, tell_enqueue},
    {"claim", STORE_CLAIM, sizeof(struct store_claim), read_claim, tell_claim},
    {"finish", STORE_FINISH, sizeof(struct store_finish), read_finish, tell_finish},
    {"progress", STORE_PROGRESS, sizeof(struct store_progress), read_progress,
     tell_progress},
    {"types", STORE_TYPES, sizeof(struct store_types), read_types, tell_nothing},
    {"recover", STORE_RECOVER, sizeof(struct store_recover), read_nothing, tell_recover},
    {"requeue", STORE_REQUEUE, sizeof(struct store_bulk), read_bulk, tell_bulk},
    {"purge", STORE_PURGE, sizeof(struct store_bulk), read_bulk, tell_bulk},
    {"expire", STORE_EXPIRE, sizeof(struct store_expire), read_expire, tell_expire},
    {"lock", STORE_LOCK, sizeof(struct store_lock), read_lock, tell_lock},
    {"exec", STORE_EXEC, sizeof(struct store_sql), read_exec, tell_nothing},
    {"cancel", STORE_CANCEL, sizeof(struct store_bulk), read_bulk, tell_bulk},
    {"deadlines", STORE_DEADLINES, sizeof(struct store_deadlines), read_nothing,
     tell_nothing},
    {"pause", STORE_PAUSE, sizeof(struct store_pause), read_pause, tell_nothing},
    {"edit", STORE_EDIT, sizeof(struct store_edit), read_edit, tell_edit},
    {"batch", STORE_BATCH, sizeof(struct store_batch), read_batch, tell_batch},
    {"batch_cancel", STORE_BATCH_CANCEL, sizeof(struct store_batch_cancel),
     read_batch_cancel, tell_batch_cancel},
};

static const struct verb *find_verb(const char *name)
{
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(verbs[i].name, name) == 0)
      return &verbs[i];
  check_failed(__FILE__, __LINE__, name);
}

/* Claims that those who watch were told to end, in the turn that runs. */
static json_t *told;

static void on_cancel(void *arg, int64_t id, int64_t lease, const char *reason)
{
  (void)arg;
  (void)reason;
  json_array_append_new(
      told, json_pack("{s:I, s:I}", "id", (json_int_t)id, "lease", (json_int_t)lease));
}

static struct store_watch watch = {.cancel = on_cancel};

static json_t *error_of(const struct err *err)
{
  return json_pack("{s:o}", "error", jx_error(err->code, err->text));
}

static json_t *run_turn(const json_t *request)
{
  const json_t *list = json_object_get(request, "ops");
  const struct verb *verb[OPS_MAX];
  struct store_op *ops[OPS_MAX];
  struct arena memory = {0};
  json_t *answers = json_array();
  size_t n = json_array_size(list);
  CHECK(n <= OPS_MAX);
  told = json_array();
  for (size_t i = 0; i < n; i++) {
    const json_t *args = json_array_get(list, i);
    verb[i] = find_verb(jx_str(args, "op", "nothing"));
    ops[i] = arena_alloc(&memory, verb[i]->size);
    ops[i]->kind = verb[i]->kind;
    verb[i]->read(&memory, args, ops[i]);
    submit(ops[i]);
  }
  wait_for_all();
  for (size_t i = 0; i < n; i++) {
    bool failed = ops[i]->status < 0;
    json_array_append_new(answers,
                          failed ? error_of(ops[i]->err) : verb[i]->tell(ops[i]));
    store_op_fini(ops[i]);
  }
  arena_fini(&memory);
  return json_pack("{s:o, s:o, s:I, s:I}", "answers", answers, "told", told, "due",
                   (json_int_t)store->next_due, "deadline",
                   (json_int_t)store->next_deadline);
}

/* ---- the other requests ---- */

static json_t *done_well(void)
{
  return json_object();
}

static void open_it(void)
{
  struct store_config config = {
      .folder = store_folder, .relaxed = true, .fatal = on_fatal};
  if (store_open(&store, loop, store_url, &config, &last_err) < 0)
    check_failed(__FILE__, __LINE__, "the store opens");
  store_watch(store, &watch);
}

static void close_it(void)
{
  store_unwatch(store, &watch);
  close_store();
}

static char *empty_path; /* of a store without jobs; NULL: there is none yet */

static void copy_file(const char *from, const char *to)
{
  uv_fs_t copy;
  CHECK(uv_fs_copyfile(NULL, &copy, from, to, 0, NULL) == 0);
  uv_fs_req_cleanup(&copy);
}

static void forget_files(void)
{
  static const char *const endings[] = {"", "-wal", "-shm"};
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    char *path = mem_printf("%s/candy.db%s", store_folder, endings[i]);
    unlink(path);
    free(path);
  }
}

/* Made once, and copied then: that is far quicker. */
static void make_empty(const char *path, const json_t *request)
{
  open_it();
  make_table(text_of(request, "schema"));
  close_it();
  CHECK(rename(path, empty_path) == 0);
}

static json_t *open_empty(const json_t *request)
{
  char *path = mem_printf("%s/candy.db", store_folder);
  if (store)
    close_it();
  forget_files();
  if (!empty_path) {
    empty_path = mem_printf("%s/empty.db", store_folder);
    make_empty(path, request);
  }
  copy_file(empty_path, path);
  open_it();
  free(path);
  return done_well();
}

static json_t *restart(const json_t *request)
{
  (void)request;
  close_it();
  open_it();
  return done_well();
}

static json_t *set_clock(const json_t *request)
{
  atomic_store(&now_ms, jx_int(request, "ms", 0));
  return done_well();
}

static json_t *items_of(struct store_op *op, struct buf *text)
{
  json_t *answer = NULL;
  if (act(op) < 0)
    answer = error_of(&last_err);
  else
    answer = json_pack("{s:o}", "items", jx_parse(text->data, text->len, &last_err));
  store_op_fini(op);
  return answer;
}

static json_t *list_jobs(const json_t *request)
{
  struct store_list op = {.op.kind = STORE_JOBS, .limit = JOBS_MAX};
  (void)request;
  return items_of(&op.op, &op.items);
}

static json_t *list_batches(const json_t *request)
{
  struct store_batches op = {.op.kind = STORE_BATCHES, .limit = JOBS_MAX};
  (void)request;
  return items_of(&op.op, &op.items);
}

static json_t *query(const json_t *request)
{
  struct store_sql op = {
      .op.kind = STORE_QUERY, .sql = text_of(request, "sql"), .params = "[]"};
  return items_of(&op.op, &op.answer);
}

static const struct {
  const char *name;
  json_t *(*answer)(const json_t *request);
} requests[] = {
    {"open", open_empty},      {"restart", restart}, {"clock", set_clock},
    {"turn", run_turn},        {"jobs", list_jobs},  {"query", query},
    {"batches", list_batches},
};

static json_t *answer(const json_t *request)
{
  const char *name = jx_str(request, "do", "nothing");
  for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
    if (strcmp(requests[i].name, name) == 0)
      return requests[i].answer(request);
  check_failed(__FILE__, __LINE__, name);
}

static void obey(const char *line, size_t len)
{
  json_t *request = jx_parse(line, len, &last_err);
  CHECK(request);
  json_t *answered = answer(request);
  char *text = jx_dump(answered, NULL);
  puts(text);
  fflush(stdout);
  free(text);
  json_decref(answered);
  json_decref(request);
}

/* What the query is when TO stands where FROM stood. */
static void plant(const char *name, const char *from, const char *to)
{
  char *text = sqlite__sql_compose(name, ""), *at = strstr(text, from);
  if (!at)
    check_failed(__FILE__, __LINE__, text);
  sqlite__override(name,
                   mem_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
  free(text);
}

int main(int argc, char **argv)
{
  char *line = NULL;
  size_t size = 0;
  if (argc != 3 && argc != 6) {
    fprintf(stderr, "usage: model URL FOLDER [QUERY FROM TO]\n");
    return 2;
  }
  loop = uv_default_loop();
  clock_stand(&now_ms);
  store_url = argv[1];
  store_folder = argv[2];
  if (argc == 6)
    plant(argv[3], argv[4], argv[5]);
  for (ssize_t len = getline(&line, &size, stdin); len > 0;
       len = getline(&line, &size, stdin))
    obey(line, (size_t)len);
  if (store)
    close_it();
  free(line);
  return 0;
}
