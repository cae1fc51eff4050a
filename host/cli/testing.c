/* `candy testing-host`: the host behind candy.testing (lib/candy/testing.lua), a child of
 * the spec's process. See testing_.h for what they say to each other.
 *
 * It makes a folder of its own and tells, as the first line on standard output, the pipe
 * in it that it listens to. What comes there first are the settings; the answer to them
 * is that the host is ready. Nothing of it is left when that pipe is closed, by the spec
 * or by the end of the spec's process.
 */
#include "cli/testing_.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "conf/setting.h"
#include "log/log.h"
#include "loop/remove.h"
#include "worker/evaluate.h"

#define PATIENCE_MS 10000 /* for the first line */
#define FOR_EVER    (INT64_MAX / 4)

/* ---- the folder, and the pipe in it ---- */

static int make_folder(char folder[256], char pipe[300], struct err *err)
{
  const char *tmp = getenv("TMPDIR");
  snprintf(folder, 256, "%.200s/candy-test-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (!mkdtemp(folder)) {
    err_set(err, "no_folder", "cannot make the folder %s: %s", folder, strerror(errno));
    folder[0] = 0;
    return -1;
  }
  snprintf(pipe, 300, "%s/control", folder);
  if (mkfifo(pipe, 0600) < 0)
    return err_set(err, "no_folder", "cannot make %s: %s", pipe, strerror(errno));
  return 0;
}

/* The first line that comes; -1 when none does. */
static int read_line(int fd, struct buf *line)
{
  int64_t until = clock_mono_ns() + PATIENCE_MS * CLOCK_MS;
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  char piece[4096];
  while (line->len == 0 || line->data[line->len - 1] != '\n') {
    int64_t left = (until - clock_mono_ns()) / CLOCK_MS;
    if (left <= 0 || poll(&ready, 1, (int)left) <= 0)
      return -1;
    ssize_t n = read(fd, piece, sizeof piece);
    if (n <= 0)
      return -1;
    buf_append(line, piece, (size_t)n);
  }
  return 0;
}

static json_t *read_setup(struct testing *t, const char *pipe, struct err *err)
{
  struct buf line = {0};
  json_t *setup = NULL;
  printf("%s\n", pipe);
  fflush(stdout);
  t->control = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (t->control < 0)
    err_set(err, "no_folder", "cannot open %s: %s", pipe, strerror(errno));
  else if (read_line(t->control, &line) < 0)
    err_set(err, "no_spec",
            "candy testing-host is started by candy.testing in a spec, "
            "and by nobody else");
  else
    setup = jx_parse(line.data, line.len, err);
  buf_fini(&line);
  return setup;
}

/* ---- settings ---- */

struct environment {
  char **all; /* NAME=value, ends with NULL */
  size_t n;
};

static void add(struct environment *e, char *variable)
{
  e->all = mem_grow(e->all, (e->n + 2) * sizeof *e->all);
  e->all[e->n++] = variable;
  e->all[e->n] = NULL;
}

static void environment_fini(struct environment *e)
{
  for (size_t i = 0; i < e->n; i++)
    free(e->all[i]);
  free(e->all);
}

/* {"task.timeout": "2s"} as CANDY_TASK_TIMEOUT=2s. */
static int add_settings(struct environment *e, json_t *settings, struct err *err)
{
  const char *name;
  json_t *value;
  char variable[64];
  json_object_foreach(settings, name, value) {
    const struct setting *setting = setting_by_name(name);
    if (!setting)
      return err_set(err, "bad_conf",
                     "settings: there is no \"%s\"; `candy help settings` lists them all",
                     name);
    add(e, mem_printf("%s=%s", setting_env_name(setting, variable), jx_text(value, "")));
  }
  return 0;
}

static void add_secrets(struct environment *e, json_t *secrets)
{
  const char *name;
  json_t *value;
  json_object_foreach(secrets, name, value)
    add(e, mem_printf("CANDY_SECRET_%s=%s", name, jx_text(value, "")));
}

/* Tests have an environment of their own as soon as there is a file for it. */
static void add_name(struct environment *e)
{
  for (size_t i = 0; i < e->n; i++)
    if (strncmp(e->all[i], "CANDY_ENV=", 10) == 0)
      return;
  if (access("conf/test.lua", R_OK) == 0)
    add(e, mem_strdup("CANDY_ENV=test"));
}

static void put(char **where, char *value)
{
  free(*where);
  *where = value;
}

