/* Keywords that judge a value by itself: its type, range, length and the like. */
#include "base/schema_parts.h"

#include <stdlib.h>
#include <string.h>

#define LISTED 200 /* bytes of the allowed values that a message shows */

static int bad(struct loading *l, const struct node *node, const struct rule *rule,
               const char *text)
{
  return schema__fail(l, node, rule->word->name, "bad_schema", "%s", text);
}

/* ---- type ---- */

static const struct {
  const char *name;
  unsigned types;
} types[] = {{"object", T_OBJECT},        {"array", T_ARRAY},     {"string", T_STRING},
             {"number", T_NUMBER},        {"boolean", T_BOOLEAN}, {"null", T(JSON_NULL)},
             {"integer", T(JSON_INTEGER)}};

static unsigned type_of(const char *name)
{
  for (size_t i = 0; name && i < sizeof types / sizeof types[0]; i++)
    if (strcmp(name, types[i].name) == 0)
      return types[i].types;
  return 0;
}

SCHEMA_LOAD(type)
{
  size_t i;
  json_t *item;
  static const char wrong[] = "must be a type or a list of types: object, array, string, "
                              "number, integer, boolean or null";
  if (json_is_string(rule->value))
    rule->types = type_of(json_string_value(rule->value));
  json_array_foreach(rule->value, i, item) {
    unsigned type = type_of(json_string_value(item));
    if (!type)
      return bad(l, node, rule, wrong);
    rule->types |= type;
  }
  return rule->types ? 0 : bad(l, node, rule, wrong);
}

SCHEMA_CHECK(type)
{
  char wanted[128], text[32];
  const json_t *value = spot->value;
  (void)node;
  if (rule->types & T(json_typeof(value)))
    return true;
  if (!json_is_real(value) || !(rule->types & T(JSON_INTEGER)))
    return schema__report(run, spot, "type", "must be %s, not %s",
                          schema__types_text(rule->types, wanted), jx_kind(value));
  return schema__is_integer(value) ||
         schema__report(run, spot, "type", "must be %s, not %s",
                        schema__types_text(rule->types, wanted),
                        schema__number_text(value, text));
}

/* ---- const and enum ---- */

static unsigned kind_of(const json_t *value)
{
  return json_is_number(value) ? T_NUMBER : T(json_typeof(value));
}

SCHEMA_LOAD(values)
{
  bool list = strcmp(rule->word->name, "enum") == 0;
  (void)l;
  (void)node;
  rule->count = list ? json_array_size(rule->value) : 1;
  rule->texts = mem_alloc(rule->count * sizeof *rule->texts);
  for (size_t i = 0; i < rule->count; i++) {
    json_t *value = list ? json_array_get(rule->value, i) : rule->value;
    rule->types |= kind_of(value);
    rule->texts[i] = schema__text(value);
  }
  qsort(rule->texts, rule->count, sizeof *rule->texts, schema__text_order);
  return 0;
}

static bool is_listed(struct run *run, const struct rule *rule, const struct spot *spot)
{
  if (!(rule->types & T(json_typeof(spot->value))))
    return false;
  run->scratch.len = 0;
  schema__canon(&run->scratch, spot->value);
  struct schema_text key = {run->scratch.data, run->scratch.len};
  return schema__charge(run, spot, key.len / 8) &&
         bsearch(&key, rule->texts, rule->count, sizeof key, schema__text_order);
}

SCHEMA_CHECK(const)
{
  (void)node;
  if (is_listed(run, rule, spot))
    return true;
  struct buf b = {0};
  schema__quote(&b, rule->value);
  schema__report(run, spot, "const", "must be %s", b.data);
  buf_fini(&b);
  return false;
}

/* "a", "b" or 3 */
static char *alternatives(const json_t *list)
{
  struct buf b = {0};
  size_t count = json_array_size(list);
  for (size_t i = 0; i < count; i++) {
    if (b.len > LISTED) {
      buf_puts(&b, ", ...");
      break;
    }
    buf_puts(&b, i == 0 ? "" : i + 1 == count ? " or " : ", ");
    schema__quote(&b, json_array_get(list, i));
  }
  return buf_take(&b);
}

