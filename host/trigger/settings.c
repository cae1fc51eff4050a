/* Reading settings again: see settings.h.
 *
 * What was read last is kept as one run of bytes, so that a file which cannot be read, or
 * is not there, counts as content too. Loading takes a process for the conf files, hence
 * the thread; it is done only when those bytes have changed, or when the last time failed
 * for a reason that lies not in the files.
 */
#include "trigger/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "conf/value.h"
#include "log/log.h"

#define FILE_MAX_BYTES ((size_t)1024 * 1024) /* a conf file may have no more */
#define PIECE          ((size_t)16 * 1024)

enum outcome { NOTHING, LOADED, FAILED };

struct settings {
  struct settings_config config;
  char *files[CONF_FILES];
  struct conf *last; /* what was taken last; NULL: what the host was started with */
  json_t *problem;   /* {file, line, code, message}, or NULL */

  /* The thread's, from settings_read to settings_judge. */
  struct buf content; /* of the files, when they were loaded last */
  enum outcome outcome;
  struct conf *loaded;
  struct err err;
};

/* ---- life ---- */

struct settings *settings_new(const struct settings_config *config)
{
  struct settings *s = mem_alloc(sizeof *s);
  s->config = *config;
  conf_files(config->started, s->files);
  return s;
}

void settings_free(struct settings **settings)
{
  struct settings *s = *settings;
  *settings = NULL;
  if (!s)
    return;
  for (int i = 0; i < CONF_FILES; i++)
    free(s->files[i]);
  conf_free(&s->last);
  conf_free(&s->loaded);
  json_decref(s->problem);
  buf_fini(&s->content);
  free(s);
}

/* ---- on the thread ---- */

/* Appends what the file holds; returns whether somebody is writing to it. */
static bool read_open(struct buf *content, int fd)
{
  struct stat st;
  size_t from = content->len;
  ssize_t n = 1;
  if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
    return false;
  while (n > 0 && content->len - from <= FILE_MAX_BYTES) {
    buf_reserve(content, PIECE);
    n = read(fd, content->data + content->len, PIECE);
    content->len += n > 0 ? (size_t)n : 0;
  }
  return n == 0 && sources_unripe(fd, &st, content->len - from);
}

static bool read_file(struct buf *content, const char *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  bool unripe = false;
  buf_printf(content, "%s:%d:", path, fd < 0 ? errno : 0);
  if (fd >= 0) {
    unripe = read_open(content, fd);
    close(fd);
  }
  buf_append(content, "", 1); /* the NUL keeps one file's end from another's begin */
  return unripe;
}

static bool is_same(const struct buf *a, const struct buf *b)
{
  return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void load(struct settings *s)
{
  conf_free(&s->loaded);
  s->loaded = s->config.load(s->config.load_arg, &s->err);
  s->outcome = s->loaded ? LOADED : FAILED;
  if (!s->loaded && strcmp(s->err.code, "evaluate_failed") == 0)
    buf_fini(&s->content); /* try again */
}

void settings_read(struct settings *s, struct sources *sources)
{
  struct buf now = {0};
  bool unripe = false;
  sources_note(sources, s->config.started->conf_dir, NULL);
  for (int i = 0; i < CONF_ENV_FILES; i++)
    sources_note(sources, ".", conf_env_files[i]);
  for (int i = 0; i < CONF_FILES; i++)
    unripe = read_file(&now, s->files[i]) || unripe;
  sources->unripe = sources->unripe || unripe;
  if (!unripe && (!s->content.data || !is_same(&now, &s->content))) {
    buf_fini(&s->content);
    s->content = now;
    load(s);
  } else {
    buf_fini(&now);
  }
}

/* ---- what is wrong ---- */

/* The place stands at the begin of a message: "conf/candy.lua:3: what is wrong". */
static const char *file_of(const struct settings *s, const char *text, int *line)
{
  for (int i = 0; i < CONF_FILES; i++) {
    size_t len = strlen(s->files[i]);
    if (strncmp(text, s->files[i], len) != 0 || text[len] != ':')
      continue;
    *line = atoi(text + len + 1);
    return s->files[i];
  }
  return NULL;
}

static void refuse(struct settings *s)
{
  int line = 0;
  const char *file = file_of(s, s->err.text, &line);
  if (strcmp(jx_str(s->problem, "message", ""), s->err.text) == 0)
    return;
  json_decref(s->problem);
  s->problem = json_pack("{s:s?, s:o, s:s, s:s}", "file", file, "line",
                         line > 0 ? json_integer(line) : json_null(), "code", s->err.code,
                         "message", s->err.text);
  log_line(LOG_ERROR, json_pack("{s:s, s:s*}", "code", s->err.code, "file", file),
           "the settings are not taken: %s; the host goes on with those it has: put it "
           "right and save",
           s->err.text);
}

static void forget_problem(struct settings *s)
{
  if (s->problem)
    log_line(LOG_INFO, NULL, "the settings can be read again");
  json_decref(s->problem);
  s->problem = NULL;
}

/* ---- what is new ---- */

static void add_name(struct buf *names, const char *name)
{
  buf_printf(names, "%s%s", names->len ? ", " : "", name);
}

/* Those that went back to what the host was started with need no start. */
static void compare(const struct settings *s, struct buf *live, struct buf *others)
{
  const struct conf *started = s->config.started, *before = s->last ? s->last : started;
  for (size_t i = 0; i < setting_count; i++) {
    const struct setting *setting = &setting_table[i];
    if (value_same(before, s->loaded, setting))
      continue;
    if (setting->live)
      add_name(live, setting->name);
    else if (!value_same(started, s->loaded, setting))
      add_name(others, setting->name);
  }
}

/* Files of another environment say nothing of this one. */
static bool is_elsewhere(const struct settings *s)
{
  return strcmp(s->loaded->env, s->config.started->env) != 0 ||
         strcmp(s->loaded->conf_dir, s->config.started->conf_dir) != 0;
}

static void take(struct settings *s)
{
  struct buf live = {0}, others = {0};
  compare(s, &live, &others);
  conf_free(&s->last);
  s->last = s->loaded;
  s->loaded = NULL;
  if (others.len)
    log_line(LOG_WARN, NULL,
             "settings have changed that take effect at the next start: %s", others.data);
  if (live.len) {
    log_line(LOG_INFO, NULL,
             "settings have changed that a new generation is to run with: %s", live.data);
    s->config.changed(s->config.arg, s->last);
  }
  buf_fini(&live);
  buf_fini(&others);
}

void settings_judge(struct settings *s)
{
  enum outcome outcome = s->outcome;
  s->outcome = NOTHING;
  if (outcome == NOTHING)
    return;
  if (outcome == FAILED) {
    refuse(s);
    return;
  }
  forget_problem(s);
  if (!is_elsewhere(s)) {
    take(s);
    return;
  }
  log_line(LOG_WARN, NULL,
           "the settings name another environment or another folder of conf files: that "
           "and all that they change takes effect at the next start");
  conf_free(&s->loaded);
}

json_t *settings_json(const struct settings *s)
{
  return json_pack("{s:O?}", "problem", s->problem);
}
