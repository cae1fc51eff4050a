/* The log table, orchestrator_logs. See store.h. */
#ifndef CANDY_STORE_STORE_LOG_H
#define CANDY_STORE_STORE_LOG_H

#include "store/store_op.h"

/* A line to be. Strings are UTF-8; NULL and 0 where there is none. */
struct store_log_line {
  int64_t time; /* ms since 1970 */
  int level;    /* enum log_level: 0 debug, 1 info, 2 warn, 3 error */
  int attempt;
  const char *message; /* something beside white space */
  int64_t job;
  const char *type, *worker, *trace;
  const char *workspace; /* NULL: "default" */
  const char *fields;    /* JSON object */
};

/* Errors: "log_empty" (a message without anything to read), "log_level". */
struct store_log_write {
  struct store_op op;
  const struct store_log_line *lines;
  size_t n; /* all of them or none */
};

/* Which lines: what is set must fit. Times and ids of lines grow together.
 *
 * The search finds lines that hold every one of its terms, in the message or in the
 * fields: words, "several words in a row", and beginnings of words with a star behind
 * them (conn*). Case, accents and what is neither letter nor digit make no difference,
 * so that no text is a mistake; but one without any word is: "log_search". */
struct store_log_filter {
  unsigned levels; /* bits 1 << level; 0: any */
  const char *const *types;
  size_t n_types;
  int64_t job;
  const char *trace, *worker;
  const char *search;
  int64_t since, until; /* time in [since, until); 0: open */
};

/* One line in the shape of the API (view.h), with the lines around it as `before` and
 * `after` when any are asked for. */
struct store_log_get {
  struct store_op op;
  int64_t id;
  int context;     /* lines before and behind it, 0 to 20 */
  struct buf json; /* out: an object; len 0 when there is no such line */
};

/* A page of lines: newest first from `before` down, or with `forward` oldest first behind
 * `after`. A page may be short, or even empty, and not the last one: a search looks at so
 * many lines at a time, and an answer has some megabytes at most. */
struct store_log_list {
  struct store_op op;
  struct store_log_filter filter;
  bool forward;
  int64_t before; /* ids below this one; 0: from the newest */
  int64_t after;  /* forward: ids above this one; < 0: from the end, so nothing yet */
  int64_t limit;  /* hits, 1 to 1000 */
  int context;    /* lines around each hit, 0 to 20, when not forward; those are told by
                     "match": false */
  size_t bytes;   /* the page ends behind the line that goes beyond; 0: some megabytes */
  struct buf items; /* out: a JSON array */
  int64_t next;     /* out: `before` of the next page, 0 at the end; forward: `after` of
                       the next one, always */
  bool more;        /* out: there is a next page by now */
};

/* Forgets lines past their age and the oldest beyond so many rows, in a small step. */
struct store_log_expire {
  struct store_op op;
  int64_t keep_ms, keep_rows;
  int64_t max;
  int64_t count; /* out: == max when there may be more */
};

#endif
