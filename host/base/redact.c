/* Finding secrets in texts: see redact.h. Which names are telling is in redact_name.c,
 * how far a value goes in redact_value.c, values that are known are in redact_known.c.
 *
 * A text is gone through once. Only a few bytes make the scanner look closer: what can
 * stand between a name and its value, and what other secrets begin with. */
#include "base/redact.h"

#include <ctype.h>
#include <string.h>

#include "base/redact_.h"

#define NAME_LONGEST  64
#define BLANK_LONGEST 16   /* between a name and what separates it from its value */
#define USER_LONGEST  1024 /* of what stands before the host of a URL */
#define SCHEME_LEAST  8    /* characters of what follows Bearer or Basic */

static bool is_name(char c)
{
  return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == '$';
}

/* ---- what gives a secret away ---- */

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

/* Back over an index: the name of user[0] and user[] is user. */
static size_t before_index(struct text t, size_t end)
{
  size_t i = end;
  if (i == 0 || t.at[i - 1] != ']')
    return end;
  for (i--; i > 0 && isdigit((unsigned char)t.at[i - 1]); i--)
    ;
  return i > 0 && t.at[i - 1] == '[' ? i - 1 : end;
}

/* Back over blanks, quotes and brackets, as they are or percent-encoded. */
static size_t before_quotes(struct text t, size_t i)
{
  size_t end = i;
  while (end > 0 && i - end < BLANK_LONGEST && is_blank(t.at[end - 1]))
    end--;
  end = before_index(t, end);
  while (end > 0 && strchr("\"'\\]", t.at[end - 1]))
    end--;
  while (end > 2 && t.at[end - 3] == '%' &&
         (redact__starts(t, end - 3, "%22") || redact__starts(t, end - 3, "%5d")))
    end -= 3;
  return end;
}

/* The name that ends before i, with quotes and brackets around it. */
static enum redact_name name_before(struct text t, size_t i)
{
  size_t end = before_quotes(t, i), begin = end;
  while (begin > 0 && end - begin < NAME_LONGEST && is_name(t.at[begin - 1]))
    begin--;
  if (begin > 0 && t.at[begin - 1] == '%' && end - begin > 2)
    begin += 2; /* of what is percent-encoded */
  return begin < end ? redact__name(t.at + begin, end - begin) : REDACT_PLAIN;
}

/* name=value, "name": value, name => value. Behind the separator, of `width` bytes. */
static bool find_assigned(struct text t, size_t i, size_t width, struct cut *c)
{
  char next = redact__byte(t, i + width);
  if (next == '=' || (t.at[i] == ':' && (next == ':' || (i && t.at[i - 1] == ':'))))
    return false;
  size_t end = t.at[i] == '=' && i && t.at[i - 1] == ':' ? i - 1 : i; /* := */
  enum redact_name name = name_before(t, end);
  if (name == REDACT_PLAIN)
    return false;
  size_t value = redact__skip_space(t, i + width + (next == '>'));
  while (width == 3 && redact__starts(t, value, "%20"))
    value += 3;
  return redact__value(t, value, name, t.at[i] == ':' && is_blank(next), c);
}

/* <name>value< */
static bool find_element(struct text t, size_t i, struct cut *c)
{
  size_t begin = i;
  while (begin > 0 && i - begin < NAME_LONGEST && is_name(t.at[begin - 1]))
    begin--;
  if (begin == i || begin == 0 || !strchr("<:", t.at[begin - 1]))
    return false;
  enum redact_name name = redact__name(t.at + begin, i - begin);
  const char *end = memchr(t.at + i, '<', t.len - i);
  *c = (struct cut){i + 1, end ? (size_t)(end - t.at) : t.len};
  return name != REDACT_PLAIN && c->to > c->from;
}

/* --name value */
static bool find_flag(struct text t, size_t i, struct cut *c)
{
  size_t end = i;
  while (is_name(redact__byte(t, end)) && end - i < NAME_LONGEST)
    end++;
  if (redact__byte(t, end) != ' ')
    return false;
  enum redact_name name = redact__name(t.at + i, end - i);
  if (name == REDACT_PLAIN)
    return false;
  return redact__value(t, redact__skip_space(t, end), REDACT_SECRET, false, c);
}

static bool ends_url(char c)
{
  return !c || isspace((unsigned char)c) || strchr("\"'<>`", c);
}

/* scheme://user:password@host; i is where the user begins. A slash ends the host, but
 * people put slashes into passwords as well: then no port stands before it. */
