/* How much of the host is asked for at a time: requests and the answers to be expected
 * lie in its memory and in the worker's, outside of Lua's. A request waits while too much
 * is under way; so a script that asks for everything at once gets it piece by piece. */
#ifndef CANDY_LUA_ASKING_H
#define CANDY_LUA_ASKING_H

#include "lua/fiber.h"

/* Whether a request with a body of that length may leave now. */
bool asking_may(const struct worker *w, const char *verb, size_t len);
/* It left, with that number. */
void asking_sent(struct worker *w, uint32_t number, const char *verb, size_t len);
/* An answer came, whether anybody still waits for it or not. */
void asking_answered(struct worker *w, uint32_t number);

#endif
