/* Finding secrets in texts and in JSON: see redact.h. Which names are telling is in
 * redact_name.c, values that are known are in redact_known.c.
 *
 * A text is gone through once. Only a few bytes make the scanner look closer: what can
 * stand between a name and its value, and what other secrets begin with. */
#include "base/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/redact_.h"

#define HIDDEN       "[redacted]"
#define NAME_LONGEST 64
#define USER_LONGEST 1024 /* of what stands before the host of a URL */
#define JSON_DEPTH   64
#define SCHEME_LEAST 8 /* characters of what follows Bearer or Basic */

struct text {
  const char *at;
  size_t len;
};

/* What is to be hidden: the bytes from..to. */
struct cut {
  size_t from, to;
};

static char byte(struct text t, size_t i)
{
  return i < t.len ? t.at[i] : 0;
}

static bool is_name(char c)
{
  return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == '$';
}

static bool starts(struct text t, size_t i, const char *word)
{
  size_t len = strlen(word);
  return i + len <= t.len && strncasecmp(t.at + i, word, len) == 0;
}

/* ---- where a value ends ---- */

static size_t skip_space(struct text t, size_t i)
{
  while (byte(t, i) == ' ' || byte(t, i) == '\t')
    i++;
  return i;
}

/* An escape of a line's end or of a quote, as JSON within a text has them, ends a value;
 * other backslashes belong to it. */
static bool ends_word(struct text t, size_t i)
{
  char c = byte(t, i);
  if (c == '\\')
    return byte(t, i + 1) && strchr("nrt\"'\\", byte(t, i + 1));
  return i >= t.len || isspace((unsigned char)c) || strchr(",;&\"'<>)]}|`", c);
}

static size_t word_end(struct text t, size_t i)
{
  while (!ends_word(t, i))
    i++;
  return i;
}

static size_t line_end(struct text t, size_t i)
{
  while (i < t.len && !strchr("\r\n\"'`", t.at[i]) &&
         !(t.at[i] == '\\' && ends_word(t, i)))
    i++;
  return i;
}

/* The quote that closes what one behind `escapes` backslashes has opened. */
static size_t quote_end(struct text t, size_t i, char quote, size_t escapes)
{
  size_t slashes = 0;
  for (; i < t.len; i++) {
    if (t.at[i] == '\\') {
      slashes++;
      continue;
    }
    if (t.at[i] == quote && (escapes ? slashes == escapes : slashes % 2 == 0))
      return i - (escapes ? escapes : 0);
    slashes = 0;
  }
  return t.len;
}

static size_t bracket_end(struct text t, size_t i)
{
  int depth = 0;
  for (; i < t.len; i++) {
    depth += t.at[i] == '{' || t.at[i] == '[';
    depth -= t.at[i] == '}' || t.at[i] == ']';
    if (depth == 0)
      return i + 1;
  }
  return t.len;
}

static bool is_scheme(struct text t, size_t i)
{
  static const char *const schemes[] = {"bearer ", "basic ", "token ", "digest ",
                                        "apikey "};
  for (size_t n = 0; n < sizeof schemes / sizeof schemes[0]; n++)
    if (starts(t, i, schemes[n]))
      return true;
  return false;
}

/* The value of a telling name, which begins at i. */
static struct cut value_at(struct text t, size_t i, enum redact_name name)
{
  size_t escapes = 0;
  while (byte(t, i + escapes) == '\\')
    escapes++;
  char first = byte(t, i + escapes);
  if (first == '"' || first == '\'') {
    i += escapes + 1;
    return (struct cut){i, quote_end(t, i, first, escapes)};
  }
  if (first == '{' || first == '[')
    return (struct cut){i, bracket_end(t, i)};
  if (name == REDACT_HEADER)
    return (struct cut){i, line_end(t, i)};
  size_t from = i;
  if (is_scheme(t, i))
    i = skip_space(t, word_end(t, i));
  return (struct cut){from, word_end(t, i)};
}

static bool is_number(const char *value, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (!strchr("0123456789.-+eE", value[i]))
      return false;
  return true;
}

static bool is_worth(struct text t, struct cut c, enum redact_name name)
{
  const char *value = t.at + c.from;
  size_t len = c.to - c.from;
  return !redact__says_nothing(value, len) &&
         !(name == REDACT_PLURAL && is_number(value, len));
}

/* ---- what gives a secret away ---- */

/* The name that ends before i, with quotes and brackets around it. */
static enum redact_name name_before(struct text t, size_t i)
{
  size_t end = i;
  while (end > 0 && i - end < 4 && t.at[end - 1] == ' ')
    end--;
  while (end > 0 && strchr("\"'\\]", t.at[end - 1]))
    end--;
  size_t begin = end;
  while (begin > 0 && end - begin < NAME_LONGEST && is_name(t.at[begin - 1]))
    begin--;
  return begin < end ? redact__name(t.at + begin, end - begin) : REDACT_PLAIN;
}

/* name=value, "name": value, name => value. Behind the separator, of `width` bytes. */
static bool find_assigned(struct text t, size_t i, size_t width, struct cut *c)
{
  char next = byte(t, i + width);
  if (next == '=' || (t.at[i] == ':' && (next == ':' || (i && t.at[i - 1] == ':'))))
    return false;
  enum redact_name name = name_before(t, i);
  if (name == REDACT_PLAIN)
    return false;
  *c = value_at(t, skip_space(t, i + width + (next == '>')), name);
  return is_worth(t, *c, name);
}

