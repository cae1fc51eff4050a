/* `candy logs`: the newest lines of the log, oldest first, and with --follow those that
 * come after them.
 *
 * Following asks for a tail behind the last line that was printed, and asks again when
 * the host goes away: nothing is missed or printed twice, also over a restart.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/client.h"
#include "cli/log_line.h"
#include "cli/option.h"
#include "cli/text.h"

#define PAGE_MAX      200 /* what the host gives at a time */
#define LIMIT_DEFAULT 50
#define SILENCE_S     40 /* the host says something every 15 s */
#define AGAIN_MS      500

struct logs {
  const struct conf *conf;
  const struct cli_args *args;
  struct log_look look;
  int64_t limit; /* how many hits are still wanted */
  char since[32];
  json_t *pages; /* items of each page */
  char *cursor;
  int64_t last;    /* the newest line that was printed, or that was there */
  struct buf part; /* of the tail: a line of it that is not whole */
  bool away;       /* the host is */
};

/* ---- asking ---- */

/* One level means it and what is worse; several are taken as they are. */
static void put_level(const struct logs *l, struct buf *target)
{
  const char *level = cli_option(l->args, "level");
  if (level)
    ask_query(target, strchr(level, ',') ? "level" : "min_level", level);
}

static void put_filters(const struct logs *l, struct buf *target)
{
  buf_puts(target, "/logs");
  put_level(l, target);
  ask_query(target, "type", cli_option(l->args, "type"));
  ask_query(target, "job", cli_option(l->args, "job"));
  ask_query(target, "trace", cli_option(l->args, "trace"));
  ask_query(target, "q", cli_option(l->args, "search"));
  ask_query(target, "since", l->since[0] ? l->since : NULL);
}

static int64_t id_of(const json_t *line)
{
  return strtoll(jx_str(line, "id", "0"), NULL, 10);
}

static size_t count_hits(const json_t *items)
{
  size_t i, n = 0;
  json_t *item;
  json_array_foreach(items, i, item)
    n += jx_bool(item, "match", true);
  return n;
}

/* ---- the newest lines ---- */

static int fetch_page(struct logs *l)
{
  struct ask ask;
  struct buf target = {0};
  char limit[16];
  snprintf(limit, sizeof limit, "%d", l->limit < PAGE_MAX ? (int)l->limit : PAGE_MAX);
  put_filters(l, &target);
  ask_query(&target, "context", cli_option(l->args, "context"));
  ask_query(&target, "limit", limit);
  ask_query(&target, "cursor", l->cursor);
  int code = ask_host(&ask, l->conf, "GET", target.data, NULL);
  if (code == CLI_OK) {
    json_t *items = json_object_get(ask.json, "items");
    const char *next = jx_str(ask.json, "next_cursor", NULL);
    free(l->cursor);
    l->cursor = next ? mem_strdup(next) : NULL;
    l->limit -= (int64_t)count_hits(items);
    json_array_append(l->pages, items);
  }
  ask_fini(&ask);
  buf_fini(&target);
  return code;
}

static void print(struct logs *l, const json_t *line)
{
  if (l->args->json) {
    char *text = jx_dump(line, NULL);
    puts(text);
    free(text);
  } else {
    log_line_print(&l->look, line);
  }
}

static void print_pages(struct logs *l)
{
  int64_t before = 0;
  for (size_t p = json_array_size(l->pages); p-- > 0;) {
    const json_t *items = json_array_get(l->pages, p);
    for (size_t i = json_array_size(items); i-- > 0;) {
      const json_t *line = json_array_get(items, i);
      int64_t id = id_of(line);
      if (l->look.context && before && id > before + 1 && !l->args->json)
        puts("--");
      if (id > before) /* the lines around hits of two pages may be the same */
        print(l, line);
      before = id > before ? id : before;
    }
  }
  if (before > l->last)
    l->last = before;
  fflush(stdout);
}

static int print_newest(struct logs *l)
{
  int code;
  do
    code = fetch_page(l);
  while (code == CLI_OK && l->cursor && l->limit > 0);
  if (code == CLI_OK)
    print_pages(l);
  return code;
}

