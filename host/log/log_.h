/* The inside of the log: lines made by log.c go out through log_out.c. */
#ifndef CANDY_LOG_INSIDE_H
#define CANDY_LOG_INSIDE_H

#include "base/buf.h"

void log__out_open(void);
void log__out_close(int64_t patience_ms);

/* Takes over the bytes (whole lines). Never blocks once the output is open. */
void log__out(struct buf *line);

#endif
