/* The settings of a host that runs: read again when a file that they come from has
 * changed, and told of.
 *
 * The files are those of conf_files, compared by content. Flags and the environment of
 * the process stay above them, as at the start. What the settings are good for is for
 * `changed` to say; here they are told apart by setting.live: those that take effect
 * now, and those that must wait for a start.
 */
#ifndef CANDY_TRIGGER_SETTINGS_H
#define CANDY_TRIGGER_SETTINGS_H

#include "conf/conf.h"
#include "worker/sources.h"

struct settings;

struct settings_config {
  const struct conf *started; /* with which the host runs; stays the caller's */
  /* Gathers them anew (conf_load). Called on a thread; blocks for seconds at worst. */
  struct conf *(*load)(void *arg, struct err *err);
  void *load_arg;
  /* Some that are live have changed. */
  void (*changed)(void *arg, const struct conf *conf);
  void *arg;
};

struct settings *settings_new(const struct settings_config *config);
void settings_free(struct settings **settings);

/* The two halves of one look, never at the same time: read on a thread, then judge what
 * was read on the loop. Where a change would show, and whether a file is being written
 * to, is added to the sources. */
void settings_read(struct settings *settings, struct sources *sources);
void settings_judge(struct settings *settings);

/* {"problem": null | {file, line, code, message}}: why the newest ones are not taken. A
 * new reference. */
json_t *settings_json(const struct settings *settings);

#endif
