/* Names in a schema and what they lead to: $id makes resources, $anchor and
 * $dynamicAnchor name places in them, $ref and $dynamicRef find them again. */
#include "base/schema_parts.h"

#include <ctype.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

struct place {
  char *uri; /* of a resource, or with #name of an anchor */
  struct node *node;
  bool dynamic;
};

/* ---- places ---- */

static int by_uri(const void *a, const void *b)
{
  return strcmp(((const struct place *)a)->uri, ((const struct place *)b)->uri);
}

static const struct place *find_place(const struct loading *l, char *uri)
{
  struct place key = {.uri = uri};
  void *const *found = tfind(&key, &l->by_uri, by_uri);
  return found ? *found : NULL;
}

static void place_free(void *ptr)
{
  struct place *place = ptr;
  free(place->uri);
  free(place);
}

/* Takes uri. */
static int add_place(struct loading *l, struct node *node, const char *word, char *uri)
{
  struct place *place = mem_alloc(sizeof *place);
  *place = (struct place){.uri = uri, .node = node};
  struct place *held = *(struct place **)tsearch(place, &l->by_uri, by_uri);
  int rc = 0;
  if (held != place && held->node != node)
    rc = schema__fail(l, node, word, "bad_schema", "names \"%s\", which is taken", uri);
  if (word && strcmp(word, "$dynamicAnchor") == 0)
    held->dynamic = true;
  if (held != place)
    place_free(place);
  return rc;
}

static void keep(void *ptr)
{
  (void)ptr;
}

void schema__forget(struct loading *l)
{
  tdestroy(l->by_uri, place_free);
  tdestroy(l->by_json, keep); /* the nodes live on in the schema */
  json_decref(l->built_in);
}

/* ---- resources and anchors ---- */

/* Takes uri. */
static struct resource *add_resource(struct schema *s, char *uri, unsigned vocabularies)
{
  struct resource *resource = mem_alloc(sizeof *resource);
  *resource = (struct resource){uri, vocabularies, NULL, s->resources};
  s->resources = resource;
  return resource;
}

void schema__resource_drop(struct resource **list)
{
  struct resource *resource = *list;
  *list = resource->next;
  while (resource->dynamic) {
    struct anchor *anchor = resource->dynamic;
    resource->dynamic = anchor->next;
    free(anchor);
  }
  free(resource->uri);
  free(resource);
}

static int take_id(struct loading *l, struct node *node)
{
  const char *id = jx_str(node->json, "$id", NULL);
  if (id) {
    size_t len = strcspn(id, "#");
    if (id[len] && id[len + 1])
      return schema__fail(l, node, "$id", "bad_schema",
                          "must have no fragment; use $anchor to name a place");
    char *ref = mem_copy(id, len);
    char *uri = schema__uri_resolve(node->resource->uri, ref);
    free(ref);
    node->resource = add_resource(l->schema, uri, node->resource->vocabularies);
    if (add_place(l, node, "$id", mem_strdup(uri)))
      return -1;
  }
  return id || !node->up ? schema__dialect(l, node) : 0;
}

static bool is_name(const char *name)
{
  if (!isalpha((unsigned char)*name) && *name != '_')
    return false;
  for (; *name; name++)
    if (!isalnum((unsigned char)*name) && !strchr("-._", *name))
      return false;
  return true;
}

static int take_anchor(struct loading *l, struct node *node, const char *word)
{
  const char *name = jx_str(node->json, word, NULL);
  if (!name)
    return 0;
  if (!is_name(name))
    return schema__fail(l, node, word, "bad_schema",
                        "must be a letter or _ and then letters, digits, - . or _");
  return add_place(l, node, word, mem_printf("%s#%s", node->resource->uri, name));
}

static void note_dynamic(struct node *node)
{
  const char *name = jx_str(node->json, "$dynamicAnchor", NULL);
  if (!name)
    return;
  struct anchor *anchor = mem_alloc(sizeof *anchor);
  *anchor = (struct anchor){name, node, node->resource->dynamic};
  node->resource->dynamic = anchor;
}

int schema__identify(struct loading *l, struct node *node)
{
  if (take_id(l, node) || take_anchor(l, node, "$anchor") ||
      take_anchor(l, node, "$dynamicAnchor"))
    return -1;
  note_dynamic(node);
  return 0;
}

