/* `candy-worker conf NAME...`: configuration files (Lua, plain data) as JSON. */
#ifndef CANDY_LUA_CONF_H
#define CANDY_LUA_CONF_H

/* The source of names[i] is on descriptor 3 + i. Writes a line for each on standard
 * output, or what is wrong with the first that fails on standard error; returns the exit
 * code. */
int conf_main(char *const *names, int n);

#endif
