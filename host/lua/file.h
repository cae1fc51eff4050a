/* Files of a job's folder, and what is done to them in uv's threads: the loop never waits
 * for a disk. One thing at a time is done to an open file.
 *
 * file.c      open files, and the way to the threads and back
 * file_run.c  what is done there
 * l_file.c    what Lua sees of it
 */
#ifndef CANDY_LUA_FILE_H
#define CANDY_LUA_FILE_H

#include <sys/stat.h>

#include "lua/folder.h"

#define FILES_MAX   128    /* open ones, of a job */
#define ENTRIES_MAX 100000 /* of a folder that can be listed */

struct file {
  struct resource resource; /* of the job */
  struct folder *folder;    /* NULL when it is closed for good */
  int fd;
  int64_t at; /* where the next read or write is */
  bool reads, writes, appends;
  bool busy;   /* something is being done to it */
  bool in_lua; /* there is a handle of it */
};

/* Something that is done in a thread. Who made it asks for the result when `done`. */
struct file_op {
  uv_work_t work;
  int (*run)(struct file_op *op); /* in the thread: 0, or -1 with errno */
  struct worker *worker;
  struct folder *folder; /* used until it is done */
  struct file *file;     /* or NULL */
  struct gate gate;
  bool done, dropped;

  char *name, *to;
  struct file mode; /* of a file that is to be opened: what it may do */
  bool creates, truncates;
  struct buf bytes;    /* to be written; or what was read, or NUL-separated names */
  size_t n;            /* to be read; or how many names there are */
  int fd;              /* that was opened: in the thread */
  struct file *opened; /* afterwards; or NULL */
  struct stat info;
  size_t held;     /* bytes that it needs in memory */
  int error;       /* errno; 0: it went well */
  bool over_limit; /* the job's bytes are used up */
};

/* How much of `wanted` may be read or written at once: little, where much is under way.
 */
size_t file_slice(const struct worker *w, double wanted);

/* file may be NULL. */
struct file_op *file_op_new(struct folder *folder, struct file *file);
void file_op_start(struct file_op *op, int (*run)(struct file_op *op));
/* Whoever wanted the result does not any more. */
void file_op_drop(struct file_op **op);

int file_run_open(struct file_op *op);
int file_run_read(struct file_op *op);
int file_run_write(struct file_op *op);
int file_run_close(struct file_op *op);
int file_run_stat(struct file_op *op);
int file_run_list(struct file_op *op);
int file_run_remove(struct file_op *op);
int file_run_rename(struct file_op *op);
int file_run_mkdir(struct file_op *op);
int file_run_nothing(struct file_op *op); /* the folder is there afterwards */

/* Closes it, once what is being done to it is over. */
void file_close(struct file *file);
/* Lua has no handle of it any more. */
void file_free(struct file **file);

#endif
