/* How a job's state looks on a terminal. */
#ifndef CANDY_CLI_STATE_H
#define CANDY_CLI_STATE_H

/* The escape sequence for a state's name, or NULL for one that needs none. */
const char *state_colour(const char *state);

#endif
