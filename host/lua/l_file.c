/* core: files of the job's folder, for candy/file.lua.
 *
 * Each function starts something in a thread and returns its operation; the library waits
 * and asks file_result for what came of it. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lua/beneath.h"
#include "lua/core.h"
#include "lua/file.h"

#define OP     "candy.file_op"
#define HANDLE "candy.file"

/* ---- operations ---- */

static struct file_op *push_op(lua_State *L, struct folder *folder, struct file *file)
{
  struct file_op **at = lua_newuserdata(L, sizeof(struct file_op *));
  *at = NULL;
  luaL_getmetatable(L, OP);
  lua_setmetatable(L, -2);
  return *at = file_op_new(folder, file);
}

static int op_gc(lua_State *L)
{
  file_op_drop(luaL_checkudata(L, 1, OP));
  return 0;
}

/* Starts it; the fiber that runs waits. */
static int start(lua_State *L, struct file_op *op, int (*run)(struct file_op *op))
{
  file_op_start(op, run);
  gate_wait(&op->gate, worker_of(L)->fiber);
  return 1;
}

static struct folder *running_folder(lua_State *L, const char *what)
{
  return folder_of(core_waiting_fiber(L, what)->slot);
}

/* The name at idx, copied; slashes at its end say nothing. Raises when it is none. */
static char *check_name(lua_State *L, int idx, const char *what)
{
  size_t len;
  const char *name = luaL_checklstring(L, idx, &len);
  while (len > 1 && name[len - 1] == '/')
    len--;
  if (!beneath_is_name(name, len))
    core_misuse(L,
                "%s: a name is a path below the job's folder, such as \"in.csv\" or "
                "\"parts/1.csv\", without \"..\", not \"%.60s\"",
                what, name);
  return mem_copy(name, len);
}

static const struct {
  const char *name;
  int (*run)(struct file_op *op);
} by_name[] = {
    {"stat", file_run_stat},     {"list", file_run_list},   {"remove", file_run_remove},
    {"rename", file_run_rename}, {"mkdir", file_run_mkdir},
};

/* file_named(what, verb, name, other name or nil) -> operation */
static int file_named(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  const char *verb = luaL_checkstring(L, 2);
  struct folder *folder = running_folder(L, what);
  size_t i = 0;
  while (strcmp(by_name[i].name, verb) != 0)
    i++;
  struct file_op *op = push_op(L, folder, NULL);
  op->name = check_name(L, 3, what);
  if (!lua_isnoneornil(L, 4) && lua_type(L, 4) == LUA_TSTRING)
    op->to = check_name(L, 4, what);
  return start(L, op, by_name[i].run);
}

/* file_folder(what) -> path, operation after which it is there */
static int file_folder(lua_State *L)
{
  struct folder *folder = running_folder(L, luaL_checkstring(L, 1));
  lua_pushstring(L, folder->path);
  start(L, push_op(L, folder, NULL), file_run_nothing);
  return 2;
}

/* file_name(what, name) -> the name, when it is one */
static int file_name(lua_State *L)
{
  char *name = check_name(L, 2, luaL_checkstring(L, 1));
  lua_pushstring(L, name);
  free(name);
  return 1;
}

/* ---- handles ---- */

/* file_open(what, name, mode) -> operation | nil when too many are open */
static int file_open(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  const char *mode = luaL_checkstring(L, 3);
  struct folder *folder = running_folder(L, what);
  if (folder->files >= FILES_MAX)
    return 0;
  struct file_op *op = push_op(L, folder, NULL);
  op->name = check_name(L, 2, what);
  op->mode.reads = mode[0] == 'r';
  op->mode.writes = mode[0] != 'r' || mode[1] == '+';
  op->mode.appends = mode[0] == 'a';
  op->creates = mode[0] != 'r';
  op->truncates = mode[0] == 'w';
  return start(L, op, file_run_open);
}

/* The open file at 2, whose job must be the one that runs, and to which nothing is being
 * done. */
