/* URLs of outgoing requests: see url.h. */
#include "net/client/url.h"

#include <ctype.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/client/host_list.h"
#include "net/client/libcurl.h"

#define URL_MAX   ((size_t)64 * 1024)
#define HOST_MAX  1000 /* bytes of a name beyond ASCII, as it was written */
#define SHOWN_MAX 300  /* bytes of a URL in a message */
#define TOKEN_MIN 20   /* a part of a path as long as this may be a key */

/* ---- reading ---- */

static int fail(const char *text, const char *why, struct err *err)
{
  struct buf shown = {0};
  url_show(text, &shown);
  err_set(err, "bad_url",
          "%s is no URL that can be requested: %s; write it like https://host/path",
          shown.data, why);
  buf_fini(&shown);
  return -1;
}

/* A part as a string of our own, or NULL when the URL does not have it. */
static char *part(CURLU *handle, CURLUPart what, unsigned flags)
{
  char *text = NULL, *copy;
  if (libcurl.url_get(handle, what, &text, flags) != CURLUE_OK)
    return NULL;
  copy = mem_strdup(text);
  libcurl.free(text);
  return copy;
}

static bool is_ascii(const char *text)
{
  while (*text && (unsigned char)*text < 0x80)
    text++;
  return !*text;
}

/* The host as DNS has it. Names beyond ASCII go through a library that takes them in the
 * locale's encoding; ours are UTF-8, whatever the locale. */
static char *ascii_host(CURLU *handle)
{
  char *host = part(handle, CURLUPART_HOST, 0);
  if (!host || is_ascii(host))
    return host;
  if (strlen(host) > HOST_MAX) {
    free(host);
    return NULL;
  }
  locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
  free(host);
  host = part(handle, CURLUPART_HOST, CURLU_PUNYCODE);
  if (utf8) {
    uselocale(before);
    freelocale(utf8);
  }
  return host;
}

static char *plain_host(char *host)
{
  size_t len = strlen(host);
  host_lower(host);
  if (len > 1 && host[len - 1] == '.')
    host[--len] = 0; /* "host." is the same place */
  if (*host == '[' && host[len - 1] == ']') {
    host[len - 1] = 0;
    memmove(host, host + 1, len - 1);
  }
  return host;
}

static void set_host(CURLU *handle, const char *host)
{
  char *text = mem_printf(strchr(host, ':') ? "[%s]" : "%s", host);
  libcurl.url_set(handle, CURLUPART_HOST, text, 0);
  free(text);
}

static int read_place(struct url *url, CURLU *handle, const char *text, struct err *err)
{
  char *scheme = part(handle, CURLUPART_SCHEME, 0);
  char *host = ascii_host(handle);
  char *port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  int rc = -1;
  url->tls = scheme && strcmp(scheme, "https") == 0;
  if (!scheme || (!url->tls && strcmp(scheme, "http") != 0))
    fail(text, "it must begin with http:// or https://", err);
  else if (!host || !*host || !port || atoi(port) < 1)
    fail(text, "its host or port cannot be used", err);
  else
    rc = 0;
  if (rc == 0) {
    url->port = (uint16_t)atoi(port);
    url->host = plain_host(host);
    set_host(handle, url->host);
    host = NULL;
  }
  free(scheme);
  free(host);
  free(port);
  return rc;
}

static void take_user(struct url *url, CURLU *handle)
{
  url->user = part(handle, CURLUPART_USER, CURLU_URLDECODE);
  url->password = part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE);
  libcurl.url_set(handle, CURLUPART_USER, NULL, 0);
  libcurl.url_set(handle, CURLUPART_PASSWORD, NULL, 0);
  libcurl.url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
}

/* A number that stood in digits beyond ASCII, or before a dot, is known as an address
 * only when the URL is read again without them. */
static int read_again(struct url *url, CURLU *handle)
{
  char *text = part(handle, CURLUPART_URL, 0);
  if (text && libcurl.url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK)
    url->text = part(handle, CURLUPART_URL, 0);
  free(text);
  free(url->host);
  url->host = part(handle, CURLUPART_HOST, 0);
  if (!url->text || !url->host)
    return -1;
  plain_host(url->host);
  return 0;
}

static int read_url(struct url *url, CURLU *handle, const char *text, struct err *err)
{
  CURLUcode rc = libcurl.url_set(handle, CURLUPART_URL, text, 0);
  if (rc == CURLUE_UNSUPPORTED_SCHEME)
    return fail(text, "it must begin with http:// or https://", err);
  if (rc != CURLUE_OK)
    return fail(text, libcurl.url_strerror(rc), err);
  if (read_place(url, handle, text, err) < 0)
    return -1;
  take_user(url, handle);
  return read_again(url, handle) == 0 ? 0
                                      : fail(text, "its parts do not fit together", err);
}

