/* The inside of redaction, shared by its files. */
#ifndef CANDY_BASE_REDACT_INSIDE_H
#define CANDY_BASE_REDACT_INSIDE_H

#include "base/redact.h"

/* What a name says of the value that it stands for. */
enum redact_name {
  REDACT_PLAIN,
  REDACT_SECRET,
  REDACT_HEADER, /* a secret that takes the rest of its line */
  REDACT_PLURAL, /* a secret unless it is a number: tokens, sessions */
};

enum redact_name redact__name(const char *name, size_t len);

/* true, false, null, none: a word that tells nothing. */
bool redact__says_nothing(const char *value, size_t len);

/* Where the next of the registered values stands in the text; false when there is none.
 */
bool redact__find_known(const char *text, size_t len, size_t *from, size_t *to);

#endif