static struct file *check_file(lua_State *L, const char *what)
{
  struct file **at = luaL_checkudata(L, 2, HANDLE);
  struct slot *s = core_waiting_fiber(L, what)->slot;
  struct file *f = *at;
  if (!f || !f->resource.at) {
    core_misuse(L, "%s: the file is closed", what);
    return NULL;
  }
  if (f->folder->slot != s)
    core_misuse(L, "%s: the file is another job's", what);
  if (f->busy)
    core_misuse(L, "%s: the file is being read or written by another strand of the job",
                what);
  return f;
}

/* file_read(what, handle, n) -> operation */
static int file_read(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  struct file *f = check_file(L, what);
  lua_Number n = luaL_checknumber(L, 3);
  if (!f->reads)
    core_misuse(L, "%s: the file was opened for writing alone", what);
  struct file_op *op = push_op(L, f->folder, f);
  op->n = file_slice(op->worker, n);
  return start(L, op, file_run_read);
}

/* file_write(what, handle, bytes, from) -> operation, how many of them it writes */
static int file_write(lua_State *L)
{
  const char *what = luaL_checkstring(L, 1);
  struct file *f = check_file(L, what);
  size_t len, from = (size_t)luaL_checknumber(L, 4);
  const char *bytes = luaL_checklstring(L, 3, &len);
  if (!f->writes)
    core_misuse(L, "%s: the file was opened for reading alone", what);
  struct file_op *op = push_op(L, f->folder, f);
  len = file_slice(op->worker, (double)(len - from));
  buf_append(&op->bytes, bytes + from, len);
  start(L, op, file_run_write);
  lua_pushnumber(L, (lua_Number)len);
  return 2;
}

/* file_close(what, handle) -> operation | nil when it is closed already */
static int file_close_op(lua_State *L)
{
  struct file **at = luaL_checkudata(L, 2, HANDLE);
  if (!*at || !(*at)->resource.at)
    return 0;
  struct file *f = check_file(L, luaL_checkstring(L, 1));
  start(L, push_op(L, f->folder, f), file_run_close);
  file_close(f);
  return 1;
}

/* file_seek(what, handle, whence, offset) -> where it is then | nil when that is before
 * the beginning */
static int file_seek(lua_State *L)
{
  struct file *f = check_file(L, luaL_checkstring(L, 1));
  const char *whence = luaL_checkstring(L, 3);
  lua_Number from = 0;
  struct stat info;
  if (strcmp(whence, "cur") == 0)
    from = (lua_Number)f->at;
  else if (strcmp(whence, "end") == 0 && fstat(f->fd, &info) == 0)
    from = (lua_Number)info.st_size;
  lua_Number to = from + luaL_checknumber(L, 4);
  if (!(to >= 0 && to < 0x1p53))
    return 0;
  f->at = (int64_t)to;
  lua_pushnumber(L, to);
  return 1;
}

static int handle_gc(lua_State *L)
{
  file_free(luaL_checkudata(L, 1, HANDLE));
  return 0;
}

/* ---- results ---- */

static void push_handle(lua_State *L, struct file_op *op)
{
  struct file **at = lua_newuserdata(L, sizeof(struct file *));
  *at = NULL;
  luaL_getmetatable(L, HANDLE);
  lua_setmetatable(L, -2);
  *at = op->opened;
  op->opened = NULL;
}

static void push_stat(lua_State *L, const struct stat *info)
{
  const char *kind = S_ISREG(info->st_mode)   ? "file"
                     : S_ISDIR(info->st_mode) ? "folder"
                     : S_ISLNK(info->st_mode) ? "link"
                                              : "other";
  lua_createtable(L, 0, 3);
  lua_pushnumber(L, (lua_Number)info->st_size);
  lua_setfield(L, -2, "size");
  lua_pushnumber(L, (lua_Number)info->st_mtim.tv_sec * 1000 +
                        floor((lua_Number)info->st_mtim.tv_nsec / 1e6));
  lua_setfield(L, -2, "modified");
  lua_pushstring(L, kind);
  lua_setfield(L, -2, "kind");
}

