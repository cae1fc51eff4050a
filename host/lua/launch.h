/* `candy-worker launch`: runs one program for a job, and leaves nothing of it behind.
 *
 * Between the worker and the program stands a process of ours. The program has its own
 * session and group; whatever it starts and loses becomes a child of ours, wherever it
 * went. When the program ends, or the worker asks for it, or the worker is dead, we kill
 * everything below us until there is nothing, and end.
 *
 *   SIGTERM   is passed on to the program's group
 *   SIGQUIT   ends everything (also sent by the kernel when the worker ends)
 */
#ifndef CANDY_LUA_LAUNCH_H
#define CANDY_LUA_LAUNCH_H

#include <stdint.h>

#define LAUNCH_REPORT 3 /* the descriptor that a struct launch_report is written to */

enum launch_end {
  LAUNCH_EXITED,   /* value: its code */
  LAUNCH_SIGNALED, /* value: the signal */
  LAUNCH_FAILED,   /* it did not start; value: errno */
};

struct launch_report {
  int32_t end;
  int32_t value;
};

/* candy-worker launch WORKERPID MEMORY FILESIZE PATH NAME [ARGUMENT...] with the limits
 * in bytes. Descriptors 0 to 2 are the program's. */
enum { LAUNCH_PARENT = 2, LAUNCH_MEMORY, LAUNCH_FILE_SIZE, LAUNCH_PATH, LAUNCH_NAME };

int launch_main(int argc, char **argv);

#endif
