/* A set of folders under the kernel's watch. Folders come and go; each one that is in the
 * set has one watch, on the folder that has the path now. */
#ifndef CANDY_TRIGGER_FOLDERS_H
#define CANDY_TRIGGER_FOLDERS_H

#include "worker/sources.h"
#include <uv.h>

struct folder;

struct folders {
  uv_loop_t *loop;
  void (*changed)(void *arg);
  void (*closed)(void *arg); /* a watch that folders_set or folders_fini ended is gone */
  void *arg;
  struct folder **list;
  size_t n;
  int open; /* watches that are there, those that are being closed included */
};

/* Watches these and no others. Returns 0, or the code of libuv why some can't be; tells
 * in `added` whether there are new ones: what happened in them before went unnoticed. */
int folders_set(struct folders *f, const struct source_folder *wanted, size_t n,
                bool *added);
void folders_fini(struct folders *f);

#endif
