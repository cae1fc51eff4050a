/* One request on the wire: the way to its host, the guard, and libcurl's options; see
 * client.h. What comes back is receive.c's. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/client/address.h"
#include "net/client/client_.h"

#define SET(option, value) libcurl.easy_setopt(t->easy, (option), (value))

/* ---- the way ---- */

static const struct sockaddr *literal(const char *host, struct sockaddr_storage *address)
{
  return address_parse(host, address) == 0 ? (const struct sockaddr *)address : NULL;
}

bool hop__uses_proxy(const struct transfer *t)
{
  const struct client *c = t->client;
  struct sockaddr_storage address;
  return c->proxy && !t->asked.direct && t->asked.guard != GUARD_ALL &&
         !host_list_has(c->no_proxy, t->url.host, t->url.port,
                        literal(t->url.host, &address));
}

static bool is_allowed(const struct transfer *t, const struct sockaddr *address)
{
  return host_list_has(t->client->private_allow, t->url.host, t->url.port, address);
}

static bool is_local_name(const char *host)
{
  static const char tail[] = ".localhost";
  size_t len = strlen(host), n = sizeof tail - 1;
  return strcmp(host, tail + 1) == 0 || (len > n && strcmp(host + len - n, tail) == 0);
}

/* A redirect on its way through the proxy, which resolves names where we cannot look:
 * what is plainly private is refused all the same. */
static int check_proxied(struct transfer *t)
{
  struct sockaddr_storage storage;
  const struct sockaddr *address = literal(t->url.host, &storage);
  bool is_private = address ? address_is_private(address) : is_local_name(t->url.host);
  if (!t->guarded || !is_private || is_allowed(t, address))
    return 0;
  t->refused = true;
  fault__set(t, CURLE_COULDNT_CONNECT);
  return -1;
}

/* The place where every connection is made: the guard. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose,
                                    struct curl_sockaddr *to)
{
  struct transfer *t = arg;
  (void)purpose;
  if (t->guarded && !hop__uses_proxy(t) && address_is_private(&to->addr) &&
      !is_allowed(t, &to->addr)) {
    t->refused = true;
    return CURL_SOCKET_BAD;
  }
  int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
  return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* RFC 9110, 9.2.2: what may be done twice without asking. */
static bool is_idempotent(const char *method)
{
  return strcmp(method, "POST") != 0 && strcmp(method, "PATCH") != 0;
}

/* libcurl asks again on a fresh connection when one that was kept is lost without a word,
 * though the server may have done the work. */
static int on_connected(void *arg, char *theirs, char *ours, int their_port, int our_port)
{
  struct transfer *t = arg;
  (void)theirs, (void)ours, (void)their_port, (void)our_port;
  if (t->connected_ns > 0 && !is_idempotent(t->asked.method))
    return CURL_PREREQFUNC_ABORT;
  t->connected_ns = t->active_ns = clock_mono_ns();
  t->state = TRANSFER_SENT;
  transfer__arm(t);
  return CURL_PREREQFUNC_OK;
}

/* ---- what is sent ---- */

static size_t on_read(char *bytes, size_t size, size_t count, void *arg)
{
  struct transfer *t = arg;
  size_t len = t->out.len - t->out_taken, room = size * count;
  t->active_ns = clock_mono_ns();
  if (len == 0 && t->out_ended)
    return 0;
  if (len == 0) {
    t->out_paused = true;
    return CURL_READFUNC_PAUSE;
  }
  len = len < room ? len : room;
  memcpy(bytes, t->out.data + t->out_taken, len);
  t->out_taken += len;
  t->sent += len;
  if (t->out_taken == t->out.len)
    t->out.len = t->out_taken = 0;
  t->wake(t->arg);
  return len;
}

static bool takes_body(const char *method)
{
  return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
         strcmp(method, "PATCH") == 0;
}

static void set_method(struct transfer *t)
{
  const struct asked_request *a = &t->asked;
  if (strcmp(a->method, "HEAD") == 0) {
    SET(CURLOPT_NOBODY, 1L);
    return;
  }
  if (a->body_streamed) {
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)a->body_size);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, t);
  } else if (a->has_body || takes_body(a->method)) {
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)a->body_len);
    SET(CURLOPT_POSTFIELDS, a->body ? a->body : "");
  }
  SET(CURLOPT_CUSTOMREQUEST, a->method);
}

static bool has_header(const struct asked_request *a, const char *start)
{
  for (const struct curl_slist *h = a->headers; h; h = h->next)
    if (strncasecmp(h->data, start, strlen(start)) == 0)
      return true;
  return false;
}

