/* The keywords of draft 2020-12: what each takes and what it does. The order is the order
 * of checking: the type first, so that users read it first, and the unevaluated words
 * last, since they stand on what all others have seen. */
#include "base/schema_parts.h"

#define LOAD(subject)     .load = schema__load_##subject
#define CHECK(subject)    .check = schema__check_##subject
#define CORE(text, types) .name = (text), .vocabulary = VOCAB_CORE, .takes = (types)
#define NOTE(text, types) .name = (text), .vocabulary = VOCAB_NOTES, .takes = (types)
#define ASSERT(text, types, to)                                                          \
  .name = (text), .vocabulary = VOCAB_VALIDATION, .takes = (types), .applies = (to)
#define APPLY(text, how, to)                                                             \
  .name = (text), .vocabulary = VOCAB_APPLICATOR, .shape = SHAPE_##how, .applies = (to)
#define REST(text, to)                                                                   \
  .name = (text), .vocabulary = VOCAB_UNEVALUATED, .shape = SHAPE_ONE, .applies = (to)

const struct word schema__words[] = {
    {ASSERT("type", T_STRING | T_ARRAY, T_ANY), LOAD(type), CHECK(type)},

    {CORE("$schema", T_STRING)},
    {CORE("$id", T_STRING)},
    {CORE("$anchor", T_STRING)},
    {CORE("$dynamicAnchor", T_STRING)},
    {CORE("$vocabulary", T_OBJECT)},
    {CORE("$comment", T_STRING)},
    {CORE("$defs", 0), .shape = SHAPE_MAP},
    {CORE("definitions", 0), .shape = SHAPE_MAP},
    {CORE("$ref", T_STRING), .applies = T_ANY, CHECK(ref), .link = schema__link_ref,
     .in_place = true},
    {CORE("$dynamicRef", T_STRING), .applies = T_ANY, CHECK(dynamic_ref),
     .link = schema__link_dynamic},

    {ASSERT("const", T_ANY, T_ANY), LOAD(values), CHECK(const)},
    {ASSERT("enum", T_ARRAY, T_ANY), LOAD(values), CHECK(enum)},
    {ASSERT("multipleOf", T_NUMBER, T_NUMBER), LOAD(divisor), CHECK(multiple)},
    {ASSERT("minimum", T_NUMBER, T_NUMBER), CHECK(minimum)},
    {ASSERT("exclusiveMinimum", T_NUMBER, T_NUMBER), CHECK(exclusive_minimum)},
    {ASSERT("maximum", T_NUMBER, T_NUMBER), CHECK(maximum)},
    {ASSERT("exclusiveMaximum", T_NUMBER, T_NUMBER), CHECK(exclusive_maximum)},
    {ASSERT("minLength", T_NUMBER, T_STRING), LOAD(limit), CHECK(length)},
    {ASSERT("maxLength", T_NUMBER, T_STRING), LOAD(limit), CHECK(length)},
    {ASSERT("pattern", T_STRING, T_STRING), LOAD(pattern), CHECK(pattern)},
    {ASSERT("minItems", T_NUMBER, T_ARRAY), LOAD(limit), CHECK(item_count)},
    {ASSERT("maxItems", T_NUMBER, T_ARRAY), LOAD(limit), CHECK(item_count)},
    {ASSERT("uniqueItems", T_BOOLEAN, T_ARRAY), CHECK(unique)},
    {ASSERT("minContains", T_NUMBER, 0), LOAD(limit)},
    {ASSERT("maxContains", T_NUMBER, 0), LOAD(limit)},
    {ASSERT("minProperties", T_NUMBER, T_OBJECT), LOAD(limit), CHECK(member_count)},
    {ASSERT("maxProperties", T_NUMBER, T_OBJECT), LOAD(limit), CHECK(member_count)},
    {ASSERT("required", T_ARRAY, T_OBJECT), LOAD(names), CHECK(required)},
    {ASSERT("dependentRequired", T_OBJECT, T_OBJECT), LOAD(dependent_names),
     CHECK(dependent_required)},

    {APPLY("properties", MAP, T_OBJECT), CHECK(properties)},
    {APPLY("patternProperties", MAP, T_OBJECT), LOAD(patterns),
     CHECK(pattern_properties)},
    {APPLY("additionalProperties", ONE, T_OBJECT), CHECK(additional_properties)},
    {APPLY("propertyNames", ONE, T_OBJECT), CHECK(property_names)},
    {APPLY("prefixItems", LIST, T_ARRAY), CHECK(prefix_items)},
    {APPLY("items", ONE, T_ARRAY), CHECK(items)},
    {APPLY("contains", ONE, T_ARRAY), CHECK(contains)},
    {APPLY("allOf", LIST, T_ANY), CHECK(all_of), .in_place = true},
    {APPLY("anyOf", LIST, T_ANY), CHECK(any_of), .in_place = true},
    {APPLY("oneOf", LIST, T_ANY), CHECK(one_of), .in_place = true},
    {APPLY("not", ONE, T_ANY), CHECK(negation), .in_place = true},
    {APPLY("then", ONE, 0), .in_place = true},
    {APPLY("else", ONE, 0), .in_place = true},
    {APPLY("if", ONE, T_ANY), CHECK(condition), .in_place = true},
    {APPLY("dependentSchemas", MAP, T_OBJECT), CHECK(dependent_schemas),
     .in_place = true},

    {NOTE("title", T_STRING)},
    {NOTE("description", T_STRING)},
    {NOTE("deprecated", T_BOOLEAN)},
    {NOTE("readOnly", T_BOOLEAN)},
    {NOTE("writeOnly", T_BOOLEAN)},
    {NOTE("examples", T_ARRAY)},
    {NOTE("format", T_STRING)},
    {NOTE("contentEncoding", T_STRING)},
    {NOTE("contentMediaType", T_STRING)},
    {NOTE("contentSchema", 0), .shape = SHAPE_ONE},

    {REST("unevaluatedItems", T_ARRAY), CHECK(unevaluated_items)},
    {REST("unevaluatedProperties", T_OBJECT), CHECK(unevaluated_properties)},
    {0},
};
