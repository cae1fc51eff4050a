/* Tables for people: aligned columns, the last one cut where the terminal ends, colours
 * on a terminal only. */
#ifndef CANDY_CLI_TABLE_H
#define CANDY_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table;

struct table_column {
  const char *title;
  /* The escape sequence that a cell is painted with, or NULL; may itself be NULL. */
  const char *(*paint)(const char *cell);
};

/* The columns stay the caller's, until table_free. */
struct table *table_new(const struct table_column *columns, size_t n);
void table_free(struct table **table);

/* The next cell, row by row; the text is cleaned and copied. */
void table_add(struct table *table, const char *text);

/* Nothing at all when there is no row. */
void table_print(const struct table *table, FILE *out);

#endif
