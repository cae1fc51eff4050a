/* Reading and checking of values: see value.h. The member of struct conf that a setting
 * stands for is reached by its offset alone. */
#include "conf/value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "conf/size.h"

#define SHOWN 40 /* bytes of a wrong value that a message repeats */

static void *member(struct conf *conf, size_t offset)
{
  return (char *)conf + offset;
}

static const void *look(const struct conf *conf, size_t offset)
{
  return (const char *)conf + offset;
}

/* ---- what is expected ---- */

static void expect_words(const struct setting *setting, struct buf *out)
{
  buf_puts(out, "one of ");
  for (const char *p = setting->words; *p; p++) {
    if (*p == ' ')
      buf_puts(out, ", ");
    else
      buf_putc(out, *p);
  }
}

static void expect_number(const struct setting *setting, struct buf *out)
{
  char from[32], to[32];
  if (setting->kind == SETTING_DURATION)
    buf_printf(out, "a duration from %s to %s, such as \"%s\"",
               duration_format(setting->least, from), duration_format(setting->most, to),
               setting->fallback);
  else if (setting->kind == SETTING_SIZE)
    buf_printf(out, "a size from %s to %s, such as \"%s\"",
               size_format(setting->least, from), size_format(setting->most, to),
               setting->fallback);
  else
    buf_printf(out, "%s%s%sa whole number from %" PRId64 " to %" PRId64,
               setting->words ? "\"" : "", setting->words ? setting->words : "",
               setting->words ? "\" or " : "", setting->least, setting->most);
}

void value_expects(const struct setting *setting, struct buf *out)
{
  static const char *const texts[] = {
      [SETTING_TEXT] = "a text that is not empty",
      [SETTING_NAME] = "a name of lower-case letters, digits, _ and -",
      [SETTING_ADDRESS] = "\"localhost\" or an IP address such as \"127.0.0.1\"",
      [SETTING_BOOL] = "true or false",
  };
  switch (setting->kind) {
  case SETTING_CHOICE:
    expect_words(setting, out);
    break;
  case SETTING_LIST:
    buf_printf(out, "a list such as { \"%s\" }", setting->words);
    break;
  case SETTING_COUNT:
  case SETTING_SIZE:
  case SETTING_DURATION:
    expect_number(setting, out);
    break;
  default:
    buf_puts(out, texts[setting->kind]);
  }
}

/* `got` is the value as it was written, in the quotes that belong to it. */
static int refuse(const struct setting *setting, const char *got, struct err *err)
{
  struct buf expected = {0};
  value_expects(setting, &expected);
  if (setting->is_secret)
    err_set(err, "bad_conf", "must be %s", expected.data);
  else
    err_set(err, "bad_conf", "must be %s, not %.*s%s", expected.data, SHOWN, got,
            strlen(got) > SHOWN ? "..." : "");
  buf_fini(&expected);
  return -1;
}

static int refuse_text(const struct setting *setting, const char *text, struct err *err)
{
  struct buf quoted = {0};
  buf_json_string(&quoted, text, strlen(text));
  refuse(setting, quoted.data, err);
  buf_fini(&quoted);
  return -1;
}

/* ---- checks ---- */

