/* Levels of the log. */
#ifndef CANDY_LUA_L_LOG_H
#define CANDY_LUA_L_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

int log_level(const char *name); /* LOG_INFO for a name that is none */

#endif
