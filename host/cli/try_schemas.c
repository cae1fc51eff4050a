/* An empty store for as long as the schemas are tried on it: see try_schemas.h. Whether a
 * step was changed since a host applied it cannot be seen here. */
#include "cli/try_schemas.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/json.h"
#include "loop/remove.h"
#include "store/store.h"

struct trial {
  json_t *files; /* of the manifest */
  uv_loop_t loop;
  struct store *store;
};

/* ---- one schema ---- */

static void applied(struct store_op *op)
{
  bool *is_over = op->arg;
  *is_over = true;
}

static int apply(struct trial *t, const json_t *schema, struct err *err)
{
  const json_t *steps = json_object_get(schema, "steps");
  const char **texts = mem_alloc(json_array_size(steps) * sizeof *texts);
  bool is_over = false;
  struct store_schema try = {
      .op = {.kind = STORE_SCHEMA, .done = applied, .arg = &is_over},
      .name = jx_str(schema, "name", ""),
      .steps = texts,
      .n = json_array_size(steps),
  };
  for (size_t i = 0; i < try.n; i++)
    texts[i] = json_string_value(json_array_get(steps, i));
  store_submit(t->store, &try.op);
  while (!is_over)
    uv_run(&t->loop, UV_RUN_ONCE);
  int status = try.op.status;
  if (status < 0)
    *err = *try.op.err;
  store_op_fini(&try.op);
  free(texts);
  return status;
}

static json_t *file_of(const struct trial *t, const char *path)
{
  size_t i;
  json_t *file;
  json_array_foreach(t->files, i, file)
    if (strcmp(jx_str(file, "path", ""), path) == 0)
      return file;
  return NULL;
}

/* A file that only others require is not in the list before. */
static void refuse(struct trial *t, const json_t *schema, const struct err *err)
{
  const char *path = jx_str(schema, "file", "?");
  json_t *error = jx_error(err->code, err->text), *file = file_of(t, path);
  json_object_set(error, "line", json_object_get(schema, "line"));
  if (file)
    json_object_set_new(file, "error", error);
  else
    json_array_append_new(t->files,
                          json_pack("{s:s, s:o}", "path", path, "error", error));
}

static int try_one(struct trial *t, const json_t *schema, struct err *err)
{
  const json_t *file = file_of(t, jx_str(schema, "file", "?"));
  if (json_is_object(json_object_get(file, "error")) || apply(t, schema, err) == 0)
    return 0;
  if (strncmp(err->code, "store_", strlen("store_")) == 0)
    return -1;
  refuse(t, schema, err);
  return 0;
}

/* ---- the store ---- */

/* The operation under way fails too, and tells it. */
static void broke(void *arg, const struct err *err)
{
  (void)arg;
  (void)err;
}

static int try_in(const char *folder, json_t *manifest, struct err *err)
{
  struct trial t = {.files = json_object_get(manifest, "files")};
  struct store_config config = {.folder = folder, .relaxed = true, .fatal = broke};
  uv_loop_init(&t.loop);
  int status = store_open(&t.store, &t.loop, "sqlite:", &config, err);
  if (status == 0) {
    size_t i;
    json_t *schema;
    json_array_foreach(json_object_get(manifest, "schemas"), i, schema)
      if (status == 0)
        status = try_one(&t, schema, err);
    store_close(&t.store);
  }
  uv_run(&t.loop, UV_RUN_DEFAULT);
  uv_loop_close(&t.loop);
  return status;
}

int try_schemas(json_t *manifest, struct err *err)
{
  const char *named = getenv("TMPDIR");
  const char *below = named && *named ? named : "/tmp";
  char *folder;
  int status;
  if (json_array_size(json_object_get(manifest, "schemas")) == 0)
    return 0;
  folder = mem_printf("%s/candy-check-XXXXXX", below);
  if (mkdtemp(folder)) {
    status = try_in(folder, manifest, err);
    remove_tree(folder);
  } else {
    status = err_set(err, "temporary",
                     "cannot make a folder below %s, where schemas are tried: %s; name "
                     "another place in TMPDIR",
                     below, strerror(errno));
  }
  free(folder);
  return status;
}
