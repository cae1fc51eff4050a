/* Which vocabularies a schema speaks ($schema and its metaschema's $vocabulary), and the
 * documents that a reference can reach: those of the caller and the draft's metaschemas,
 * which are carried along and parsed only when somebody asks. */
#include "base/embed.h"
#include "base/schema_parts.h"

#include <stdlib.h>
#include <string.h>

#define DRAFT "https://json-schema.org/draft/2020-12/"

EMBED(schema_metaschemas, CANDY_SOURCE "/base/metaschema/draft2020-12.json");

static const struct {
  const char *name;
  unsigned vocabulary;
} vocabularies[] = {
    {"core", VOCAB_CORE},
    {"applicator", VOCAB_APPLICATOR},
    {"unevaluated", VOCAB_UNEVALUATED},
    {"validation", VOCAB_VALIDATION},
    {"meta-data", VOCAB_NOTES},
    {"format-annotation", VOCAB_NOTES},
    {"content", VOCAB_NOTES},
};

const json_t *schema__document(struct loading *l, const char *uri)
{
  const json_t *document = json_object_get(l->remotes, uri);
  if (document || strncmp(uri, DRAFT, sizeof DRAFT - 1) != 0)
    return document;
  if (!l->built_in)
    l->built_in =
        jx_parse(schema_metaschemas_start,
                 (size_t)(schema_metaschemas_end - schema_metaschemas_start), l->err);
  return json_object_get(l->built_in, uri);
}

static unsigned vocabulary(const char *uri)
{
  static const char prefix[] = DRAFT "vocab/";
  if (strncmp(uri, prefix, sizeof prefix - 1) != 0)
    return 0;
  for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++)
    if (strcmp(uri + sizeof prefix - 1, vocabularies[i].name) == 0)
      return vocabularies[i].vocabulary;
  return 0;
}

static int take_vocabularies(struct loading *l, struct node *node, json_t *wanted)
{
  const char *uri;
  json_t *needed;
  node->resource->vocabularies = VOCAB_CORE | VOCAB_NOTES;
  json_object_foreach(wanted, uri, needed) {
    unsigned known = vocabulary(uri);
    node->resource->vocabularies |= known;
    if (!known && json_is_true(needed))
      return schema__fail(l, node, "$schema", "unknown_dialect",
                          "needs the vocabulary \"%s\", which is not known here", uri);
  }
  return 0;
}

int schema__dialect(struct loading *l, struct node *node)
{
  const char *name = jx_str(node->json, "$schema", NULL);
  if (!name)
    return 0;
  char *uri = mem_copy(name, strcspn(name, "#"));
  int rc = 0;
  if (strcmp(uri, DRAFT "schema") == 0) {
    node->resource->vocabularies = VOCAB_ALL;
    goto done;
  }
  const json_t *meta = schema__document(l, uri);
  json_t *wanted = json_object_get(meta, "$vocabulary");
  if (!meta)
    rc = schema__fail(l, node, "$schema", "unknown_dialect",
                      "names \"%s\", which is not known here; write the schema for "
                      "\"" DRAFT "schema\"",
                      name);
  else if (json_is_object(wanted))
    rc = take_vocabularies(l, node, wanted);
done:
  free(uri);
  return rc;
}
