/* Tables: see table.h. */
#include "cli/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/text.h"

#define GAP        2 /* blanks between columns */
#define LAST_LEAST 8 /* columns that the last one keeps in a narrow terminal */

struct table {
  const struct table_column *columns;
  size_t n_columns;
  char **cells;
  size_t n_cells;
};

struct look {
  FILE *out;
  size_t *widths;
  bool colours;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
  struct table *table = mem_alloc(sizeof *table);
  *table = (struct table){.columns = columns, .n_columns = n};
  return table;
}

void table_free(struct table **table)
{
  for (size_t i = 0; i < (*table)->n_cells; i++)
    free((*table)->cells[i]);
  free((*table)->cells);
  free(*table);
  *table = NULL;
}

void table_add(struct table *table, const char *text)
{
  struct buf clean = {0};
  text_clean(&clean, text);
  if ((table->n_cells & (table->n_cells - 1)) == 0) {
    size_t cap = table->n_cells ? 2 * table->n_cells : 1;
    table->cells = mem_grow(table->cells, cap * sizeof *table->cells);
  }
  table->cells[table->n_cells++] = buf_take(&clean);
}

static void widen(size_t *width, const char *text)
{
  size_t needed = text_width(text);
  if (needed > *width)
    *width = needed;
}

static size_t *measure(const struct table *table, size_t terminal)
{
  size_t *widths = mem_alloc(table->n_columns * sizeof *widths);
  size_t last = table->n_columns - 1;
  size_t before = 0;
  for (size_t i = 0; i < table->n_columns; i++)
    widen(&widths[i], table->columns[i].title);
  for (size_t i = 0, column = 0; i < table->n_cells; i++) {
    widen(&widths[column], table->cells[i]);
    column = column == last ? 0 : column + 1;
  }
  for (size_t i = 0; i < last; i++)
    before += widths[i] + GAP;
  if (terminal && before + widths[last] > terminal)
    widths[last] = terminal > before + LAST_LEAST ? terminal - before : LAST_LEAST;
  return widths;
}

static void print_padding(FILE *out, size_t n)
{
  fprintf(out, "%*s", (int)n, "");
}

/* `colour` is an escape sequence or NULL. Only the last column can be too narrow. */
static void print_cell(const struct look *look, const char *text, size_t column,
                       bool is_last, const char *colour)
{
  size_t room = look->widths[column];
  size_t width = text_width(text);
  if (colour && look->colours)
    fputs(colour, look->out);
  if (width <= room)
    fputs(text, look->out);
  else
    fprintf(look->out, "%.*s…", (int)text_fit(text, room - 1), text);
  if (colour && look->colours)
    fputs("\033[0m", look->out);
  if (!is_last)
    print_padding(look->out, room - width + GAP);
}

static void print_titles(const struct table *table, const struct look *look)
{
  for (size_t i = 0; i < table->n_columns; i++)
    print_cell(look, table->columns[i].title, i, i + 1 == table->n_columns, "\033[1m");
  fputc('\n', look->out);
}

static bool is_blank(const struct table *table, size_t from, size_t to)
{
  for (size_t i = from; i < to; i++)
    if (*table->cells[i])
      return false;
  return true;
}

/* Blanks at the end of a line are left out. */
static void print_row(const struct table *table, size_t first, const struct look *look)
{
  size_t end = first + table->n_columns;
  for (size_t i = first; i < end && !is_blank(table, i, end); i++) {
    const struct table_column *column = &table->columns[i - first];
    const char *cell = table->cells[i];
    print_cell(look, cell, i - first, is_blank(table, i + 1, end),
               column->paint ? column->paint(cell) : NULL);
  }
  fputc('\n', look->out);
}

void table_print(const struct table *table, FILE *out)
{
  if (table->n_cells == 0)
    return;
  struct look look = {.out = out,
                      .widths = measure(table, text_columns(out)),
                      .colours = text_has_colours(out)};
  print_titles(table, &look);
  for (size_t i = 0; i + table->n_columns <= table->n_cells; i += table->n_columns)
    print_row(table, i, &look);
  free(look.widths);
}
