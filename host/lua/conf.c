/* Evaluates configuration files and writes them as JSON: see conf.h.
 *
 * A file runs without any library and with no globals at all, as text only, in a state of
 * its own with 64 MB of memory; all files together have 5 s of CPU time. What a file
 * returns must be plain data.
 */
#include "lua/conf.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lua/ljson.h"
#include "lua/memory.h"

#define MEMORY_MAX ((size_t)64 * 1024 * 1024)
#define SOURCE_MAX ((size_t)1024 * 1024)
#define PIECE      ((size_t)64 * 1024)
#define CPU_S      5

enum { FIRST_SOURCE = 3 };

static const char *volatile at_work; /* the name of the file, for the signal handler */

static void complain(const char *text)
{
  ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
  (void)ignored;
}

static void on_cpu_limit(int number)
{
  (void)number;
  complain(at_work);
  complain(": takes longer than 5 s to evaluate: is there a loop that does not end?\n");
  _exit(1);
}

static void limit_cpu(void)
{
  struct rlimit limit = {CPU_S, CPU_S + 1};
  signal(SIGXCPU, on_cpu_limit);
  setrlimit(RLIMIT_CPU, &limit);
}

static int read_source(struct buf *source, int fd, struct err *err)
{
  ssize_t n;
  do {
    buf_reserve(source, PIECE);
    n = read(fd, source->data + source->len, PIECE);
    source->len += n > 0 ? (size_t)n : 0;
  } while (n > 0 && source->len <= SOURCE_MAX);
  if (n < 0)
    return err_set(err, "bad_conf", "cannot be read: %s", strerror(errno));
  if (source->len > SOURCE_MAX)
    return err_set(err, "too_large", "is larger than 1 MB: configuration is plain data");
  return 0;
}

static const char *read_chunk(lua_State *L, void *arg, size_t *len)
{
  struct buf *rest = arg;
  (void)L;
  *len = rest->len;
  rest->len = 0;
  return rest->data;
}

struct evaluation {
  const char *name;
  struct buf *source, *out;
  struct err *err;
};

/* Lua's own messages open with NAME:LINE: already; all others need the name. */
static void fail(struct evaluation *e, const char *text)
{
  char *token;
  size_t n = strlen(e->name);
  if (strncmp(text, e->name, n) == 0 && text[n] == ':')
    err_set(e->err, "bad_conf", "%s", text);
  else
    err_set(e->err, "bad_conf", "%s: %s", e->name, text);
  token = strstr(e->err->text, " near '");
  if (token && strchr("\"'[", token[7])) /* a string: it may be a password */
    *token = 0;
}

static void fail_by_error(lua_State *L, struct evaluation *e)
{
  const char *text = lua_tostring(L, -1);
  fail(e, text ? text : "raised an error without a message");
}

static int run(lua_State *L)
{
  struct evaluation *e = lua_touserdata(L, 1);
  struct buf rest = *e->source;
  struct err problem;
  lua_pushfstring(L, "@%s", e->name);
  if (lua_loadx(L, read_chunk, &rest, lua_tostring(L, -1), "t") != 0)
    return lua_error(L);
  lua_newtable(L);
  lua_setfenv(L, -2);
  lua_call(L, 0, 1);
  if (lua_type(L, -1) != LUA_TTABLE)
    return luaL_error(L, "must return a table of settings, and returned %s",
                      lua_isnil(L, -1) ? "nothing" : luaL_typename(L, -1));
  if (ljson_write(L, -1, e->out, &problem) < 0)
    return luaL_error(L, "%s; a configuration is plain data", problem.text);
  return 0;
}

static int evaluate(struct evaluation *e)
{
  struct memory memory = {0};
  lua_State *L = memory_state(&memory, MEMORY_MAX, MEMORY_MAX);
  if (!L)
    return err_set(e->err, "out_of_memory", "%s: out of memory", e->name);
  int status = lua_cpcall(L, run, e);
  if (status == LUA_ERRMEM)
    fail(e, "needs more than 64 MB of memory");
  else if (status != 0)
    fail_by_error(L, e);
  lua_close(L);
  return status == 0 ? 0 : -1;
}

/* A token that the message quotes may span lines. */
static void join_lines(char *text)
{
  for (; *text; text++)
    if (*text == '\n')
      *text = ' ';
}

/* One line on standard output at once, which tells that this file is done. */
static int convert(const char *name, int fd, struct err *err)
{
  struct buf source = {0}, out = {0};
  struct evaluation e = {name, &source, &out, err};
  at_work = name;
  int status = read_source(&source, fd, err);
  if (status < 0)
    err_wrap(err, "%s", name);
  else
    status = evaluate(&e);
  if (status == 0) {
    printf("%s\n", out.data);
    fflush(stdout);
  }
  buf_fini(&source);
  buf_fini(&out);
  return status;
}

int conf_main(char *const *names, int n)
{
  struct err err;
  at_work = names[0];
  limit_cpu();
  for (int i = 0; i < n; i++) {
    if (convert(names[i], FIRST_SOURCE + i, &err) == 0)
      continue;
    join_lines(err.text);
    fprintf(stderr, "%s\n", err.text);
    return 1;
  }
  return 0;
}
