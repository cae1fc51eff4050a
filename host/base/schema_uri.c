/* URI references after RFC 3986: resolving one against a base (section 5.2) and undoing
 * percent-encoding. Nothing is checked and nothing is normalised but dot segments. */
#include "base/schema_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct part {
  const char *text;
  size_t len;
  bool there;
};

struct uri {
  struct part scheme, authority, path, query, fragment;
};

static bool is_scheme(const char *text, size_t len)
{
  if (len == 0 || !isalpha((unsigned char)text[0]))
    return false;
  for (size_t i = 0; i < len; i++)
    if (!isalnum((unsigned char)text[i]) && !strchr("+-.", text[i]))
      return false;
  return true;
}

/* Takes what comes before any of `ends` from the front of *p. */
static struct part take(const char **p, const char *ends)
{
  struct part part = {*p, strcspn(*p, ends), true};
  *p += part.len;
  return part;
}

static struct uri split(const char *p)
{
  struct uri u = {0};
  size_t colon = strcspn(p, ":/?#");
  if (p[colon] == ':' && is_scheme(p, colon)) {
    u.scheme = (struct part){p, colon, true};
    p += colon + 1;
  }
  if (p[0] == '/' && p[1] == '/') {
    p += 2;
    u.authority = take(&p, "/?#");
  }
  u.path = take(&p, "?#");
  if (*p == '?') {
    p++;
    u.query = take(&p, "#");
  }
  if (*p == '#')
    u.fragment = (struct part){p + 1, strlen(p + 1), true};
  return u;
}

static void drop_segment(struct buf *b, size_t start)
{
  while (b->len > start && b->data[b->len - 1] != '/')
    b->len--;
  if (b->len > start)
    b->len--;
}

/* Section 5.2.4, a segment with its leading slash at a time. */
static void append_path(struct buf *b, const char *p)
{
  size_t start = b->len;
  while (*p) {
    size_t len = 1 + strcspn(p + 1, "/");
    bool last = p[len] == 0;
    bool up = len == 3 && memcmp(p, "/..", 3) == 0;
    if (up)
      drop_segment(b, start);
    if (up || (len == 2 && memcmp(p, "/.", 2) == 0))
      buf_puts(b, last ? "/" : "");
    else
      buf_append(b, p, len);
    p += len;
  }
}

static void append(struct buf *b, const char *before, struct part part, const char *after)
{
  if (!part.there)
    return;
  buf_puts(b, before);
  buf_append(b, part.text, part.len);
  buf_puts(b, after);
}

/* Section 5.2.3: the base's path up to its last slash, then the reference's. */
static char *merge(const struct uri *base, struct part path)
{
  struct buf b = {0};
  size_t keep = base->path.len;
  while (keep > 0 && base->path.text[keep - 1] != '/')
    keep--;
  if (keep == 0 && base->authority.there)
    buf_putc(&b, '/');
  buf_append(&b, base->path.text, keep);
  buf_append(&b, path.text, path.len);
  return buf_take(&b);
}

/* Fills what the reference leaves open; returns the path, the caller's. */
static char *fill(struct uri *to, const struct uri *base)
{
  if (to->scheme.there)
    return mem_copy(to->path.text, to->path.len);
  to->scheme = base->scheme;
  if (to->authority.there)
    return mem_copy(to->path.text, to->path.len);
  to->authority = base->authority;
  if (to->path.len == 0) {
    if (!to->query.there)
      to->query = base->query;
    return mem_copy(base->path.text, base->path.len);
  }
  if (to->path.text[0] == '/')
    return mem_copy(to->path.text, to->path.len);
  return merge(base, to->path);
}

char *schema__uri_resolve(const char *base, const char *ref)
{
  struct uri from = split(base), to = split(ref);
  struct buf b = {0};
  char *path = fill(&to, &from);
  append(&b, "", to.scheme, ":");
  append(&b, "//", to.authority, "");
  if (path[0] == '/')
    append_path(&b, path);
  else
    buf_puts(&b, path);
  append(&b, "?", to.query, "");
  append(&b, "#", to.fragment, "");
  free(path);
  return buf_take(&b);
}

static int hex(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)(c | 0x20); /* to lower case */
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *schema__uri_decode(const char *text)
{
  struct buf b = {0};
  for (const char *p = text; *p; p++) {
    int high = *p == '%' ? hex(p[1]) : -1;
    int low = high >= 0 ? hex(p[2]) : -1;
    if (low >= 0)
      p += 2;
    buf_putc(&b, low >= 0 ? (char)(high * 16 + low) : *p);
  }
  return buf_take(&b);
}
