/* Resources: what a job holds open outside of Lua's memory, such as a transfer, a file or
 * a child process. Each is in the list of its slot, so that it is closed when the job
 * ends, however that comes about.
 */
#ifndef CANDY_LUA_RESOURCE_H
#define CANDY_LUA_RESOURCE_H

struct slot;

/* Embedded in what a job opens. `close` is called once, after the resource has left the
 * list: it lets go of everything, and opens the gates (fiber.h), so that nobody waits for
 * what will never come. */
struct resource {
  struct resource *next, **at; /* at: NULL when it is closed */
  void (*close)(struct resource *r);
};

void resource_open(struct resource *r, struct slot *s, void (*close)(struct resource *r));
void resource_close(struct resource *r); /* nothing happens when it is closed */
void resource_close_all(struct slot *s);

#endif
