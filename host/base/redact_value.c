/* Where the value of a telling name ends, and whether it is one: see redact.h. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/redact_.h"

#define BARE_LONGEST 16 /* of a header's line that holds nothing but a scheme */
#define WORD_LONGEST 15

bool redact__starts(struct text t, size_t i, const char *word)
{
  size_t len = strlen(word);
  return i + len <= t.len && strncasecmp(t.at + i, word, len) == 0;
}

size_t redact__skip_space(struct text t, size_t i)
{
  while (redact__byte(t, i) == ' ' || redact__byte(t, i) == '\t')
    i++;
  return i;
}

/* ---- ends ---- */

static bool is_quote(char c)
{
  return c == '"' || c == '\'' || c == '`';
}

/* An escape of a line's end or of a quote, as JSON within a text has them, ends a value;
 * other backslashes belong to it. */
static bool ends_word(struct text t, size_t i)
{
  char c = redact__byte(t, i);
  if (c == '\\')
    return redact__byte(t, i + 1) && strchr("nrt\"'\\", redact__byte(t, i + 1));
  return i >= t.len || isspace((unsigned char)c) || strchr(",;&\"'<>)]}|`", c);
}

size_t redact__word_end(struct text t, size_t i)
{
  while (!ends_word(t, i))
    i++;
  return i;
}

static size_t count_escapes(struct text t, size_t i)
{
  size_t n = 0;
  while (redact__byte(t, i + n) == '\\')
    n++;
  return n;
}

/* The quote that closes what one behind `escapes` backslashes has opened. */
static size_t quote_end(struct text t, size_t i, char quote, size_t escapes)
{
  size_t slashes = 0;
  for (; i < t.len; i++) {
    if (t.at[i] == '\\') {
      slashes++;
      continue;
    }
    if (t.at[i] == quote && (escapes ? slashes == escapes : slashes % 2 == 0))
      return i - (escapes ? escapes : 0);
    slashes = 0;
  }
  return t.len;
}

/* Behind the text in quotes that begins at i, escapes first; i itself when none does. */
static size_t skip_quoted(struct text t, size_t i)
{
  size_t escapes = count_escapes(t, i);
  char quote = redact__byte(t, i + escapes);
  if (!is_quote(quote))
    return i;
  size_t end = quote_end(t, i + escapes + 1, quote, escapes) + escapes + 1;
  return end < t.len ? end : t.len;
}

/* Brackets within texts do not count. */
static size_t bracket_end(struct text t, size_t i)
{
  int depth = 0;
  while (i < t.len) {
    size_t behind = skip_quoted(t, i);
    if (behind > i) {
      i = behind;
      continue;
    }
    depth += t.at[i] == '{' || t.at[i] == '[';
    depth -= t.at[i] == '}' || t.at[i] == ']';
    i++;
    if (depth == 0)
      return i;
  }
  return t.len;
}

static bool ends_line(char c)
{
  return c == '\r' || c == '\n';
}

/* Behind a parameter's value in quotes, though not beyond the line. */
static size_t skip_parameter(struct text t, size_t i)
{
  size_t end = skip_quoted(t, i);
  while (i < end && !ends_line(t.at[i]))
    i++;
  return i;
}

/* The rest of a line. Quotes around a parameter (a="b") belong to it; others end it,
 * since they are around all of it. */
static size_t line_end(struct text t, size_t i)
{
  while (i < t.len && !ends_line(t.at[i]) && !is_quote(t.at[i]) &&
         !(t.at[i] == '\\' && ends_word(t, i)))
    i = t.at[i] == '=' ? skip_parameter(t, i + 1) : i + 1;
  return i;
}

/* Where a header goes on that has nothing but a scheme on its first line; `end` when it
 * does not. */
static size_t folded(struct text t, size_t from, size_t end)
{
  size_t next = end;
  if (end - from > BARE_LONGEST || memchr(t.at + from, ' ', end - from))
    return end;
  while (ends_line(redact__byte(t, next)))
    next++;
  size_t begin = redact__skip_space(t, next);
  return next > end && begin > next ? line_end(t, begin) : end;
}

static size_t header_end(struct text t, size_t i)
{
  return folded(t, i, line_end(t, i));
}

static bool is_scheme(struct text t, size_t i)
{
  static const char *const schemes[] = {"bearer ", "basic ", "token ", "digest ",
                                        "apikey "};
  for (size_t n = 0; n < sizeof schemes / sizeof schemes[0]; n++)
    if (redact__starts(t, i, schemes[n]))
      return true;
  return false;
}

/* ---- is it one ---- */

static bool is_number(const char *value, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (!strchr("0123456789.-+eE", value[i]))
      return false;
  return true;
}

/* Begins with a capital, has nothing but capitals, or none. */
static bool is_plain_word(const char *value, size_t len)
{
  bool lower = false;
  for (size_t i = 0; i < len; i++) {
    if (!isalpha((unsigned char)value[i]) || (lower && isupper((unsigned char)value[i])))
      return false;
    lower = lower || islower((unsigned char)value[i]);
  }
  return len > 0 && len <= WORD_LONGEST;
}

/* "must have 8 characters"; of tokens, which are random, any sentence. */
static bool begins_sentence(struct text t, struct cut c, enum redact_name name)
{
  static const char *const first[] = {
      "a",      "an",    "cannot", "could",      "does",     "expected", "expired",
      "failed", "has",   "in",     "invalid",    "is",       "it",       "missing",
      "must",   "needs", "not",    "refused",    "rejected", "required", "should",
      "the",    "this",  "too",    "unexpected", "unknown",  "was",      "wrong"};
  const char *value = t.at + c.from;
  size_t len = c.to - c.from;
  for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
    if (strlen(first[i]) == len && strncasecmp(value, first[i], len) == 0)
      return true;
  return (name == REDACT_TOKEN || name == REDACT_PLURAL) && is_plain_word(value, len) &&
         redact__byte(t, c.to) == ' ' &&
         isalnum((unsigned char)redact__byte(t, c.to + 1));
}

static bool is_worth(struct text t, struct cut c, enum redact_name name)
{
  const char *value = t.at + c.from;
  size_t len = c.to - c.from;
  return !redact__says_nothing(value, len) &&
         !(name == REDACT_PLURAL && is_number(value, len));
}

/* ---- the value ---- */

/* One without quotes. False when it is a word of a sentence. */
static bool bare_value(struct text t, size_t i, enum redact_name name, bool said,
                       struct cut *c)
{
  struct cut word = {i, redact__word_end(t, i)};
  bool scheme = is_scheme(t, i);
  if (said && !scheme && begins_sentence(t, word, name))
    return false;
  *c = word;
  if (name == REDACT_HEADER)
    c->to = header_end(t, i);
  else if (scheme)
    c->to = redact__word_end(t, redact__skip_space(t, word.to));
  return true;
}

bool redact__value(struct text t, size_t i, enum redact_name name, bool said,
                   struct cut *c)
{
  if (isalpha((unsigned char)redact__byte(t, i)) && is_quote(redact__byte(t, i + 1)))
    i++; /* b'...', u"..." */
  size_t escapes = count_escapes(t, i);
  char first = redact__byte(t, i + escapes);
  if (is_quote(first)) {
    i += escapes + 1;
    *c = (struct cut){i, quote_end(t, i, first, escapes)};
  } else if (first == '{' || first == '[') {
    *c = (struct cut){i, bracket_end(t, i)};
  } else if (!bare_value(t, i, name, said, c)) {
    return false;
  }
  return is_worth(t, *c, name);
}
