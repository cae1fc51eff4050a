/* libcurl, opened when the first request is made.
 *
 * Linked directly it and the thirty libraries behind it cost every worker 4 ms at its
 * start and 8 MB, also where no script ever makes a request.
 */
#ifndef CANDY_NET_CLIENT_LIBCURL_H
#define CANDY_NET_CLIENT_LIBCURL_H

#include <curl/curl.h>

#include "base/err.h"

#define LIBCURL_FUNCTIONS(X)                                                             \
  X(global_init)                                                                         \
  X(easy_init)                                                                           \
  X(easy_cleanup)                                                                        \
  X(easy_reset)                                                                          \
  X(easy_setopt)                                                                         \
  X(easy_getinfo)                                                                        \
  X(easy_pause)                                                                          \
  X(easy_strerror)                                                                       \
  X(multi_init)                                                                          \
  X(multi_cleanup)                                                                       \
  X(multi_setopt)                                                                        \
  X(multi_add_handle)                                                                    \
  X(multi_remove_handle)                                                                 \
  X(multi_socket_action)                                                                 \
  X(multi_assign)                                                                        \
  X(multi_info_read)                                                                     \
  X(slist_append)                                                                        \
  X(slist_free_all)                                                                      \
  X(url)                                                                                 \
  X(url_cleanup)                                                                         \
  X(url_set)                                                                             \
  X(url_get)                                                                             \
  X(url_strerror)                                                                        \
  X(free)

#define LIBCURL_MEMBER(name) __typeof__(curl_##name) *(name);

struct libcurl {
  LIBCURL_FUNCTIONS(LIBCURL_MEMBER)
};

extern struct libcurl libcurl;

/* Must have succeeded before anything in `libcurl` is called. Cheap after the first. */
int libcurl_open(struct err *err);

#endif
