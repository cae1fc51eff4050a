/* The worker program, carried inside this one: workers are always of the build that
 * started them, even when the file on disk has been replaced since. */
#ifndef CANDY_WORKER_IMAGE_H
#define CANDY_WORKER_IMAGE_H

#include "base/err.h"
#include <stddef.h>

/* Writes the image into anonymous memory once and keeps it for the life of the process.
 * Returns 0 and a path to execute in `path` (at least 32 bytes), or -1 with err. */
int worker_image(char *path, size_t size, struct err *err);

#endif
