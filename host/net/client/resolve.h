/* Names into addresses, without standing still for it.
 *
 * libcurl starts a thread a request; a burst of requests to one host would be as many
 * threads that all ask for the same. Here each name is asked for once, by at most
 * RESOLVE_THREADS threads, and its addresses are kept for RESOLVE_KEEP_MS. Whether an
 * address may be connected to is judged where it is (hop.c), not here.
 */
#ifndef CANDY_NET_CLIENT_RESOLVE_H
#define CANDY_NET_CLIENT_RESOLVE_H

#include <uv.h>

#define RESOLVE_THREADS 16
#define RESOLVE_KEEP_MS 30000
#define RESOLVE_NAMES   256 /* kept; more while they are waited for */

struct resolver;
struct lookup;

/* Embedded in who waits for a name; zeroed: it waits for none. */
struct lookup_wait {
  struct lookup *lookup;
  struct lookup_wait *next;
  /* addresses: "192.0.2.1,[2001:db8::1]", or NULL and why there are none */
  void (*done)(struct lookup_wait *wait, const char *addresses, const char *why);
};

struct resolver *resolver_new(uv_loop_t *loop);
/* Nobody may wait. The loop must turn once more. */
void resolver_free(struct resolver **resolver);

/* Returns the addresses when they are known, good until the loop turns; else NULL, and
 * wait->done is called later. */
const char *resolver_ask(struct resolver *r, const char *host, struct lookup_wait *wait);
void resolver_forget(struct lookup_wait *wait);

#endif
