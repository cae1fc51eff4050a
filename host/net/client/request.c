/* What was asked for: checked, copied, and changed by redirects; see client.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/client/client_.h"

#define HEADERS_MAX      200
#define HEADER_BYTES_MAX ((size_t)64 * 1024)

/* ---- checks ---- */

/* RFC 9110, 5.6.2 */
static bool is_token(const char *text, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f ||
        strchr("\"(),/:;<=>?@[\\]{}", text[i]))
      return false;
  return len > 0;
}

static bool is_value(const char *text)
{
  for (const unsigned char *p = (const unsigned char *)text; *p; p++)
    if ((*p < ' ' && *p != '\t') || *p == 0x7f)
      return false;
  return true;
}

/* What frames a message is the client's to say. */
static bool is_ours(const char *name)
{
  static const char *const names[] = {
      "connection", "content-length", "expect",         "keep-alive",       "te",
      "trailer",    "upgrade",        "http2-settings", "transfer-encoding"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcasecmp(name, names[i]) == 0)
      return true;
  return strncasecmp(name, "proxy-", 6) == 0;
}

static int check_method(const char *method, struct err *err)
{
  if (!is_token(method, strlen(method)) || strlen(method) > 15)
    return err_set(err, "bad_method", "\"%.40s\" is no method of HTTP", method);
  if (strcmp(method, "CONNECT") == 0 || strcmp(method, "TRACE") == 0)
    return err_set(err, "bad_method", "the method %s is not for requests like this one",
                   method);
  return 0;
}

static int check_header(const struct transfer_header *h, struct err *err)
{
  if (!is_token(h->name, strlen(h->name)))
    return err_set(err, "bad_header", "\"%.60s\" cannot be the name of a header",
                   h->name);
  if (is_ours(h->name))
    return err_set(err, "bad_header",
                   "the header %s is set by the client and cannot be given", h->name);
  if (!is_value(h->value))
    return err_set(err, "bad_header",
                   "the value of the header %s has a line end or another control "
                   "character in it",
                   h->name);
  return 0;
}

/* ---- headers ---- */

static void add_header(struct asked_request *a, const char *name, const char *value)
{
  /* libcurl takes "Name:" for the wish not to send it, "Name;" sends it empty. */
  value += strspn(value, " \t");
  char *line = *value ? mem_printf("%s: %s", name, value) : mem_printf("%s;", name);
  a->headers = libcurl.slist_append(a->headers, line);
  free(line);
}

static size_t name_length(const char *line)
{
  return strcspn(line, ":;");
}

static bool has_header(const struct asked_request *a, const char *name)
{
  for (const struct curl_slist *h = a->headers; h; h = h->next)
    if (name_length(h->data) == strlen(name) &&
        strncasecmp(h->data, name, strlen(name)) == 0)
      return true;
  return false;
}

static int read_headers(struct asked_request *a, const struct transfer_request *r,
                        struct err *err)
{
  size_t bytes = 0;
  for (size_t i = 0; i < r->header_count; i++) {
    const struct transfer_header *h = &r->headers[i];
    bytes += strlen(h->name) + strlen(h->value);
    if (check_header(h, err) < 0)
      return -1;
    if (i >= HEADERS_MAX || bytes > HEADER_BYTES_MAX)
      return err_set(err, "bad_header",
                     "the request has more than %d headers or 64 KB of them",
                     HEADERS_MAX);
    add_header(a, h->name, h->value);
  }
  return 0;
}

/* What libcurl would add unasked. */
static void refuse_defaults(struct asked_request *a)
{
  a->headers = libcurl.slist_append(a->headers, "Expect:");
  if (!has_header(a, "content-type"))
    a->headers = libcurl.slist_append(a->headers, "Content-Type:");
  if (!has_header(a, "accept"))
    add_header(a, "Accept", "*/*");
}

static int add_bearer(struct asked_request *a, const char *token, struct err *err)
{
  if (!token)
    return 0;
  if (!is_value(token) || !*token)
    return err_set(err, "bad_header",
                   "the bearer token is empty or has a line end or another control "
                   "character in it");
  char *value = mem_printf("Bearer %s", token);
  add_header(a, "Authorization", value);
  explicit_bzero(value, strlen(value));
  free(value);
  return 0;
}

/* ---- the face ---- */

int request__read(struct asked_request *a, const struct transfer_request *r,
                  struct err *err)
{
  *a = (struct asked_request){
      .body_streamed = r->body_streamed,
      .has_body = r->body_streamed || r->body,
      .streamed = r->streamed || r->body_streamed,
      .downgrade = r->downgrade,
      .direct = r->direct,
      .body_size = r->body_size,
      .timeout_ms = r->timeout_ms,
      .connect_ms = r->connect_ms,
      .first_byte_ms = r->first_byte_ms,
      .idle_ms = r->idle_ms,
      .bytes_max = r->bytes_max,
      .redirects = r->redirects,
      .guard = r->guard,
  };
  if (check_method(r->method, err) < 0 || read_headers(a, r, err) < 0 ||
      add_bearer(a, r->bearer, err) < 0) {
    request__fini(a);
    return -1;
  }
  snprintf(a->method, sizeof a->method, "%s", r->method);
  refuse_defaults(a);
  a->body = r->body;
  a->body_len = r->body_len;
  a->user = mem_strdup(r->user);
  a->password = mem_strdup(r->password);
  return 0;
}

void request__fini(struct asked_request *a)
{
  libcurl.slist_free_all(a->headers);
  free(a->user);
  free(a->password);
  a->headers = NULL;
  a->user = a->password = NULL;
}

/* Keeps the headers for which keep() holds. */
static void filter(struct asked_request *a, bool (*keep)(const char *name, size_t len))
{
  struct curl_slist *kept = NULL;
  for (const struct curl_slist *h = a->headers; h; h = h->next)
    if (keep(h->data, name_length(h->data)))
      kept = libcurl.slist_append(kept, h->data);
  libcurl.slist_free_all(a->headers);
  a->headers = kept;
}

static bool is_public(const char *name, size_t len)
{
  return !(len == 4 && strncasecmp(name, "host", 4) == 0) &&
         !url_is_secret_name(name, len);
}

void request__drop_secrets(struct asked_request *a)
{
  filter(a, is_public);
  free(a->user);
  free(a->password);
  a->user = a->password = NULL;
}

static bool is_not_of_body(const char *name, size_t len)
{
  return len < 8 || strncasecmp(name, "content-", 8) != 0;
}

void request__drop_body(struct asked_request *a)
{
  filter(a, is_not_of_body);
  a->headers = libcurl.slist_append(a->headers, "Content-Type:");
  a->has_body = a->body_streamed = false;
  a->body = NULL;
  a->body_len = 0;
}
