/* Programs that jobs run: started in their turn, fed, read, ended.
 *
 * child.c      the line, start, limits, end
 * child_io.c   the three streams
 * program.c    which programs may run, and where they are
 * launch.c     the process that stands between a worker and a program
 * l_process.c  what Lua sees of it
 */
#ifndef CANDY_LUA_CHILD_H
#define CANDY_LUA_CHILD_H

#include "base/err.h"
#include "lua/folder.h"
#include "lua/launch.h"

#define CHILD_SLICE ((size_t)64 * 1024) /* of its input, written at once */
#define CHILD_GRACE 2000                /* ms that we give one of ours to end */
#define CHILD_LINE  1024                /* so many may wait in a worker */

struct child;

/* Standard output or error. */
struct child_output {
  uv_pipe_t pipe;
  struct child *child;
  struct buf bytes; /* that nobody has taken */
  struct gate gate;
  bool open;    /* there may be more */
  bool stopped; /* nobody takes: the program has to wait */
};

struct child_input {
  uv_pipe_t pipe;
  struct gate gate;
  bool open, writing;
  int error; /* of the last write: a code of uv, or 0 */
};

enum child_state {
  CHILD_IN_LINE,
  CHILD_RUNNING,
  CHILD_ENDED, /* or it never ran */
};

struct child {
  struct resource resource; /* of the job */
  struct worker *worker;
  struct slot *slot; /* NULL when the job is over */
  struct folder *folder;
  enum child_state state;
  struct child *next, **at; /* in the line */

  char **command; /* of the launcher; filled in from LAUNCH_PATH on, ends with NULL */
  char **environment;
  char *within;   /* the folder in the job's folder that it runs in, or NULL */
  bool has_input; /* else its input is empty */
  size_t
      collect_max;  /* of each output that is collected; 0: they are read while it runs */
  int64_t limit_ms; /* its own time limit; 0: none */
  int64_t memory;   /* bytes that each of its processes may have */

  uv_process_t process;
  uv_timer_t limit, grace;
  struct child_input input;
  struct child_output outputs[2];
  int report; /* descriptor; -1: none */
  struct launch_report end;
  const char *why; /* the code of why we ended it, or NULL */
  struct gate turn, ended;
  unsigned handles; /* of uv that are not closed */
  bool in_lua;      /* there is a handle of it */
  int pin;          /* keeps the handle while it runs; or LUA_NOREF */
};

/* What the children of a worker share. */
struct children {
  struct child *line, **line_end;
  uint32_t waiting, running; /* in the line, and no longer */
  size_t collected;          /* bytes that are collected right now */
};

void children_init(struct worker *w);

struct child *child_new(struct slot *s, size_t arguments);
/* 1: it runs; 0: it is not its turn, `turn` opens when to ask again; -1: err. */
int child_start(struct child *c, struct err *err);
bool child_is_over(const struct child *c); /* and all that is collected is there */
void child_kill(struct child *c, int64_t grace_ms);
/* Ends it, and `why` is the code that tells it. */
void child_stop(struct child *c, const char *why);
void child_free(struct child **child); /* Lua has no handle of it any more */

/* ---- child_io.c ---- */

/* Takes over the descriptors; input may be -1. */
void child_io_open(struct child *c, int input, const int outputs[2]);
void child_io_close(struct child *c);
void child_io_write(struct child *c, const char *bytes, size_t len);
void child_io_end_input(struct child *c);
/* The output's bytes were taken. */
void child_io_taken(struct child_output *o);
void child__closed(uv_handle_t *handle); /* of one of its handles; in child.c */

/* ---- program.c ---- */

/* The path of a program that may run; the caller frees it. Or NULL with err. */
char *program_find(const struct worker *w, const char *name, struct err *err);

#endif
