/* Lists of hosts in settings: see host_list.h. */
#include "net/client/host_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/client/address.h"

struct item {
  char *name; /* NULL: a range */
  bool domain;
  uint16_t port; /* 0: any */
  struct address_range range;
};

struct host_list {
  size_t count;
  struct item items[];
};

void host_lower(char *name)
{
  for (char *p = name; *p; p++)
    if (*p >= 'A' && *p <= 'Z')
      *p = (char)(*p - 'A' + 'a');
}

static int fail(const char *text, struct err *err)
{
  return err_set(err, "bad_host",
                 "\"%.100s\" is no host: write a name, name:port, .domain, an address or "
                 "a range such as 10.0.0.0/8",
                 text);
}

/* Cuts ":port" off. */
static int split_port(char *name, uint16_t *port)
{
  char *colon = strrchr(name, ':'), *end;
  if (!colon)
    return 0;
  long value = strtol(colon + 1, &end, 10);
  if (end == colon + 1 || *end || value < 1 || value > 65535)
    return -1;
  *port = (uint16_t)value;
  *colon = 0;
  return 0;
}

/* "[::1]:80" without its brackets. */
static void unbracket(char *name)
{
  char *end = strchr(name, ']');
  if (*name != '[' || !end)
    return;
  *end = 0;
  memmove(name, name + 1, strlen(name));
}

static int read_item(struct item *item, const char *text, struct err *err)
{
  if (address_range_parse(text, &item->range) == 0)
    return 0;
  item->name = mem_strdup(text);
  host_lower(item->name);
  if (split_port(item->name, &item->port) < 0)
    return fail(text, err);
  unbracket(item->name);
  if (!*item->name || strpbrk(item->name, "/@ \t?#"))
    return fail(text, err);
  item->domain = *item->name == '.';
  return 0;
}

struct host_list *host_list_new(const char *const *items, size_t count, struct err *err)
{
  struct host_list *list = mem_alloc(sizeof *list + count * sizeof *list->items);
  list->count = count;
  for (size_t i = 0; i < count; i++) {
    if (read_item(&list->items[i], items[i], err) < 0) {
      host_list_free(&list);
      return NULL;
    }
  }
  return list;
}

void host_list_free(struct host_list **list)
{
  if (!*list)
    return;
  for (size_t i = 0; i < (*list)->count; i++)
    free((*list)->items[i].name);
  free(*list);
  *list = NULL;
}

static bool is_below(const char *host, const char *domain)
{
  size_t len = strlen(host), tail = strlen(domain);
  return strcmp(host, domain + 1) == 0 ||
         (len > tail && strcmp(host + len - tail, domain) == 0);
}

static bool fits(const struct item *item, const char *host, uint16_t port,
                 const struct sockaddr *address)
{
  if (!item->name)
    return address && address_in_range(address, &item->range);
  if (item->port && item->port != port)
    return false;
  if (item->domain)
    return is_below(host, item->name);
  return strcmp(item->name, "*") == 0 || strcmp(item->name, host) == 0;
}

bool host_list_has(const struct host_list *list, const char *host, uint16_t port,
                   const struct sockaddr *address)
{
  for (size_t i = 0; i < list->count; i++)
    if (fits(&list->items[i], host, port, address))
      return true;
  return false;
}
