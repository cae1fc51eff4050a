/* Which names stand for secrets: see redact.h.
 *
 * A name is compared without case and without what separates its words, so that api_key,
 * API-Key and apiKey are one. Telling words count as a part of a name, too.
 */
#include <string.h>
#include <strings.h>

#include "base/redact_.h"

#define NAME_MAX_LEN 64

struct word {
  const char *text;
  bool whole; /* only where a word of the name begins: posSESSION is no session */
  enum redact_name kind;
};

static const struct word words[] = {
    {"password", false, REDACT_SECRET},
    {"passwd", false, REDACT_SECRET},
    {"passphrase", false, REDACT_SECRET},
    {"passcode", false, REDACT_SECRET},
    {"pwd", true, REDACT_SECRET},
    {"secret", false, REDACT_SECRET},
    {"token", false, REDACT_SECRET},
    {"apikey", false, REDACT_SECRET},
    {"privatekey", false, REDACT_SECRET},
    {"accesskey", false, REDACT_SECRET},
    {"signingkey", false, REDACT_SECRET},
    {"encryptionkey", false, REDACT_SECRET},
    {"masterkey", false, REDACT_SECRET},
    {"sshkey", true, REDACT_SECRET},
    {"adminkey", false, REDACT_SECRET},
    {"credential", false, REDACT_SECRET},
    {"session", true, REDACT_SECRET},
    {"sessid", false, REDACT_SECRET},
    {"bearer", true, REDACT_SECRET},
    {"cookie", false, REDACT_HEADER},
    {"authorization", false, REDACT_HEADER},
};

/* What follows a telling word in names that do not hold the secret itself. */
static const char *const harmless[] = {
    "count",  "counts", "limit",  "type",    "usage",     "total",     "length",  "size",
    "ttl",    "age",    "expiry", "expires", "expiresin", "expiresat", "name",    "names",
    "used",   "left",   "budget", "enabled", "required",  "status",    "expired", "valid",
    "policy", "izer",   "ise",    "ize",     "ary",       "izers",     "store"};

struct plain {
  char text[NAME_MAX_LEN + 1];
  bool begins[NAME_MAX_LEN + 1]; /* a word of the name begins there */
  size_t len;
};

static bool is_upper(char c)
{
  return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool begins_word(const char *name, size_t i)
{
  char before = i ? name[i - 1] : 0;
  return is_upper(name[i]) ? !is_upper(before) : !is_upper(before) && !is_lower(before);
}

/* Of a name that is too long the end, which tells more than its beginning. */
static void simplify(struct plain *p, const char *name, size_t len)
{
  p->len = 0;
  for (size_t i = len > NAME_MAX_LEN ? len - NAME_MAX_LEN : 0; i < len; i++) {
    char c = name[i];
    if (!is_upper(c) && !is_lower(c))
      continue;
    p->begins[p->len] = begins_word(name, i);
    p->text[p->len++] = is_upper(c) ? (char)(c - 'A' + 'a') : c;
  }
  p->text[p->len] = 0;
}

static bool is_harmless(const char *rest)
{
  for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
    if (strcmp(rest, harmless[i]) == 0)
      return true;
  return false;
}

static enum redact_name judge(const struct plain *p, size_t at, const struct word *w)
{
  size_t len = strlen(w->text);
  if (strncmp(p->text + at, w->text, len) != 0 || (w->whole && !p->begins[at]))
    return REDACT_PLAIN;
  const char *rest = p->text + at + len;
  if (strcmp(rest, "s") == 0)
    return w->kind == REDACT_HEADER ? REDACT_SECRET : REDACT_PLURAL;
  return is_harmless(rest) ? REDACT_PLAIN : w->kind;
}

enum redact_name redact__name(const char *name, size_t len)
{
  struct plain p;
  simplify(&p, name, len);
  for (size_t at = 0; at + 3 <= p.len; at++)
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
      if (words[i].text[0] != p.text[at])
        continue;
      enum redact_name kind = judge(&p, at, &words[i]);
      if (kind != REDACT_PLAIN)
        return kind;
    }
  return REDACT_PLAIN;
}

bool redact__says_nothing(const char *value, size_t len)
{
  static const char *const nothing[] = {"true", "false", "null", "nil",
                                        "none", "no",    "yes"};
  for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++)
    if (strlen(nothing[i]) == len && strncasecmp(value, nothing[i], len) == 0)
      return true;
  return len == 0;
}
