/* The scripts as they lie in their folders, read once into a bundle (frame/bundle.h).
 *
 * Read are the scripts folders that the settings name, and `integrations`, `agents` and
 * `platform` of the current folder where they are there. `name.lua` and `name/init.lua`
 * are loaded at start; other files in sub-folders are modules for require ("name.part";
 * "integrations.name.part" in the three). Only whole `*.lua` files count: hidden files
 * and what editors leave behind are passed over. A file that can't be read is a problem
 * of its own and does not keep the others from being read.
 */
#ifndef CANDY_WORKER_SOURCES_H
#define CANDY_WORKER_SOURCES_H

#include "base/buf.h"
#include "base/err.h"
#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

struct source_file {
  char *path;
  size_t at, len; /* its entry in the bundle */
};

/* Where a change would show. With `only`, one name in it is of interest: that of a folder
 * which is read, or would be if it were there. */
struct source_folder {
  char *path, *only;
  dev_t device; /* which folder it was: another may get its path */
  ino_t inode;
};

struct sources {
  struct buf bundle;
  struct source_file *files; /* in the bundle's order */
  size_t n;
  json_t *problems; /* {path: {code, message}} of the files that are left out */
  struct source_folder *folders;
  size_t n_folders;
  bool unripe;        /* somebody is writing to a file, it seems: look again soon */
  int64_t noticed_ns; /* when the change that made us read was noticed, or 0 */
};

/* Fails only when a folder that was named is not there. */
int sources_read(struct sources *s, char *const *scripts, size_t n, struct err *err);

/* One folder more that is to be watched, or (only) one name in it. It may come later. */
void sources_note(struct sources *s, const char *folder, const char *only);

/* Whether somebody is writing to a file of which `got` bytes were read: a save may empty
 * it before it writes it, or write it in parts. `before`: its state before the read. */
bool sources_unripe(int fd, const struct stat *before, size_t got);

/* Takes a bundle as sources_read made it; false when it is none. */
bool sources_take(struct sources *s, const char *bundle, size_t len);
void sources_fini(struct sources *s);

/* The same files with the same contents and the same problems. */
bool sources_same(const struct sources *a, const struct sources *b);

/* The file is in both and has the same content. */
bool sources_same_file(const struct sources *a, const struct sources *b,
                       const char *path);

/* {"changed": [path...], "added": [...], "removed": [...]}; a new reference. */
json_t *sources_changes(const struct sources *before, const struct sources *after);

/* The bundle in anonymous, sealed memory. Returns the descriptor, or -1 with err. */
int sources_share(const struct sources *s, struct err *err);

#endif
