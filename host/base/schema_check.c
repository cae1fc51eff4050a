/* Keywords that hand a value, or the items of an array, on to other schemas: references,
 * combinations and the words for arrays. */
#include "base/schema_parts.h"

#include <string.h>

/* ---- references ---- */

SCHEMA_CHECK(ref)
{
  (void)node;
  return schema__fits(run, rule->nodes[0], spot);
}

static const struct node *dynamic_anchor(const struct resource *resource,
                                         const char *name)
{
  for (const struct anchor *a = resource->dynamic; a; a = a->next)
    if (strcmp(a->name, name) == 0)
      return a->node;
  return NULL;
}

/* The outermost resource on the way that has the anchor wins. */
SCHEMA_CHECK(dynamic_ref)
{
  const struct node *target = rule->nodes[0];
  (void)node;
  for (const struct scope *s = run->scope; rule->dynamic && s; s = s->up) {
    const struct node *found = dynamic_anchor(s->resource, rule->dynamic);
    target = found ? found : target;
    schema__spend(run, 1);
  }
  return schema__fits(run, target, spot);
}

/* ---- combinations ---- */

SCHEMA_CHECK(all_of)
{
  bool ok = true;
  (void)node;
  for (size_t i = 0; i < rule->count && (ok || !run->hasty); i++)
    ok = schema__fits(run, rule->nodes[i], spot) && ok;
  return ok;
}

/* Of the problems of several forms, the one that got furthest tells most; one that only
 * says that another form was meant tells least. */
static size_t weight(const struct schema_problem *p)
{
  static const char *const least[] = {"const", "type", "enum"};
  size_t depth = 0, rank = 3;
  for (const char *c = p->pointer; *c; c++)
    depth += *c == '/';
  for (size_t i = 0; i < sizeof least / sizeof least[0]; i++)
    if (strcmp(p->code, least[i]) == 0)
      rank = i;
  return 4 * depth + rank;
}

/* Takes `first`, which may be empty. */
static void keep_nearest(struct schema_problem *nearest, struct schema_problem first)
{
  if (first.pointer && (!nearest->pointer || weight(&first) > weight(nearest))) {
    struct schema_problem swap = *nearest;
    *nearest = first;
    first = swap;
  }
  schema_problems_fini(&first, 1);
}

struct forms {
  size_t fitting; /* how many fit, of those tried */
  size_t which[2];
  struct schema_problem nearest; /* of those that do not */
};

/* Tries the forms until `enough` fit; all of them when somebody asks what was seen. */
static struct forms try_forms(struct run *run, const struct rule *rule, struct spot *spot,
                              size_t enough)
{
  struct forms forms = {0};
  bool wanted = schema__wanted(run);
  for (size_t i = 0; i < rule->count; i++) {
    struct schema_problem first = {0};
    if (schema__try(run, rule->nodes[i], spot, wanted ? &first : NULL)) {
      if (forms.fitting < 2)
        forms.which[forms.fitting] = i + 1;
      forms.fitting++;
    }
    keep_nearest(&forms.nearest, first);
    if (run->stopped || (forms.fitting >= enough && !spot->seen))
      break;
  }
  return forms;
}

/* Inside another alternative only the nearest problem goes up, as it is: wrapping it anew
 * at each level would make a text without end. */
static bool fits_none(struct run *run, const struct rule *rule, const struct spot *spot,
                      const char *code, struct schema_problem *nearest)
{
  if (run->hasty && nearest->pointer)
    return schema__pass_on(run, nearest);
  const char *pointer = nearest->pointer ? nearest->pointer : "";
  const char *space = *pointer ? " " : "";
  const char *message = nearest->message ? nearest->message : "";
  if (rule->count == 1)
    return schema__report(run, spot, code, "does not fit: %s%s%s", pointer, space,
                          message);
  return schema__report(run, spot, code,
                        "fits none of the %zu allowed forms; the nearest: %s%s%s",
                        rule->count, pointer, space, message);
}

SCHEMA_CHECK(any_of)
{
  (void)node;
  struct forms forms = try_forms(run, rule, spot, 1);
  bool ok = forms.fitting > 0;
  if (!ok)
    fits_none(run, rule, spot, "any_of", &forms.nearest);
  schema_problems_fini(&forms.nearest, 1);
  return ok;
}

