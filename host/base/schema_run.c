/* A check on its way through a schema: which node looks at which value, what is to be
 * told, what has been seen (for the unevaluated words), and when it is enough.
 *
 * Two bounds hold for a check as a whole: the stack, since it is recursive, and the
 * steps that it takes. Past either it is given up and says only that.
 */
#include "base/schema_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STACK 6000000  /* bytes, of the 8 MB that a thread has */
#define STEPS 30000000 /* about a second */

/* ---- problems ---- */

static void put_spot(struct buf *b, const struct spot *spot)
{
  if (!spot->up)
    return;
  put_spot(b, spot->up);
  if (!spot->key) {
    buf_printf(b, "/%zu", spot->index);
    return;
  }
  buf_putc(b, '/');
  for (size_t i = 0; i < spot->key_len; i++) {
    char c = spot->key[i];
    if (c == '~' || c == '/')
      buf_puts(b, c == '~' ? "~0" : "~1");
    else
      buf_putc(b, c);
  }
}

static char *pointer(const struct spot *spot)
{
  struct buf b = {0};
  put_spot(&b, spot);
  return buf_take(&b);
}

bool schema__wanted(const struct run *run)
{
  return run->problems->found < run->problems->max;
}

static bool is_known(const struct problems *problems, const struct schema_problem *p)
{
  for (size_t i = 0; i < problems->found; i++) {
    const struct schema_problem *q = &problems->out[i];
    if (strcmp(p->pointer, q->pointer) == 0 && strcmp(p->code, q->code) == 0 &&
        strcmp(p->message, q->message) == 0)
      return true;
  }
  return false;
}

/* Several ways through a schema can find one and the same problem: it is told once. */
static void keep(struct problems *problems, struct schema_problem p)
{
  if (is_known(problems, &p))
    schema_problems_fini(&p, 1);
  else
    problems->out[problems->found++] = p;
}

static void report(struct run *run, const struct spot *spot, const char *code,
                   const char *fmt, va_list args)
{
  struct schema_problem p = {.pointer = NULL};
  va_list again;
  if (!schema__wanted(run)) {
    run->problems->found++;
    return;
  }
  va_copy(again, args);
  size_t len = (size_t)vsnprintf(NULL, 0, fmt, args);
  p.message = mem_alloc(len + 1);
  vsnprintf(p.message, len + 1, fmt, again);
  va_end(again);
  p.pointer = pointer(spot);
  snprintf(p.code, sizeof p.code, "%s", code);
  keep(run->problems, p);
}

bool schema__report(struct run *run, const struct spot *spot, const char *code,
                    const char *fmt, ...)
{
  va_list args;
  va_start(args, fmt);
  report(run, spot, code, fmt, args);
  va_end(args);
  return false;
}

bool schema__report_member(struct run *run, const struct spot *spot, const char *key,
                           size_t key_len, const char *code, const char *fmt, ...)
{
  struct spot member = {.up = spot, .key = key, .key_len = key_len};
  va_list args;
  va_start(args, fmt);
  report(run, &member, code, fmt, args);
  va_end(args);
  return false;
}

bool schema__pass_on(struct run *run, struct schema_problem *problem)
{
  if (schema__wanted(run)) {
    keep(run->problems, *problem);
    *problem = (struct schema_problem){0};
  }
  return false;
}

void schema_problems_fini(struct schema_problem *out, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    free(out[i].pointer);
    free(out[i].message);
    out[i] = (struct schema_problem){0};
  }
}

/* ---- bounds ---- */

bool schema__stop(struct run *run, const struct spot *spot, const char *code,
                  const char *message)
{
  if (run->stopped)
    return false;
  run->stopped = true;
  run->stop.pointer = pointer(spot);
  run->stop.message = mem_strdup(message);
  snprintf(run->stop.code, sizeof run->stop.code, "%s", code);
  return false;
}

/* In bytes, since a level of nesting may need few of them or many. */
static bool too_deep(const struct run *run)
{
  uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  return run->stack - here > STACK; /* stacks grow downwards */
}

bool schema__spend(struct run *run, size_t steps)
{
  run->steps += steps;
  return run->steps <= STEPS;
}

bool schema__charge(struct run *run, const struct spot *spot, size_t steps)
{
  if (run->stopped)
    return false;
  if (schema__spend(run, steps))
    return true;
  return schema__stop(run, spot, "too_costly",
                      "is too much to check: the value is too large, or the schema has "
                      "too many alternatives for it");
}

/* ---- what has been seen ---- */

void schema__mark(struct seen *seen, const void *mark)
{
  if (!seen)
    return;
  if (seen->count == seen->cap) {
    seen->cap = seen->cap ? seen->cap * 2 : 16;
    seen->marks = mem_grow(seen->marks, seen->cap * sizeof *seen->marks);
  }
  seen->marks[seen->count++] = mark;
}

static int by_address(const void *a, const void *b)
{
  uintptr_t x = (uintptr_t) * (const void *const *)a,
            y = (uintptr_t) * (const void *const *)b;
  return (x > y) - (x < y);
}

/* What lies before `from` belongs to others, who do not mind the order either. */
void schema__sort_seen(struct seen *seen)
{
  if (seen->count > seen->from)
    qsort(seen->marks + seen->from, seen->count - seen->from, sizeof *seen->marks,
          by_address);
}

