/* What SQLite takes from the machine, for all connections of the program: memory, of
 * which SQL of scripts gets a share, and room on the disk.
 */
#ifndef CANDY_STORE_SQLITE_MACHINE_H
#define CANDY_STORE_SQLITE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

/* Before the first connection is opened; more than once does no harm. */
void sqlite__machine_init(void);

/* From begin to end this thread gets no more than so many bytes out of SQLite's
 * allocator, and nothing large behind the deadline: SQLite looks at no clock while it
 * computes a row. What is refused fails with SQLITE_NOMEM, here and nowhere else. */
void sqlite__share_begin(int64_t bytes, int64_t deadline_ns);
void sqlite__share_end(void);

/* True when a write of this thread failed for want of room since share_begin. SQLite says
 * SQLITE_FULL of a table without row ids left as well. */
bool sqlite__disk_refused(void);

bool sqlite__means_full(int number); /* an errno */

#endif
