/* Trace ids: what ties together the log lines of a request, its job and that job's
 * children. 32 lower-case hexadecimal digits, the trace-id of W3C Trace Context.
 */
#ifndef CANDY_BASE_TRACE_H
#define CANDY_BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#define TRACE_LEN 32

/* The id of a job that was given none: its own id as a number of that length. */
void trace_of_job(char trace[TRACE_LEN + 1], int64_t job);

/* From a `traceparent` header. False when it is none, or NULL. */
bool trace_of_header(char trace[TRACE_LEN + 1], const char *traceparent);

/* Whether the text is a trace id: not all zeros. */
bool trace_fits(const char *text);

#endif
