/* Processes below this one that have lost their parent: adopted, ended and reaped here.
 *
 * A program that is run for a job may fork, and the fork may leave its group and its
 * session. What it cannot leave is its line of descent: when its parent ends, the nearest
 * ancestor that asked for it becomes its parent. That is us; see lua/launch.c for the
 * first line of defence.
 */
#ifndef CANDY_LOOP_ORPHANS_H
#define CANDY_LOOP_ORPHANS_H

#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

struct orphans {
  uv_loop_t *loop;
  uv_signal_t signal;
  uv_timer_t grace;
  const char *mark;
  uint64_t grace_ms;
};

/* Children of the loop's thread that were not started by uv_spawn on it are ended from
 * now on: all of them, or with a mark only those in whose environment it stands
 * ("NAME=value"); the others are reaped when they end by themselves. Within the grace
 * they are asked by SIGQUIT, on which a launcher ends what is below it; then they are
 * killed. The mark must outlive `orphans`. */
void orphans_init(struct orphans *orphans, uv_loop_t *loop, const char *mark,
                  uint64_t grace_ms);
void orphans_fini(struct orphans *orphans);

/* Waits until all are ended: after the loop's last turn, before it is closed. */
void orphans_end(struct orphans *orphans);

/* The children of the calling process's first thread; returns how many were filled in. */
size_t orphans_children(pid_t *pids, size_t max);

#endif