/* ---- following ---- */

/* Where the log ends by now, whatever the filter chooses. */
static int find_end(struct logs *l)
{
  struct ask ask;
  int code = ask_host(&ask, l->conf, "GET", "/logs?limit=1", NULL);
  if (code == CLI_OK)
    l->last = id_of(json_array_get(json_object_get(ask.json, "items"), 0));
  ask_fini(&ask);
  return code;
}

/* A line of the event stream. Comments, names of events and the like are passed over:
 * each `data` is a whole line of the log. */
static void take_field(struct logs *l, const char *text)
{
  if (strncmp(text, "data: ", 6) != 0)
    return;
  json_t *line = jx_parse(text + 6, strlen(text + 6), NULL);
  if (line) {
    print(l, line);
    l->last = id_of(line);
  }
  json_decref(line);
}

static void take(void *arg, const char *bytes, size_t len)
{
  struct logs *l = arg;
  if (l->away)
    fputs("candy: the host is back\n", stderr);
  l->away = false;
  buf_append(&l->part, bytes, len);
  for (char *end; (end = l->part.len ? strchr(l->part.data, '\n') : NULL);) {
    *end = 0;
    take_field(l, l->part.data);
    buf_drop(&l->part, (size_t)(end + 1 - l->part.data));
  }
  fflush(stdout);
}

/* One tail, until it ends. Returns CLI_OK when it is worth another try. */
static int follow_once(struct logs *l)
{
  struct err err;
  struct client_answer answer;
  struct buf target = {0};
  char after[32];
  snprintf(after, sizeof after, "%" PRId64, l->last);
  put_filters(l, &target);
  ask_query(&target, "tail", "1");
  ask_query(&target, "after", after);
  struct client_request request = {.data = l->conf->data,
                                   .method = "GET",
                                   .target = target.data,
                                   .timeout_s = SILENCE_S,
                                   .take = take,
                                   .arg = l};
  int code = CLI_OK;
  l->part.len = 0;
  if (client_call(&request, &answer, &err) == 0 && answer.status != 200 &&
      answer.status != 503)
    code = ask_refused(&answer);
  client_answer_fini(&answer);
  buf_fini(&target);
  return code;
}

static int follow(struct logs *l)
{
  int code;
  while ((code = follow_once(l)) == CLI_OK && !ferror(stdout)) {
    if (!l->away)
      fputs("candy: the host is gone; waiting for it to come back (Ctrl-C ends this)\n",
            stderr);
    l->away = true;
    usleep(AGAIN_MS * 1000);
  }
  return code;
}

/* Every line was written out when it came, so there is nothing left to do. */
static void interrupted(int number)
{
  (void)number;
  _exit(CLI_OK);
}

/* ---- the command ---- */

static int read_options(struct logs *l, struct err *err)
{
  const char *context = cli_option(l->args, "context");
  bool follows = cli_option(l->args, "follow") != NULL;
  if (option_since(l->args, l->since, err) < 0 ||
      option_limit(l->args, &l->limit, err) < 0)
    return -1;
  if (context && follows)
    return err_set(err, "usage", "--context and --follow exclude each other");
  if (l->limit == 0)
    l->limit = LIMIT_DEFAULT;
  l->look.context = context && strcmp(context, "0") != 0;
  return 0;
}

static int run(struct logs *l)
{
  bool follows = cli_option(l->args, "follow") != NULL;
  if (follows) {
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
  }
  int code = follows ? find_end(l) : CLI_OK;
  if (code == CLI_OK)
    code = print_newest(l);
  return code == CLI_OK && follows ? follow(l) : code;
}

int cmd_logs(struct conf *conf, const struct cli_args *args)
{
  struct err err = {0};
  struct logs l = {.conf = conf, .args = args, .pages = json_array()};
  l.look = (struct log_look){.out = stdout, .colours = text_has_colours(stdout)};
  int code = read_options(&l, &err) < 0 ? cli_fail_err(CLI_USAGE, &err) : run(&l);
  json_decref(l.pages);
  free(l.cursor);
  buf_fini(&l.part);
  return code;
}
