/* Which sources are loaded, and what is told of it.
 *
 *   at the start   what lies in the folders. When a file of it fails and there is a last
 *                  good copy, that; when the copy fails too, or there is none, what lies
 *                  in the folders without the files that fail
 *   while it runs  what is offered (pool_offer) and is neither what runs nor what failed
 *                  last, or was with other settings. What comes while a generation is
 * loaded waits, and only the newest of it
 */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define FAULTS_TOLD 20 /* lines of the log that one generation may fill */
#define NAMES_TOLD  3

/* ---- telling ---- */

static void emit(struct pool *p, const char *name, const json_t *fields)
{
  if (p->config.event)
    p->config.event(p->config.arg, name, fields);
}

/* "scripts/a.lua:3: what is wrong"; most messages begin with the place already. */
static char *text_of(const json_t *fault)
{
  const char *file = jx_str(fault, "file", NULL);
  const char *message = jx_str(fault, "message", "?");
  bool has_place = !file || strncmp(message, file, strlen(file)) == 0;
  int64_t line = jx_int(fault, "line", 0);
  if (has_place)
    return mem_strdup(message);
  if (line > 0)
    return mem_printf("%s:%lld: %s", file, (long long)line, message);
  return mem_printf("%s: %s", file, message);
}

/* " changed scripts/a.lua, scripts/b.lua and 7 more;" */
static void put_names(struct buf *b, const char *what, const json_t *paths)
{
  size_t n = json_array_size(paths);
  if (n == 0)
    return;
  buf_printf(b, "; %s ", what);
  for (size_t i = 0; i < n && i < NAMES_TOLD; i++)
    buf_printf(b, "%s%s", i ? ", " : "", json_string_value(json_array_get(paths, i)));
  if (n > NAMES_TOLD)
    buf_printf(b, " and %zu more", n - NAMES_TOLD);
}

static void tell_taken(struct generation *g, const struct generation *before)
{
  static const struct sources nothing = {0};
  int64_t ms = (clock_mono_ns() - g->noticed_ns) / CLOCK_MS;
  json_t *changes = sources_changes(before ? &before->sources : &nothing, &g->sources);
  struct buf names = {0};
  size_t n_tasks = catalog_count(g->catalog);
  buf_puts(&names, "");
  if (before) {
    put_names(&names, "changed", json_object_get(changes, "changed"));
    put_names(&names, "added", json_object_get(changes, "added"));
    put_names(&names, "removed", json_object_get(changes, "removed"));
    if (!settings__same(&before->settings, &g->settings))
      buf_puts(&names, "; with new settings");
  }
  json_t *fields =
      json_pack("{s:i, s:i, s:i, s:I}", "generation", g->number, "files",
                (int)g->sources.n, "tasks", (int)n_tasks, "ms", (json_int_t)ms);
  pool__log(g->pool, POOL_INFO, json_deep_copy(fields),
            "generation %d of the scripts is live: %zu %s, %zu %s, %lld ms%s", g->number,
            g->sources.n, g->sources.n == 1 ? "file" : "files", n_tasks,
            n_tasks == 1 ? "task" : "tasks", (long long)ms, names.data);
  json_object_update(fields, changes);
  emit(g->pool, "scripts.loaded", fields);
  json_decref(fields);
  json_decref(changes);
  buf_fini(&names);
}

static void tell_left_out(const struct generation *g)
{
  json_t *files = generation__left_out(g), *error;
  const char *path;
  json_object_foreach(files, path, error)
    pool__log(g->pool, POOL_ERROR, json_pack("{s:s}", "file", path),
              "%s is left out: %s; the other files run", path,
              jx_str(error, "message", "?"));
  json_decref(files);
}

/* For a line of the log, which has a message of its own. */
static json_t *fields_of(const json_t *fault, int generation)
{
  json_t *fields = json_deep_copy(fault);
  json_object_del(fields, "message");
  json_object_set_new(fields, "generation", json_integer(generation));
  return fields;
}

static void tell_last_good(const struct generation *g)
{
  char at[32];
  char *why = text_of(g->pool->problem);
  pool__log(g->pool, POOL_WARN, fields_of(g->pool->problem, g->number),
            "running the last good scripts of %s because %s",
            clock_format(g->saved_ms, at), why);
  free(why);
}