SCHEMA_CHECK(enum)
{
  (void)node;
  if (is_listed(run, rule, spot))
    return true;
  char *list = schema__wanted(run) ? alternatives(rule->value) : NULL;
  if (rule->count == 0)
    schema__report(run, spot, "enum", "has no allowed value");
  else
    schema__report(run, spot, "enum", "must be %s", list ? list : "");
  free(list);
  return false;
}

/* ---- numbers ---- */

SCHEMA_LOAD(divisor)
{
  bool positive = json_number_value(rule->value) > 0;
  return positive ? 0 : bad(l, node, rule, "must be greater than 0");
}

static bool out_of_range(struct run *run, const struct rule *rule,
                         const struct spot *spot, const char *code, const char *relation)
{
  char text[32];
  return schema__report(run, spot, code, "must be %s %s", relation,
                        schema__number_text(rule->value, text));
}

SCHEMA_CHECK(multiple)
{
  (void)node;
  return schema__is_multiple(spot->value, rule->value) ||
         out_of_range(run, rule, spot, "multiple_of", "a multiple of");
}

SCHEMA_CHECK(minimum)
{
  (void)node;
  return schema__compare(spot->value, rule->value) >= 0 ||
         out_of_range(run, rule, spot, "minimum", "at least");
}

SCHEMA_CHECK(exclusive_minimum)
{
  (void)node;
  return schema__compare(spot->value, rule->value) > 0 ||
         out_of_range(run, rule, spot, "exclusive_minimum", "greater than");
}

SCHEMA_CHECK(maximum)
{
  (void)node;
  return schema__compare(spot->value, rule->value) <= 0 ||
         out_of_range(run, rule, spot, "maximum", "at most");
}

SCHEMA_CHECK(exclusive_maximum)
{
  (void)node;
  return schema__compare(spot->value, rule->value) < 0 ||
         out_of_range(run, rule, spot, "exclusive_maximum", "less than");
}

/* ---- sizes ---- */

SCHEMA_LOAD(limit)
{
  double real = json_number_value(rule->value);
  if (real < 0 || !schema__is_integer(rule->value))
    return bad(l, node, rule, "must be a whole number, 0 or more");
  if (json_is_integer(rule->value))
    rule->limit = (uint64_t)json_integer_value(rule->value);
  else
    rule->limit = real < 0x1p62 ? (uint64_t)real : 1ULL << 62;
  return 0;
}

/* minX and maxX alike: the word's name says which. */
static bool fits_limit(struct run *run, const struct rule *rule, const struct spot *spot,
                       uint64_t n, const char *code, const char *thing)
{
  bool least = rule->word->name[1] == 'i';
  if (least ? n >= rule->limit : n <= rule->limit)
    return true;
  return schema__report(run, spot, code, "must have at %s %ju %s%s, not %ju",
                        least ? "least" : "most", (uintmax_t)rule->limit, thing,
                        rule->limit == 1 ? "" : "s", (uintmax_t)n);
}

static bool is_least(const struct rule *rule)
{
  return rule->word->name[1] == 'i';
}

SCHEMA_CHECK(length)
{
  const char *text = json_string_value(spot->value);
  uint64_t n = schema__characters(text, json_string_length(spot->value));
  (void)node;
  return fits_limit(run, rule, spot, n, is_least(rule) ? "min_length" : "max_length",
                    "character");
}

SCHEMA_CHECK(item_count)
{
  (void)node;
  return fits_limit(run, rule, spot, json_array_size(spot->value),
                    is_least(rule) ? "min_items" : "max_items", "item");
}

SCHEMA_CHECK(member_count)
{
  (void)node;
  return fits_limit(run, rule, spot, json_object_size(spot->value),
                    is_least(rule) ? "min_properties" : "max_properties", "field");
}

/* ---- pattern ---- */