/* --name value */
static bool find_flag(struct text t, size_t i, struct cut *c)
{
  size_t end = i;
  while (is_name(byte(t, end)) && end - i < NAME_LONGEST)
    end++;
  if (byte(t, end) != ' ')
    return false;
  enum redact_name name = redact__name(t.at + i, end - i);
  if (name == REDACT_PLAIN)
    return false;
  *c = value_at(t, skip_space(t, end), REDACT_SECRET);
  return is_worth(t, *c, name);
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
  for (size_t n = i; !ends_url(byte(t, n)) && n - i < USER_LONGEST; n++) {
    if (strchr("/?#", t.at[n]) &&
        (at || !colon || isdigit((unsigned char)byte(t, colon + 1))))
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
  if ((i && is_name(t.at[i - 1])) || !(starts(t, i, "bearer ") || starts(t, i, "basic ")))
    return false;
  c->from = skip_space(t, word_end(t, i));
  c->to = word_end(t, c->from);
  return is_random(t.at + c->from, c->to - c->from);
}

/* -----BEGIN RSA PRIVATE KEY----- ... -----END */
static bool find_pem(struct text t, size_t i, struct cut *c)
{
  static const char key[] = "PRIVATE KEY-----", end[] = "-----END";
  if (!starts(t, i, "-----BEGIN "))
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
  if (byte(t, i + 1) != '-' || (i && t.at[i - 1] == '-'))
    return false;
  return find_pem(t, i, c) || find_flag(t, i + 2, c);
}

static bool find_colon(struct text t, size_t i, struct cut *c)
{
  if (starts(t, i, "://"))
    return find_userinfo(t, i + 3, c);
  if (starts(t, i, ":\\/\\/"))
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
    return starts(t, i, "%3d") && find_assigned(t, i, 3, c);
  case '-':
    return find_dash(t, i, c);
  default:
    return find_scheme(t, i, c);
  }
}

static bool find_pattern(struct text t, size_t i, struct cut *c)
{
  static const bool looks[256] = {
      [':'] = true, ['='] = true, ['%'] = true, ['-'] = true, ['b'] = true, ['B'] = true};
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
    buf_puts(out, HIDDEN);
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

/* ---- JSON ---- */

static bool has_secret(struct text t)
{
  struct cut c;
  return find_known(t, 0, &c) || find_pattern(t, 0, &c);
}

static json_t *redact_string(json_t *value)
{
  struct text t = {json_string_value(value), json_string_length(value)};
  struct buf b = {0};
  if (!has_secret(t))
    return value;
  buf_append(&b, t.at, t.len);
  redact_text(&b);
  json_decref(value);
  value = jx_string(b.data, b.len);
  buf_fini(&b);
  return value;
}

static bool hides(const char *name, const json_t *value)
{
  enum redact_name kind = redact__name(name, strlen(name));
  if (kind == REDACT_PLAIN || json_is_boolean(value) || json_is_null(value))
    return false;
  return kind != REDACT_PLURAL || !json_is_number(value);
}

static json_t *redact_array(json_t *array, int depth)
{
  for (size_t i = 0; i < json_array_size(array); i++) {
    json_t *value = json_array_get(array, i);
    if (json_is_object(value) || json_is_array(value) || json_is_string(value))
      json_array_set_new(array, i, redact_json(json_incref(value), depth - 1));
  }
  return array;
}

static void put_member(json_t *object, const char *name, json_t *value)
{
  struct buf b = {0};
  buf_puts(&b, name);
  redact_text(&b);
  json_object_set_new(object, b.data ? b.data : "", value);
  buf_fini(&b);
}

static bool has_telling_name(json_t *object)
{
  const char *name;
  json_t *value;
  json_object_foreach(object, name, value) {
    struct cut c;
    if (find_known((struct text){name, strlen(name)}, 0, &c))
      return true;
  }
  return false;
}

/* Names are rarely secrets themselves, but a table may be keyed by one. */
static json_t *rename_members(json_t *object)
{
  const char *name;
  json_t *value, *renamed;
  if (!has_telling_name(object))
    return object;
  renamed = json_object();
  json_object_foreach(object, name, value)
    put_member(renamed, name, json_incref(value));
  json_decref(object);
  return renamed;
}

static json_t *redact_object(json_t *object, int depth)
{
  for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
    json_t *value = json_object_iter_value(at);
    if (hides(json_object_iter_key(at), value))
      json_object_iter_set_new(object, at, json_string(HIDDEN));
    else if (json_is_object(value) || json_is_array(value) || json_is_string(value))
      json_object_iter_set_new(object, at, redact_json(json_incref(value), depth - 1));
  }
  return rename_members(object);
}

json_t *redact_json(json_t *value, int depth)
{
  bool nests = json_is_object(value) || json_is_array(value);
  if (nests && depth <= 0) {
    json_decref(value);
    return json_string("[nested too deep]");
  }
  if (json_is_object(value))
    return redact_object(value, depth);
  if (json_is_array(value))
    return redact_array(value, depth);
  return json_is_string(value) ? redact_string(value) : value;
}

char *redact_json_text(const char *json)
{
  struct text t = {json, strlen(json)};
  if (!has_secret(t))
    return NULL;
  struct buf b = {0};
  json_t *value = jx_parse(t.at, t.len, NULL);
  if (value) {
    value = redact_json(value, JSON_DEPTH);
    jx_append(&b, value);
  } else {
    buf_append(&b, t.at, t.len);
    redact_text(&b);
  }
  json_decref(value);
  return buf_take(&b);
}