static bool is_name(const char *text)
{
  static const char first[] = "abcdefghijklmnopqrstuvwxyz";
  static const char later[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  return *text && strchr(first, *text) && text[strspn(text, later)] == 0;
}

static bool is_address(const char *text)
{
  unsigned char address[sizeof(struct in6_addr)];
  return strcmp(text, "localhost") == 0 || inet_pton(AF_INET, text, address) == 1 ||
         inet_pton(AF_INET6, text, address) == 1;
}

static bool is_one_of(const char *words, const char *text)
{
  size_t len = strlen(text);
  for (const char *p = words; len && (p = strstr(p, text)); p += len)
    if ((p == words || p[-1] == ' ') && (p[len] == ' ' || p[len] == 0))
      return true;
  return false;
}

static bool text_fits(const struct setting *setting, const char *text)
{
  switch (setting->kind) {
  case SETTING_NAME:
    return is_name(text);
  case SETTING_ADDRESS:
    return is_address(text);
  case SETTING_CHOICE:
    return is_one_of(setting->words, text);
  default:
    return *text != 0;
  }
}

/* ---- putting ---- */

static int put_text(struct conf *conf, const struct setting *setting, const char *text,
                    struct err *err)
{
  if (!text_fits(setting, text))
    return refuse_text(setting, text, err);
  char **at = member(conf, setting->offset);
  char *copy = mem_strdup(text);
  free(*at);
  *at = copy;
  return 0;
}

static bool number_fits(const struct setting *setting, int64_t n)
{
  return n >= setting->least && n <= setting->most;
}

static void put_number(struct conf *conf, const struct setting *setting, int64_t n)
{
  int64_t *at = member(conf, setting->offset);
  *at = n;
}

static bool is_word(const struct setting *setting, const char *text)
{
  return setting->words && strcmp(setting->words, text) == 0;
}

/* Digits alone: no sign, no blanks, nothing past 18 of them. */
static int64_t read_count(const char *text)
{
  size_t len = strspn(text, "0123456789");
  return len == 0 || len > 18 || text[len] ? -1 : strtoll(text, NULL, 10);
}

static int put_number_text(struct conf *conf, const struct setting *setting,
                           const char *text, struct err *err)
{
  if (setting->kind == SETTING_COUNT && is_word(setting, text)) {
    put_number(conf, setting, 0);
    return 0;
  }
  int64_t n = setting->kind == SETTING_DURATION ? duration_parse(text)
              : setting->kind == SETTING_SIZE   ? size_parse(text)
                                                : read_count(text);
  if (!number_fits(setting, n))
    return refuse_text(setting, text, err);
  put_number(conf, setting, n);
  return 0;
}

static int put_bool_text(struct conf *conf, const struct setting *setting,
                         const char *text, struct err *err)
{
  bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
  if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
    return refuse_text(setting, text, err);
  bool *at = member(conf, setting->offset);
  *at = yes;
  return 0;
}

int value_append(struct conf *conf, const struct setting *setting, const char *item,
                 struct err *err)
{
  if (!*item)
    return refuse_text(setting, item, err);
  char ***items = member(conf, setting->offset);
  size_t *n = member(conf, setting->count);
  *items = mem_grow(*items, (*n + 1) * sizeof **items);
  (*items)[(*n)++] = mem_strdup(item);
  return 0;
}

static int put_list_text(struct conf *conf, const struct setting *setting,
                         const char *text, struct err *err)
{
  const char separator[2] = {setting->separator ? setting->separator : ':', 0};
  char *copy = mem_strdup(text);
  char *rest = copy;
  char *item;
  int status = 0;
  value_clear(conf, setting);
  while (status == 0 && (item = strsep(&rest, separator)))
    status = value_append(conf, setting, item, err);
  free(copy);
  return status;
}

int value_from_text(struct conf *conf, const struct setting *setting, const char *text,
                    struct err *err)
{
  if (!*text)
    return err_set(err, "bad_conf", "is empty: give it a value or leave it out");
  switch (setting->kind) {
  case SETTING_COUNT:
  case SETTING_SIZE:
  case SETTING_DURATION:
    return put_number_text(conf, setting, text, err);
  case SETTING_BOOL:
    return put_bool_text(conf, setting, text, err);
  case SETTING_LIST:
    return put_list_text(conf, setting, text, err);
  default:
    return put_text(conf, setting, text, err);
  }
}

/* ---- JSON ---- */

static int refuse_json(const struct setting *setting, const json_t *value,
                       struct err *err)
{
  if (json_is_object(value) || json_is_array(value))
    return refuse(setting, "a table", err);
  char *text = jx_dump(value, NULL);
  refuse(setting, text, err);
  free(text);
  return -1;
}

/* A string of JSON may hold NULs, which no setting can. */
static const char *plain_text(const json_t *value)
{
  const char *text = json_string_value(value);
  return text && strlen(text) == json_string_length(value) ? text : NULL;
}

static int put_list_json(struct conf *conf, const struct setting *setting,
                         const json_t *value, struct err *err)
{
  bool none = json_is_object(value) && json_object_size(value) == 0; /* {} in Lua */
  size_t n = json_array_size(value);
  if ((!json_is_array(value) && !none) || (int64_t)n < setting->least)
    return refuse_json(setting, value, err);
  value_clear(conf, setting);
  for (size_t i = 0; i < n; i++) {
    const char *item = plain_text(json_array_get(value, i));
    if (!item)
      return refuse_json(setting, json_array_get(value, i), err);
    if (value_append(conf, setting, item, err) < 0)
      return -1;
  }
  return 0;
}

/* A conf file has types of its own: there, "3010" is no number and "true" no boolean. */
static bool takes_text(const struct setting *setting, const char *text)
{
  if (setting->kind == SETTING_COUNT)
    return is_word(setting, text);
  return setting->kind != SETTING_BOOL && *text;
}

int value_from_json(struct conf *conf, const struct setting *setting, const json_t *value,
                    struct err *err)
{
  if (setting->kind == SETTING_LIST)
    return put_list_json(conf, setting, value, err);
  const char *text = plain_text(value);
  if (text && takes_text(setting, text))
    return value_from_text(conf, setting, text, err);
  if (json_is_boolean(value) && setting->kind == SETTING_BOOL) {
    bool *at = member(conf, setting->offset);
    *at = json_is_true(value);
    return 0;
  }
  bool is_number = setting->kind == SETTING_COUNT || setting->kind == SETTING_SIZE;
  if (is_number && json_is_integer(value) &&
      number_fits(setting, json_integer_value(value))) {
    put_number(conf, setting, json_integer_value(value));
    return 0;
  }
  return refuse_json(setting, value, err);
}

void value_clear(struct conf *conf, const struct setting *setting)
{
  if (setting->kind == SETTING_LIST) {
    char ***items = member(conf, setting->offset);
    size_t *n = member(conf, setting->count);
    while (*n > 0)
      free((*items)[--*n]);
    free(*items);
    *items = NULL;
  } else if (setting->kind <= SETTING_CHOICE) {
    char **text = member(conf, setting->offset);
    free(*text);
    *text = NULL;
  }
}

/* ---- comparing ---- */

static bool same_text(const char *a, const char *b)
{
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(const struct conf *a, const struct conf *b,
                      const struct setting *setting)
{
  char *const *in_a = *(char **const *)look(a, setting->offset);
  char *const *in_b = *(char **const *)look(b, setting->offset);
  size_t n = *(const size_t *)look(a, setting->count);
  bool same = *(const size_t *)look(b, setting->count) == n;
  for (size_t i = 0; same && i < n; i++)
    same = strcmp(in_a[i], in_b[i]) == 0;
  return same;
}

bool value_same(const struct conf *a, const struct conf *b, const struct setting *setting)
{
  const void *in_a = look(a, setting->offset), *in_b = look(b, setting->offset);
  switch (setting->kind) {
  case SETTING_LIST:
    return same_list(a, b, setting);
  case SETTING_BOOL:
    return *(const bool *)in_a == *(const bool *)in_b;
  case SETTING_COUNT:
  case SETTING_SIZE:
  case SETTING_DURATION:
    return *(const int64_t *)in_a == *(const int64_t *)in_b;
  default:
    return same_text(*(char *const *)in_a, *(char *const *)in_b);
  }
}
