/* Which programs jobs may run: the setting process.allow. A name in it is looked up in
 * the usual folders and nowhere else; a path is that program alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua/child.h"

static const char *const folders[] = {"/usr/local/bin", "/usr/bin", "/bin"};

static bool is_program(const char *path)
{
  struct stat info;
  if (stat(path, &info) < 0)
    return false;
  errno = EACCES;
  return S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

static bool is_allowed(const struct worker *w, const char *name)
{
  for (char **allowed = w->settings.process_allow; allowed && *allowed; allowed++)
    if (strcmp(*allowed, name) == 0)
      return true;
  return false;
}

static char *fail(const char *name, int error, struct err *err)
{
  if (error == EACCES)
    err_set(err, "program_not_executable",
            "the program \"%.200s\" is there, and this host may not execute it", name);
  else
    err_set(err, "program_not_found",
            "the program \"%.200s\" may run, and is not there: it is not %s", name,
            *name == '/' ? "at this path"
                         : "in /usr/local/bin, /usr/bin or /bin (process.allow takes "
                           "paths, too)");
  return NULL;
}

char *program_find(const struct worker *w, const char *name, struct err *err)
{
  int error = ENOENT;
  if (!is_allowed(w, name)) {
    err_set(err, "program_not_allowed",
            "the program \"%.200s\" may not run: add it to process.allow in "
            "conf/candy.lua: process = { allow = { \"%.200s\" } }",
            name, name);
    return NULL;
  }
  if (*name == '/')
    return is_program(name) ? mem_strdup(name) : fail(name, errno, err);
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    char *path = mem_printf("%s/%s", folders[i], name);
    if (is_program(path))
      return path;
    error = errno == EACCES ? EACCES : error;
    free(path);
  }
  return fail(name, error, err);
}
