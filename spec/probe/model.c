/* links: base store
 *
 * A store that does what it is told and tells what came of it, for the model of the queue
 * (spec/support/model): model URL FOLDER [QUERY FROM TO]
 *
 * Requests come as lines of JSON on standard input and are answered in turn, a line each:
 *
 *   {"do":"open"}              an empty store, in place of the last one
 *   {"do":"restart"}           closes it and opens it again
 *   {"do":"clock","ms":N}      sets the store's clock, which stands still in between
 *   {"do":"turn","ops":[...]}  runs them in one turn: {"answers":[...]}
 *   {"do":"jobs"}              {"items":[...]}: all jobs, as the API shows them
 *   {"do":"query","sql":TEXT}  {"items":[...]}
 *   {"do":"schema","sql":TEXT} a table of scripts
 *
 * Operations and their answers are in verbs[] below. A request that fails is answered by
 * {"error":{"code","message"}}. With QUERY the store is wrong on purpose: in its text,
 * which must hold FROM, stands TO instead.
 */
#include "store/harness.h"

#include "base/arena.h"
#include "store/sqlite_sql.h"

#include <stdatomic.h>

#define OPS_MAX  64
#define JOBS_MAX 1000

static _Atomic int64_t now_ms;

/* ---- operations, read from JSON; their strings are the request's ---- */

static const char *text_of(const json_t *args, const char *name)
{
  return jx_str(args, name, NULL);
}

static int index_of(const char *const *names, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (strcmp(names[i], name) == 0)
      return i;
  check_failed(__FILE__, __LINE__, name);
}

static struct store_new *read_jobs(struct arena *a, const json_t *list, size_t *n)
{
  *n = json_array_size(list);
  struct store_new *jobs = arena_alloc(a, (*n + 1) * sizeof *jobs);
  for (size_t i = 0; i < *n; i++) {
    const json_t *args = json_array_get(list, i);
    jobs[i] = a_job(text_of(args, "type"));
    jobs[i].queue = text_of(args, "queue");
    jobs[i].key = text_of(args, "key");
    jobs[i].delay_ms = jx_int(args, "delay", 0);
    jobs[i].priority = (int)jx_int(args, "priority", 0);
  }
  return jobs;
}

static void read_enqueue(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_enqueue *enqueue = (struct store_enqueue *)op;
  enqueue->jobs = read_jobs(a, json_object_get(args, "jobs"), &enqueue->n);
}

static void read_claim(struct arena *a, const json_t *args, struct store_op *op)
{
  (void)a;
  ((struct store_claim *)op)->max = (size_t)jx_int(args, "max", 1);
}

static const char *const outcomes[] = {
    [STORE_OK] = "ok",         [STORE_RETRY] = "retry",     [STORE_FAIL] = "fail",
    [STORE_SNOOZE] = "snooze", [STORE_RELEASE] = "release", [STORE_RESCUE] = "rescue",
};

static void read_writes(struct arena *a, const json_t *list, struct store_finish *f)
{
  f->n_writes = json_array_size(list);
  f->writes = arena_alloc(a, (f->n_writes + 1) * sizeof *f->writes);
  for (size_t i = 0; i < f->n_writes; i++)
    f->writes[i].sql = jx_text(json_array_get(list, i), "");
}

static void read_finish(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_finish *f = (struct store_finish *)op;
  int n = sizeof outcomes / sizeof outcomes[0];
  f->id = jx_int(args, "id", 0);
  f->lease = jx_int(args, "lease", 0);
  f->outcome =
      (enum store_outcome)index_of(outcomes, n, jx_str(args, "outcome", "nothing"));
  f->delay_ms = jx_int(args, "delay", 0);
  if (f->outcome != STORE_OK)
    f->error = ERROR("broken");
  f->children = read_jobs(a, json_object_get(args, "children"), &f->n_children);
  read_writes(a, json_object_get(args, "writes"), f);
}

