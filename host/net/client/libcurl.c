/* libcurl, opened when the first request is made: see libcurl.h. */
#include "net/client/libcurl.h"

#include <dlfcn.h>
#include <stdbool.h>

#define NAME "libcurl.so.4"

struct libcurl libcurl;

#define PLACE(name) {"curl_" #name, (void **)&libcurl.name},

static const struct {
  const char *name;
  void **at;
} places[] = {LIBCURL_FUNCTIONS(PLACE)};

static int look_all_up(void *library, struct err *err)
{
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    *places[i].at = dlsym(library, places[i].name);
    if (!*places[i].at)
      return err_set(err, "http_unavailable", "%s has no %s: install Debian's libcurl4",
                     NAME, places[i].name);
  }
  return 0;
}

int libcurl_open(struct err *err)
{
  static bool ready;
  if (ready)
    return 0;
  void *library = dlopen(NAME, RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return err_set(err, "http_unavailable",
                   "%s, which makes HTTP requests, cannot be opened (%s): install "
                   "Debian's libcurl4",
                   NAME, dlerror());
  if (look_all_up(library, err) < 0)
    return -1;
  if (libcurl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return err_set(err, "http_unavailable", "%s cannot be initialised", NAME);
  ready = true;
  return 0;
}
