/* Notices changes of the scripts: watches their folders, waits until it is quiet, reads
 * everything again, the settings too, off the loop and hands it on. Whether anything has
 * changed is for the receiver to say, by content (pool_offer).
 *
 * The kernel's notices can be lost, or not be had at all, and a link to a file elsewhere
 * tells nothing: so it reads every few seconds anyway.
 */
#ifndef CANDY_TRIGGER_WATCH_H
#define CANDY_TRIGGER_WATCH_H

#include "trigger/settings.h"
#include "worker/sources.h"
#include <uv.h>

struct watch;

struct watch_config {
  struct settings *settings; /* read on the way, for `seen` to judge */
  char *const *scripts;      /* the caller's, for as long as the watch lives */
  size_t n_scripts;
  /* What lies there now, to be taken over or released; or err: it can't be read. */
  void (*seen)(void *arg, struct sources *sources, const struct err *err);
  /* Something for the log. */
  void (*warn)(void *arg, const char *text);
  void *arg;
};

/* Reads for the first time at once. */
struct watch *watch_new(uv_loop_t *loop, const struct watch_config *config);
void watch_free(struct watch **watch);

#endif
