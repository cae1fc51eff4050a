/* The table of settings: each one's name, type, default, limits and ways to give it.
 *
 * Everything else follows from it: the keys of conf files (`worker.slots` is `slots` in
 * the table `worker`), the environment (CANDY_WORKER_SLOTS), flags, help and errors.
 */
#ifndef CANDY_CONF_SETTING_H
#define CANDY_CONF_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_kind {
  SETTING_TEXT,     /* char *, not empty */
  SETTING_NAME,     /* char *, lower-case letters, digits, _ and - */
  SETTING_ADDRESS,  /* char *, an IP address */
  SETTING_CHOICE,   /* char *, one of `words` */
  SETTING_LIST,     /* char **, and its length at `count`; `words` is an example item */
  SETTING_COUNT,    /* int64_t; the word in `words`, when there is one, stands for 0 */
  SETTING_SIZE,     /* int64_t, bytes */
  SETTING_DURATION, /* int64_t, milliseconds */
  SETTING_BOOL,     /* bool */
};

struct setting {
  const char *name;
  size_t offset;        /* of its member in struct conf */
  size_t count;         /* of a list's length there */
  const char *fallback; /* the default as one writes it in the environment, or NULL */
  int64_t least, most;  /* of a number, or of a list's length, both included */
  const char *words;    /* separated by blanks */
  const char *flag;     /* without its dashes; NULL: none */
  const char *argument; /* the flag's, as help shows it */
  enum setting_kind kind;
  char separator;    /* between a list's items in text; 0: a colon */
  bool not_in_files; /* has no place in conf files */
  bool is_secret;    /* its value never stands in a message */
  bool live;         /* a change takes effect with a new generation, not a new start */
  const char *help;
};

extern const struct setting setting_table[];
extern const size_t setting_count;

#define SETTING_ENV_PREFIX "CANDY_"

/* "CANDY_WORKER_SLOTS" for worker.slots; text has room for 64. */
const char *setting_env_name(const struct setting *setting, char text[64]);

/* NULL when there is no such setting. */
const struct setting *setting_by_name(const char *name);
const struct setting *setting_by_env(const char *name);
const struct setting *setting_by_flag(const char *name);

/* Whether some setting's name begins with `name` and a dot. */
bool setting_is_group(const char *name);

#endif
