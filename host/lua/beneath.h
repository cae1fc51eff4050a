/* Names inside of a folder, and nowhere else.
 *
 * A name has no "..", does not begin with a slash, and no part of its path may be a
 * symbolic link, whoever made it and whenever: the kernel looks (openat2), and where it
 * is too old for that, every part is opened by itself. What is opened does not block.
 */
#ifndef CANDY_LUA_BENEATH_H
#define CANDY_LUA_BENEATH_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether it can be a name at all; it ends with no slash. `len`: because of NULs. */
bool beneath_is_name(const char *name, size_t len);

/* As open: a descriptor, or -1 with errno. ELOOP and EXDEV: it leads elsewhere. */
int beneath_open(int folder, const char *name, int flags, mode_t mode);

/* Opens the folder that the name's last part is in; *last is that part. */
int beneath_open_parent(int folder, const char *name, const char **last);

#endif
