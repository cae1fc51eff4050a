/* What a compiled schema is made of: for the schema*.c files alone.
 *
 * A schema is a graph of nodes, one for each subschema. A node holds its rules, one for
 * each keyword that says something, in the order of the table of words, which is the
 * order in which they are checked. Each node belongs to a resource: the part of a
 * document under one $id. Loading (struct loading) builds the graph; a check (struct run)
 * only reads it.
 */
#ifndef CANDY_BASE_SCHEMA_PARTS_H
#define CANDY_BASE_SCHEMA_PARTS_H

#include "base/buf.h"
#include "base/json.h"
#include "base/schema.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Sets of JSON types. */
#define T(type)   (1u << (type))
#define T_OBJECT  T(JSON_OBJECT)
#define T_ARRAY   T(JSON_ARRAY)
#define T_STRING  T(JSON_STRING)
#define T_NUMBER  (T(JSON_INTEGER) | T(JSON_REAL))
#define T_BOOLEAN (T(JSON_TRUE) | T(JSON_FALSE))
#define T_ANY     0xFFu

enum { /* the vocabularies that can be on or off; what only annotates needs none */
       VOCAB_CORE = 1,
       VOCAB_APPLICATOR = 2,
       VOCAB_UNEVALUATED = 4,
       VOCAB_VALIDATION = 8,
       VOCAB_NOTES = 16,
       VOCAB_ALL = 31
};

struct loading;
struct run;
struct spot;
struct node;
struct rule;

/* How a keyword's value holds subschemas. */
enum shape { SHAPE_PLAIN, SHAPE_ONE, SHAPE_LIST, SHAPE_MAP };

/* One keyword of the draft. */
struct word {
  const char *name;
  unsigned vocabulary;
  enum shape shape;
  unsigned takes;   /* types that its value may have, when it holds no subschemas */
  unsigned applies; /* types of values that it looks at */
  int (*load)(struct loading *l, struct node *node, struct rule *rule);
  bool (*check)(struct run *run, const struct node *node, const struct rule *rule,
                struct spot *spot);
  int (*link)(struct loading *l, struct node *node, struct rule *rule);
  bool in_place; /* its subschemas look at the same value, not at a part of it */
};

extern const struct word schema__words[]; /* ends with a NULL name */

struct schema_text { /* a value in canonical form: equal values have equal bytes */
  char *bytes;
  size_t len;
};

struct schema_pattern; /* a compiled regular expression */

/* A keyword in a node. Of the arrays only those that the keyword needs are there, each
 * with `count` entries in the order of the value. */
struct rule {
  const struct word *word;
  json_t *value;
  size_t count;
  struct node **nodes;
  struct schema_pattern **patterns;
  struct schema_text *texts; /* sorted; not in the value's order */
  unsigned types;            /* type: those allowed; enum, const: those that occur */
  uint64_t limit;            /* minLength and the like */
  const char *dynamic;       /* $dynamicRef: the anchor's name when it is dynamic */
};

struct anchor {
  const char *name;
  struct node *node;
  struct anchor *next;
};

struct resource {
  char *uri; /* absolute and without fragment; "" for a document without $id */
  unsigned vocabularies;
  struct anchor *dynamic; /* its $dynamicAnchors */
  struct resource *next;
};

enum node_kind { NODE_RULES, NODE_TRUE, NODE_FALSE };

struct node {
  json_t *json;
  enum node_kind kind;
  struct resource *resource;
  const struct node *up; /* the schema around it, NULL at a document's root */
  char *tail;            /* the rest of the JSON Pointer from there; a root's URI */
  struct rule *rules;
  size_t count;
  bool tracks; /* has unevaluatedItems or unevaluatedProperties */
  char colour; /* loading: 0 new, 1 on the way, 2 known to end */
};

struct schema {
  json_t *documents; /* an array of our own copies */
  struct node **nodes;
  size_t count, cap;
  struct resource *resources;
  struct matcher *matcher; /* PCRE2's working memory, made when there is a pattern */
};

/* ---- loading ---- */

