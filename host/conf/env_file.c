/* The .env parser: see env_file.h for what it is for and docs/reference/configuration.md
 * for the syntax. No variable is expanded and no value spans lines. */
#include "conf/env_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static char *skip_blanks(char *p)
{
  return p + strspn(p, " \t");
}

static bool is_name_byte(char c)
{
  return isalnum((unsigned char)c) || c == '_';
}

/* Cuts the name at `*at` off and moves behind its '='. Returns NULL for a bad one. */
static const char *take_name(char **at)
{
  char *name = *at;
  char *end = name;
  while (is_name_byte(*end))
    end++;
  char *equals = skip_blanks(end);
  if (end == name || isdigit((unsigned char)*name) || *equals != '=')
    return NULL;
  *end = 0;
  *at = skip_blanks(equals + 1);
  return name;
}

static char unescape(char c)
{
  static const char from[] = "nrt\"\\$", to[] = "\n\r\t\"\\$";
  const char *found = strchr(from, c);
  return c && found ? to[found - from] : 0;
}

/* What stands between the quote at `p` and its partner. Returns what follows it, or NULL
 * when it is never closed. Escapes count in double quotes; one that is unknown is kept.
 */
static char *take_quoted(char *p, struct buf *value)
{
  char quote = *p++;
  for (; *p && *p != quote; p++) {
    char plain = quote == '"' && *p == '\\' ? unescape(p[1]) : 0;
    buf_putc(value, plain ? plain : *p);
    if (plain)
      p++;
  }
  return *p ? p + 1 : NULL;
}

/* Up to a '#' that begins the value or follows a blank, without the blanks around. */
static void take_bare(const char *p, struct buf *value)
{
  const char *end = p;
  const char *last = p;
  for (; *end && !(*end == '#' && (end == p || isblank((unsigned char)end[-1]))); end++)
    if (!isblank((unsigned char)*end))
      last = end + 1;
  buf_append(value, p, (size_t)(last - p));
}

/* Returns NULL, or what is wrong with the line. */
static const char *parse_line(struct env_file *file, char *line, int number)
{
  char *at = skip_blanks(line);
  if (*at == 0 || *at == '#')
    return NULL;
  if (strncmp(at, "export", 6) == 0 && isblank((unsigned char)at[6]))
    at = skip_blanks(at + 6);
  const char *name = take_name(&at);
  if (!name)
    return "is not of the form NAME=value";

  const char *wrong = NULL;
  struct buf value = {0};
  buf_puts(&value, "");
  if (*at == '"' || *at == '\'') {
    char *rest = take_quoted(at, &value);
    rest = rest ? skip_blanks(rest) : NULL;
    if (!rest)
      wrong = "has a quote that is not closed on the same line";
    else if (*rest && *rest != '#')
      wrong = "has something behind its closing quote";
  } else {
    take_bare(at, &value);
  }
  if (!wrong)
    env_file_add(file, name, value.data, number);
  buf_fini(&value);
  return wrong;
}

static size_t chomp(char *line, size_t len)
{
  if (len && line[len - 1] == '\n')
    len--;
  if (len && line[len - 1] == '\r')
    len--;
  line[len] = 0;
  return len;
}

static int parse(struct env_file *file, FILE *in, const char *path, struct err *err)
{
  static const char bom[] = "\xEF\xBB\xBF";
  char *line = NULL;
  size_t cap = 0;
  ssize_t n;
  int status = 0;
  for (int number = 1; status == 0 && (n = getline(&line, &cap, in)) >= 0; number++) {
    size_t len = chomp(line, (size_t)n);
    size_t skip = number == 1 && strncmp(line, bom, 3) == 0 ? 3 : 0;
    const char *wrong =
        strlen(line) < len ? "holds a NUL byte" : parse_line(file, line + skip, number);
    if (wrong)
      status = err_set(err, "bad_conf", "%s:%d: the line %s", path, number, wrong);
  }
  if (status == 0 && ferror(in))
    status = err_set(err, "bad_conf", "%s: cannot read it: %s", path, strerror(errno));
  free(line);
  return status;
}

int env_file_read(struct env_file *file, const char *path, struct err *err)
{
  FILE *in = fopen(path, "re");
  if (!in && errno == ENOENT)
    return 0;
  if (!in)
    return err_set(err, "bad_conf", "%s: cannot open it: %s", path, strerror(errno));
  int status = parse(file, in, path, err);
  fclose(in);
  return status;
}

void env_file_add(struct env_file *file, const char *name, const char *value, int line)
{
  file->pairs = mem_grow(file->pairs, (file->n + 1) * sizeof *file->pairs);
  file->pairs[file->n++] = (struct env_pair){mem_strdup(name), mem_strdup(value), line};
}

const char *env_file_get(const struct env_file *file, const char *name)
{
  for (size_t i = file->n; i-- > 0;)
    if (strcmp(file->pairs[i].name, name) == 0)
      return file->pairs[i].value;
  return NULL;
}

void env_file_fini(struct env_file *file)
{
  for (size_t i = 0; i < file->n; i++) {
    free(file->pairs[i].name);
    free(file->pairs[i].value);
  }
  free(file->pairs);
  *file = (struct env_file){0};
}
