/* Secrets do not belong into logs and histories: what looks like one is replaced by
 * "[redacted]" before a text is shown or kept.
 *
 * Hidden are values under telling names (password, github_token, x-api-key, Set-Cookie,
 * clientSecret, ...), in JSON as well as in running text (`name=value`, `"name": value`,
 * headers); credentials of URLs; what follows Bearer and Basic; private keys in PEM; and,
 * wherever they turn up, values that were registered by redact_hide.
 *
 * What is counted or described is not hidden: max_tokens = 4000, token_type, true, null;
 * nor is a sentence behind "token: ", which tells what was wrong with it.
 * Any thread may call any of this.
 */
#ifndef CANDY_BASE_REDACT_H
#define CANDY_BASE_REDACT_H

#include "base/buf.h"
#include <jansson.h>
#include <stdbool.h>

/* In running text of any kind, in place. */
void redact_text(struct buf *text);

/* In a JSON value (names, texts, nested ones), in place; what is nested deeper than
 * `depth` levels becomes a note of that. Returns the value, or another one that stands
 * for it: the reference is taken over. */
json_t *redact_json(json_t *value, int depth);

/* In JSON text, as an error is kept. NULL when there is nothing to hide in it, else the
 * text to use instead, which the caller frees. */
char *redact_json_text(const char *json);

/* A value that is a secret whatever stands before it: from now on it is hidden wherever
 * it turns up, also percent-encoded or escaped as in JSON. Values with less than 6 bytes
 * are left alone, since they turn up by chance. */
void redact_hide(const char *value);

#endif
