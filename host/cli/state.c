/* Colours of states: see state.h. */
#include "cli/state.h"

#include <stddef.h>
#include <string.h>

#define RED    "\033[31m"
#define GREEN  "\033[32m"
#define YELLOW "\033[33m"
#define CYAN   "\033[36m"

const char *state_colour(const char *state)
{
  static const struct {
    const char *state, *colour;
  } colours[] = {{"completed", GREEN}, {"running", CYAN},     {"retryable", YELLOW},
                 {"dead", RED},        {"cancelled", YELLOW}, {"failed", RED}};

  for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
    if (strcmp(colours[i].state, state) == 0)
      return colours[i].colour;
  return NULL;
}
