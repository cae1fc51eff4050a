/* The tasks that the scripts declared: by name, with what is needed to run one. */
#ifndef CANDY_LUA_TASKS_H
#define CANDY_LUA_TASKS_H

#include <lua.h>
#include <stdint.h>

#include "base/err.h"
#include "base/schema.h"
#include "frame/wire.h"

struct tasks;

struct task {
  int64_t timeout_ms;
  int64_t heartbeat_ms;  /* 0: it may be silent */
  struct schema *schema; /* NULL: the payload is not checked */
};

struct tasks *tasks_new(void);
void tasks_free(struct tasks **tasks);

/* Adds a task whose function is at idx; takes its schema over. May raise. */
void tasks_add(struct tasks *tasks, lua_State *L, const char *name, int idx,
               const struct task *task);

/* Pushes the function of the task of that name and returns it, or pushes nothing and
 * returns NULL. May raise. */
const struct task *tasks_push(struct tasks *tasks, lua_State *L,
                              const struct wire_text *name);

/* Returns 0 when the payload fits. Else -1 with err: "payload_invalid", the text names
 * the fields by JSON Pointers. */
int task_check(const struct task *task, const struct wire_text *payload, struct err *err);

#endif
