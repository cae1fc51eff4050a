/* The client's life: settings in, and out again when its last handle is closed; see
 * client.h. */
#include <stdlib.h>
#include <string.h>

#include "net/client/client_.h"

static int read_lists(struct client *c, const struct client_settings *s, struct err *err)
{
  c->no_proxy = host_list_new(s->no_proxy, s->no_proxy_count, err);
  if (!c->no_proxy)
    return err_wrap(err, "the setting outgoing.no_proxy");
  c->private_allow = host_list_new(s->private_allow, s->private_allow_count, err);
  if (!c->private_allow)
    return err_wrap(err, "the setting outgoing.private_allow");
  return 0;
}

static void release(struct client *c)
{
  host_list_free(&c->no_proxy);
  host_list_free(&c->private_allow);
  url_fini(&c->proxy_url);
  free(c->proxy);
  free(c->ca_file);
  free(c);
}

struct client *client_new(uv_loop_t *loop, const struct client_settings *settings,
                          struct err *err)
{
  struct client *c = mem_alloc(sizeof *c);
  c->loop = loop;
  c->proxy = mem_strdup(settings->proxy);
  c->ca_file = mem_strdup(settings->ca_file);
  if (read_lists(c, settings, err) < 0) {
    release(c);
    return NULL;
  }
  line__init(c);
  return c;
}

void client__closed(struct client *c)
{
  if (--c->handles == 0)
    release(c);
}

void client_free(struct client **client)
{
  struct client *c = *client;
  if (!c)
    return;
  *client = NULL;
  pump__fini(c);
  resolver_free(&c->resolver);
  line__fini(c);
}
