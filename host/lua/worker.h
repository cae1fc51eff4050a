/* The worker process as a whole: what its parts share.
 *
 * run.c       life: start, messages from the host, the end
 * turn.c      which job's Lua runs next, for how long
 * slot.c      one begun job: its time limit, its end
 * fiber.c     its coroutines, and what they wait for
 * asking.c    how much they ask the host for at a time
 * resource.c  what it holds open
 * entry.c     the one way into Lua
 * outcome.c   what becomes of a job that ends
 * failure.c   an error value in words
 * folder.c    its temporary folder; file.c: the files in it
 * child.c     the programs that it runs
 * tasks.c     the declared tasks, by name
 * scripts.c   the files of the bundle
 * library.c   the Lua library, carried inside the program
 * l_*.c       what the library is built on ("candy.core"), one subject a file
 */
#ifndef CANDY_LUA_WORKER_H
#define CANDY_LUA_WORKER_H

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>
#include <uv.h>

#include "base/buf.h"
#include "frame/bundle.h"
#include "frame/channel.h"
#include "frame/page.h"
#include "loop/orphans.h"
#include "lua/failure.h"
#include "lua/memory.h"

struct children;
struct client;
struct fiber;
struct slot;
struct tasks;

/* A job as it came; it waits in the worker's line until it begins. */
struct job {
  struct job *next;
  struct message_job m; /* its texts point into bytes */
  char bytes[];
};

struct settings { /* of INIT */
  char worker[32];
  uint32_t slots;
  size_t memory_max, result_max;
  int64_t timeout_ms; /* of tasks that say nothing */
  int log_level;      /* enum log_level */
  bool is_test;       /* time and the outside are the test's: lib/candy/http_stubs.lua */
  json_t *outgoing;   /* of HTTP requests; may be NULL */
  char *tmp;          /* the folder that jobs' folders are made below */
  int64_t file_job_max;
  char **process_allow; /* ends with NULL */
  int64_t process_memory;
  uint32_t process_max;
  char mark[64]; /* "NAME=value" in the environment of all that jobs run; or "" */
};

struct fiber_place {
  struct fiber *fiber; /* or NULL */
  uint32_t next_free;  /* 1 + the next place without a fiber; 0: none */
  uint16_t serial;     /* of the last request that was sent from here */
  uint32_t unanswered; /* requests from here */
  size_t asked;        /* their weight (asking.c) */
};

struct fiber_line {
  struct fiber *first, *last;
};

struct script {
  struct bundle_file file;
  bool excluded;
};

struct worker {
  struct memory memory; /* first: the allocator's argument leads to the worker */
  uv_loop_t loop;
  struct channel *channel;
  struct page *page;
  struct settings settings;
  struct script *scripts; /* in the bundle's order */
  size_t script_count;
  struct tasks *tasks;
  struct client *http; /* NULL until the first request */

  lua_State *L;
  int loading;  /* depth of files that are being run: there, nothing waits */
  int work_ref; /* the function that every slot's coroutine runs */
  bool replace_sent, draining, leaving;

  struct job *line, *line_end; /* jobs that have not begun */
  bool overdue;                /* the first of them begins, though fibers may go on */
  struct slot *slots;
  struct slot *free_slots;
  struct fiber_line ready;  /* may go on */
  struct fiber_line askers; /* wait until they may ask the host */
  uint32_t busy_slots;
  struct slot *running; /* whose Lua runs right now */
  struct fiber *fiber;  /* and in which of its fibers */
  struct slot *told;    /* whose error is being put into words */

  uint32_t for_channel; /* how many fibers wait until the channel has sent all */

  struct fiber_place *places;
  uint32_t place_count, free_place; /* free_place: 1 + the first one; 0: none */
  uint64_t last_fiber;

  struct children *children;
  struct orphans orphans;
  uint32_t last_folder;
  size_t asked;      /* weight of the requests that are under way (asking.c) */
  size_t file_bytes; /* that operations on files hold in memory */

  uv_idle_t again;  /* active while there is something to run */
  uv_check_t check; /* once a turn of the loop */
  int64_t now_ns;   /* monotonic, as of the last look */
  int64_t turn_end_ns;
  int64_t marked_ns;  /* when what runs now was marked on the page */
  int64_t stalled_ns; /* sum of all entries that took STALL_NS or longer */

  struct buf body, effects, message; /* scratch */
  struct failure failure;            /* scratch */
  uint64_t logs_dropped;
};

#define STALL_NS (100 * INT64_C(1000000))

static inline struct worker *worker_of(lua_State *L)
{
  return (struct worker *)memory_of(L);
}

/* ---- run.c ---- */

/* `candy-worker run HOSTPID`; returns the exit code. */
int run_main(const char *host_pid);

/* Ends the process because Lua's memory is spent; the page tells the host whose it was.
 */
void run_out_of_memory(void *worker) __attribute__((noreturn));

/* Ends the process because the host does not keep to the protocol. */
void run_end(struct worker *w, const char *why) __attribute__((noreturn));

/* Ends the loop as soon as everything has been sent. */
void run_leave(struct worker *w);

/* Ends the process because the Lua library itself raised w->failure: a defect. */
void run_broken(struct worker *w) __attribute__((noreturn));

/* ---- entry.c ---- */

/* Resumes co with the nargs values on its stack. Every way into Lua leads through here;
 * the page tells the host what runs and since when. Returns what lua_resume does. */
int entry(struct worker *w, lua_State *co, int nargs, enum page_busy busy,
          uint32_t current);

/* Changes what the page says while Lua runs: a coroutine goes on to another job, or a
 * file loads another. now_ns must be fresh. */
void entry_mark(struct worker *w, enum page_busy busy, uint32_t current);

/* Fills w->failure with the error that co ended with. */
void entry_describe(struct worker *w, lua_State *co, enum page_busy busy,
                    uint32_t current);

/* Fills w->failure: the memory cap was reached. */
void entry_describe_memory(struct worker *w);

/* Runs the function and nargs values at the top of L's stack in a coroutine of their own.
 * On 0 pushes `nresults` results; else fills w->failure and pushes nothing. */
int entry_call(struct worker *w, lua_State *L, int nargs, int nresults,
               enum page_busy busy, uint32_t current);

/* ---- turn.c ---- */

void turn_init(struct worker *w);
void turn_fini(struct worker *w);
void turn_add(struct worker *w, const char *body, size_t len); /* a JOB message */
void turn_wake(struct worker *w);
struct job *turn_take_job(struct worker *w); /* or NULL: nothing may begin now */
bool turn_begins(struct worker *w, const struct job *job); /* or it was taken back */
void turn_drain(struct worker *w);

/* ---- scripts.c ---- */

void scripts_map(struct worker *w, const char *bytes, size_t len);
void scripts_exclude(struct worker *w, const char *path);
int scripts_load(struct worker *w); /* runs them all and sends MANIFEST */

/* ---- library.c ---- */

void library_open(lua_State *L); /* the libraries of LuaJIT and candy.core */
/* Pushes the value of an internal module, such as "candy.work". May raise. */
void library_require(lua_State *L, const char *name);

#endif
