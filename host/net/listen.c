/* Listeners: sockets that are bound here and watched by uv_poll.
 *
 * libuv's own listeners are not used: they cannot bind a path that is longer than a
 * sockaddr_un, and when descriptors run out and its spare one is gone too, its accept
 * loop turns for ever. Here a listener that cannot accept rests until the next tick. */
#include "net/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 512
#define BATCH   64 /* accepted in a row, before others get their turn */

/* ---- accepting ---- */

static const char full[] = "HTTP/1.1 503 Service Unavailable\r\n"
                           "Content-Type: application/problem+json\r\n"
                           "Content-Length: 96\r\n"
                           "Retry-After: 1\r\n"
                           "Connection: close\r\n\r\n"
                           "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\","
                           "\"status\":503,\"code\":\"too_many_connections\"}\n";

/* The client may not have the time to read it, but never hangs. */
static void turn_away(int fd)
{
  send(fd, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  close(fd);
}

static void pause_listener(struct listener *l)
{
  uv_poll_stop(&l->poll);
  l->paused = true;
  server_watch(l->server);
}

static void admit(struct listener *l, int fd)
{
  struct http_server *server = l->server;
  if (server->conn_count >= server->limits.connections_max)
    turn_away(fd);
  else
    conn_open(server, fd, l->name != NULL);
}

static void accept_some(uv_poll_t *poll, int status, int events)
{
  (void)status, (void)events;
  struct listener *l = poll->data;
  for (int i = 0; i < BATCH && !l->paused; i++) {
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
      admit(l, fd);
    else if (errno == EAGAIN)
      return;
    else if (errno != ECONNABORTED && errno != EINTR)
      pause_listener(l);
  }
}

static void watch(struct listener *l)
{
  uv_poll_start(&l->poll, UV_READABLE, accept_some);
}

void listener_resume(struct listener *l)
{
  if (!l->paused || l->server->closing)
    return;
  l->paused = false;
  watch(l);
}

static void start(struct http_server *server, int fd, int folder, const char *name)
{
  struct listener *l = mem_alloc(sizeof *l);
  *l = (struct listener){.server = server,
                         .next = server->listeners,
                         .fd = fd,
                         .folder = folder,
                         .name = mem_strdup(name)};
  server_watch(server); /* its timer exists as long as any other handle */
  uv_poll_init(server->loop, &l->poll, fd);
  l->poll.data = l;
  server->listeners = l;
  server->handles++;
  watch(l);
}

static void closed(uv_handle_t *handle)
{
  struct listener *l = handle->data;
  server_release(l->server);
}

void listener_close(struct listener *l)
{
  if (l->name)
    unlinkat(l->folder, l->name, 0);
  uv_close((uv_handle_t *)&l->poll, closed); /* no longer watches the descriptor */
  close(l->fd);
  if (l->folder >= 0)
    close(l->folder);
}

/* ---- TCP ---- */

static int explain_bind(const char *address, int port, struct err *err)
{
  if (errno == EADDRINUSE)
    return err_set(err, "port_in_use",
                   "port %d on %s is in use by another program: stop that one, or choose "
                   "another port by --port or PORT (0 picks a free one)",
                   port, address);
  if (errno == EACCES)
    return err_set(err, "port_forbidden",
                   "port %d on %s may not be used by this user: choose one above 1023 by "
                   "--port or PORT (0 picks a free one)",
                   port, address);
  if (errno == EADDRNOTAVAIL)
    return err_set(err, "address_unavailable",
                   "this machine has no address %s: listen on one that it has, by "
                   "--listen (127.0.0.1 for itself alone, 0.0.0.0 for all)",
                   address);
  return err_set(err, "listen_failed", "cannot listen on port %d of %s: %s", port,
                 address, strerror(errno));
}

static int bind_tcp(int fd, const struct sockaddr_in6 *to)
{
  int on = 1;
  bool v4 = to->sin6_family == AF_INET;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (const struct sockaddr *)to, v4 ? sizeof(struct sockaddr_in) : sizeof *to))
    return -1;
  return listen(fd, BACKLOG);
}

static int parse_address(const char *address, int port, struct sockaddr_in6 *to)
{
  memset(to, 0, sizeof *to);
  if (uv_ip4_addr(address, port, (struct sockaddr_in *)to) == 0)
    return 0;
  return uv_ip6_addr(address, port, to);
}

