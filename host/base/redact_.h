/* The inside of redaction, shared by its files. */
#ifndef CANDY_BASE_REDACT_INSIDE_H
#define CANDY_BASE_REDACT_INSIDE_H

#include "base/redact.h"

#define REDACT_HIDDEN "[redacted]"

struct text {
  const char *at;
  size_t len;
};

/* What is to be hidden: the bytes from..to. */
struct cut {
  size_t from, to;
};

static inline char redact__byte(struct text t, size_t i)
{
  return i < t.len ? t.at[i] : 0;
}

/* What a name says of the value that it stands for. */
enum redact_name {
  REDACT_PLAIN,
  REDACT_SECRET,
  REDACT_TOKEN,  /* a secret that is random, so that a word of a sentence is none */
  REDACT_HEADER, /* a secret that takes the rest of its line */
  REDACT_PLURAL, /* a secret unless it is a number: tokens, sessions */
};

/* ---- redact_name.c ---- */

enum redact_name redact__name(const char *name, size_t len);

/* true, false, null, none: a word that tells nothing. */
bool redact__says_nothing(const char *value, size_t len);

/* ---- redact_value.c ---- */

/* The value of a telling name, which begins at i. `said`: it stands behind a colon and a
 * blank, where it may also be the first word of a sentence. False when it is nothing that
 * has to be hidden. */
bool redact__value(struct text t, size_t i, enum redact_name name, bool said,
                   struct cut *c);

size_t redact__skip_space(struct text t, size_t i);
size_t redact__word_end(struct text t, size_t i);
bool redact__starts(struct text t, size_t i, const char *word);

/* ---- redact_known.c ---- */

/* Where the next of the registered values stands in the text; false when there is none.
 */
bool redact__find_known(const char *text, size_t len, size_t *from, size_t *to);

/* ---- redact.c ---- */

bool redact__has_secret(struct text t);

#endif