static void push_names(lua_State *L, const struct file_op *op)
{
  const char *name = op->bytes.data;
  lua_createtable(L, (int)op->n, 0);
  for (size_t i = 1; i <= op->n; i++) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, (int)i);
    name += strlen(name) + 1;
  }
}

static void push_value(lua_State *L, struct file_op *op)
{
  if (op->run == file_run_open)
    push_handle(L, op);
  else if (op->run == file_run_read)
    lua_pushlstring(L, op->bytes.data, op->bytes.len);
  else if (op->run == file_run_stat)
    push_stat(L, &op->info);
  else if (op->run == file_run_list)
    push_names(L, op);
  else
    lua_pushboolean(L, 1);
}

static const struct {
  int number;
  const char *code, *text;
} errors[] = {
    {ENOENT, "not_found", "there is no such file or folder"},
    {EEXIST, "exists", "it is there already"},
    {ENOTEMPTY, "not_empty", "the folder is not empty"},
    {ENOTDIR, "not_a_folder", "a part of the path is no folder"},
    {EISDIR, "not_a_file", "it is a folder"},
    {ENOTSUP, "not_a_file", "it is no regular file"},
    {ENXIO, "not_a_file", "it is no regular file"},
    {ELOOP, "outside", "a part of the path is a symbolic link, and none is followed"},
    {EXDEV, "outside", "it leads out of the job's folder"},
    {ENOSPC, "disk_full", "the disk is full"},
    {EDQUOT, "disk_full", "the disk quota is used up"},
    {EFBIG, "too_large", "the file would be larger than a file may be"},
    {EOVERFLOW, "too_large", "the folder has more than 100000 entries"},
    {EACCES, "denied", "permission is denied"},
    {EMFILE, "too_many_files", "this worker has too many files open"},
};

static int push_failure(lua_State *L, const struct file_op *op)
{
  size_t i = 0;
  while (i < sizeof errors / sizeof errors[0] && errors[i].number != op->error)
    i++;
  bool known = i < sizeof errors / sizeof errors[0];
  lua_pushboolean(L, 0);
  if (op->over_limit) {
    lua_pushliteral(L, "folder_full");
    lua_pushfstring(L, "the files of a job may have %d MB (file.job_max)",
                    (int)(worker_of(L)->settings.file_job_max >> 20));
  } else {
    lua_pushstring(L, known ? errors[i].code : "io");
    lua_pushstring(L, known ? errors[i].text : strerror(op->error));
  }
  return 3;
}

/* file_result(operation) -> nil: not yet, the fiber waits on | true, value | false, code,
 * text */
static int file_result(lua_State *L)
{
  struct file_op **at = luaL_checkudata(L, 1, OP);
  struct file_op *op = *at;
  int results = 2;
  if (!op->done) {
    gate_wait(&op->gate, core_waiting_fiber(L, "candy.file"));
    return 0;
  }
  if (op->error) {
    results = push_failure(L, op);
  } else {
    lua_pushboolean(L, 1);
    push_value(L, op);
  }
  file_op_drop(at); /* its bytes are not what the collector goes by */
  return results;
}

static const luaL_Reg functions[] = {
    {"file_named", file_named},    {"file_folder", file_folder},
    {"file_name", file_name},      {"file_open", file_open},
    {"file_read", file_read},      {"file_write", file_write},
    {"file_close", file_close_op}, {"file_seek", file_seek},
    {"file_result", file_result},  {NULL, NULL},
};

static void new_type(lua_State *L, const char *name, lua_CFunction gc)
{
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

void core_file(lua_State *L)
{
  luaL_register(L, NULL, functions);
  new_type(L, OP, op_gc);
  new_type(L, HANDLE, handle_gc);
}