bool schema__was_seen(const struct seen *seen, const void *mark)
{
  return seen->count > seen->from &&
         bsearch(&mark, seen->marks + seen->from, seen->count - seen->from,
                 sizeof *seen->marks, by_address);
}

/* ---- nodes ---- */

const struct rule *schema__rule(const struct node *node, const char *name)
{
  for (size_t i = 0; i < node->count; i++)
    if (strcmp(node->rules[i].word->name, name) == 0)
      return &node->rules[i];
  return NULL;
}

/* What a keyword may have to walk over, at the least. */
static size_t cost(const struct rule *rule, const json_t *value)
{
  size_t size = json_is_object(value) ? json_object_size(value) : json_array_size(value);
  return 1 + (size + (rule->nodes ? rule->count : 0)) / 2;
}

static bool fits_rules(struct run *run, const struct node *node, struct spot *spot)
{
  bool ok = true;
  unsigned type = T(json_typeof(spot->value));
  for (size_t i = 0; i < node->count; i++) {
    const struct rule *rule = &node->rules[i];
    if (!rule->word->check || !(rule->word->applies & type))
      continue;
    /* what a schema that failed has seen counts for nothing: asking would be noise */
    if (!ok && (run->hasty || rule->word->vocabulary == VOCAB_UNEVALUATED))
      break;
    if (!schema__charge(run, spot, cost(rule, spot->value)))
      return false;
    ok = rule->word->check(run, node, rule, spot) && ok;
  }
  return ok && !run->stopped;
}

/* With marks: those of a schema that fails are taken back, and its unevaluated words see
 * only its own. */
static bool fits_seen(struct run *run, const struct node *node, struct spot *spot)
{
  struct seen *seen = spot->seen;
  size_t from = seen->from, before = seen->count;
  bool all = seen->all;
  seen->from = before;
  seen->all = false;
  bool ok = fits_rules(run, node, spot);
  if (!ok) {
    seen->count = before;
    seen->all = false;
  }
  seen->from = from;
  seen->all = seen->all || all;
  return ok;
}

static bool fits_tracking(struct run *run, const struct node *node, struct spot *spot)
{
  struct seen seen = {0};
  spot->seen = &seen;
  bool ok = fits_seen(run, node, spot);
  spot->seen = NULL;
  free(seen.marks);
  return ok;
}

static bool fits_any_way(struct run *run, const struct node *node, struct spot *spot)
{
  if (spot->seen)
    return fits_seen(run, node, spot);
  return node->tracks ? fits_tracking(run, node, spot) : fits_rules(run, node, spot);
}

bool schema__fits(struct run *run, const struct node *node, struct spot *spot)
{
  if (node->kind == NODE_TRUE)
    return true;
  if (node->kind == NODE_FALSE)
    return schema__report(run, spot, "not_allowed", "is not allowed");
  if (too_deep(run))
    return schema__stop(run, spot, "too_deep",
                        "is nested too deep for its schema, or the schema refers to "
                        "itself without end");
  const struct scope *outer = run->scope;
  struct scope scope = {node->resource, outer};
  if (!outer || outer->resource != node->resource)
    run->scope = &scope;
  bool ok = fits_any_way(run, node, spot);
  run->scope = outer;
  return ok;
}

bool schema__fits_item(struct run *run, const struct node *node, struct spot *spot,
                       size_t index)
{
  struct spot item = {
      .up = spot, .value = json_array_get(spot->value, index), .index = index};
  return schema__fits(run, node, &item);
}

bool schema__fits_member(struct run *run, const struct node *node, struct spot *spot,
                         void *iter)
{
  struct spot member = {.up = spot,
                        .value = json_object_iter_value(iter),
                        .key = json_object_iter_key(iter),
                        .key_len = json_object_iter_key_len(iter)};
  return schema__fits(run, node, &member);
}

bool schema__try(struct run *run, const struct node *node, struct spot *spot,
                 struct schema_problem *first)
{
  struct problems inner = {first, first ? 1 : 0, 0}, *outer = run->problems;
  bool hasty = run->hasty;
  run->problems = &inner;
  run->hasty = true;
  bool ok = schema__fits(run, node, spot);
  run->problems = outer;
  run->hasty = hasty;
  return ok;
}

/* ---- the whole ---- */

/* What was found before a check was given up is half the truth: only the reason stays. */
static size_t give_up(struct run *run, struct problems *problems)
{
  size_t kept = problems->found < problems->max ? problems->found : problems->max;
  schema_problems_fini(problems->out, kept);
  if (problems->max > 0)
    problems->out[0] = run->stop;
  else
    schema_problems_fini(&run->stop, 1);
  return 1;
}

size_t schema_check(const struct schema *schema, const json_t *value,
                    struct schema_problem *out, size_t max)
{
  struct problems problems = {out, max, 0};
  struct run run = {.schema = schema,
                    .problems = &problems,
                    .hasty = max == 0,
                    .stack = (uintptr_t)__builtin_frame_address(0)};
  struct spot root = {.value = json_incref((json_t *)(uintptr_t)value)};
  schema__fits(&run, schema->nodes[0], &root);
  json_decref(root.value);
  buf_fini(&run.scratch);
  return run.stopped ? give_up(&run, &problems) : problems.found;
}
