/* Compiling a schema: every subschema becomes a node, every keyword in it a rule.
 *
 * First the whole document is entered (nodes, $id and anchors, values of keywords), then
 * references are linked. Linking may enter further documents, which join the same list
 * of nodes, until nothing is left to link.
 */
#include "base/schema_parts.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 300 /* bytes of a JSON Pointer that an error shows */

/* ---- telling where ---- */

static void put_pointer(struct buf *b, const struct node *node)
{
  if (!node->up)
    return;
  put_pointer(b, node->up);
  buf_puts(b, node->tail);
}

/* A long pointer shows its end: the text of an error has little room. */
static const char *shorten(struct buf *pointer)
{
  if (pointer->len <= LONGEST)
    return pointer->len ? pointer->data : "the root";
  const char *end = strchr(pointer->data + pointer->len - LONGEST, '/');
  buf_drop(pointer, end ? (size_t)(end - pointer->data) : 0);
  return pointer->data;
}

static const char *document_uri(const struct node *node)
{
  while (node->up)
    node = node->up;
  return node->tail;
}

int schema__fail(struct loading *l, const struct node *node, const char *word,
                 const char *code, const char *fmt, ...)
{
  char text[1024]; /* more than err keeps, so that err alone cuts it */
  struct buf pointer = {0};
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  put_pointer(&pointer, node);
  if (word)
    buf_printf(&pointer, "/%s", word);
  const char *uri = document_uri(node);
  const char *more = pointer.len > LONGEST ? "..." : "";
  err_set(l->err, code, "in the schema%s%s, %s%s %s", *uri ? " " : "", uri, more,
          shorten(&pointer), text);
  buf_fini(&pointer);
  return -1;
}

const char *schema__types_text(unsigned types, char text[128])
{
  static const struct {
    unsigned types;
    const char *name;
  } names[] = {{T_OBJECT, "an object"},         {T_ARRAY, "an array"},
               {T_STRING, "a string"},          {T_NUMBER, "a number"},
               {T(JSON_INTEGER), "an integer"}, {T_BOOLEAN, "a boolean"},
               {T(JSON_NULL), "null"}};

  size_t len = 0;
  text[0] = 0;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (!names[i].types || (types & names[i].types) != names[i].types)
      continue;
    types &= ~names[i].types;
    const char *before = len == 0 ? "" : types ? ", " : " or ";
    len += (size_t)snprintf(text + len, 128 - len, "%s%s", before, names[i].name);
  }
  return text;
}

/* ---- rules ---- */

static char *tail_of(const char *word, const char *key)
{
  struct buf b = {0};
  buf_printf(&b, "/%s", word);
  if (key)
    buf_putc(&b, '/');
  for (const char *p = key; p && *p; p++) {
    if (*p == '~' || *p == '/')
      buf_puts(&b, *p == '~' ? "~0" : "~1");
    else
      buf_putc(&b, *p);
  }
  return buf_take(&b);
}

static int enter_one(struct loading *l, const struct node *node, struct rule *rule)
{
  rule->count = 1;
  rule->nodes = mem_alloc(sizeof(struct node *));
  rule->nodes[0] = schema__enter(l, rule->value, node, node->resource,
                                 tail_of(rule->word->name, NULL));
  return rule->nodes[0] ? 0 : -1;
}

static int enter_list(struct loading *l, const struct node *node, struct rule *rule)
{
  rule->count = json_array_size(rule->value);
  rule->nodes = mem_alloc(rule->count * sizeof(struct node *));
  if (rule->count == 0)
    return schema__fail(l, node, rule->word->name, "bad_schema",
                        "must list at least one schema");
  for (size_t i = 0; i < rule->count; i++) {
    char *tail = mem_printf("/%s/%zu", rule->word->name, i);
    rule->nodes[i] =
        schema__enter(l, json_array_get(rule->value, i), node, node->resource, tail);
    if (!rule->nodes[i])
      return -1;
  }
  return 0;
}

static int enter_map(struct loading *l, const struct node *node, struct rule *rule)
{
  const char *key;
  json_t *value;
  size_t i = 0;
  rule->count = json_object_size(rule->value);
  rule->nodes = mem_alloc(rule->count * sizeof(struct node *));
  json_object_foreach(rule->value, key, value) {
    rule->nodes[i] =
        schema__enter(l, value, node, node->resource, tail_of(rule->word->name, key));
    if (!rule->nodes[i++])
      return -1;
  }
  return 0;
}

static int check_type(struct loading *l, const struct node *node, const struct rule *rule)
{
  static const unsigned by_shape[] = {
      [SHAPE_ONE] = T_ANY, /* told better when the subschema is entered */
      [SHAPE_LIST] = T_ARRAY,
      [SHAPE_MAP] = T_OBJECT,
  };
  const struct word *word = rule->word;
  unsigned takes = word->shape == SHAPE_PLAIN ? word->takes : by_shape[word->shape];
  char wanted[128];
  if (T(json_typeof(rule->value)) & takes)
    return 0;
  return schema__fail(l, node, word->name, "bad_schema", "must be %s, not %s",
                      schema__types_text(takes, wanted), jx_kind(rule->value));
}

