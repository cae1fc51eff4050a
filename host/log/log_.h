/* The inside of the log.
 *
 *   log.c        lines come in, from any thread, as JSON texts
 *   thread.c     intake and the thread that empties it into the sinks
 *   entry.c      from a text to an entry that is fit to be shown
 *   text.c       from an entry to lines for programs and for people
 *   out.c file.c diary.c table.c     the sinks
 *   appender.c   a file that is written at its end, watched and put aside (files)
 *   ended.c      what is said of jobs that ended
 */
#ifndef CANDY_LOG_INSIDE_H
#define CANDY_LOG_INSIDE_H

#include "base/buf.h"
#include "log/log.h"
#include <stdbool.h>

/* What a line tells of a job; LOG_PLAIN: nothing that the diary takes. */
enum log_event {
  LOG_PLAIN,
  LOG_COMPLETED,
  LOG_MORE,
  LOG_RETRY,
  LOG_DEAD,
  LOG_RESCUED,
  LOG_CANCELLED
};

struct log_entry {
  int64_t time; /* ms since 1970 */
  enum log_level level;
  enum log_event event;
  const char *job, *type, *trace, *worker, *workspace; /* NULL: unknown */
  int attempt;                                         /* 0: unknown */
  int64_t took_ms;                                     /* -1: unknown */
  struct buf message; /* UTF-8; has something to read in it */
  struct buf cause;   /* of a failure; else empty */
  struct buf fields;  /* a JSON object, or empty */
  struct buf line;    /* all of it as a line of JSON */
  json_t *root;       /* what the strings live in */
};

/* ---- entry.c, text.c ---- */

/* `text` is {"level", "time", "message", "job", ...} as of LOG (l_log.c), with the
 * worker's name, or, from the host itself (worker NULL), as put together in log.c and
 * ended.c. Cannot fail: what cannot be read is told of. */
void log__entry_init(struct log_entry *e, const char *worker, const char *text,
                     size_t len);
void log__entry_fini(struct log_entry *e);

extern const char *const log__levels[];
enum log_level log__level(const char *name, enum log_level fallback);

void log__for_programs(struct buf *b, const struct log_entry *e);
void log__for_people(struct buf *b, const struct log_entry *e);

/* Text on one line without anything that a terminal would obey. */
void log__plain(struct buf *b, const char *text, size_t len);

/* ---- thread.c ---- */

/* One way out. All of it is called on the thread of the log. */
struct log_sink {
  void (*open)(const struct log_config *config);
  void (*take)(const struct log_entry *e);
  /* After a batch of entries, and each second while it returns true. */
  bool (*settle)(void);
  void (*close)(void);
  void (*rotate)(void); /* begin a new file; NULL where there is none */
};

extern const struct log_sink log__out_sink, log__file_sink, log__diary_sink,
    log__table_sink;

enum log_sinks { LOG_OUT, LOG_FILE, LOG_DIARY, LOG_TABLE, LOG_SINKS, LOG_NO_SINK };

void log__thread_open(const struct log_config *config);
/* These return false when their thread is left behind. */
bool log__thread_close(int64_t patience_ms);

/* Waits until all that has come in is with the sinks. */
void log__thread_drain(int64_t patience_ms);

void log__thread_rotate(void);

/* Takes a line in; it goes to all sinks but one (LOG_NO_SINK: to all). Never blocks. */
void log__put(enum log_sinks but, const char *worker, const char *text, size_t len);

/* A sink's own complaint, which goes to the other ones. */
void log__say(enum log_sinks by, enum log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

bool log__wants(enum log_level level);

/* ---- out.c: what is left of it before and after the thread ---- */

void log__out_now(const struct log_entry *e);
bool log__out_close(int64_t patience_ms);

/* ---- ended.c ---- */

void log__ended_open(uv_loop_t *loop);
void log__ended_close(void);

#endif