SCHEMA_CHECK(one_of)
{
  (void)node;
  struct forms forms = try_forms(run, rule, spot, 2);
  if (forms.fitting == 0)
    fits_none(run, rule, spot, "one_of", &forms.nearest);
  if (forms.fitting > 1)
    schema__report(run, spot, "one_of",
                   "fits the forms %zu and %zu of %zu, but only one may fit",
                   forms.which[0], forms.which[1], rule->count);
  schema_problems_fini(&forms.nearest, 1);
  return forms.fitting == 1;
}

SCHEMA_CHECK(negation)
{
  (void)node;
  if (!schema__try(run, rule->nodes[0], spot, NULL))
    return !run->stopped;
  return schema__report(run, spot, "not", "has a form that is not allowed");
}

SCHEMA_CHECK(condition)
{
  bool yes = schema__try(run, rule->nodes[0], spot, NULL);
  if (run->stopped)
    return false;
  const struct rule *branch = schema__rule(node, yes ? "then" : "else");
  return !branch || schema__fits(run, branch->nodes[0], spot);
}

/* ---- arrays ---- */

static const void *item_mark(size_t index)
{
  return (const void *)(uintptr_t)(index + 1);
}

SCHEMA_CHECK(prefix_items)
{
  bool ok = true;
  size_t size = json_array_size(spot->value);
  (void)node;
  for (size_t i = 0; i < rule->count && i < size; i++) {
    ok = schema__fits_item(run, rule->nodes[i], spot, i) && ok;
    schema__mark(spot->seen, item_mark(i));
    if (!ok && run->hasty)
      return false;
  }
  return ok;
}

/* Where no further item may be, the problem is the item and not its value. */
static bool fits_rest(struct run *run, const struct node *schema, struct spot *spot,
                      size_t index)
{
  struct spot item = {.up = spot, .index = index};
  if (schema->kind != NODE_FALSE)
    return schema__fits_item(run, schema, spot, index);
  return schema__report(run, &item, "extra_item", "is one item too many");
}

SCHEMA_CHECK(items)
{
  const struct rule *prefix = schema__rule(node, "prefixItems");
  const struct node *schema = rule->nodes[0];
  size_t from = prefix ? prefix->count : 0, size = json_array_size(spot->value);
  bool ok = true;
  for (size_t i = from; i < size && (ok || !run->hasty) && !run->stopped; i++)
    ok = fits_rest(run, schema, spot, i) && ok;
  if (spot->seen)
    spot->seen->all = true;
  return ok;
}

static uint64_t limit_of(const struct node *node, const char *name, uint64_t fallback)
{
  const struct rule *rule = schema__rule(node, name);
  return rule ? rule->limit : fallback;
}

static uint64_t count_fitting(struct run *run, const struct node *schema,
                              struct spot *spot, uint64_t enough)
{
  uint64_t n = 0;
  size_t size = json_array_size(spot->value);
  for (size_t i = 0; i < size && !run->stopped; i++) {
    struct spot item = {.up = spot, .value = json_array_get(spot->value, i), .index = i};
    if (!schema__try(run, schema, &item, NULL))
      continue;
    schema__mark(spot->seen, item_mark(i));
    if (++n >= enough && !spot->seen)
      break;
  }
  return n;
}

SCHEMA_CHECK(contains)
{
  uint64_t min = limit_of(node, "minContains", 1);
  uint64_t max = limit_of(node, "maxContains", UINT64_MAX);
  uint64_t n =
      count_fitting(run, rule->nodes[0], spot, max == UINT64_MAX ? min : max + 1);
  if (n < min)
    return schema__report(run, spot, "contains",
                          "must hold at least %ju %s of the asked form, but holds %ju",
                          (uintmax_t)min, min == 1 ? "item" : "items", (uintmax_t)n);
  if (n > max)
    return schema__report(run, spot, "max_contains",
                          "must hold at most %ju %s of the asked form", (uintmax_t)max,
                          max == 1 ? "item" : "items");
  return true;
}

SCHEMA_CHECK(unevaluated_items)
{
  struct seen *seen = spot->seen;
  const struct node *schema = rule->nodes[0];
  bool ok = true;
  size_t size = seen->all ? 0 : json_array_size(spot->value);
  (void)node;
  schema__sort_seen(seen);
  for (size_t i = 0; i < size && (ok || !run->hasty) && !run->stopped; i++) {
    if (!schema__was_seen(seen, item_mark(i)))
      ok = fits_rest(run, schema, spot, i) && ok;
  }
  seen->all = true;
  return ok;
}
