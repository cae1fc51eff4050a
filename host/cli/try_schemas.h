/* The tables of scripts, tried where it does no harm: a part of `candy check`. */
#ifndef CANDY_CLI_TRY_SCHEMAS_H
#define CANDY_CLI_TRY_SCHEMAS_H

#include "base/err.h"
#include <jansson.h>

/* Applies the schemas of a worker's manifest, in order, to an empty store in a temporary
 * folder that is gone afterwards. A file with a schema that the store refuses gets its
 * error in the manifest: {code, message, line}. What is declared behind it in the same
 * file is not tried. Returns -1 with err when there is no such store. Blocking. */
int try_schemas(json_t *manifest, struct err *err);

#endif