static void read_progress(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_progress *p = (struct store_progress *)op;
  (void)a;
  p->id = jx_int(args, "id", 0);
  p->lease = jx_int(args, "lease", 0);
  p->percent = (double)jx_int(args, "percent", -1);
  p->checkpoint = text_of(args, "checkpoint");
}

static void read_types(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_types *types = (struct store_types *)op;
  const json_t *list = json_object_get(args, "types");
  types->n = json_array_size(list);
  struct store_type *named = arena_alloc(a, (types->n + 1) * sizeof *named);
  for (size_t i = 0; i < types->n; i++) {
    const json_t *type = json_array_get(list, i);
    named[i] = (struct store_type){.name = text_of(type, "name"),
                                   .once = jx_bool(type, "once", false)};
  }
  types->types = named;
}

static void read_nothing(struct arena *a, const json_t *args, struct store_op *op)
{
  (void)a;
  (void)args;
  (void)op;
}

static void read_bulk(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_bulk *bulk = (struct store_bulk *)op;
  const json_t *ids = json_object_get(args, "ids"),
               *states = json_object_get(args, "states");
  int64_t *list = arena_alloc(a, (json_array_size(ids) + 1) * sizeof *list);
  bulk->max = jx_int(args, "max", INT64_MAX);
  for (size_t i = 0; i < json_array_size(ids); i++)
    list[bulk->filter.n_ids++] = json_integer_value(json_array_get(ids, i));
  bulk->filter.ids = list;
  for (size_t i = 0; i < json_array_size(states); i++)
    bulk->filter.states |= 1u << index_of(store_state_names, STORE_STATES,
                                          jx_text(json_array_get(states, i), ""));
}

static void read_expire(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_expire *expire = (struct store_expire *)op;
  (void)a;
  expire->completed_ms = jx_int(args, "completed", 0);
  expire->dead_ms = jx_int(args, "dead", 0);
  expire->max = 1000;
}

static const char *const lock_verbs[] = {
    [STORE_LOCK_TAKE] = "take",
    [STORE_LOCK_EXTEND] = "extend",
    [STORE_LOCK_LEAVE] = "leave",
    [STORE_LOCK_LOOK] = "look",
};

static void read_lock(struct arena *a, const json_t *args, struct store_op *op)
{
  struct store_lock *lock = (struct store_lock *)op;
  int n = sizeof lock_verbs / sizeof lock_verbs[0];
  int64_t *token = arena_alloc(a, sizeof *token);
  *token = jx_int(args, "token", 0);
  lock->verb =
      (enum store_lock_verb)index_of(lock_verbs, n, jx_str(args, "verb", "nothing"));
  lock->name = text_of(args, "name");
  lock->wait_ms = jx_int(args, "wait", 0);
  lock->ttl_ms = jx_int(args, "ttl", 0);
  lock->tokens = token;
  lock->n_tokens = 1;
}

/* ---- and told as JSON ---- */

static json_t *ids_of(const struct store_new *jobs, size_t n)
{
  json_t *ids = json_array();
  for (size_t i = 0; i < n; i++)
    json_array_append_new(ids, json_integer(jobs[i].id));
  return ids;
}

static json_t *tell_enqueue(const struct store_op *op)
{
  const struct store_enqueue *enqueue = (const struct store_enqueue *)op;
  return json_pack("{s:o}", "ids", ids_of(enqueue->jobs, enqueue->n));
}

static json_t *tell_claim(const struct store_op *op)
{
  const struct store_claim *claim = (const struct store_claim *)op;
  json_t *list = json_array();
  for (size_t i = 0; i < claim->n; i++) {
    const struct store_job *job = &claim->jobs[i];
    json_array_append_new(
        list, json_pack("{s:I, s:I, s:i, s:i, s:i, s:s, s:s, s:s?, s:s?}", "id",
                        (json_int_t)job->id, "lease", (json_int_t)job->lease,
                        "retry_count", job->retry_count, "rescues", job->rescues,
                        "priority", job->priority, "type", job->type, "queue", job->queue,
                        "key", job->key, "checkpoint", job->checkpoint));
  }
  return json_pack("{s:o, s:b}", "jobs", list, "more", (int)claim->more);
}

