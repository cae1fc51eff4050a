/* What becomes of a job that ends: its DONE message. */
#ifndef CANDY_LUA_OUTCOME_H
#define CANDY_LUA_OUTCOME_H

#include "lua/slot.h"

/* The registry's name of the metatable of candy's own error values. */
#define OUTCOME_ERROR "candy.error"

/* The task returned the values from 1 to the top of L. Runs within the job's coroutine;
 * may raise, and the job goes on to outcome_raised. */
void outcome_returned(struct slot *s, lua_State *L);

/* The task failed with worker->failure. */
void outcome_raised(struct slot *s);

/* A failure that no other attempt can mend, with worker->failure. */
void outcome_permanent(struct slot *s);

/* The job never began here. Frees it. */
void outcome_skipped(struct worker *w, struct job *job);

/* What job:snooze or job:fan_out returns, and the task returns in turn: a light userdata.
 */
void outcome_push_snooze(lua_State *L);
void outcome_push_fan(lua_State *L);

#endif
