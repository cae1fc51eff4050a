/* XML as a run of records, by expat: see xml.c. */
#ifndef CANDY_LUA_XML_H
#define CANDY_LUA_XML_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define XML_TEXT_MAX  (16u << 20) /* bytes of a document */
#define XML_DEPTH_MAX 200         /* elements inside of each other */
#define XML_PARTS_MAX 200000      /* elements, attributes and runs of text */

/* What a record begins with. Its strings follow, each with a NUL behind it: none of XML
 * has a NUL in it. */
enum xml_record {
  XML_OPEN = 'o',  /* name, then name and value of each attribute, then "" */
  XML_TEXT = 't',  /* text, never two in a row */
  XML_CLOSE = 'c', /* nothing */
};

struct xml_fault {
  struct err err;
  unsigned long line, column; /* from 1 on */
};

/* Appends the records of a document. `encoding` is NULL for the one that the document
 * names. -1: not well-formed, or refused; what was appended then means nothing. */
int xml_read(const char *text, size_t len, const char *encoding, struct buf *records,
             struct xml_fault *fault);

#endif
