/* Text for people: cleaned of what a terminal would obey, measured, times and sizes. */
#ifndef CANDY_CLI_TEXT_H
#define CANDY_CLI_TEXT_H

#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Appends text with line ends, tabs and blanks made one blank and every other control
 * character, as well as bytes that are no UTF-8, made '?'. */
void text_clean(struct buf *out, const char *text);

/* The same, but lines stay lines, each behind `indent`; ends with a line end. */
void text_clean_lines(struct buf *out, const char *indent, const char *text);

/* Columns that cleaned text takes. */
size_t text_width(const char *text);

/* How many bytes of cleaned text fit into so many columns. */
size_t text_fit(const char *text, size_t columns);

/* "12s", "3m", "5h", "2d": the time since then, as one whole unit. */
const char *text_age(int64_t then_ms, int64_t now_ms, char text[32]);

/* "14:03:09", local time; the day before it only when it is not today. */
const char *text_time(int64_t ms, char text[32]);

/* "1.4 MB" */
const char *text_size(int64_t bytes, char text[32]);

/* A string as it is, another value as its JSON; nothing for null. Not cleaned. */
void text_of(struct buf *out, const json_t *value);

/* Columns of the terminal behind `out`; 0 when it is none. */
size_t text_columns(FILE *out);

/* Whether colours are wanted there: a terminal, and NO_COLOR not set. */
bool text_has_colours(FILE *out);

#endif