static void tell_fault(const struct generation *g, const json_t *fault)
{
  char *text = text_of(fault);
  pool__log(g->pool, POOL_ERROR, fields_of(fault, g->number),
            "generation %d of the scripts is not taken: %s%s", g->number, text,
            g->pool->current ? "; the one before goes on" : "");
  free(text);
}

static void tell_dropped(const struct generation *g)
{
  json_t *fault;
  size_t i;
  json_array_foreach(g->faults, i, fault)
    if (i < FAULTS_TOLD)
      tell_fault(g, fault);
  if (i > FAULTS_TOLD)
    pool__log(g->pool, POOL_ERROR, NULL, "and %zu %s more of generation %d",
              i - FAULTS_TOLD, i == FAULTS_TOLD + 1 ? "file" : "files", g->number);
}

/* ---- the last good copy ---- */

struct save {
  uv_work_t work;
  struct pool *pool;
  const char *folder;
  struct buf bytes;
  struct err err;
  int status;
};

static void write_copy(uv_work_t *work)
{
  struct save *s = work->data;
  s->status = last_good_write(s->folder, &s->bytes, &s->err);
}

static void save(struct pool *p);

static void copy_written(uv_work_t *work, int status)
{
  struct save *s = work->data;
  struct pool *p = s->pool;
  bool again = p->save_again && p->state != POOL_STOPPING;
  p->saving = p->save_again = false;
  if (status == 0 && s->status < 0)
    pool__log(p, POOL_WARN, NULL, "%s; a start with broken scripts would leave them out",
              s->err.text);
  if (again)
    save(p);
  buf_fini(&s->bytes);
  free(s);
  pool__release(p);
}

/* One at a time, so that the newest one is written last. */
static void save(struct pool *p)
{
  struct save *s;
  if (!p->config.data || p->saving) {
    p->save_again = p->saving;
    return;
  }
  json_t *left_out = generation__left_out(p->current);
  s = mem_alloc(sizeof *s);
  s->pool = p;
  s->folder = p->config.data;
  s->work.data = s;
  last_good_pack(&s->bytes, &p->current->sources, left_out, clock_wall_ms());
  json_decref(left_out);
  p->saving = true;
  p->holders++;
  uv_queue_work(p->loop, &s->work, write_copy, copy_written);
}

/* ---- outcomes ---- */

static void forget_failure(struct pool *p)
{
  sources_fini(&p->failed);
  settings__fini(&p->failed_settings);
  json_decref(p->problem);
  p->problem = NULL;
}

static void choose_soon(struct pool *p)
{
  if (p->state != POOL_STOPPING)
    uv_timer_start(&p->load, reload__choose, 0, 0);
}

void reload__taken(struct generation *g, const struct generation *before)
{
  struct pool *p = g->pool;
  last_good_fini(&p->last_good);
  queue_keep(p->queue, &g->settings.keep);
  if (p->config.taken)
    p->config.taken(p->config.arg, &g->settings);
  if (g->lenient)
    tell_left_out(g);
  tell_taken(g, before);
  if (g->saved_ms) {
    tell_last_good(g);
  } else {
    forget_failure(p);
    save(p);
  }
  choose_soon(p);
}

static void keep_problem(struct pool *p, const struct generation *g)
{
  json_decref(p->problem);
  p->problem = json_deep_copy(json_array_get(g->faults, 0));
  json_object_set_new(p->problem, "generation", json_integer(g->number));
}

/* At a start nothing is left to try when even the single files may fail. */
static bool is_the_end(const struct generation *g)
{
  return !g->pool->current && (g->lenient || g->not_its_fault);
}

void reload__dropped(struct generation *g)
{
  struct pool *p = g->pool;
  struct err err;
  if (is_the_end(g)) {
    const json_t *fault = json_array_get(g->faults, 0);
    err_set(&err, jx_str(fault, "code", "error"), "%s", jx_str(fault, "message", "?"));
    p->config.ready(p->config.arg, &err);
    return;
  }
  tell_dropped(g);
  if (!g->saved_ms) {
    keep_problem(p, g);
    emit(p, "scripts.failed", p->problem);
    sources_fini(&p->failed);
    if (!g->not_its_fault) {
      p->failed = g->sources;
      g->sources = (struct sources){0};
      settings__copy(&p->failed_settings, &g->settings);
    }
  }
  choose_soon(p);
}