static int port_of(int fd)
{
  struct sockaddr_in6 at = {0};
  socklen_t len = sizeof at;
  getsockname(fd, (struct sockaddr *)&at, &len); /* the port stands at the same place */
  return ntohs(at.sin6_port);
}

/* Returns a socket that listens, or -1. */
static int open_tcp(const char *address, int port, struct err *err)
{
  struct sockaddr_in6 to;
  if (port < 0 || port > 65535)
    return err_set(err, "bad_port", "%d is no port: give one from 0 to 65535", port);
  if (parse_address(address, port, &to) < 0)
    return err_set(err, "bad_address",
                   "\"%s\" is no address to listen on: give an IPv4 or IPv6 address, or "
                   "localhost",
                   address);
  int fd = socket(to.sin6_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && bind_tcp(fd, &to) == 0)
    return fd;
  explain_bind(address, port, err);
  if (fd >= 0)
    close(fd);
  return -1;
}

/* Clients try either address of "localhost" first, so both are taken; a machine without
 * IPv6 does with one, and so does a port that was picked here. Returns the second socket,
 * -1 when there is none, or -2 with err. */
static int open_second(int port, bool picked, struct err *err)
{
  int fd = open_tcp("::1", port, err);
  bool fatal = fd < 0 && !picked && strcmp(err->code, "port_in_use") == 0;
  return fatal ? -2 : fd;
}

int http_listen_tcp(struct http_server *server, const char *address, int port,
                    int *bound_port, struct err *err)
{
  bool both = strcmp(address, "localhost") == 0;
  int fd = open_tcp(both ? "127.0.0.1" : address, port, err);
  if (fd < 0)
    return -1;
  int bound = port_of(fd);
  int second = both ? open_second(bound, port == 0, err) : -1;
  if (second == -2) {
    close(fd);
    return -1;
  }
  start(server, fd, -1, NULL);
  if (second >= 0)
    start(server, second, -1, NULL);
  if (bound_port)
    *bound_port = bound;
  return 0;
}

/* ---- a Unix socket ---- */

/* Whether a program answers there. */
static bool is_alive(const struct sockaddr_un *at)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return false;
  int result = connect(fd, (const struct sockaddr *)at, sizeof *at);
  bool alive = result == 0 || errno == EAGAIN;
  close(fd);
  return alive;
}

/* Makes room for the socket when what stands in its place is a dead one. */
static int clear_place(int folder, const char *name, const struct sockaddr_un *at,
                       struct err *err)
{
  struct stat st;
  if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return 0;
  if (!S_ISSOCK(st.st_mode))
    return err_set(err, "not_a_socket",
                   "\"%s\" is in the way: it is no socket; move it away", name);
  if (is_alive(at))
    return err_set(err, "socket_in_use", "\"%s\" is in use by a running program", name);
  unlinkat(folder, name, 0);
  return 0;
}

/* The mode that a socket has when it is bound is that of its file, less the umask. */
static int bind_unix(const struct sockaddr_un *at, struct err *err)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && fchmod(fd, 0600) == 0 &&
      bind(fd, (const struct sockaddr *)at, sizeof *at) == 0 && listen(fd, BACKLOG) == 0)
    return fd;
  err_set(err, "listen_failed", "the socket cannot be made: %s", strerror(errno));
  if (fd >= 0)
    close(fd);
  return -1;
}

int http_listen_unix(struct http_server *server, const char *folder, const char *name,
                     struct err *err)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  int fd = -1;
  int dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) {
    err_set(err, "no_folder", "the folder cannot be opened: %s", strerror(errno));
    goto done;
  }
  int n = snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/%s", dir, name);
  if (n < 0 || (size_t)n >= sizeof at.sun_path) {
    err_set(err, "bad_name", "\"%s\" is too long for a socket's name", name);
    goto done;
  }
  if (clear_place(dir, name, &at, err) == 0)
    fd = bind_unix(&at, err);
done:
  if (fd >= 0) {
    start(server, fd, dir, name);
    return 0;
  }
  if (dir >= 0)
    close(dir);
  return err_wrap(err, "socket %s/%s", folder, name);
}