static int fill_rule(struct loading *l, struct node *node, struct rule *rule)
{
  int rc = check_type(l, node, rule);
  if (rc == 0 && rule->word->shape == SHAPE_ONE)
    rc = enter_one(l, node, rule);
  if (rc == 0 && rule->word->shape == SHAPE_LIST)
    rc = enter_list(l, node, rule);
  if (rc == 0 && rule->word->shape == SHAPE_MAP)
    rc = enter_map(l, node, rule);
  if (rc == 0 && rule->word->load)
    rc = rule->word->load(l, node, rule);
  return rc;
}

static int add_rule(struct loading *l, struct node *node, const struct word *word,
                    json_t *value)
{
  struct rule rule = {.word = word, .value = value};
  int rc = fill_rule(l, node, &rule);
  /* kept even when it failed, so that the node owns what it allocated */
  node->rules = mem_grow(node->rules, (node->count + 1) * sizeof rule);
  node->rules[node->count++] = rule;
  if (word->vocabulary == VOCAB_UNEVALUATED)
    node->tracks = true;
  return rc;
}

static void rule_fini(struct rule *rule)
{
  for (size_t i = 0; rule->patterns && i < rule->count; i++)
    schema__pattern_free(&rule->patterns[i]);
  for (size_t i = 0; rule->texts && i < rule->count; i++)
    free(rule->texts[i].bytes);
  free(rule->patterns);
  free(rule->texts);
  free(rule->nodes);
}

/* ---- nodes ---- */

static int by_json(const void *a, const void *b)
{
  uintptr_t x = (uintptr_t)((const struct node *)a)->json;
  uintptr_t y = (uintptr_t)((const struct node *)b)->json;
  return (x > y) - (x < y);
}

struct node *schema__find_json(const struct loading *l, json_t *json)
{
  struct node key = {.json = json};
  void *const *found = tfind(&key, &l->by_json, by_json);
  return found ? *found : NULL;
}

static struct node *add_node(struct loading *l, json_t *json, const struct node *up,
                             struct resource *resource, char *tail)
{
  struct schema *s = l->schema;
  if (s->count == s->cap) {
    s->cap = s->cap ? s->cap * 2 : 16;
    s->nodes = mem_grow(s->nodes, s->cap * sizeof(struct node *));
  }
  struct node *node = mem_alloc(sizeof *node);
  *node = (struct node){.json = json, .up = up, .resource = resource, .tail = tail};
  s->nodes[s->count++] = node;
  if (json_is_boolean(json))
    node->kind = json_is_true(json) ? NODE_TRUE : NODE_FALSE;
  else
    tsearch(node, &l->by_json, by_json); /* true and false are shared by all */
  return node;
}

struct node *schema__enter(struct loading *l, json_t *json, const struct node *up,
                           struct resource *resource, char *tail)
{
  struct node *node = add_node(l, json, up, resource, tail);
  if (node->kind != NODE_RULES)
    return node;
  if (!json_is_object(json)) {
    schema__fail(l, node, NULL, "bad_schema",
                 "must be a schema (an object or a boolean), not %s", jx_kind(json));
    return NULL;
  }
  if (schema__identify(l, node))
    return NULL;
  for (const struct word *word = schema__words; word->name; word++) {
    json_t *value = json_object_get(json, word->name);
    if (!value || !(word->vocabulary & node->resource->vocabularies))
      continue;
    if (add_rule(l, node, word, value))
      return NULL;
  }
  return node;
}

static void node_free(struct node *node)
{
  for (size_t i = 0; i < node->count; i++)
    rule_fini(&node->rules[i]);
  free(node->rules);
  free(node->tail);
  free(node);
}

static int link_node(struct loading *l, struct node *node)
{
  for (size_t i = 0; i < node->count; i++) {
    struct rule *rule = &node->rules[i];
    if (rule->word->link && rule->word->link(l, node, rule))
      return -1;
  }
  return 0;
}

/* ---- the schema ---- */

static int load(struct loading *l, const json_t *document)
{
  if (!schema__enter_document(l, document, ""))
    return -1;
  for (size_t i = 0; i < l->schema->count; i++) /* grows as documents are entered */
    if (link_node(l, l->schema->nodes[i]))
      return -1;
  return schema__check_loops(l);
}

struct schema *schema_new(const json_t *document, const json_t *remotes, struct err *err)
{
  struct schema *schema = mem_alloc(sizeof *schema);
  struct err unread;
  struct loading l = {.schema = schema, .remotes = remotes, .err = err ? err : &unread};
  schema->documents = json_array();
  schema->matcher = schema__matcher_new();
  if (load(&l, document))
    schema_free(&schema);
  schema__forget(&l);
  return schema;
}

void schema_free(struct schema **schema)
{
  struct schema *s = *schema;
  if (!s)
    return;
  for (size_t i = 0; i < s->count; i++)
    node_free(s->nodes[i]);
  while (s->resources)
    schema__resource_drop(&s->resources);
  free(s->nodes);
  json_decref(s->documents);
  schema__matcher_free(&s->matcher);
  free(s);
  *schema = NULL;
}
