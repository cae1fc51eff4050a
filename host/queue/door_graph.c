/* Fields of jobs that belong to others: what they wait for, the batch that they join.
 *
 * Within one request a job may name those in front of it by their `ref`, so that a whole
 * graph goes in at once; only those in front, so that it has no circles. */
#include "queue/door_.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define AFTER_MAX 1000
#define REF_MAX   100

static bool is_ref(const json_t *value)
{
  const char *text = jx_text(value, "");
  size_t len = json_string_length(value);
  if (len == 0 || len > REF_MAX || strlen(text) != len)
    return false;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)text[i]) && !strchr("_.:-/", text[i]))
      return false;
  return true;
}

void door__ref(struct door *d, const json_t *value)
{
  struct door_batch *b = d->batch;
  if (!is_ref(value)) {
    door__problem(d, "/ref", "invalid",
                  "must be a name of letters, digits and _ . : - / of at most %d "
                  "characters",
                  REF_MAX);
    return;
  }
  if (!b->refs)
    b->refs = json_object();
  if (json_object_get(b->refs, json_string_value(value)))
    door__problem(d, "/ref", "invalid", "\"%s\" is the ref of another job in front of it",
                  json_string_value(value));
  else
    json_object_set_new(b->refs, json_string_value(value),
                        json_integer((json_int_t)b->n));
}

/* An id, or 0 for what is none. */
static int64_t read_id(const json_t *value)
{
  const char *text = jx_text(value, "");
  size_t len = json_string_length(value);
  if (json_is_integer(value) && json_integer_value(value) > 0)
    return json_integer_value(value);
  if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
    return 0;
  return strtoll(text, NULL, 10);
}

/* "#name" as store_new.after has it: how far in front of this job it is. */
static int64_t find_ref(const struct door *d, const char *name)
{
  const json_t *index = json_object_get(d->batch->refs, name);
  int64_t back = index ? (int64_t)d->batch->n - json_integer_value(index) : 0;
  return -back;
}

static int64_t read_dep(struct door *d, const json_t *value, const char *field)
{
  const char *text = jx_text(value, "");
  int64_t dep = *text == '#' ? find_ref(d, text + 1) : read_id(value);
  if (dep != 0)
    return dep;
  if (*text == '#')
    door__problem(d, field, "unknown_ref",
                  "no job in front of it in this request has the ref \"%.100s\"",
                  text + 1);
  else
    door__problem(d, field, "invalid",
                  "must be the id of a job, or \"#\" and the ref of one in front of it");
  return 0;
}

static void read_deps(struct door *d, const json_t *list)
{
  size_t i, n = json_array_size(list);
  json_t *value;
  int64_t *deps = arena_alloc(&d->batch->memory, n * sizeof *deps);
  json_array_foreach(list, i, value) {
    char field[32];
    snprintf(field, sizeof field, "/after/%zu", i);
    deps[i] = read_dep(d, value, field);
  }
  d->job.after = deps;
  d->job.n_after = n;
}

void door__after(struct door *d, const json_t *value)
{
  if (json_is_array(value)) {
    if (json_array_size(value) <= AFTER_MAX)
      read_deps(d, value);
    else
      door__problem(d, "/after", "invalid", "names %zu jobs; at most %d fit",
                    json_array_size(value), AFTER_MAX);
    return;
  }
  int64_t *dep = arena_alloc(&d->batch->memory, sizeof *dep);
  *dep = read_dep(d, value, "/after");
  d->job.after = dep;
  d->job.n_after = 1;
}

void door__after_failure(struct door *d, const json_t *value)
{
  const char *text = jx_text(value, "");
  if (strcmp(text, "run") == 0)
    d->job.after_any = true;
  else if (strcmp(text, "cancel") != 0)
    door__problem(d, "/after_failure", "invalid",
                  "must be \"cancel\" or \"run\": what becomes of it when a job that it "
                  "waits for does not complete");
}

void door__join(struct door *d, const json_t *value)
{
  d->job.batch = read_id(value);
  if (d->job.batch == 0)
    door__problem(d, "/batch", "invalid", "must be the id of a batch");
}
