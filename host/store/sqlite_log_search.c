/* What a search in the log means: terms that must all be there (store.h says which). The
 * same terms are asked of the index and matched here, against lines that are not in it
 * yet; the index's own tokenizer cuts both into words, so that both agree.
 */
#include "store/sqlite_log_search.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

/* ---- the tokenizer ---- */

static fts5_api *find_fts5(sqlite3 *db)
{
  fts5_api *api = NULL;
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(db, "select fts5(?1)", -1, &s, NULL) == SQLITE_OK) {
    sqlite3_bind_pointer(s, 1, &api, "fts5_api_ptr", NULL);
    sqlite3_step(s);
  }
  sqlite3_finalize(s);
  return api;
}

static int open_tokenizer(struct log_search *s, sqlite3 *db)
{
  static const char *args[] = {"remove_diacritics", "2"}; /* as in 002_logs.sql */
  void *user = NULL;
  fts5_api *api = find_fts5(db);
  if (!api || api->xFindTokenizer(api, "unicode61", &user, &s->tokenizer) != SQLITE_OK)
    return -1;
  return s->tokenizer.xCreate(user, args, 2, &s->instance) == SQLITE_OK ? 0 : -1;
}

/* ---- terms ---- */

static int keep_word(void *arg, int flags, const char *word, int len, int from, int to)
{
  struct log_term *t = arg;
  (void)flags, (void)from, (void)to;
  if (t->n < LOG_TERM_WORDS)
    t->words[t->n++] = mem_copy(word, (size_t)len);
  return SQLITE_OK;
}

static void add_term(struct log_search *s, const char *text, size_t len, bool prefix)
{
  struct log_term *t = &s->terms[s->n];
  if (s->n == LOG_TERMS)
    return;
  s->tokenizer.xTokenize(s->instance, t, FTS5_TOKENIZE_QUERY, text, (int)len, keep_word);
  t->prefix = prefix;
  if (t->n > 0)
    s->n++;
}

/* A term begins at `text`; returns where it ends. */
static const char *read_term(struct log_search *s, const char *text)
{
  bool quoted = *text == '"';
  const char *begin = text + quoted;
  size_t len = strcspn(begin, quoted ? "\"" : " \t\r\n\"");
  const char *end = begin + len + (quoted && begin[len]);
  bool prefix = quoted ? *end == '*' : len > 1 && begin[len - 1] == '*';
  add_term(s, begin, len, prefix);
  return end + (quoted && prefix);
}

/* What FTS5 is asked: each term a phrase in quotes, which is text and never syntax. */
static char *match_of(const struct log_search *s)
{
  struct buf b = {0};
  for (size_t i = 0; i < s->n; i++) {
    const struct log_term *t = &s->terms[i];
    for (size_t j = 0; j < t->n; j++)
      buf_printf(&b, "%s%s", j ? " " : i ? " \"" : "\"", t->words[j]);
    buf_puts(&b, t->prefix ? "\"*" : "\"");
  }
  return buf_take(&b);
}

int log_search_init(struct log_search *s, sqlite3 *db, const char *text, struct err *err)
{
  *s = (struct log_search){0};
  if (open_tokenizer(s, db) < 0)
    return err_set(err, "store_error", "this SQLite has no full-text search (FTS5)");
  for (text += strspn(text, " \t\r\n"); *text; text += strspn(text, " \t\r\n"))
    text = read_term(s, text);
  s->match = match_of(s);
  if (s->n > 0)
    return 0;
  log_search_fini(s);
  return err_set(err, "log_search",
                 "the search holds no word: give words, \"several in a row\" or the "
                 "beginning of one with a star behind it (conn*)");
}

void log_search_fini(struct log_search *s)
{
  for (size_t i = 0; i < s->n; i++)
    for (size_t j = 0; j < s->terms[i].n; j++)
      free(s->terms[i].words[j]);
  if (s->instance)
    s->tokenizer.xDelete(s->instance);
  free(s->match);
  *s = (struct log_search){0};
}

/* ---- lines ---- */

static bool word_fits(const struct log_term *t, size_t at, const char *word, size_t len)
{
  const char *want = t->words[at];
  size_t want_len = strlen(want);
  bool part = t->prefix && at == t->n - 1;
  return (part ? len >= want_len : len == want_len) && memcmp(want, word, want_len) == 0;
}

/* Bit k of `run` stands for: the last k + 1 words were the first k + 1 of the term. */
static void feed_term(struct log_term *t, const char *word, size_t len)
{
  uint64_t next = 0;
  for (size_t at = 0; at < t->n; at++)
    if ((at == 0 || t->run >> (at - 1) & 1) && word_fits(t, at, word, len)) {
      next |= UINT64_C(1) << at;
      t->found = t->found || at + 1 == t->n;
    }
  t->run = next;
}

static int feed(void *arg, int flags, const char *word, int len, int from, int to)
{
  struct log_search *s = arg;
  (void)flags, (void)from, (void)to;
  for (size_t i = 0; i < s->n; i++)
    if (!s->terms[i].found)
      feed_term(&s->terms[i], word, (size_t)len);
  return SQLITE_OK;
}

static void feed_text(struct log_search *s, const char *text)
{
  for (size_t i = 0; i < s->n; i++)
    s->terms[i].run = 0;
  if (text)
    s->tokenizer.xTokenize(s->instance, s, FTS5_TOKENIZE_DOCUMENT, text,
                           (int)strlen(text), feed);
}

bool log_search_fits(struct log_search *s, const char *message, const char *fields)
{
  bool all = true;
  for (size_t i = 0; i < s->n; i++)
    s->terms[i].found = false;
  feed_text(s, message);
  feed_text(s, fields);
  for (size_t i = 0; i < s->n; i++)
    all = all && s->terms[i].found;
  return all;
}
