/* Sizes in bytes as people write them: "64kb", "256mb", "2gb"; a unit is 1024 times the
 * one before, and letters may be of either case. */
#ifndef CANDY_CONF_SIZE_H
#define CANDY_CONF_SIZE_H

#include <stdint.h>

/* A whole number and a unit (none: bytes). Returns -1 for what is no size. */
int64_t size_parse(const char *text);

/* Writes bytes the shortest exact way; text has room for 32. */
const char *size_format(int64_t bytes, char text[32]);

#endif
