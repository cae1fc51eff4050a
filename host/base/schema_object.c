/* Keywords that hand the members of an object, or their names, on to other schemas. */
#include "base/schema_parts.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 200 /* bytes of the names of known fields that a message shows */

SCHEMA_LOAD(patterns)
{
  const char *text;
  json_t *value;
  char why[256];
  size_t i = 0, at;
  rule->patterns = mem_alloc(rule->count * sizeof(struct schema_pattern *));
  json_object_foreach(rule->value, text, value) {
    (void)value;
    rule->patterns[i] = schema__pattern_new(text, strlen(text), why, &at);
    if (!rule->patterns[i++])
      return schema__fail(l, node, rule->word->name, "bad_pattern",
                          "has the pattern \"%s\", which is wrong at byte %zu: %s", text,
                          at, why);
  }
  return 0;
}

SCHEMA_CHECK(properties)
{
  const char *key;
  json_t *value;
  size_t i = 0;
  bool ok = true;
  (void)node;
  json_object_foreach(rule->value, key, value) {
    const struct node *schema = rule->nodes[i++];
    void *iter = json_object_iter_at(spot->value, key);
    if (!iter)
      continue;
    schema__mark(spot->seen, iter);
    ok = schema__fits_member(run, schema, spot, iter) && ok;
    if (run->stopped || (!ok && run->hasty))
      return false;
  }
  return ok;
}

static bool fits_patterns(struct run *run, const struct rule *rule, struct spot *spot,
                          void *iter)
{
  const char *key = json_object_iter_key(iter);
  size_t len = json_object_iter_key_len(iter);
  bool ok = true;
  for (size_t i = 0; i < rule->count && !run->stopped; i++) {
    if (!schema__pattern_matches(run, spot, rule->patterns[i], key, len))
      continue;
    schema__mark(spot->seen, iter);
    ok = schema__fits_member(run, rule->nodes[i], spot, iter) && ok;
  }
  return ok;
}

SCHEMA_CHECK(pattern_properties)
{
  bool ok = true;
  (void)node;
  for (void *iter = json_object_iter(spot->value); iter && !run->stopped;
       iter = json_object_iter_next(spot->value, iter)) {
    ok = fits_patterns(run, rule, spot, iter) && ok;
    if (!ok && run->hasty)
      return false;
  }
  return ok;
}

static bool is_declared(struct run *run, const struct node *node, const struct spot *spot,
                        void *iter)
{
  const struct rule *named = schema__rule(node, "properties");
  const struct rule *matched = schema__rule(node, "patternProperties");
  const char *key = json_object_iter_key(iter);
  size_t len = json_object_iter_key_len(iter);
  if (named && json_object_getn(named->value, key, len))
    return true;
  for (size_t i = 0; matched && i < matched->count; i++)
    if (schema__pattern_matches(run, spot, matched->patterns[i], key, len))
      return true;
  return false;
}

/* "; known fields: a, b" when the schema names them all. The caller's. */
static char *known_fields(const struct node *node)
{
  struct buf b = {0};
  const char *key;
  json_t *value;
  const struct rule *named = schema__rule(node, "properties");
  json_object_foreach(named ? named->value : NULL, key, value) {
    (void)value;
    if (b.len + strlen(key) > LISTED) {
      buf_puts(&b, b.len ? ", ..." : "");
      break;
    }
    buf_printf(&b, "%s%s", b.len ? ", " : "; known fields: ", key);
  }
  return buf_take(&b);
}

/* Where no further member may be, the problem is the member and not its value. */
static bool fits_rest(struct run *run, const struct node *node, const struct rule *rule,
                      struct spot *spot, void *iter)
{
  bool names_all = rule->word->vocabulary == VOCAB_APPLICATOR;
  if (rule->nodes[0]->kind != NODE_FALSE)
    return schema__fits_member(run, rule->nodes[0], spot, iter);
  char *known = names_all && schema__wanted(run) ? known_fields(node) : mem_strdup("");
  schema__report_member(run, spot, json_object_iter_key(iter),
                        json_object_iter_key_len(iter), "unknown_field",
                        "is not a field of this payload%s", known);
  free(known);
  return false;
}

SCHEMA_CHECK(additional_properties)
{
  bool ok = true;
  for (void *iter = json_object_iter(spot->value); iter && !run->stopped;
       iter = json_object_iter_next(spot->value, iter)) {
    if (!is_declared(run, node, spot, iter))
      ok = fits_rest(run, node, rule, spot, iter) && ok;
    if (!ok && run->hasty)
      return false;
  }
  if (spot->seen)
    spot->seen->all = true;
  return ok;
}

SCHEMA_CHECK(unevaluated_properties)
{
  struct seen *seen = spot->seen;
  bool ok = true;
  schema__sort_seen(seen);
  for (void *iter = seen->all ? NULL : json_object_iter(spot->value);
       iter && !run->stopped; iter = json_object_iter_next(spot->value, iter)) {
    if (!schema__was_seen(seen, iter))
      ok = fits_rest(run, node, rule, spot, iter) && ok;
    if (!ok && run->hasty)
      return false;
  }
  seen->all = true;
  return ok;
}

static bool fits_name(struct run *run, const struct node *schema, struct spot *spot,
                      void *iter)
{
  const char *key = json_object_iter_key(iter);
  size_t len = json_object_iter_key_len(iter);
  struct schema_problem first = {0};
  struct spot name = {.up = spot, .key = key, .key_len = len};
  name.value = json_stringn(key, len);
  bool ok = schema__try(run, schema, &name, schema__wanted(run) ? &first : NULL);
  if (!ok)
    schema__report(run, &name, "property_name", "has a name that is not allowed: it %s",
                   first.message ? first.message : "");
  schema_problems_fini(&first, 1);
  json_decref(name.value);
  return ok;
}

SCHEMA_CHECK(property_names)
{
  bool ok = true;
  (void)node;
  for (void *iter = json_object_iter(spot->value);
       iter && !run->stopped && (ok || !run->hasty);
       iter = json_object_iter_next(spot->value, iter))
    ok = fits_name(run, rule->nodes[0], spot, iter) && ok;
  return ok;
}

SCHEMA_CHECK(dependent_schemas)
{
  const char *key;
  json_t *value;
  size_t i = 0;
  bool ok = true;
  (void)node;
  json_object_foreach(rule->value, key, value) {
    const struct node *schema = rule->nodes[i++];
    if (json_object_get(spot->value, key))
      ok = schema__fits(run, schema, spot) && ok;
  }
  return ok;
}
