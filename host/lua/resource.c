/* The list of what a job holds open: see resource.h. */
#include "lua/resource.h"

#include "lua/slot.h"

void resource_open(struct resource *r, struct slot *s, void (*close)(struct resource *r))
{
  r->close = close;
  r->next = s->resources;
  r->at = &s->resources;
  if (r->next)
    r->next->at = &r->next;
  s->resources = r;
}

void resource_close(struct resource *r)
{
  if (!r->at)
    return;
  *r->at = r->next;
  if (r->next)
    r->next->at = r->at;
  r->at = NULL;
  r->next = NULL;
  r->close(r);
}

void resource_close_all(struct slot *s)
{
  while (s->resources)
    resource_close(s->resources);
}
