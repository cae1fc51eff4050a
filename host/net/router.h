/* Which handler a request goes to, by method and path.
 *
 * The table is tried from the top: the first route that fits wins, so "/tasks/stats"
 * stands before "/tasks/:id". Segments are compared decoded. What no route fits is
 * answered here: 404, or 405 with Allow; HEAD goes to the GET route; OPTIONS is answered
 * with Allow where no route of its own exists.
 */
#ifndef CANDY_NET_ROUTER_H
#define CANDY_NET_ROUTER_H

#include "net/http.h"

struct route {
  const char *method;
  const char *pattern; /* "/tasks/:id": a name stands for one segment that is not empty */
  http_handler handler;
};

struct router;

/* The table stays the caller's and must outlive the router; arg goes to each handler. */
struct router *router_new(const struct route *routes, size_t count, void *arg);
void router_free(struct router **router);

/* Is an http_handler; arg is the router. */
void router_handle(struct http_request *req, void *arg);

#endif