SCHEMA_LOAD(pattern)
{
  char why[256];
  size_t at;
  rule->count = 1;
  rule->patterns = mem_alloc(sizeof(struct schema_pattern *));
  rule->patterns[0] = schema__pattern_new(json_string_value(rule->value),
                                          json_string_length(rule->value), why, &at);
  if (rule->patterns[0])
    return 0;
  return schema__fail(l, node, rule->word->name, "bad_pattern",
                      "is wrong at byte %zu: %s", at, why);
}

SCHEMA_CHECK(pattern)
{
  const json_t *value = spot->value;
  (void)node;
  if (schema__pattern_matches(run, spot, rule->patterns[0], json_string_value(value),
                              json_string_length(value)))
    return true;
  return schema__report(run, spot, "pattern", "must match the pattern %s",
                        json_string_value(rule->value));
}

/* ---- uniqueItems ---- */

struct item {
  struct schema_text text;
  size_t index;
};

static int by_text(const void *a, const void *b)
{
  const struct item *x = a, *y = b;
  int order = schema__text_order(&x->text, &y->text);
  return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The first item that was there before, and its twin; false when all differ. */
static bool find_twins(const struct item *items, size_t count, size_t *twin,
                       size_t *again)
{
  *again = SIZE_MAX;
  for (size_t i = 1; i < count; i++) {
    if (schema__text_order(&items[i - 1].text, &items[i].text) != 0 ||
        items[i].index >= *again)
      continue;
    *twin = items[i - 1].index;
    *again = items[i].index;
  }
  return *again != SIZE_MAX;
}

SCHEMA_CHECK(unique)
{
  size_t twin = 0, again, bytes = 0, count = json_array_size(spot->value);
  (void)node;
  if (!json_is_true(rule->value) || count < 2)
    return true;
  struct item *items = mem_alloc(count * sizeof *items);
  for (size_t i = 0; i < count; i++) {
    items[i] = (struct item){schema__text(json_array_get(spot->value, i)), i};
    bytes += items[i].text.len;
  }
  qsort(items, count, sizeof *items, by_text);
  bool equal = find_twins(items, count, &twin, &again);
  for (size_t i = 0; i < count; i++)
    free(items[i].text.bytes);
  free(items);
  if (!schema__charge(run, spot, bytes / 8))
    return false;
  struct spot item = {.up = spot, .index = again};
  return !equal || schema__report(run, &item, "unique_items",
                                  "is the same as item %zu; all must differ", twin);
}

/* ---- required ---- */

static int check_names(struct loading *l, const struct node *node,
                       const struct rule *rule, const json_t *list)
{
  size_t i;
  json_t *name;
  if (!json_is_array(list))
    return bad(l, node, rule, "must list the names of fields");
  json_array_foreach(list, i, name) {
    if (!json_is_string(name))
      return bad(l, node, rule, "must list the names of fields, all strings");
  }
  return 0;
}

SCHEMA_LOAD(names)
{
  return check_names(l, node, rule, rule->value);
}

SCHEMA_LOAD(dependent_names)
{
  const char *key;
  json_t *list;
  json_object_foreach(rule->value, key, list) {
    if (check_names(l, node, rule, list))
      return -1;
  }
  return 0;
}

/* `because` (or NULL) is the field whose presence asks for the others. */
static bool has_all(struct run *run, const struct spot *spot, const json_t *names,
                    const char *because)
{
  size_t i;
  json_t *name;
  bool ok = true;
  json_array_foreach(names, i, name) {
    const char *key = json_string_value(name);
    size_t len = json_string_length(name);
    if (json_object_getn(spot->value, key, len))
      continue;
    ok = false;
    if (because)
      schema__report_member(run, spot, key, len, "required",
                            "is missing; it must be there when \"%s\" is", because);
    else
      schema__report_member(run, spot, key, len, "required", "is missing");
  }
  return ok;
}

SCHEMA_CHECK(required)
{
  (void)node;
  return has_all(run, spot, rule->value, NULL);
}

SCHEMA_CHECK(dependent_required)
{
  const char *key;
  json_t *names;
  bool ok = true;
  (void)node;
  json_object_foreach(rule->value, key, names) {
    if (json_object_get(spot->value, key))
      ok = has_all(run, spot, names, key) && ok;
  }
  return ok;
}
