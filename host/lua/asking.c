/* The weight of what is under way: see asking.h.
 *
 * A fiber may give up its wait and ask again. What its place has asked for weighs until
 * all of it has been answered. */
#include "lua/asking.h"

#include <string.h>

#define WEIGHT_MAX ((size_t)64 * 1024 * 1024)
#define MB         ((size_t)1024 * 1024)

/* About the largest answers. */
static const struct {
  const char *verb;
  size_t answer;
} large[] = {{"query", 8 * MB}, {"logs", 8 * MB}, {"kv", MB}, {"children", 2 * MB}};

static size_t weight_of(const char *verb, size_t len)
{
  for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
    if (strcmp(large[i].verb, verb) == 0)
      return large[i].answer + len;
  return len;
}

bool asking_may(const struct worker *w, const char *verb, size_t len)
{
  /* While a transaction is open nothing else is answered: its statements go first. */
  bool first = strncmp(verb, "tx_", 3) == 0 || w->asked == 0;
  return first || w->asked + weight_of(verb, len) <= WEIGHT_MAX;
}

static struct fiber_place *place_of(struct worker *w, uint32_t number)
{
  return &w->places[number & (FIBERS_MAX - 1)];
}

void asking_sent(struct worker *w, uint32_t number, const char *verb, size_t len)
{
  struct fiber_place *place = place_of(w, number);
  size_t weight = weight_of(verb, len);
  place->unanswered++;
  place->asked += weight;
  w->asked += weight;
  fiber_wake_asker(w);
}

void asking_answered(struct worker *w, uint32_t number)
{
  struct fiber_place *place = place_of(w, number);
  if (place->unanswered == 0 || --place->unanswered > 0)
    return;
  w->asked -= place->asked;
  place->asked = 0;
  fiber_wake_asker(w);
}
