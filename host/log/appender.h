/* A file that is written at its end, watched, and put aside when it is large or old.
 *
 * The file is looked at before each write: when it has been removed, renamed or replaced
 * meanwhile, a new one is begun. What cannot be written waits in memory, up to a limit,
 * and is tried again each second. Both are said once, by log__say.
 *
 * Files put aside are <stem>.1<ending> (the newest) and so on: orchestrator.log.1,
 * tasks.1.md. How old a file is, is told by the first date in it, so that an age goes on
 * over a restart and a copy.
 */
#ifndef CANDY_LOG_APPENDER_H
#define CANDY_LOG_APPENDER_H

#include "log/log_.h"
#include <sys/types.h>

struct appender {
  /* the owner's, before appender_open */
  enum log_sinks sink;             /* who complains */
  const char *stem, *ending;       /* of the file's name */
  const char *what;                /* in sentences: "the log file" */
  bool monthly;                    /* put aside when the month ends, instead of by age */
  void (*begin)(struct buf *text); /* what an empty file begins with; or NULL */

  char *folder, *path;
  int64_t max, age_ms;
  int kept;

  int fd; /* -1: not open */
  dev_t device;
  ino_t inode;
  int64_t size, expires_ms;
  struct buf waiting;
  long lost;      /* lines that found no room */
  bool broken;    /* cannot be written, and that has been said */
  bool inside;    /* the last byte written was not the end of a line */
  bool is_stuck;  /* cannot be put aside, and that has been said */
  int64_t try_ns; /* not before */
};

void appender_open(struct appender *a, const struct log_config *config);
void appender_add(struct appender *a, const char *lines, size_t len);

/* Writes what waits. True when it is to be called again in a second. */
bool appender_settle(struct appender *a);

/* Puts the file aside, unless nothing is in it. */
void appender_rotate(struct appender *a);

void appender_close(struct appender *a);

/* rotate.c */

/* Sets when a file that began with these bytes (or, without a date in them, at that time)
 * is to be put aside. */
void appender__age(struct appender *a, const char *head, size_t len, int64_t else_ms);
bool appender__is_due(const struct appender *a, size_t more);

/* Makes room for a new file. Returns 0, or -1 with errno. */
int appender__put_aside(const struct appender *a);

#endif
