/* Lists of hosts in settings: which private ones guarded requests may reach, and which
 * ones are reached without the proxy. */
#ifndef CANDY_NET_CLIENT_HOST_LIST_H
#define CANDY_NET_CLIENT_HOST_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

struct host_list;

/* Names of hosts are compared in lower case. */
void host_lower(char *name);

/* Items: "host", "host:port", ".domain" (it and all below it), "*", an address, or a
 * range such as "10.0.0.0/8". Never NULL unless an item cannot be read. */
struct host_list *host_list_new(const char *const *items, size_t count, struct err *err);
void host_list_free(struct host_list **list);

/* Whether an item fits: the name as the URL has it (lower case), or the address, which
 * may be NULL when it is not known. */
bool host_list_has(const struct host_list *list, const char *host, uint16_t port,
                   const struct sockaddr *address);

#endif