struct node *schema__enter_document(struct loading *l, const json_t *json,
                                    const char *uri)
{
  json_t *copy = json_deep_copy(json);
  json_array_append_new(l->schema->documents, copy);
  struct resource *resource = add_resource(l->schema, mem_strdup(uri), VOCAB_ALL);
  struct node *node = schema__enter(l, copy, NULL, resource, mem_strdup(uri));
  if (!node || add_place(l, node, NULL, mem_strdup(uri)))
    return NULL;
  return node;
}

/* ---- references ---- */

/* Undoes ~1 and ~0 of a token of a JSON Pointer. The result is the caller's. */
static char *unescape(const char *token, size_t len)
{
  struct buf b = {0};
  for (size_t i = 0; i < len; i++) {
    bool escape = token[i] == '~' && i + 1 < len && strchr("01", token[i + 1]);
    if (escape)
      i++;
    buf_putc(&b, escape ? "~/"[token[i] - '0'] : token[i]);
  }
  return buf_take(&b);
}

static json_t *step(json_t *json, const char *token, size_t len)
{
  char *key = unescape(token, len);
  json_t *next = NULL;
  if (json_is_object(json))
    next = json_object_get(json, key);
  else if (json_is_array(json) && *key && strspn(key, "0123456789") == strlen(key))
    next = json_array_get(json, strtoul(key, NULL, 10));
  free(key);
  return next;
}

/* A pointer may lead to a place that no keyword made a schema: it becomes one now, in the
 * resource of the nearest schema around it. */
static struct node *follow_pointer(struct loading *l, struct node *node,
                                   const char *pointer)
{
  json_t *json = node->json;
  const char *tail = pointer;
  for (const char *p = pointer; *p == '/';) {
    size_t len = 1 + strcspn(p + 1, "/");
    json = step(json, p + 1, len - 1);
    p += len;
    struct node *met = json ? schema__find_json(l, json) : NULL;
    if (met) {
      node = met;
      tail = p;
    }
  }
  if (!json || !*tail)
    return json ? node : NULL;
  return schema__enter(l, json, node, node->resource, mem_strdup(tail));
}

static struct node *find_resource(struct loading *l, char *uri)
{
  const struct place *place = find_place(l, uri);
  if (place)
    return place->node;
  const json_t *document = schema__document(l, uri);
  return document ? schema__enter_document(l, document, uri) : NULL;
}

/* The node that the absolute reference names; `dynamic` gets the anchor's name where it
 * is one of a $dynamicAnchor. Cuts the fragment off uri. */
static struct node *find(struct loading *l, char *uri, const char **dynamic)
{
  size_t len = strcspn(uri, "#");
  bool more = uri[len] == '#';
  uri[len] = 0;
  struct node *node = find_resource(l, uri);
  if (!node || !more || !uri[len + 1])
    return node;
  char *fragment = schema__uri_decode(uri + len + 1);
  if (*fragment == '/') {
    node = follow_pointer(l, node, fragment);
  } else {
    char *name = mem_printf("%s#%s", node->resource->uri, fragment);
    const struct place *place = find_place(l, name);
    node = place ? place->node : NULL;
    if (place && place->dynamic)
      *dynamic = jx_str(node->json, "$dynamicAnchor", NULL);
    free(name);
  }
  free(fragment);
  return node;
}

/* `uri` is without its fragment. */
static int unresolved(struct loading *l, const struct node *node, const struct rule *rule,
                      char *uri)
{
  return schema__fail(l, node, rule->word->name, "unresolved_ref", "leads to \"%s\", %s",
                      json_string_value(rule->value),
                      find_place(l, uri)
                          ? "which is not there"
                          : "a document that is not known here; nothing is "
                            "fetched, so put it under $defs");
}

static int link_to(struct loading *l, struct node *node, struct rule *rule,
                   const char **dynamic)
{
  char *uri = schema__uri_resolve(node->resource->uri, json_string_value(rule->value));
  int rc = 0;
  rule->count = 1;
  rule->nodes = mem_alloc(sizeof(struct node *));
  err_clear(l->err); /* stays so unless the document is there, but a bad one */
  rule->nodes[0] = find(l, uri, dynamic);
  if (!rule->nodes[0])
    rc = l->err->code[0] ? -1 : unresolved(l, node, rule, uri);
  free(uri);
  return rc;
}

int schema__link_ref(struct loading *l, struct node *node, struct rule *rule)
{
  const char *ignored;
  return link_to(l, node, rule, &ignored);
}

int schema__link_dynamic(struct loading *l, struct node *node, struct rule *rule)
{
  return link_to(l, node, rule, &rule->dynamic);
}