struct loading {
  struct schema *schema;
  const json_t *remotes;
  json_t *built_in; /* the draft's metaschemas by URI, parsed when first asked for */
  void *by_json;    /* tsearch trees: struct node by its json */
  void *by_uri;     /* struct place by URI or URI#anchor */
  struct err *err;
};

/* "a string or an array": the types of a set, in words. */
const char *schema__types_text(unsigned types, char text[128]);

/* Fails with "<where> <text>", where the place is `word` (or NULL) in `node`. -1. */
int schema__fail(struct loading *l, const struct node *node, const char *word,
                 const char *code, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Makes the node for `json` and for every subschema in it. Takes `tail`. */
struct node *schema__enter(struct loading *l, json_t *json, const struct node *up,
                           struct resource *resource, char *tail);
struct node *schema__enter_document(struct loading *l, const json_t *json,
                                    const char *uri);

struct node *schema__find_json(const struct loading *l, json_t *json);

/* schema_ref.c */
int schema__identify(struct loading *l, struct node *node); /* $id and both anchors */
int schema__link_ref(struct loading *l, struct node *node, struct rule *rule);
int schema__link_dynamic(struct loading *l, struct node *node, struct rule *rule);
void schema__forget(struct loading *l);
void schema__resource_drop(struct resource **list); /* the first of the list */

/* schema_loop.c: refuses schemas that refer to themselves without going deeper. */
int schema__check_loops(struct loading *l);

/* schema_dialect.c: a document by URI among remotes and metaschemas, or NULL; the
 * vocabularies that `json`'s $schema asks for. */
const json_t *schema__document(struct loading *l, const char *uri);
int schema__dialect(struct loading *l, struct node *node);

/* schema_uri.c: both results are the caller's. */
char *schema__uri_resolve(const char *base, const char *ref);
char *schema__uri_decode(const char *text);

/* ---- values (schema_value.c) ---- */

bool schema__is_integer(const json_t *value);               /* 1.0 is one */
int schema__compare(const json_t *a, const json_t *b);      /* numbers: -1, 0, 1 */
bool schema__is_multiple(const json_t *a, const json_t *b); /* in decimal, exactly */
const char *schema__number_text(const json_t *number, char text[32]); /* the shortest */
void schema__canon(struct buf *b, json_t *value);
struct schema_text schema__text(json_t *value);
int schema__text_order(const void *a,
                       const void *b); /* for qsort of struct schema_text */
size_t schema__characters(const char *text, size_t len); /* code points of UTF-8 */
void schema__quote(struct buf *b,
                   json_t *value); /* for messages: short and valid UTF-8 */

/* ---- patterns (schema_regex.c) ---- */

/* Returns NULL with `why` and the byte where it went wrong. */
struct schema_pattern *schema__pattern_new(const char *text, size_t len, char why[256],
                                           size_t *at);
void schema__pattern_free(struct schema_pattern **p);
bool schema__pattern_matches(struct run *run, const struct spot *spot,
                             const struct schema_pattern *p, const char *text,
                             size_t len);
struct matcher *schema__matcher_new(void);
void schema__matcher_free(struct matcher **m);

/* ---- a check (schema_run.c) ---- */

/* What of an object or array the schemas in place have looked at: members by their
 * iterators, items by index + 1. It is a stack: a schema that fails takes back what was
 * put there since it began. */
struct seen {
  const void **marks;
  size_t count, cap;
  size_t from; /* where the marks of the schema begin that asks */
  bool all;
};

/* A value and the way to it. */
struct spot {
  const struct spot *up; /* the object or array that holds it */
  json_t *value;
  const char *key; /* NULL for items */
  size_t key_len;
  size_t index;
  struct seen *seen; /* NULL when nobody asks */
};

struct scope { /* the resources that the check came through: what $dynamicRef sees */
  const struct resource *resource;
  const struct scope *up;
};

struct problems {
  struct schema_problem *out;
  size_t max, found;
};

struct run {
  const struct schema *schema;
  struct problems *problems;
  const struct scope *scope;
  bool hasty; /* only whether it fits is asked: stop at the first problem */
  bool stopped;
  struct schema_problem stop; /* why, when stopped */
  uintptr_t stack;            /* where the check began */
  size_t steps;
  size_t callouts; /* of patterns */
  int64_t cpu_end; /* thread's CPU time in ns that patterns may use up to; 0: not set */
  struct buf scratch;
};

bool schema__fits(struct run *run, const struct node *node, struct spot *spot);
bool schema__fits_item(struct run *run, const struct node *node, struct spot *spot,
                       size_t index);
bool schema__fits_member(struct run *run, const struct node *node, struct spot *spot,
                         void *iter);

/* Whether it fits, telling nobody; the first problem goes to `first` unless NULL. */
bool schema__try(struct run *run, const struct node *node, struct spot *spot,
                 struct schema_problem *first);

/* Notes a problem and returns false. schema__wanted tells whether its text would be kept,
 * for callers whose message is work to make. */
bool schema__report(struct run *run, const struct spot *spot, const char *code,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool schema__report_member(struct run *run, const struct spot *spot, const char *key,
                           size_t key_len, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
bool schema__wanted(const struct run *run);
bool schema__pass_on(struct run *run, struct schema_problem *problem); /* empties it */

/* Gives the whole check up with this one problem. Returns false. */
bool schema__stop(struct run *run, const struct spot *spot, const char *code,
                  const char *message);
bool schema__charge(struct run *run, const struct spot *spot, size_t steps);
bool schema__spend(struct run *run, size_t steps); /* false when all is spent */

const struct rule *schema__rule(const struct node *node, const char *name);
void schema__mark(struct seen *seen, const void *mark); /* seen may be NULL */
void schema__sort_seen(struct seen *seen);              /* before schema__was_seen */
bool schema__was_seen(const struct seen *seen, const void *mark);

/* ---- keywords: schema_words.c, schema_check.c and schema_object.c ---- */

#define SCHEMA_LOAD(name)                                                                \
  int schema__load_##name(struct loading *l, struct node *node, struct rule *rule)
#define SCHEMA_CHECK(name)                                                               \
  bool schema__check_##name(struct run *run, const struct node *node,                    \
                            const struct rule *rule, struct spot *spot)

SCHEMA_LOAD(type);
SCHEMA_LOAD(values);
SCHEMA_LOAD(divisor);
SCHEMA_LOAD(limit);
SCHEMA_LOAD(pattern);
SCHEMA_LOAD(patterns);
SCHEMA_LOAD(names);
SCHEMA_LOAD(dependent_names);

SCHEMA_CHECK(type);
SCHEMA_CHECK(enum);
SCHEMA_CHECK(const);
SCHEMA_CHECK(multiple);
SCHEMA_CHECK(maximum);
SCHEMA_CHECK(exclusive_maximum);
SCHEMA_CHECK(minimum);
SCHEMA_CHECK(exclusive_minimum);
SCHEMA_CHECK(length);
SCHEMA_CHECK(pattern);
SCHEMA_CHECK(item_count);
SCHEMA_CHECK(unique);
SCHEMA_CHECK(member_count);
SCHEMA_CHECK(required);
SCHEMA_CHECK(dependent_required);

SCHEMA_CHECK(ref);
SCHEMA_CHECK(dynamic_ref);
SCHEMA_CHECK(all_of);
SCHEMA_CHECK(any_of);
SCHEMA_CHECK(one_of);
SCHEMA_CHECK(negation);
SCHEMA_CHECK(condition);
SCHEMA_CHECK(prefix_items);
SCHEMA_CHECK(items);
SCHEMA_CHECK(contains);
SCHEMA_CHECK(unevaluated_items);

SCHEMA_CHECK(properties);
SCHEMA_CHECK(pattern_properties);
SCHEMA_CHECK(additional_properties);
SCHEMA_CHECK(property_names);
SCHEMA_CHECK(dependent_schemas);
SCHEMA_CHECK(unevaluated_properties);

#endif