int url_parse(struct url *url, const struct url *base, const char *text, struct err *err)
{
  CURLU *handle = libcurl.url();
  int rc = -1;
  *url = (struct url){0};
  if (strlen(text) > URL_MAX)
    fail(text, "it is longer than 64 KB", err);
  else if (!base && !strstr(text, "://"))
    fail(text, "it must begin with http:// or https://", err);
  else if (!base || libcurl.url_set(handle, CURLUPART_URL, base->text, 0) == CURLUE_OK)
    rc = read_url(url, handle, text, err);
  libcurl.url_cleanup(handle);
  if (rc < 0)
    url_fini(url);
  return rc;
}

void url_fini(struct url *url)
{
  free(url->text);
  free(url->host);
  free(url->user);
  free(url->password);
  *url = (struct url){0};
}

bool url_same_origin(const struct url *a, const struct url *b)
{
  return a->tls == b->tls && a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* ---- showing ---- */

bool url_is_secret_name(const char *name, size_t len)
{
  static const char *const words[] = {"auth",   "cookie", "credential", "key",   "passw",
                                      "secret", "sig",    "session",    "token", "pwd"};
  char text[64];
  size_t n = len < sizeof text - 1 ? len : sizeof text - 1;
  memcpy(text, name, n);
  text[n] = 0;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasestr(text, words[i]))
      return true;
  return false;
}

/* Keys stand in the paths of webhooks: long, with capitals and digits. */
static bool is_token(const char *text, size_t len)
{
  bool digit = false, capital = false;
  for (size_t i = 0; i < len; i++) {
    digit |= isdigit((unsigned char)text[i]) != 0;
    capital |= isupper((unsigned char)text[i]) != 0;
  }
  return len >= TOKEN_MIN && digit && capital;
}

static void show_bytes(const char *text, size_t len, struct buf *out)
{
  for (size_t i = 0; i < len; i++)
    buf_putc(out, (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i]);
}

static void show_path(const char *text, size_t len, struct buf *out)
{
  for (size_t at = 0; at < len;) {
    const char *slash = memchr(text + at, '/', len - at);
    size_t n = slash ? (size_t)(slash - text) - at : len - at;
    if (is_token(text + at, n))
      buf_puts(out, "***");
    else
      show_bytes(text + at, n, out);
    at += n;
    if (slash) {
      buf_putc(out, '/');
      at++;
    }
  }
}

/* One "name=value" of a query. */
static void show_pair(const char *text, size_t len, struct buf *out)
{
  const char *equals = memchr(text, '=', len);
  size_t name = equals ? (size_t)(equals - text) : len;
  show_bytes(text, name, out);
  if (!equals)
    return;
  buf_putc(out, '=');
  if (url_is_secret_name(text, name) || is_token(equals + 1, len - name - 1))
    buf_puts(out, "***");
  else
    show_bytes(equals + 1, len - name - 1, out);
}

static void show_query(const char *text, struct buf *out)
{
  while (*text) {
    size_t n = strcspn(text, "&#");
    show_pair(text, n, out);
    text += n;
    if (*text != '&')
      return;
    buf_putc(out, '&');
    text++;
  }
}

/* Where user and password end. They are cut off as well where they stand in the wrong
 * place: without a scheme before them, or torn apart by a slash in the password. */
static const char *after_user(const char *text, bool has_scheme)
{
  size_t place = strcspn(text, "/?#");
  const char *at = memrchr(text, '@', place), *port = memrchr(text, ':', place);
  bool torn = !has_scheme || (port && *text != '[' && !isdigit((unsigned char)port[1]));
  if (!at && torn)
    at = memrchr(text, '@', strcspn(text, "?#"));
  return at ? at + 1 : text;
}

void url_show(const char *text, struct buf *out)
{
  size_t before = out->len;
  const char *rest = strstr(text, "://");
  buf_puts(out, "");
  if (rest)
    show_bytes(text, (size_t)(rest + 3 - text), out);
  text = after_user(rest ? rest + 3 : text, rest != NULL);
  if (rest) {
    size_t place = strcspn(text, "/?#");
    show_bytes(text, place, out);
    text += place;
  }
  size_t path = strcspn(text, "?#");
  show_path(text, path, out);
  if (text[path] == '?') {
    buf_putc(out, '?');
    show_query(text + path + 1, out);
  }
  if (out->len - before > SHOWN_MAX) {
    out->len = before + SHOWN_MAX;
    buf_puts(out, "...");
  }
}
