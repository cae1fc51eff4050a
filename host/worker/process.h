/* One worker process as the host sees it: start it, talk to it, kill it, know when it is
 * gone. What it runs is the pool's affair. */
#ifndef CANDY_WORKER_PROCESS_H
#define CANDY_WORKER_PROCESS_H

#include "base/err.h"
#include "frame/channel.h"
#include "frame/page.h"
#include <uv.h>

struct process;

struct process_events {
  void (*message)(void *arg, enum message_kind kind, const char *body, size_t len);
  /* It is gone and everything it said before has been delivered. `how` tells it for
   * people: "crashed: SIGSEGV", "ended with code 70", or the reason given to kill. */
  void (*gone)(void *arg, const char *how);
  /* Everything that was sent has left. */
  void (*drained)(void *arg);
};

/* bundle: descriptor of the scripts (stays the caller's). */
struct process *process_start(uv_loop_t *loop, int bundle,
                              const struct process_events *events, void *arg,
                              struct err *err);

/* After `gone`, or before: then it is killed and nobody hears of it. */
void process_free(struct process **process);

void process_send(struct process *process, enum message_kind kind, const char *body,
                  size_t len);
void process_flush(struct process *process); /* now, not when the loop has turned */
size_t process_pending(const struct process *process); /* bytes that have not left */
void process_send_control(struct process *process, enum message_kind kind,
                          const char *body, size_t len);
struct page *process_page(struct process *process);
int process_pid(const struct process *process);
bool process_killed(const struct process *process);

/* SIGKILL; the reason is what `gone` will say. The first reason stays. */
void process_kill(struct process *process, const char *reason);

#endif
