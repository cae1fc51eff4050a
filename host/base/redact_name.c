/* Which names stand for secrets: see redact.h.
 *
 * A name is compared without case and without what separates its words, so that api_key,
 * API-Key and apiKey are one. Telling words count as a part of a name, too.
 */
#include <string.h>
#include <strings.h>

#include "base/redact_.h"

#define NAME_MAX_LEN 64

/* Where in a name a word counts. */
enum place {
  ANYWHERE,
  WORD, /* only where a word of the name begins: posSESSION is no session */
  LAST, /* and that is the last one: SMTP_PASS, but no passengers */
};

struct word {
  const char *text;
  enum place place;
  enum redact_name kind;
};

static const struct word words[] = {
    {"password", ANYWHERE, REDACT_SECRET},
    {"passwd", ANYWHERE, REDACT_SECRET},
    {"passphrase", ANYWHERE, REDACT_SECRET},
    {"passcode", ANYWHERE, REDACT_SECRET},
    {"passwort", ANYWHERE, REDACT_SECRET},
    {"kennwort", ANYWHERE, REDACT_SECRET},
    {"pwd", WORD, REDACT_SECRET},
    {"pass", LAST, REDACT_PLURAL}, /* a number counts tests */
    {"otp", LAST, REDACT_SECRET},
    {"jwt", LAST, REDACT_SECRET},
    {"secret", ANYWHERE, REDACT_SECRET},
    {"token", ANYWHERE, REDACT_TOKEN},
    {"apikey", ANYWHERE, REDACT_SECRET},
    {"privatekey", ANYWHERE, REDACT_SECRET},
    {"accesskey", ANYWHERE, REDACT_SECRET},
    {"signingkey", ANYWHERE, REDACT_SECRET},
    {"encryptionkey", ANYWHERE, REDACT_SECRET},
    {"masterkey", ANYWHERE, REDACT_SECRET},
    {"accountkey", ANYWHERE, REDACT_SECRET},
    {"amzsignature", ANYWHERE, REDACT_SECRET},
    {"sshkey", WORD, REDACT_SECRET},
    {"adminkey", ANYWHERE, REDACT_SECRET},
    {"credential", ANYWHERE, REDACT_TOKEN},
    {"session", WORD, REDACT_TOKEN},
    {"sessid", ANYWHERE, REDACT_TOKEN},
    {"bearer", WORD, REDACT_SECRET},
    {"cookie", ANYWHERE, REDACT_HEADER},
    {"authorization", ANYWHERE, REDACT_HEADER},
};

/* What follows a telling word in names that do not hold the secret itself. */
static const char *const harmless[] = {
    "count",     "counts",  "limit", "type",     "usage",   "total",     "length",
    "size",      "ttl",     "age",   "expiry",   "expires", "expiresin", "expiresat",
    "name",      "names",   "used",  "left",     "budget",  "enabled",   "required",
    "status",    "expired", "valid", "policy",   "izer",    "ise",       "ize",
    "ary",       "izers",   "store", "endpoint", "timeout", "changedat", "minlength",
    "maxlength", "manager"};

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
  if (strncmp(p->text + at, w->text, len) != 0 ||
      (w->place != ANYWHERE && !p->begins[at]))
    return REDACT_PLAIN;
  const char *rest = p->text + at + len;
  if (w->place == LAST)
    return *rest ? REDACT_PLAIN : w->kind;
  if (strcmp(rest, "s") == 0)
    return REDACT_PLURAL;
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