/* What makes it a host of its own, whatever the files say. */
static void isolate(struct conf *conf, const char *folder)
{
  put(&conf->data, mem_printf("%s/data", folder));
  put(&conf->log_folder, mem_printf("%s/log", folder));
  put(&conf->store, mem_strdup("sqlite:"));
  put(&conf->admin_key, NULL);
  conf->store_relaxed = true;
  conf->workers = 1;
}

/* Of the process' own environment nothing counts. */
static struct conf *load_conf(const json_t *setup, const char *folder, struct err *err)
{
  struct environment e = {.all = mem_alloc(sizeof *e.all)};
  const json_t *scripts = json_object_get(setup, "scripts");
  size_t i, n = json_array_size(scripts);
  struct conf_flag *flags = mem_alloc((n + 1) * sizeof *flags);
  struct conf *conf = NULL;
  json_t *path;
  json_array_foreach(scripts, i, path)
    flags[i] = (struct conf_flag){"scripts", jx_text(path, "")};
  add_secrets(&e, json_object_get(setup, "secrets"));
  if (add_settings(&e, json_object_get(setup, "settings"), err) == 0) {
    add_name(&e);
    conf = conf_load(&(struct conf_input){.flags = flags,
                                          .n_flags = n,
                                          .environment = e.all,
                                          .alone = true,
                                          .evaluate = evaluate_files},
                     err);
  }
  if (conf)
    isolate(conf, folder);
  environment_fini(&e);
  free(flags);
  return conf;
}

/* ---- the host ---- */

static void nothing(int number)
{
  (void)number;
}

static void begin(void *arg, const struct host_parts *parts)
{
  struct testing *t = arg;
  t->parts = *parts;
  t->begun = true;
  testing__listen(t);
  testing__answer(t, json_pack("{s:o, s:I}", "files", pool_files(parts->pool), "now",
                               (json_int_t)t->now));
}

static void end(void *arg)
{
  struct testing *t = arg;
  t->ended = true;
  if (t->begun)
    testing__leave(t);
}

static int run_host(struct testing *t, const struct conf *conf, struct err *err)
{
  const struct host_test test = {.begin = begin,
                                 .end = end,
                                 .ended = testing__ended,
                                 .pump = testing__pump,
                                 .outside = testing__outside,
                                 .arg = t};
  struct host_start how = {.test = &test};
  clock_stand(&t->now);
  log_open(&(struct log_config){.level = conf->log_level,
                                .folder = conf->log_folder,
                                .file_max = FOR_EVER,
                                .file_age_ms = FOR_EVER,
                                .files_kept = 1});
  int status = host_run(conf, &how, err);
  signal(SIGTERM, nothing);
  testing__drop_run(t);
  log_close();
  return status;
}

static int serve(struct testing *t, const char *pipe, struct err *err)
{
  json_t *setup = read_setup(t, pipe, err);
  struct conf *conf = setup ? load_conf(setup, t->folder, err) : NULL;
  int status = -1;
  if (conf) {
    t->now = jx_int(setup, "now", clock_wall_ms());
    status = run_host(t, conf, err);
  }
  conf_free(&conf);
  json_decref(setup);
  return status;
}

/* ---- the process ---- */

/* What the spec's process has open is not ours, nor are signals of its terminal. Its end
 * is seen at the pipe; the signal of it ends the wait for a first line, and must be none
 * that ends us at any other time. Lines of the log are not for the terminal either. */
static void detach(bool quiet)
{
  static const int numbers[] = {SIGUSR1, SIGINT, SIGHUP, SIGTERM};
  close_range(STDERR_FILENO + 1, ~0U, 0);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    signal(numbers[i], nothing);
  prctl(PR_SET_PDEATHSIG, SIGUSR1);
  signal(SIGPIPE, SIG_IGN);
  if (quiet && !freopen("/dev/null", "w", stderr))
    clearerr(stderr);
}

int cmd_testing_host(struct conf *none, const struct cli_args *args)
{
  char folder[256] = "", pipe[300];
  struct testing t = {.folder = folder};
  struct err err;
  (void)none;
  detach(args->n_words == 0);
  int status = make_folder(folder, pipe, &err);
  if (status == 0)
    status = serve(&t, pipe, &err);
  if (status < 0)
    testing__refuse(&t, &err);
  if (folder[0])
    remove_tree(folder);
  buf_fini(&t.line);
  json_decref(t.asked);
  return status < 0 ? CLI_FAILED : CLI_OK;
}
