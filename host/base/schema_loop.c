/* Finds schemas that lead back to themselves while they look at one and the same value
 * ({"$ref": "#"}): no check of them would ever end, so they are refused. A $dynamicRef is
 * not known before a check; there the limit of depth catches it. */
#include "base/schema_parts.h"

#define DEEPEST 10000 /* schemas in place behind each other; the walk is recursive */

enum { NEW, ON_THE_WAY, ENDS };

static int walk(struct loading *l, struct node *node, size_t depth);

static int walk_rule(struct loading *l, const struct node *node, const struct rule *rule,
                     size_t depth)
{
  for (size_t i = 0; i < rule->count; i++) {
    struct node *next = rule->nodes[i];
    if (next->colour == ON_THE_WAY)
      return schema__fail(l, node, rule->word->name, "endless_ref",
                          "leads back to itself without going deeper into the value");
    if (walk(l, next, depth + 1))
      return -1;
  }
  return 0;
}

static int walk(struct loading *l, struct node *node, size_t depth)
{
  if (node->colour == ENDS)
    return 0;
  if (depth > DEEPEST)
    return schema__fail(l, node, NULL, "bad_schema",
                        "stands behind more than %d references", DEEPEST);
  node->colour = ON_THE_WAY;
  for (size_t i = 0; i < node->count; i++) {
    const struct rule *rule = &node->rules[i];
    if (rule->word->in_place && walk_rule(l, node, rule, depth))
      return -1;
  }
  node->colour = ENDS;
  return 0;
}

int schema__check_loops(struct loading *l)
{
  for (size_t i = 0; i < l->schema->count; i++)
    if (walk(l, l->schema->nodes[i], 0))
      return -1;
  return 0;
}
