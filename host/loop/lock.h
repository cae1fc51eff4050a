/* The lock of a data folder: two hosts never share one.
 *
 * It is a POSIX record lock, which belongs to the process and not to a descriptor: no
 * child can inherit it, and the kernel drops it the moment the process is gone.
 */
#ifndef CANDY_LOOP_LOCK_H
#define CANDY_LOOP_LOCK_H

#include "base/err.h"

/* Makes the folder if need be, and locks it for the life of the process. Returns 0, or -1
 * with err: "data_in_use" (names the other process), "data_unwritable". */
int lock_folder(const char *folder, struct err *err);

/* The same for a database that lies outside of the data folder ("PATH.lock" beside it:
 * SQLite's own locks are on the file itself). Error: "store_in_use". */
int lock_database(const char *path, struct err *err);

#endif
