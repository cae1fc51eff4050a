/* What the host says of itself: health, the tasks it knows; and its backup. */
#include "api/api_.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

/* ---- health ---- */

struct health {
  struct store_stats op;
  struct api *api;
  struct http_request *req;
};

static bool is_ready(const struct api *a)
{
  struct pool_health h;
  pool_health(a->parts.pool, &h);
  return !a->draining && h.alive > 0 && !queue_trouble(a->parts.queue)[0];
}

static json_t *workers_json(const struct pool_health *h)
{
  return json_pack("{s:i, s:i, s:i, s:I, s:I}", "wanted", h->workers, "alive", h->alive,
                   "busy", h->busy, "jobs", (json_int_t)h->open, "restarts",
                   (json_int_t)h->restarts);
}

static json_t *queue_json(const struct store_stats *s, const struct pool_health *h)
{
  json_t *q = json_object();
  for (int i = 0; i < STORE_STATES; i++)
    json_object_set_new(q, store_state_names[i], json_integer(s->counts[i]));
  json_object_set_new(q, "set_aside", json_integer(s->set_aside));
  json_object_set_new(q, "oldest_available_ms", json_integer(s->oldest_available_ms));
  json_object_set_new(q, "last_claim_at",
                      h->last_claim_ms ? json_integer(h->last_claim_ms) : json_null());
  return q;
}

static json_t *scripts_json(const struct api *a)
{
  json_t *files = pool_files(a->parts.pool), *file;
  json_t *scripts = pool_scripts(a->parts.pool);
  int failed = 0;
  size_t i;
  json_array_foreach(files, i, file)
    failed += json_is_object(json_object_get(file, "error"));
  json_object_set_new(scripts, "files", json_integer((json_int_t)json_array_size(files)));
  json_object_set_new(scripts, "failed", json_integer(failed));
  json_object_set_new(
      scripts, "tasks",
      json_integer((json_int_t)catalog_count(pool_catalog(a->parts.pool))));
  json_decref(files);
  return scripts;
}

static void health_known(struct store_op *op)
{
  struct health *h = op->arg;
  struct pool_health pool;
  pool_health(h->api->parts.pool, &pool);
  const char *trouble = queue_trouble(h->api->parts.queue);
  bool good = op->status == 0 && is_ready(h->api);
  const char *status = h->api->draining ? "stopping" : good ? "ok" : "unhealthy";
  http_reply_json(h->req, good ? 200 : 503,
                  json_pack("{s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o}", "status", status,
                            "version", CANDY_VERSION, "uptime_ms",
                            (json_int_t)(clock_wall_ms() - h->api->started_ms), "store",
                            op->status < 0 ? op->err->code
                            : trouble[0]   ? trouble
                                           : "ok",
                            "workers", workers_json(&pool), "queue",
                            queue_json(&h->op, &pool), "scripts", scripts_json(h->api),
                            "settings", settings_json(h->api->parts.settings)));
  store_op_fini(op);
  free(h);
}

void api_health(struct http_request *req, void *arg)
{
  struct api *a = arg;
  struct health *h = mem_alloc(sizeof *h);
  h->api = a;
  h->req = req;
  h->op.op = (struct store_op){.kind = STORE_STATS, .done = health_known, .arg = h};
  store_submit(a->parts.store, &h->op.op);
}

void api_livez(struct http_request *req, void *arg)
{
  (void)arg;
  http_reply_json(req, 200, json_pack("{s:s}", "status", "ok"));
}

void api_readyz(struct http_request *req, void *arg)
{
  bool ready = is_ready(arg);
  http_reply_json(req, ready ? 200 : 503,
                  json_pack("{s:s}", "status", ready ? "ok" : "not ready"));
}

/* ---- definitions ---- */

static json_t *ms_or_null(int64_t ms)
{
  return ms ? json_integer(ms) : json_null();
}

/* A task with what applies when it says nothing itself. */
static json_t *definition(const struct catalog_task *task, const json_t *declared)
{
  return json_pack(
      "{s:s, s:s, s:i, s:s, s:i, s:i, s:I, s:I, s:b, s:O?, s:O?, s:O?, s:o, s:o}", "name",
      task->name, "file", task->file, "line", task->line, "queue",
      task->queue ? task->queue : "default", "priority", task->priority, "max_retries",
      task->max_retries, "timeout_ms", (json_int_t)task->timeout_ms, "cancel_grace_ms",
      (json_int_t)task->cancel_grace_ms, "rerun", task->rerun, "description",
      json_object_get(declared, "description"), "unique",
      json_object_get(declared, "unique"), "schema", json_object_get(declared, "schema"),
      "heartbeat_ms", ms_or_null(task->heartbeat_ms), "deadline_ms",
      ms_or_null(task->deadline_ms));
}

static json_t *definitions(const struct catalog *catalog)
{
  json_t *items = json_array(), *declared;
  size_t i;
  json_array_foreach(json_object_get(catalog_manifest(catalog), "tasks"), i, declared) {
    const struct catalog_task *task = catalog_find(catalog, jx_str(declared, "name", ""));
    json_array_append_new(items, definition(task, declared));
  }
  return items;
}

void api_definitions(struct http_request *req, void *arg)
{
  struct api *a = arg;
  http_reply_json(req, 200,
                  json_pack("{s:o, s:o, s:o}", "items",
                            definitions(pool_catalog(a->parts.pool)), "files",
                            pool_files(a->parts.pool), "scripts",
                            pool_scripts(a->parts.pool)));
}

/* ---- crons ---- */

/* As the scripts declare them, with the payload as JSON. */
static json_t *crons(const json_t *manifest)
{
  json_t *items = json_array(), *declared;
  size_t i;
  json_array_foreach(json_object_get(manifest, "crons"), i, declared) {
    const json_t *text = json_object_get(declared, "payload");
    json_t *item = json_copy(declared);
    json_object_set_new(item, "payload",
                        jx_parse(jx_text(text, "{}"), json_string_length(text), NULL));
    json_array_append_new(items, item);
  }
  return items;
}

void api_crons(struct http_request *req, void *arg)
{
  struct api *a = arg;
  const json_t *manifest = catalog_manifest(pool_catalog(a->parts.pool));
  http_reply_json(req, 200,
                  json_pack("{s:o, s:b, s:s}", "items", crons(manifest), "active", false,
                            "note",
                            "crons are declared and checked; they are not run yet"));
}

/* ---- backup ---- */

struct backup {
  struct http_request *req;
  char *file;
};

static void backed_up(void *arg, const struct err *err)
{
  struct backup *b = arg;
  struct stat st = {0};
  if (err) {
    http_problem(b->req, 409, err->code, "%s", err->text);
  } else {
    stat(b->file, &st);
    http_reply_json(
        b->req, 200,
        json_pack("{s:s, s:I}", "file", b->file, "bytes", (json_int_t)st.st_size));
  }
  free(b->file);
  free(b);
}

void api_backup(struct http_request *req, void *arg)
{
  struct api *a = arg;
  struct err err;
  json_t *body = jx_parse(req->body, req->body_len, &err);
  const char *file = jx_str(body, "file", "");
  if (!req->local) {
    http_problem(req, 403, "local_only",
                 "backups are made on the host's machine: candy backup FILE");
  } else if (file[0] != '/') {
    http_problem(req, 422, "invalid", "file must be an absolute path");
  } else {
    struct backup *b = mem_alloc(sizeof *b);
    b->req = req;
    b->file = mem_strdup(file);
    if (store_backup(a->parts.store, b->file, backed_up, b, &err) < 0)
      backed_up(b, &err);
  }
  json_decref(body);
}
