/* A generation's life, and what is wrong with its files. How it is loaded is in load.c,
 * which sources become one in reload.c.
 *
 * A file that fails drops its whole generation. There are two exceptions, in which it is
 * left out and the others run: at a start without a last good copy, and when what runs
 * now (or the last good copy) does without that file as well. */
#include "worker/pool_.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

/* ---- life ---- */

/* A file whose top level ends the worker would do it again: unless it has changed, it is
 * not tried, since that can take as long as the stall limit. */
static void exclude_killers(struct generation *g, const struct last_good *like,
                            const struct sources *sources)
{
  const char *path;
  json_t *error;
  json_object_foreach(like->left_out, path, error)
    if (strcmp(jx_str(error, "code", ""), "load_failed") == 0 &&
        sources_same_file(&like->sources, sources, path))
      json_object_set(g->excluded, path, error);
}

struct generation *generation__new(struct pool *p, struct sources *sources,
                                   const struct last_good *like, struct err *err)
{
  int bundle = sources_share(sources, err);
  if (bundle < 0)
    return NULL;
  struct generation *g = mem_alloc(sizeof *g);
  g->pool = p;
  g->number = ++p->generations;
  g->holders = 1;
  g->bundle = bundle;
  g->faults = json_array();
  g->excluded = json_deep_copy(sources->problems);
  g->known = like ? json_incref(like->left_out) : json_object();
  if (like)
    exclude_killers(g, like, sources);
  g->noticed_ns = sources->noticed_ns ? sources->noticed_ns : clock_mono_ns();
  settings__copy(&g->settings, &p->wanted);
  g->sources = *sources;
  *sources = (struct sources){0};
  return g;
}

void generation__hold(struct generation *g)
{
  g->holders++;
}

void generation__let_go(struct generation **generation)
{
  struct generation *g = *generation;
  *generation = NULL;
  if (!g || --g->holders > 0)
    return;
  catalog_free(&g->catalog);
  json_decref(g->manifest);
  json_decref(g->faults);
  json_decref(g->excluded);
  json_decref(g->known);
  sources_fini(&g->sources);
  settings__fini(&g->settings);
  close(g->bundle);
  free(g);
}

/* ---- what is wrong with its files ---- */

bool generation__may_lack(const struct generation *g, const char *path)
{
  return g->lenient || json_object_get(g->known, path);
}

void generation__exclude(struct generation *g, const char *path, const char *code,
                         const char *text)
{
  json_object_set_new(g->excluded, path, jx_error(code, text));
}

void generation__add_fault(struct generation *g, const char *path, const json_t *error)
{
  json_t *line = json_object_get(error, "line");
  json_array_append_new(g->faults, json_pack("{s:s?, s:O?, s:s, s:s}", "file", path,
                                             "line", json_is_integer(line) ? line : NULL,
                                             "code", jx_str(error, "code", "error"),
                                             "message", jx_str(error, "message", "?")));
}

json_t *generation__left_out(const struct generation *g)
{
  json_t *all = json_object(), *file;
  size_t i;
  json_array_foreach(json_object_get(g->manifest, "files"), i, file) {
    json_t *error = json_object_get(file, "error");
    if (json_is_object(error))
      json_object_set(all, jx_str(file, "path", "?"), error);
  }
  json_object_update(all, g->excluded);
  return all;
}