/* ---- choosing ---- */

static void load(struct pool *p, struct sources *sources, const struct last_good *like,
                 int64_t saved_ms)
{
  struct err err;
  struct generation *g = generation__new(p, sources, like, &err);
  if (!g) {
    sources_fini(sources);
    if (p->current)
      pool_unreadable(p, &err);
    else
      p->config.ready(p->config.arg, &err);
    return;
  }
  g->lenient = !like;
  g->saved_ms = saved_ms;
  load__begin(g);
}

/* After the sources of the folders were tried in vain. */
static void choose_at_start(struct pool *p)
{
  struct last_good copy = p->last_good;
  p->last_good = (struct last_good){0};
  if (copy.left_out)
    load(p, &copy.sources, &copy, copy.saved_ms);
  else
    load(p, &p->failed, NULL, 0);
  last_good_fini(&copy);
}

static void consider(struct pool *p, struct sources *sources)
{
  struct generation *now = p->current;
  if (sources_same(sources, &now->sources) &&
      settings__same(&p->wanted, &now->settings)) {
    if (p->problem)
      pool__log(p, POOL_INFO, NULL,
                "the scripts are again those of generation %d, which runs", now->number);
    forget_failure(p);
    now->saved_ms = 0;
    sources_fini(sources);
  } else if (sources_same(sources, &p->failed) &&
             settings__same(&p->wanted, &p->failed_settings)) {
    sources_fini(sources);
  } else {
    struct last_good like = {now->sources, generation__left_out(now), 0};
    load(p, sources, &like, 0);
    json_decref(like.left_out);
  }
}

void reload__choose(uv_timer_t *timer)
{
  struct pool *p = timer->data;
  if (p->next || p->state == POOL_STOPPING)
    return;
  if (p->state == POOL_STARTING) {
    choose_at_start(p);
  } else if (p->offered.problems) {
    struct sources sources = p->offered;
    p->offered = (struct sources){0};
    consider(p, &sources);
  }
}

/* ---- the ways in ---- */

void reload__start(struct pool *p)
{
  struct sources sources = p->offered;
  p->offered = (struct sources){0};
  p->state = POOL_STARTING;
  if (p->config.data)
    last_good_read(&p->last_good, p->config.data);
  if (p->last_good.left_out && sources_same(&p->last_good.sources, &sources))
    last_good_fini(&p->last_good);
  load(p, &sources, p->last_good.left_out ? &p->last_good : NULL, 0);
}

void pool_offer(struct pool *p, struct sources *sources)
{
  sources_fini(&p->offered);
  p->offered = *sources;
  *sources = (struct sources){0};
  if (p->state == POOL_RUNNING && !p->next)
    choose_soon(p);
}

void pool_configure(struct pool *p, const struct pool_settings *settings)
{
  settings__copy(&p->wanted, settings);
}

void pool_unreadable(struct pool *p, const struct err *err)
{
  if (strcmp(jx_str(p->problem, "message", ""), err->text) == 0)
    return;
  json_decref(p->problem);
  p->problem = json_pack("{s:n, s:n, s:n, s:s, s:s}", "generation", "file", "line",
                         "code", err->code, "message", err->text);
  sources_fini(&p->failed);
  pool__log(p, POOL_ERROR, NULL, "the scripts cannot be read: %s; those that run go on",
            err->text);
  emit(p, "scripts.failed", p->problem);
}

/* ---- what others ask ---- */

static json_t *last_good_json(const struct pool *p)
{
  char at[32];
  if (!p->current || !p->current->saved_ms)
    return json_null();
  char *why = text_of(p->problem);
  char *text = mem_printf("running the last good scripts of %s because %s",
                          clock_format(p->current->saved_ms, at), why);
  json_t *told = json_pack("{s:I, s:s}", "saved_at", (json_int_t)p->current->saved_ms,
                           "message", text);
  free(text);
  free(why);
  return told;
}

json_t *pool_scripts(const struct pool *p)
{
  const struct generation *g = p->current;
  return json_pack("{s:i, s:o, s:o, s:O?}", "generation", g ? g->number : 0, "loaded_at",
                   g ? json_integer(g->loaded_ms) : json_null(), "last_good",
                   last_good_json(p), "problem", p->problem);
}
