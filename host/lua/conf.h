/* `candy-worker conf NAME`: a configuration file (Lua, plain data) as JSON. */
#ifndef CANDY_LUA_CONF_H
#define CANDY_LUA_CONF_H

/* Reads the source on standard input; returns the exit code. */
int conf_main(const char *name);

#endif
