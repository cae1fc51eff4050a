/* The log: every line goes to four sinks.
 *
 *   standard error    JSON where a program reads it, short coloured text for a person
 *   orchestrator.log  JSON lines in the folder of the log
 *   tasks.md          in the same folder, the diary: what became of jobs, for people
 *   the log table     for searching; from log_attach to log_detach
 *
 * Nobody waits for a sink: lines go through bounded buffers to a thread, which makes them
 * fit to be shown (redact.h) and writes. What does not fit is dropped, counted, and told
 * of. A sink in trouble says so once on the other ones, keeps what it can, and says when
 * it works again.
 */
#ifndef CANDY_LOG_LOG_H
#define CANDY_LOG_LOG_H

#include "store/store.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_config {
  const char *level;  /* lines below it are dropped */
  const char *folder; /* is made when it is not there */
  int64_t file_max;   /* bytes and milliseconds, past which a file is put aside */
  int64_t file_age_ms;
  int files_kept; /* of those put aside, of each kind */
};

/* Starts the log. Before, and after log_close, lines go to standard error at once. */
void log_open(const struct log_config *config);

/* Lines below it are dropped from now on. */
void log_set_level(const char *level);

/* Writes what is left, for a second at most. False when somebody does not take it: then a
 * thread of the log still waits, and the process should end by _exit. */
bool log_close(void);

/* The table takes lines as soon as there is a store. Lines from before come as well. To
 * be called on the loop, as log_ended. */
void log_attach(uv_loop_t *loop, struct store *store);

/* Writes what is left to the table: turns the loop for a second at most. */
void log_detach(void);

/* Waits until the files have the lines so far, for a second at most. */
void log_flush(void);

/* fields (may be NULL) are members of the line; their reference is taken over. "job",
 * "type", "attempt", "trace", "worker" and "workspace" are known by these names. */
void log_line(enum log_level level, json_t *fields, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* A line from a worker: the body of its LOG message. */
void log_message(const char *worker, const char *body, size_t len);

/* How an attempt ended. Failures are told one by one; so are successes, up to 10 a second
 * of a type, and what is beyond them in one line a second. */
void log_ended(const struct store_job *job, const struct store_finish *end);

/* Puts orchestrator.log aside and begins a new one, soon. */
void log_rotate(void);

/* Hides a secret wherever it turns up in a line (redact.h). */
void log_hide(const char *value);

#endif
