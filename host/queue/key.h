/* The key of a job, which its task makes of the payload: "{account}", "{site.id}",
 * "{workspace}:{account}".
 *
 * {name} is a field of the payload, {a.b} one inside of a field, and {workspace} the
 * job's workspace. A field is a text, a number or a boolean.
 */
#ifndef CANDY_QUEUE_KEY_H
#define CANDY_QUEUE_KEY_H

#include "base/buf.h"
#include "base/err.h"
#include <jansson.h>

#define KEY_MAX_LEN 200

/* Puts the key behind what is in `key`. Returns -1 with err when it cannot be made, and
 * puts the pointer of the field ("/payload/site/id", or "/payload") into `pointer`.
 * Errors: "required", "type", "too_long". */
int key_make(struct buf *key, const char *pattern, const json_t *payload,
             const char *workspace, struct buf *pointer, struct err *err);

#endif