static json_t *tell_finish(const struct store_op *op)
{
  static const char *const verdicts[] = {
      [STORE_DONE] = "done", [STORE_STALE] = "stale", [STORE_REFUSED] = "refused"};
  const struct store_finish *f = (const struct store_finish *)op;
  return json_pack("{s:s, s:o}", "verdict", verdicts[f->verdict], "children",
                   ids_of(f->children, f->n_children));
}

static json_t *tell_progress(const struct store_op *op)
{
  return json_pack("{s:b}", "stale", (int)((const struct store_progress *)op)->stale);
}

static json_t *tell_nothing(const struct store_op *op)
{
  (void)op;
  return json_object();
}

static json_t *tell_recover(const struct store_op *op)
{
  const struct store_recover *recover = (const struct store_recover *)op;
  return json_pack("{s:I, s:I}", "released", (json_int_t)recover->released, "lost",
                   (json_int_t)recover->lost);
}

static json_t *tell_bulk(const struct store_op *op)
{
  return json_pack("{s:I}", "count", (json_int_t)((const struct store_bulk *)op)->count);
}

static json_t *tell_expire(const struct store_op *op)
{
  return json_pack("{s:I}", "count",
                   (json_int_t)((const struct store_expire *)op)->count);
}

static json_t *tell_lock(const struct store_op *op)
{
  static const char *const states[] = {
      [STORE_LOCK_HELD] = "held",
      [STORE_LOCK_WAITS] = "waits",
      [STORE_LOCK_OVER] = "over",
      [STORE_LOCK_CROWDED] = "crowded",
  };
  const struct store_lock *lock = (const struct store_lock *)op;
  json_t *changes = json_array();
  for (size_t i = 0; i < lock->n_changes; i++)
    json_array_append_new(changes, json_pack("{s:I, s:I}", "token",
                                             (json_int_t)lock->changes[i].token, "until",
                                             (json_int_t)lock->changes[i].until));
  return json_pack("{s:s, s:I, s:I, s:o, s:I}", "state", states[lock->state], "token",
                   (json_int_t)lock->token, "until", (json_int_t)lock->until, "changes",
                   changes, "next_due", (json_int_t)lock->next_due);
}

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
};

static const struct verb *find_verb(const char *name)
{
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
    if (strcmp(verbs[i].name, name) == 0)
      return &verbs[i];
  check_failed(__FILE__, __LINE__, name);
}

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
  return json_pack("{s:o}", "answers", answers);
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

static json_t *open_empty(const json_t *request)
{
  (void)request;
  if (store)
    close_store();
  forget_files();
  open_it();
  return done_well();
}

static json_t *restart(const json_t *request)
{
  (void)request;
  close_store();
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

static json_t *query(const json_t *request)
{
  struct store_sql op = {
      .op.kind = STORE_QUERY, .sql = text_of(request, "sql"), .params = "[]"};
  return items_of(&op.op, &op.answer);
}

static json_t *declare(const json_t *request)
{
  make_table(text_of(request, "sql"));
  return done_well();
}

static const struct {
  const char *name;
  json_t *(*answer)(const json_t *request);
} requests[] = {
    {"open", open_empty}, {"restart", restart}, {"clock", set_clock}, {"turn", run_turn},
    {"jobs", list_jobs},  {"query", query},     {"schema", declare},
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
  json_t *told = answer(request);
  char *text = jx_dump(told, NULL);
  puts(text);
  fflush(stdout);
  free(text);
  json_decref(told);
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
    close_store();
  free(line);
  return 0;
}
