/* URLs of outgoing requests: read and checked once, and shown without their secrets. */
#ifndef CANDY_NET_CLIENT_URL_H
#define CANDY_NET_CLIENT_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct url {
  char *text;            /* without user, password and fragment; the host in ASCII */
  char *host;            /* lower case, without brackets */
  char *user, *password; /* decoded; NULL: none */
  uint16_t port;
  bool tls;
};

/* Reads a URL of http or https; one relative to base when that is given. libcurl must be
 * open. On -1 there is nothing to release. */
int url_parse(struct url *url, const struct url *base, const char *text, struct err *err);
void url_fini(struct url *url);

bool url_same_origin(const struct url *a, const struct url *b);

/* Appends the URL as messages and logs may have it: cut where it is long, without
 * userinfo, and without values that look like secrets. */
void url_show(const char *text, struct buf *out);

/* Whether what is called so (a header, a query parameter) is probably a secret. */
bool url_is_secret_name(const char *name, size_t len);

#endif
