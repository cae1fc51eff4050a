/* `candy test` and `candy lua-path`: specs of scripts, run by busted with candy.testing.
 *
 * That library is Lua that busted loads from files: they are written to the user's cache,
 * and again only when another program was here before. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/embed.h"

EMBED(testing_face, CANDY_SOURCE "/lib/candy/testing.lua");
EMBED(testing_failure, CANDY_SOURCE "/lib/candy/testing_failure.lua");
EMBED(testing_host, CANDY_SOURCE "/lib/candy/testing_host.lua");
EMBED(testing_http, CANDY_SOURCE "/lib/candy/testing_http.lua");
EMBED(testing_json, CANDY_SOURCE "/lib/candy/testing_json.lua");

static const struct file {
  const char *name, *start, *end;
} files[] = {
    {"testing.lua", testing_face_start, testing_face_end},
    {"testing_failure.lua", testing_failure_start, testing_failure_end},
    {"testing_host.lua", testing_host_start, testing_host_end},
    {"testing_http.lua", testing_http_start, testing_http_end},
    {"testing_json.lua", testing_json_start, testing_json_end},
};

/* ---- the files ---- */

static int make_folders(const char *path, struct err *err)
{
  char *part = mem_strdup(path);
  int status = 0;
  for (char *slash = strchr(part + 1, '/'); status == 0; slash = strchr(slash + 1, '/')) {
    if (slash)
      *slash = 0;
    if (mkdir(part, 0777) < 0 && errno != EEXIST)
      status = err_set(err, "no_cache", "cannot make the folder %s: %s", part,
                       strerror(errno));
    if (!slash)
      break;
    *slash = '/';
  }
  free(part);
  return status;
}

static bool is_there(const char *path, const struct file *file)
{
  size_t len = (size_t)(file->end - file->start);
  char *bytes = mem_alloc(len + 2);
  FILE *old = fopen(path, "re");
  size_t got = old ? fread(bytes, 1, len + 1, old) : 0;
  bool same = old && got == len && memcmp(bytes, file->start, len) == 0;
  if (old)
    fclose(old);
  free(bytes);
  return same;
}

/* Somebody else may read the file, or write it, at the same time. */
static int write_file(const char *folder, const struct file *file, struct err *err)
{
  size_t len = (size_t)(file->end - file->start);
  char *path = mem_printf("%s/%s", folder, file->name);
  char *fresh = mem_printf("%s.%d", path, (int)getpid());
  int status = 0;
  if (!is_there(path, file)) {
    FILE *out = fopen(fresh, "we");
    bool good = out && fwrite(file->start, 1, len, out) == len;
    if (out && fclose(out) != 0)
      good = false;
    if (!good || rename(fresh, path) < 0)
      status = err_set(err, "no_cache", "cannot write %s: %s", path, strerror(errno));
  }
  free(path);
  free(fresh);
  return status;
}

static char *cache_folder(struct err *err)
{
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (cache && cache[0] == '/')
    return mem_printf("%s/candy/%s", cache, CANDY_VERSION);
  if (home && home[0] == '/')
    return mem_printf("%s/.cache/candy/%s", home, CANDY_VERSION);
  err_set(err, "no_cache", "there is no place for Lua files: set HOME or XDG_CACHE_HOME");
  return NULL;
}

/* "FOLDER/?.lua", with the files there; the caller frees it. NULL with err. */
static char *library_path(struct err *err)
{
  char *folder = cache_folder(err);
  char *modules = folder ? mem_printf("%s/candy", folder) : NULL;
  char *path = NULL;
  int status = folder ? make_folders(modules, err) : -1;
  for (size_t i = 0; status == 0 && i < sizeof files / sizeof files[0]; i++)
    status = write_file(modules, &files[i], err);
  if (status == 0)
    path = mem_printf("%s/?.lua", folder);
  free(folder);
  free(modules);
  return path;
}

int cmd_lua_path(struct conf *conf, const struct cli_args *args)
{
  struct err err;
  char *path = library_path(&err);
  (void)conf, (void)args;
  if (!path)
    return cli_fail_err(CLI_FAILED, &err);
  puts(path);
  free(path);
  return CLI_OK;
}

/* ---- busted ---- */

/* The variable of a Lua's version counts before LUA_PATH does. ";;" is the default path,
 * which stays in force. */
static void set_path(const char *path)
{
  static const char *const names[] = {"LUA_PATH", "LUA_PATH_5_2", "LUA_PATH_5_3",
                                      "LUA_PATH_5_4"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *before = getenv(names[i]);
    if (i > 0 && !before)
      continue;
    char *all = mem_printf("%s;%s", path, before && *before ? before : ";");
    setenv(names[i], all, 1);
    free(all);
  }
}

static void set_program(void)
{
  char program[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  if (n <= 0)
    return;
  program[n] = 0;
  setenv("CANDY", program, 1);
}

static int run_busted(const struct cli_args *args)
{
  char **argv = mem_alloc((args->n_words + 2) * sizeof *argv);
  argv[0] = mem_strdup("busted");
  for (size_t i = 0; i < args->n_words; i++)
    argv[i + 1] = mem_strdup(args->words[i]);
  execvp("busted", argv);
  int error = errno;
  for (size_t i = 0; i <= args->n_words; i++)
    free(argv[i]);
  free(argv);
  if (error == ENOENT)
    return cli_fail(CLI_FAILED, "busted, which runs specs, is not installed: "
                                "apt-get install lua-busted");
  return cli_fail(CLI_FAILED, "cannot start busted: %s", strerror(error));
}

int cmd_test(struct conf *conf, const struct cli_args *args)
{
  struct err err;
  char *path = library_path(&err);
  (void)conf;
  if (!path)
    return cli_fail_err(CLI_FAILED, &err);
  set_path(path);
  set_program();
  free(path);
  return run_busted(args);
}