static void set_headers(struct transfer *t)
{
  const struct asked_request *a = &t->asked;
  SET(CURLOPT_HTTPHEADER, a->headers);
  if (!has_header(a, "user-agent:"))
    SET(CURLOPT_USERAGENT, "candy/" CANDY_VERSION);
  if (!has_header(a, "accept-encoding:"))
    SET(CURLOPT_ACCEPT_ENCODING, ""); /* all that libcurl can undo */
  if (a->user) {
    SET(CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    SET(CURLOPT_USERNAME, a->user);
    SET(CURLOPT_PASSWORD, a->password ? a->password : "");
  }
}

/* ---- the connection ---- */

static void set_proxy(struct transfer *t)
{
  SET(CURLOPT_PROXY, hop__uses_proxy(t) ? t->client->proxy : "");
  SET(CURLOPT_NOPROXY, ""); /* else libcurl looks into the environment */
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
}

static void set_tls(struct transfer *t)
{
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  if (t->client->ca_file)
    SET(CURLOPT_CAINFO, t->client->ca_file);
}

static void set_connection(struct transfer *t)
{
  SET(CURLOPT_URL, t->url.text);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_HTTP_VERSION,
      (long)(t->asked.streamed ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS));
  /* Worth it where the first connection may turn out to carry them all. */
  SET(CURLOPT_PIPEWAIT, t->url.tls && !t->asked.streamed ? 1L : 0L);
  SET(CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  SET(CURLOPT_OPENSOCKETDATA, t);
  SET(CURLOPT_PREREQFUNCTION, on_connected);
  SET(CURLOPT_PREREQDATA, t);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)t->asked.connect_ms);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_RESOLVE, t->resolved);
}

/* ---- start and end ---- */

static void add_resolved(struct transfer *t, const struct url *to, const char *addresses)
{
  char *entry = mem_printf("+%s:%u:%s", to->host, to->port, addresses);
  t->resolved = libcurl.slist_append(NULL, entry);
  free(entry);
}

static unsigned pool_of(const struct transfer *t)
{
  return (t->guarded && !hop__uses_proxy(t) ? POOL_GUARDED : 0U) |
         (t->asked.streamed ? POOL_STREAMED : 0U);
}

static void fail(struct transfer *t)
{
  transfer__fail(t, "http_unavailable",
                 "no request can be started: out of memory or files");
  transfer__end(t);
}

static void run(struct transfer *t)
{
  t->easy = pump__easy(t->client);
  if (!t->easy) {
    fail(t);
    return;
  }
  t->why[0] = 0;
  SET(CURLOPT_ERRORBUFFER, t->why);
  SET(CURLOPT_PRIVATE, t);
  set_connection(t);
  set_proxy(t);
  set_tls(t);
  set_method(t);
  set_headers(t);
  receive__set(t);
  if (pump__add(t, pool_of(t)) < 0)
    fail(t);
}

static const struct url *next_stop(const struct transfer *t)
{
  return hop__uses_proxy(t) ? &t->client->proxy_url : &t->url;
}

static void resolved(struct transfer *t, const char *addresses, const char *why)
{
  if (addresses) {
    add_resolved(t, next_stop(t), addresses);
    run(t);
    return;
  }
  transfer__fail(t, "dns_failed",
                 "the name %s has no address: %s; check the spelling, or this machine's "
                 "name server",
                 next_stop(t)->host, why);
  transfer__end(t);
}

static void on_resolved(struct lookup_wait *wait, const char *addresses, const char *why)
{
  struct transfer *t =
      (struct transfer *)(void *)((char *)wait - offsetof(struct transfer, lookup));
  resolved(t, addresses, why);
  pump__settle(t->client);
}

void hop__start(struct transfer *t)
{
  struct sockaddr_storage address;
  const char *known;
  receive__reset(t);
  t->hop_ns = t->active_ns = clock_mono_ns();
  t->connected_ns = 0;
  t->refused = t->in_paused = t->out_paused = false;
  t->state = TRANSFER_CONNECT;
  transfer__arm(t);
  if (hop__uses_proxy(t) && check_proxied(t) < 0) {
    transfer__end(t);
    return;
  }
  if (literal(next_stop(t)->host, &address)) {
    run(t);
    return;
  }
  t->lookup.done = on_resolved;
  known = resolver_ask(t->client->resolver, next_stop(t)->host, &t->lookup);
  if (known)
    resolved(t, known, NULL);
}

void hop__stop(struct transfer *t)
{
  resolver_forget(&t->lookup);
  pump__remove(t);
  receive__show(t);
  if (t->easy)
    pump__easy_drop(t->client, t->easy);
  t->easy = NULL;
  libcurl.slist_free_all(t->resolved);
  t->resolved = NULL;
}

void hop__done(struct transfer *t, CURLcode rc)
{
  bool skipped = t->redirecting && rc == CURLE_WRITE_ERROR && t->skipped > 0;
  bool follow = t->redirecting && (rc == CURLE_OK || skipped) && !t->failed;
  if (rc != CURLE_OK && !follow && !t->failed)
    fault__set(t, rc);
  else if (rc == CURLE_OK && !t->head_done)
    fault__no_head(t);
  hop__stop(t);
  if (follow)
    redirect__follow(t);
  else
    transfer__end(t);
}
