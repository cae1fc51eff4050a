/* links: base store
 *
 * A store's file in trouble: store_file FOLDER, with commands on standard input, one a
 * line, and an answer a line.
 *
 *   add N          enqueues N jobs of 10 kB, one by one: "added N", or
 *                  "CODE after N: TEXT"
 *   remove FILE    removes a file
 *   count          how many jobs are available: "available N"
 *   recover        as at a start: "recovered N"
 *   schema SQL     a step of a script's tables: "done", or "CODE: TEXT"
 *   exec SQL       a script's statement: the answer, or "CODE: TEXT"
 *   backup FILE    "done", or "CODE: TEXT"
 *   leave          ends without closing the store
 *
 * When the store does not open, that is the only line: "CODE: TEXT".
 */
#include "store/harness.h"

static void say_error(const struct err *err)
{
  printf("%s: %s\n", err->code, err->text);
}

static void add_many(int n)
{
  static char payload[10001];
  memset(payload, '1', sizeof payload - 1);
  for (int i = 0; i < n; i++) {
    struct store_new job = a_job("t");
    struct store_enqueue op = {.op.kind = STORE_ENQUEUE, .jobs = &job, .n = 1};
    job.payload = payload;
    job.payload_len = sizeof payload - 1;
    int rc = act(&op.op);
    store_op_fini(&op.op);
    if (rc < 0) {
      printf("%s after %d: %s\n", last_err.code, i, last_err.text);
      return;
    }
  }
  printf("added %d\n", n);
}

/* Statistics stop counting early: so page by page. */
static void count(void)
{
  struct store_list op = {.op.kind = STORE_JOBS, .limit = 1000};
  size_t n = 0;
  do {
    op.before = op.next;
    CHECK(act(&op.op) == 0);
    json_t *items = jx_parse(op.items.data, op.items.len, &last_err);
    n += json_array_size(items);
    json_decref(items);
    store_op_fini(&op.op);
  } while (op.next);
  printf("available %zu\n", n);
}

static void recover(void)
{
  struct store_recover op = {.op.kind = STORE_RECOVER};
  CHECK(act(&op.op) == 0);
  printf("recovered %lld\n", (long long)op.released);
  store_op_fini(&op.op);
}

static void on_backup(void *arg, const struct err *err)
{
  *(bool *)arg = true;
  if (err)
    say_error(err);
  else
    puts("done");
}

static void backup(const char *file)
{
  bool ended = false;
  if (store_backup(store, file, on_backup, &ended, &last_err) < 0) {
    say_error(&last_err);
    return;
  }
  while (!ended)
    uv_run(loop, UV_RUN_ONCE);
}

static void declare(const char *step)
{
  if (apply_schema("s", &step, 1) < 0)
    say_error(&last_err);
  else
    puts("done");
}

static void execute(const char *text)
{
  const char *answer = EXEC(text);
  if (last_err.code[0])
    say_error(&last_err);
  else
    puts(answer);
}

static void obey(char *line)
{
  char *argument = strchr(line, ' ');
  if (argument)
    *argument++ = 0;
  if (strcmp(line, "add") == 0 && argument)
    add_many((int)strtol(argument, NULL, 10));
  else if (strcmp(line, "remove") == 0 && argument)
    puts(unlink(argument) == 0 ? "removed" : strerror(errno));
  else if (strcmp(line, "count") == 0)
    count();
  else if (strcmp(line, "recover") == 0)
    recover();
  else if (strcmp(line, "schema") == 0 && argument)
    declare(argument);
  else if (strcmp(line, "exec") == 0 && argument)
    execute(argument);
  else if (strcmp(line, "backup") == 0 && argument)
    backup(argument);
  else if (strcmp(line, "leave") == 0)
    _exit(0);
  else
    printf("what is \"%s\"?\n", line);
  fflush(stdout);
}

int main(int argc, char **argv)
{
  char line[1024];
  if (argc != 2) {
    fprintf(stderr, "usage: store_file FOLDER\n");
    return 2;
  }
  loop = uv_default_loop();
  struct store_config config = {.folder = argv[1], .fatal = on_fatal};
  if (store_open(&store, loop, "sqlite:", &config, &last_err) < 0) {
    say_error(&last_err);
    uv_run(loop, UV_RUN_DEFAULT);
    return 1;
  }
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    obey(line);
  }
  close_store();
  if (fatal_seen)
    puts("fatal");
  return 0;
}
