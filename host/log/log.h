/* The log: one line an event, on standard error; JSON where a program reads it, short
 * coloured text where a person does. A line always has a message. */
#ifndef CANDY_LOG_LOG_H
#define CANDY_LOG_LOG_H

#include <jansson.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Lines below the level are dropped. Returns -1 when there is no such level. */
int log_set_level(const char *name);

/* fields (may be NULL) are members of the line; their reference is taken over. */
void log_line(enum log_level level, json_t *fields, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
