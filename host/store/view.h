/* The shape in which jobs leave the store: the JSON of the API, built as text. Payloads,
 * results and the like are put in as they are, byte for byte.
 */
#ifndef CANDY_STORE_VIEW_H
#define CANDY_STORE_VIEW_H

#include "base/buf.h"
#include "store/store.h"

struct view_text {
  const char *data; /* NULL: absent, which is null in JSON */
  size_t len;
};

struct view_job {
  int64_t id;
  enum store_state state;
  struct view_text type, queue, workspace, key;
  struct view_text trace; /* absent: made of the id */
  struct view_text tags;  /* JSON */
  int priority, max_retries, retry_count, rescues;
  int64_t batch;          /* that it belongs to or follows, 0: null */
  struct view_text after; /* PENDING, of one in full: JSON */
  int64_t parent, created_at, run_at, began_at, finished_at; /* 0: null */
  const char *waiting_for; /* what keeps it back, or NULL */
  int64_t deadline;        /* 0: null */
  bool has_progress;       /* and then: */
  double percent;          /* < 0: null */
  struct view_text message, checkpoint;
  struct view_text payload, result, error; /* JSON; the last error */
  struct view_text cancelling;             /* JSON: why it was told to end */
};

struct view_attempt {
  int attempt;
  const char *state; /* "failed", "rescued", "completed", "running", "cancelled" */
  int64_t began_at, ended_at;
  struct view_text worker, error; /* error: JSON */
};

struct view_batch {
  int64_t id, parent, total, completed, dead, cancelled, at_most;
  bool cancelling;
  int64_t created_at, finished_at;
  struct view_text name, workspace;
  struct view_text followers; /* JSON, members of an object */
};

struct view_child {
  int64_t id;
  enum store_state state;
  struct view_text type, result, error; /* JSON but for the type */
};

struct view_log {
  int64_t id, time;
  int level;
  struct view_text message, type, trace, worker, workspace;
  int64_t job;
  int attempt;
  struct view_text fields; /* JSON */
  int match;               /* 1, 0, or < 0: not told */
};

/* A line of the log without its closing brace, behind which members may be added. */
void view_log_begin(struct buf *b, const struct view_log *line);

/* An object without payload, result, checkpoint and attempts. */
void view_summary(struct buf *b, const struct view_job *job);

/* The whole, as begin, any number of attempts, end. */
void view_begin(struct buf *b, const struct view_job *job);
void view_attempt(struct buf *b, const struct view_attempt *attempt);
void view_edits(struct buf *b); /* what was done to it follows, as a JSON array */
void view_end(struct buf *b);   /* behind that */

void view_batch(struct buf *b, const struct view_batch *batch);
void view_child(struct buf *b, const struct view_child *child);

#endif
