/* The log: one line an event, on standard error; JSON where a program reads it, short
 * coloured text where a person does. A line always has a message.
 *
 * Lines go through a thread and a bounded buffer: a reader of standard error that does
 * not read holds up nobody. What does not fit is dropped, and counted in a later line.
 */
#ifndef CANDY_LOG_LOG_H
#define CANDY_LOG_LOG_H

#include <jansson.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Starts the log; lines below the level are dropped. Before, and after log_close, lines
 * are written at once. */
void log_open(const char *level);

/* Writes what is left, for a second at most. */
void log_close(void);

/* fields (may be NULL) are members of the line; their reference is taken over. */
void log_line(enum log_level level, json_t *fields, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
