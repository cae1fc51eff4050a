/* XML by expat. What comes from strangers is bounded: in bytes, depth and parts. Nothing
 * is ever fetched, and a document that declares entities or default attributes of its own
 * is refused, so that none can grow. An entity that is not declared (&nbsp; of HTML)
 * stays as it is written.
 *
 * The result is a run of records and not a tree: expat's callbacks must not be left by a
 * longjmp, so that nothing here touches Lua (l_xml.c makes the tables).
 */
#include <expat.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "lua/xml.h"

struct reader {
  XML_Parser parser;
  struct buf *records;
  size_t depth, parts;
  bool in_text;
  const char *refused; /* why it was stopped, or NULL */
};

static void refuse(struct reader *r, const char *why)
{
  if (!r->refused)
    r->refused = why;
  XML_StopParser(r->parser, XML_FALSE);
}

static void put_string(struct reader *r, const char *text)
{
  buf_append(r->records, text, strlen(text) + 1);
}

static void count_part(struct reader *r)
{
  if (++r->parts > XML_PARTS_MAX)
    refuse(r, "has more than 200000 elements, attributes and texts");
}

/* ---- callbacks of expat: after a refusal some still come ---- */

static void on_open(void *arg, const char *name, const char **attributes)
{
  struct reader *r = arg;
  r->in_text = false;
  if (++r->depth > XML_DEPTH_MAX)
    refuse(r, "has more than 200 elements inside of each other");
  count_part(r);
  buf_putc(r->records, XML_OPEN);
  put_string(r, name);
  for (; *attributes && !r->refused; attributes += 2) {
    count_part(r);
    put_string(r, attributes[0]);
    put_string(r, attributes[1]);
  }
  put_string(r, "");
}

static void on_close(void *arg, const char *name)
{
  struct reader *r = arg;
  (void)name;
  r->in_text = false;
  r->depth--;
  buf_putc(r->records, XML_CLOSE);
}

static void add_text(struct reader *r, const char *text, size_t len)
{
  if (r->refused || len == 0)
    return;
  if (r->in_text) {
    r->records->len--; /* the NUL */
  } else {
    count_part(r);
    buf_putc(r->records, XML_TEXT);
  }
  buf_append(r->records, text, len);
  buf_putc(r->records, '\0');
  r->in_text = true;
}

static void on_text(void *arg, const char *text, int len)
{
  add_text(arg, text, (size_t)len);
}

static void on_unknown_entity(void *arg, const char *name, int is_parameter)
{
  if (is_parameter)
    return;
  add_text(arg, "&", 1);
  add_text(arg, name, strlen(name));
  add_text(arg, ";", 1);
}

static void on_entity_declaration(void *arg, const char *name, int is_parameter,
                                  const char *value, int value_len, const char *base,
                                  const char *system_id, const char *public_id,
                                  const char *notation)
{
  (void)name, (void)is_parameter, (void)value, (void)value_len, (void)base;
  (void)system_id, (void)public_id, (void)notation;
  refuse(arg, "declares entities of its own, which is not allowed");
}

static void on_attribute_declaration(void *arg, const char *element,
                                     const char *attribute, const char *type,
                                     const char *value, int is_required)
{
  (void)element, (void)attribute, (void)type, (void)is_required;
  if (value)
    refuse(arg, "declares default attributes of its own, which is not allowed");
}

/* Stands for every external part, among them the one that expat is told every document
 * has: having read one, it takes unknown entities for declared there. */
static int on_external(XML_Parser parser, const char *context, const char *base,
                       const char *system_id, const char *public_id)
{
  (void)base, (void)system_id, (void)public_id;
  XML_Parser part = XML_ExternalEntityParserCreate(parser, context, NULL);
  if (!part)
    return XML_STATUS_ERROR;
  enum XML_Status status = XML_Parse(part, "", 0, 1);
  XML_ParserFree(part);
  return (int)status;
}

/* Bytes 0x80 to 0x9f of Windows-1252; those that it leaves out read as controls. */
static const int windows_1252[32] = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d,   0x017d, 0x8f,
    0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

static int on_encoding(void *arg, const char *name, XML_Encoding *encoding)
{
  (void)arg;
  if (strcasecmp(name, "windows-1252") != 0 && strcasecmp(name, "cp1252") != 0)
    return XML_STATUS_ERROR;
  for (int i = 0; i < 256; i++)
    encoding->map[i] = i >= 0x80 && i < 0xa0 ? windows_1252[i - 0x80] : i;
  encoding->data = NULL;
  encoding->convert = NULL;
  encoding->release = NULL;
  return XML_STATUS_OK;
}

/* ---- reading ---- */

static void prepare(struct reader *r)
{
  XML_SetUserData(r->parser, r);
  XML_SetElementHandler(r->parser, on_open, on_close);
  XML_SetCharacterDataHandler(r->parser, on_text);
  XML_SetSkippedEntityHandler(r->parser, on_unknown_entity);
  XML_SetEntityDeclHandler(r->parser, on_entity_declaration);
  XML_SetAttlistDeclHandler(r->parser, on_attribute_declaration);
  XML_SetUnknownEncodingHandler(r->parser, on_encoding, NULL);
  XML_SetExternalEntityRefHandler(r->parser, on_external);
  XML_SetParamEntityParsing(r->parser, XML_PARAM_ENTITY_PARSING_ALWAYS);
  XML_UseForeignDTD(r->parser, XML_TRUE);
}

static int tell(struct reader *r, struct xml_fault *fault)
{
  fault->line = XML_GetCurrentLineNumber(r->parser);
  fault->column = XML_GetCurrentColumnNumber(r->parser) + 1;
  if (r->refused)
    return err_set(&fault->err, "xml_refused", "line %lu: the document %s", fault->line,
                   r->refused);
  return err_set(&fault->err, "bad_xml", "line %lu, column %lu: %s", fault->line,
                 fault->column, XML_ErrorString(XML_GetErrorCode(r->parser)));
}

int xml_read(const char *text, size_t len, const char *encoding, struct buf *records,
             struct xml_fault *fault)
{
  struct reader r = {.records = records};
  int failed = 0;
  if (len > XML_TEXT_MAX) {
    fault->line = fault->column = 1;
    return err_set(&fault->err, "too_large", "the document has %zu bytes; %u are allowed",
                   len, XML_TEXT_MAX);
  }
  r.parser = XML_ParserCreate(encoding);
  if (!r.parser)
    return err_set(&fault->err, "out_of_memory", "no memory is left to read XML");
  prepare(&r);
  if (XML_Parse(r.parser, text, (int)len, 1) != XML_STATUS_OK)
    failed = tell(&r, fault);
  XML_ParserFree(r.parser);
  return failed;
}
