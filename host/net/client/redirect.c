/* From hop to hop: where a redirect leads, and what may go along; see client.h.
 *
 * RFC 9110, 15.4, as browsers do it: POST becomes GET by 301 and 302, everything but HEAD
 * by 303. What looks like a secret stays with the origin that it was meant for.
 */
#include <stdio.h>
#include <string.h>

#include "net/client/address.h"
#include "net/client/client_.h"

static bool becomes_get(const struct transfer *t)
{
  const char *method = t->asked.method;
  if (t->head.status == 303)
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
  return t->head.status < 303 && strcmp(method, "POST") == 0;
}

static int check_count(struct transfer *t)
{
  if (t->hops < t->asked.redirects)
    return 0;
  return transfer__fail(t, "too_many_redirects",
                        "more than %d redirects, perhaps in a circle",
                        t->asked.redirects);
}

static int check_body(struct transfer *t, bool get)
{
  if (get || !t->asked.body_streamed)
    return 0;
  return transfer__fail(t, "redirect_with_body",
                        "a redirect (%d) asks for the body again, which was a stream and "
                        "is gone: use the URL that it leads to",
                        t->head.status);
}

static int check_scheme(struct transfer *t, const struct url *url)
{
  if (url->tls || !t->url.tls || t->asked.downgrade)
    return 0;
  return transfer__fail(t, "insecure_redirect",
                        "a redirect leads from https to http, where everybody can "
                        "read along");
}

static int read_target(struct transfer *t, struct url *url)
{
  struct err err;
  if (url_parse(url, &t->url, t->location, &err) == 0)
    return 0;
  return transfer__fail(t, "bad_response", "a redirect leads nowhere: %s", err.text);
}

static bool is_first_place(const struct transfer *t, const struct url *url)
{
  return url->port == t->first_port && strcmp(url->host, t->first_host) == 0;
}

static void move(struct transfer *t, struct url *url, bool get)
{
  if (!url_same_origin(&t->url, url))
    request__drop_secrets(&t->asked);
  if (get) {
    request__drop_body(&t->asked);
    snprintf(t->asked.method, sizeof t->asked.method, "GET");
  }
  t->guarded = t->asked.guard == GUARD_ALL ||
               (t->asked.guard == GUARD_REDIRECTS && !is_first_place(t, url));
  url_fini(&t->url);
  t->url = *url;
  t->hops++;
}

void redirect__follow(struct transfer *t)
{
  struct url url = {0};
  struct err err;
  bool get = becomes_get(t);
  if (check_count(t) < 0 || check_body(t, get) < 0 || read_target(t, &url) < 0)
    goto fail;
  if (check_scheme(t, &url) < 0) {
    url_fini(&url);
    goto fail;
  }
  move(t, &url, get);
  line__leave(t);
  if (line__join(t, &err) == 0)
    return;
  transfer__fail(t, err.code, "%s", err.text);
fail:
  transfer__end(t);
}
