/* The host behind candy.testing, shared by its files.
 *
 *   testing.c        its life: a folder, the settings that the spec sends, host_run
 *   testing_talk.c   what spec and host say to each other
 *   testing_verbs.c  what the spec asks for, but for runs
 *   testing_run.c    runs of jobs: one, or all that are due, one after the other
 *
 * One spec is on the other side. It sends a line of JSON, {"verb": ...}, and reads lines
 * until the answer: {"answer": value} or {"error": {code, message}}. In between come
 * requests that jobs make, {"ask": number, "http": {...}}, which it answers by a line
 * {"reply": number, "value": ... or "error": {code, message}}. So only one verb is under
 * way at a time, and jobs run in none but "run" and "drain".
 */
#ifndef CANDY_CLI_TESTING_INSIDE_H
#define CANDY_CLI_TESTING_INSIDE_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "cli/host.h"
#include "queue/queue.h"
#include "worker/pool.h"

struct testing_ask;

enum testing_mode { TESTING_IDLE, TESTING_RUN, TESTING_DRAIN };

struct testing_run {
  enum testing_mode mode;
  int64_t id;    /* RUN: of the job; DRAIN: of the one that a worker has */
  int64_t most;  /* attempts */
  bool claiming; /* an answer of the store is on its way */
  bool handed;   /* a worker has a job */
  bool more;     /* DRAIN: there were so many attempts, and there is another job */
  json_t *ended; /* what became of each attempt */
  struct store_claim *held; /* RUN: jobs that were before it, to be given back */
};

struct testing {
  struct host_parts parts;
  const char *folder;
  _Atomic int64_t now; /* the wall clock of the host */
  int control;         /* descriptor: what the spec says */
  uv_pipe_t in;
  uv_timer_t sleeper; /* the next sleep is over when nothing else has come meanwhile */
  struct buf line;
  bool begun, ended, busy;
  json_t *asked; /* the verb that is under way */
  struct testing_ask *asks;
  int last_ask;
  struct testing_run run;
};

/* testing_talk.c */
void testing__listen(struct testing *t);
void testing__leave(struct testing *t); /* asks no more, and answers nobody */
void testing__answer(struct testing *t, json_t *value); /* takes the reference */
void testing__answer_text(struct testing *t, const char *json, size_t len);
void testing__refuse(struct testing *t, const struct err *err);
/* Of jobs: "http" goes to the spec; "sleep" moves the clock. */
void testing__outside(void *arg, const char *what, const json_t *body,
                      struct request *request);

/* testing_verbs.c */
void testing__serve(struct testing *t);
void testing__set_clock(struct testing *t, int64_t ms);

/* testing_run.c */
void testing__run(struct testing *t); /* the verbs */
void testing__drain(struct testing *t);
void testing__pump(void *arg); /* of host_test */
void testing__ended(void *arg, const struct store_job *job,
                    const struct store_finish *end);
void testing__drop_run(struct testing *t);

#endif