static bool find_userinfo(struct text t, size_t i, struct cut *c)
{
  size_t at = 0, colon = 0;
  for (size_t n = i; !ends_url(redact__byte(t, n)) && n - i < USER_LONGEST; n++) {
    if (strchr("/?#", t.at[n]) &&
        (at || !colon || isdigit((unsigned char)redact__byte(t, colon + 1))))
      break;
    if (t.at[n] == ':' && !colon)
      colon = n;
    if (t.at[n] == '@')
      at = n;
  }
  *c = (struct cut){i, at};
  return at > i;
}

static bool is_random(const char *word, size_t len)
{
  bool digit = false, lower = false, mixed = false;
  for (size_t i = 0; i < len; i++) {
    digit = digit || isdigit((unsigned char)word[i]) || word[i] == '=';
    mixed = mixed || (lower && isupper((unsigned char)word[i]));
    lower = lower || islower((unsigned char)word[i]);
  }
  return len >= SCHEME_LEAST && (digit || mixed);
}

/* Bearer xyz, without a name before it. */
static bool find_scheme(struct text t, size_t i, struct cut *c)
{
  if ((i && is_name(t.at[i - 1])) ||
      !(redact__starts(t, i, "bearer ") || redact__starts(t, i, "basic ")))
    return false;
  c->from = redact__skip_space(t, redact__word_end(t, i));
  c->to = redact__word_end(t, c->from);
  return is_random(t.at + c->from, c->to - c->from);
}

/* -----BEGIN RSA PRIVATE KEY----- ... -----END */
static bool find_pem(struct text t, size_t i, struct cut *c)
{
  static const char key[] = "PRIVATE KEY-----", end[] = "-----END";
  if (!redact__starts(t, i, "-----BEGIN "))
    return false;
  size_t head = t.len - i < 64 ? t.len - i : 64;
  const char *from = memmem(t.at + i, head, key, sizeof key - 1);
  if (!from)
    return false;
  c->from = (size_t)(from - t.at) + sizeof key - 1;
  const char *to = memmem(t.at + c->from, t.len - c->from, end, sizeof end - 1);
  c->to = to ? (size_t)(to - t.at) : t.len;
  return c->to > c->from;
}

static bool find_dash(struct text t, size_t i, struct cut *c)
{
  if (redact__byte(t, i + 1) != '-' || (i && t.at[i - 1] == '-'))
    return false;
  return find_pem(t, i, c) || find_flag(t, i + 2, c);
}

static bool find_colon(struct text t, size_t i, struct cut *c)
{
  if (redact__starts(t, i, "://"))
    return find_userinfo(t, i + 3, c);
  if (redact__starts(t, i, ":\\/\\/"))
    return find_userinfo(t, i + 5, c);
  return find_assigned(t, i, 1, c);
}

static bool find_at(struct text t, size_t i, struct cut *c)
{
  switch (t.at[i]) {
  case ':':
    return find_colon(t, i, c);
  case '=':
    return find_assigned(t, i, 1, c);
  case '%':
    return (redact__starts(t, i, "%3d") || redact__starts(t, i, "%3a")) &&
           find_assigned(t, i, 3, c);
  case '>':
    return find_element(t, i, c);
  case '-':
    return find_dash(t, i, c);
  default:
    return find_scheme(t, i, c);
  }
}

static bool find_pattern(struct text t, size_t i, struct cut *c)
{
  static const bool looks[256] = {[':'] = true, ['='] = true, ['%'] = true, ['>'] = true,
                                  ['-'] = true, ['b'] = true, ['B'] = true};
  for (; i < t.len; i++)
    if (looks[(unsigned char)t.at[i]] && find_at(t, i, c))
      return true;
  return false;
}

static bool find_known(struct text t, size_t i, struct cut *c)
{
  c->from = i;
  return redact__find_known(t.at, t.len, &c->from, &c->to);
}

/* ---- texts ---- */

typedef bool finder(struct text t, size_t i, struct cut *c);

/* Writes the text with what is found replaced to `out`; false, and nothing written, when
 * nothing is. */
static bool hide(struct text t, finder *find, struct buf *out)
{
  struct cut c;
  size_t done = 0;
  while (find(t, done, &c)) {
    buf_append(out, t.at + done, c.from - done);
    buf_puts(out, REDACT_HIDDEN);
    done = c.to;
  }
  if (done)
    buf_append(out, t.at + done, t.len - done);
  return done > 0;
}

static void hide_in(struct buf *text, finder *find)
{
  struct buf out = {0};
  if (!hide((struct text){text->data, text->len}, find, &out))
    return;
  buf_fini(text);
  *text = out;
}

void redact_text(struct buf *text)
{
  if (!text->len)
    return;
  hide_in(text, find_known);
  hide_in(text, find_pattern);
}

bool redact__has_secret(struct text t)
{
  struct cut c;
  return find_known(t, 0, &c) || find_pattern(t, 0, &c);
}
