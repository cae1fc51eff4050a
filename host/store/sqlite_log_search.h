/* What a search in the log means, for the index and for lines that are not in it yet. */
#ifndef CANDY_STORE_SQLITE_LOG_SEARCH_H
#define CANDY_STORE_SQLITE_LOG_SEARCH_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_TERMS      16 /* those beyond are not looked at, and so for words */
#define LOG_TERM_WORDS 32

struct log_term {
  char *words[LOG_TERM_WORDS]; /* as the tokenizer makes them; in a row */
  size_t n;
  bool prefix; /* the last one may go on */
  bool found;  /* in the line that is looked at */
  uint64_t run;
};

struct log_search {
  fts5_tokenizer tokenizer;
  Fts5Tokenizer *instance;
  struct log_term terms[LOG_TERMS];
  size_t n;
  char *match; /* the same for FTS5 */
};

/* Error: "log_search" for a text without any word. */
int log_search_init(struct log_search *s, sqlite3 *db, const char *text, struct err *err);
void log_search_fini(struct log_search *s);

/* Whether all terms are in the line; fields may be NULL. */
bool log_search_fits(struct log_search *s, const char *message, const char *fields);

#endif
