/* The temporary folder of a job: made when it is first asked for, removed with all that
 * is in it after the job, when nothing uses it any more.
 *
 * It lies in the folder of its worker, <data>/tmp/<pid>, which the host removes when the
 * worker is gone; so what a killed worker leaves does not stay.
 */
#ifndef CANDY_LUA_FOLDER_H
#define CANDY_LUA_FOLDER_H

#include "lua/slot.h"

struct folder {
  struct resource resource; /* of the job */
  struct slot *slot;        /* NULL when the job is over */
  struct worker *worker;
  char *path;
  uv_mutex_t making;    /* held by whoever makes it */
  int fd;               /* -1: not made yet */
  unsigned users;       /* and the job itself is one */
  unsigned files;       /* open ones */
  _Atomic int64_t used; /* bytes that were written through candy.file and not removed */
  uv_work_t removal;
};

/* The folder of the job that runs. */
struct folder *folder_of(struct slot *s);

/* Makes it, unless it is there. Blocks: for uv's threads. Returns -1 with errno. */
int folder_make(struct folder *f);

void folder_use(struct folder *f);
void folder_leave(struct folder *f);

/* Takes bytes from what the job may still write; false when they are not left. A negative
 * number gives back. Any thread may call it. */
bool folder_take(struct folder *f, int64_t bytes);

#endif
