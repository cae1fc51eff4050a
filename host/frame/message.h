/* What host and workers say to each other.
 *
 * Host to worker                      Worker to host
 *   INIT     settings (JSON)            MANIFEST what the files declare (JSON)
 *   JOB      run this                   DONE     how a job ended
 *   ANSWER   to a request               REQUEST  something durable is wanted
 *   DRAIN    finish, then leave         LOG      a line (JSON)
 *   PING     turn your loop             REPLACE  this worker wants to leave (memory)
 *   CANCEL   a begun job is to end
 *
 * DRAIN, PING, CANCEL and REPLACE are control frames: they overtake what waits to be
 * sent.
 */
#ifndef CANDY_FRAME_MESSAGE_H
#define CANDY_FRAME_MESSAGE_H

#include "frame/wire.h"

enum message_kind {
  MESSAGE_CREDIT = 1, /* the channel's own */
  MESSAGE_INIT,
  MESSAGE_JOB,
  MESSAGE_ANSWER,
  MESSAGE_DRAIN,
  MESSAGE_MANIFEST,
  MESSAGE_DONE,
  MESSAGE_REQUEST,
  MESSAGE_LOG,
  MESSAGE_REPLACE,
  MESSAGE_PING,
  MESSAGE_CANCEL,
};

struct message_job {
  uint32_t cell; /* its cell of the page */
  int64_t id, lease;
  uint32_t retry_count, max_retries;
  int64_t created_at; /* ms since 1970 */
  struct wire_text type, queue, workspace;
  struct wire_text key, tags, checkpoint; /* may be absent */
  struct wire_text trace;                 /* absent: trace_of_job(id) */
  int64_t batch;                          /* 0: none */
  struct wire_text payload;               /* JSON */
};

enum message_outcome {
  MESSAGE_COMPLETED, /* body: result as JSON; effects or absent */
  MESSAGE_FAILED, /* body: error {code,message,traceback}; delay_ms >= 0: retry after */
  MESSAGE_PERMANENT, /* body: error; never retried */
  MESSAGE_SNOOZED,   /* delay_ms */
  MESSAGE_SKIPPED, /* it never began: its cell was revoked, the worker drains or lacks it
                    */
  MESSAGE_FANNED_OUT, /* effects have what it waits for, and are carried out */
};

struct message_done {
  uint32_t cell;
  int64_t id, lease;
  uint32_t outcome;
  int64_t delay_ms; /* -1: none asked for */
  struct wire_text body;
  struct wire_text
      effects; /* {"writes":[[sql,params]...],"children":[{...}...],"fan":..} */
};

struct message_request {
  uint32_t number;       /* the answer carries it too */
  uint32_t cell;         /* whose job asks; UINT32_MAX: none */
  struct wire_text verb; /* worker/request.c has the table of them */
  struct wire_text body; /* JSON; of "enqueue": new jobs, one behind the other */
};

struct message_new { /* a job that is wanted: queue/door.h */
  struct wire_text type;
  struct wire_text payload; /* JSON, for certain: Lua values were written */
  struct wire_text options; /* a JSON object of all else that was said; or absent */
};

struct message_answer {
  uint32_t number;
  uint32_t ok;           /* 1, or 0: body is {code,message} */
  struct wire_text body; /* JSON; to "enqueue", where ok: an id for each job */
};

struct message_pushed { /* what became of a new job */
  int64_t id;
  uint32_t duplicate; /* 1: it is the id of one that was there */
};

struct message_cancel {
  uint32_t cell;
  int64_t id, lease;
  int64_t grace_ms;               /* for its last words */
  struct wire_text code, message; /* why */
};

void message_put_job(struct buf *b, const struct message_job *m);
void message_put_done(struct buf *b, const struct message_done *m);
void message_put_request(struct buf *b, const struct message_request *m);
void message_put_new(struct buf *b, const struct message_new *m);
void message_put_answer(struct buf *b, const struct message_answer *m);
void message_put_pushed(struct buf *b, const struct message_pushed *m);
void message_put_cancel(struct buf *b, const struct message_cancel *m);

/* Return 0, or -1 when the bytes are not such a message. Texts point into the bytes. */
int message_get_job(const char *bytes, size_t len, struct message_job *m);
int message_get_done(const char *bytes, size_t len, struct message_done *m);
int message_get_request(const char *bytes, size_t len, struct message_request *m);
/* These two take what is at *at and move it on: 1, or 0 at the end, or -1. */
int message_next_new(const char **at, const char *end, struct message_new *m);
int message_next_pushed(const char **at, const char *end, struct message_pushed *m);
int message_get_answer(const char *bytes, size_t len, struct message_answer *m);
int message_get_cancel(const char *bytes, size_t len, struct message_cancel *m);

#endif
