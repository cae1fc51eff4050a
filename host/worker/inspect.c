/* One worker, loaded once (again for each file that kills it): see inspect.h. */
#include "worker/inspect.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "worker/pool_.h"

#define LOOK_MS 20

struct inspect {
  const struct sources *sources;
  const struct pool_config *config;
  uv_loop_t loop;
  uv_timer_t watch;
  struct process *process;
  json_t *excluded; /* {path: {code, message}} */
  json_t *manifest;
  bool again;
  struct err err;
};

static void look(uv_timer_t *timer)
{
  struct inspect *in = timer->data;
  struct page *page = process_page(in->process);
  int64_t still = clock_mono_ns() - atomic_load(&page->since_ns);
  char limit[32], reason[64];
  if (atomic_load(&page->busy) == PAGE_IDLE ||
      still < in->config->settings.stall_ms * CLOCK_MS)
    return;
  snprintf(reason, sizeof reason, "killed: stood still for %s",
           duration_format(in->config->settings.stall_ms, limit));
  process_kill(in->process, reason);
}

static void on_message(void *arg, enum message_kind kind, const char *body, size_t len)
{
  struct inspect *in = arg;
  if (kind != MESSAGE_MANIFEST || in->manifest)
    return;
  in->manifest = jx_parse(body, len, &in->err);
  process_kill(in->process, "it has told what it declares");
}

static void on_gone(void *arg, const char *how)
{
  struct inspect *in = arg;
  struct page *page = process_page(in->process);
  uint32_t file = atomic_load(&page->current);
  if (!in->manifest && atomic_load(&page->busy) == PAGE_LOAD && file < in->sources->n) {
    char *text = mem_printf("its top level ended the worker (%s)", how);
    json_object_set_new(in->excluded, in->sources->files[file].path,
                        jx_error("load_failed", text));
    free(text);
    in->again = true;
  } else if (!in->manifest) {
    err_set(&in->err, "worker_start", "the worker program does not start: %s", how);
  }
  process_free(&in->process);
  uv_close((uv_handle_t *)&in->watch, NULL);
}

static const struct process_events events = {on_message, on_gone, NULL};

static int load_once(struct inspect *in, int bundle)
{
  in->again = false;
  in->process = process_start(&in->loop, bundle, &events, in, &in->err);
  if (!in->process)
    return -1;
  pool__send_init(in->process, in->config, &in->config->settings, "check", 0,
                  in->excluded);
  uv_timer_init(&in->loop, &in->watch);
  in->watch.data = in;
  uv_timer_start(&in->watch, look, LOOK_MS, LOOK_MS);
  uv_run(&in->loop, UV_RUN_DEFAULT);
  return 0;
}

/* What the worker said of an excluded file is only that it was: the reason goes there. */
static void add_excluded(struct inspect *in)
{
  json_t *files = json_object_get(in->manifest, "files"), *file, *error;
  size_t i;
  json_array_foreach(files, i, file) {
    error = json_object_get(in->excluded, jx_str(file, "path", ""));
    if (error)
      json_object_set(file, "error", error);
    json_object_del(in->excluded, jx_str(file, "path", ""));
  }
  const char *path;
  json_object_foreach(in->excluded, path, error)
    json_array_append_new(files, json_pack("{s:s, s:O}", "path", path, "error", error));
}

json_t *worker_inspect(const struct sources *sources, const struct pool_config *config,
                       struct err *err)
{
  struct inspect in = {.sources = sources,
                       .config = config,
                       .excluded = json_deep_copy(sources->problems)};
  int bundle = sources_share(sources, err);
  if (bundle < 0)
    goto done;
  uv_loop_init(&in.loop);
  do
    if (load_once(&in, bundle) < 0)
      break;
  while (in.again);
  uv_run(&in.loop, UV_RUN_DEFAULT);
  uv_loop_close(&in.loop);
  close(bundle);
  if (in.manifest)
    add_excluded(&in);
  else
    *err = in.err;
done:
  json_decref(in.excluded);
  return in.manifest;
}
