/* The inside of the pool, shared by its files. */
#ifndef CANDY_WORKER_POOL_INSIDE_H
#define CANDY_WORKER_POOL_INSIDE_H

#include "base/trace.h"
#include "worker/last_good.h"
#include "worker/pool.h"
#include "worker/process.h"

/* A job in the hands of a worker. Its place in worker.flights is its cell's number. */
struct flight {
  bool open, revoked;
  struct store_job job;      /* the numbers, type and trace; other strings are gone */
  char trace[TRACE_LEN + 1]; /* where that of the job is, when it was given one */
  const struct catalog_task *task;
  int depth;                       /* of events: see queue/event.h */
  int64_t rested_ns;               /* how long it waited while another job stood still */
  int64_t beat_ns, beat_rested_ns; /* the heartbeat seen last, and rested_ns then */
  int64_t told_ns;                 /* when it was told to end; 0: it was not */
  struct lock_holder *locks;       /* NULL: it never asked for one */
};

enum worker_state {
  WORKER_DOWN,    /* no process; perhaps one is due to start */
  WORKER_LOADING, /* running the files' top level */
  WORKER_WAITING, /* has loaded: its generation is not the current one yet */
  WORKER_READY,
  WORKER_LEAVING, /* draining; gets nothing new */
};

enum generation_state {
  GENERATION_LOADING,  /* its first worker finds out what the files declare */
  GENERATION_APPLYING, /* tables go to the store */
  GENERATION_STAFFING, /* its other workers load */
  GENERATION_NAMING,   /* its types go to the store: from here there is no way back */
  GENERATION_CURRENT,
  GENERATION_OLD,     /* finishes what it runs */
  GENERATION_ENDED,   /* what it runs is killed and goes back, uncounted */
  GENERATION_DROPPED, /* failed */
};

/* One state of the sources and the workers that run it. It lives as long as a worker or
 * an operation of it does: flights point into its catalog. */
struct generation {
  struct pool *pool;
  int number;
  enum generation_state state;
  int holders;
  bool lenient;     /* a file that fails is left out, and the others run */
  int64_t saved_ms; /* of a last good copy: when it was made; else 0 */

  struct sources sources;
  struct pool_settings settings;
  int bundle;
  json_t *known;      /* {path: error}: files that may fail, as they did before */
  json_t *excluded;   /* {path: {code, message}}: files that kill or were refused */
  json_t *faults;     /* [{file, line, code, message}]: why it can't be taken */
  bool not_its_fault; /* those are ours: the same sources may be taken later */
  json_t *manifest;   /* of the first worker */
  unsigned manifests; /* how many there were */
  uint32_t suspect;   /* 1 + the number of a file that a worker died in while loading */
  struct catalog *catalog;
  size_t schema_at; /* of the manifest's schemas, while they are applied */

  int64_t noticed_ns; /* when it was known that there is something to load */
  int64_t loaded_ms;  /* when it became the current one, since 1970 */
};

/* A seat for a worker; processes come and go on it. There are four times as many seats as
 * workers: one that leaves keeps its seat until its last job has ended, while its
 * successor runs on another, and so do those of two old generations. */
struct worker {
  struct pool *pool;
  char name[32];
  enum worker_state state;
  struct process *process;
  struct generation *generation; /* while there is a process */
  int number;                    /* of the generation that sat here last */
  bool dismissed;                /* its end is our wish: nobody is blamed for it */
  unsigned incarnation; /* of the process: answers for an earlier one are dropped */
  uv_timer_t restart;
  int deaths;    /* in a row, without a culprit */
  char how[128]; /* the last process ended */

  struct flight *flights; /* PAGE_CELLS */
  uint16_t *free_cells;   /* a stack */
  int n_free, n_open;

  int64_t window_ns; /* begin of the window in which `finished` is counted */
  int finished, backlog;

  /* The standing-still that is being watched: since when, until when seen. */
  int64_t still_since_ns, still_seen_ns;
  int64_t unheard_ns; /* since when it has been spoken to without turning its loop */
};

enum pool_state {
  POOL_NEW,
  POOL_STARTING, /* no generation has been taken yet */
  POOL_RUNNING,
  POOL_STOPPING,
};

#define POOL_OLD                                                                         \
  2 /* generations that may finish what they run beside the current one                  \
     */

struct pool {
  uv_loop_t *loop;
  struct pool_config config;
  struct queue *queue;
  enum pool_state state;

  int generations; /* how many there were */
  struct generation *current, *next;
  struct generation *old[POOL_OLD];
  struct sources offered;      /* what came while a generation was being loaded */
  struct sources failed;       /* what was dropped last: it would only fail again */
  struct pool_settings wanted; /* for what is loaded next */
  struct pool_settings failed_settings;
  struct last_good last_good; /* at the start, until it is known whether it is needed */
  json_t
      *problem; /* {generation, file, line, code, message}: why `failed` does not run */
  bool saving, save_again;

  struct store_watch cancels;
  struct worker *seats;
  int n_seats;
  int64_t looked_ns;   /* when watch.c last looked */
  int64_t forgiven_ns; /* the end of the last time in which the host was stopped itself */
  uv_timer_t watch;
  uv_timer_t grace;
  uv_timer_t retry; /* a claim that failed */
  uv_timer_t load;  /* what to load next, outside of the callbacks that led to it */
  int holders;      /* handles and work that must end before the pool is gone */

  bool checking; /* the store, because a script asked for it: one at a time */
  bool claiming, maybe_ready, stopped;
  int64_t last_claim_ms, restarts;
};

/* pool.c */
void pool__log(struct pool *pool, enum pool_level level, json_t *fields, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));
/* INIT; `excluded` is {path: ...} of the files to leave out. */
void pool__send_init(struct process *process, const struct pool_config *config,
                     const struct pool_settings *settings, const char *worker,
                     int generation, json_t *excluded);
void pool__release(struct pool *pool); /* one holder less */

/* settings.c: each copy is to be ended. */
void settings__copy(struct pool_settings *to, const struct pool_settings *from);
void settings__fini(struct pool_settings *settings);
bool settings__same(const struct pool_settings *a, const struct pool_settings *b);

/* worker.c: a seat and its process */
void worker__init(struct worker *worker, struct pool *pool, int number);
void worker__close(struct worker *worker, uv_close_cb closed);
void worker__start(struct worker *worker, struct generation *generation);
void worker__leave(struct worker *worker);
void worker__dismiss(struct worker *worker, const char *why);

/* staff.c: which generation gets how many seats */
void staff__fill(struct pool *pool);                        /* starts who is missing */
struct generation *staff__lacking(const struct pool *pool); /* who lacks a worker */
int staff__count(const struct generation *g, enum worker_state state);
void staff__retire(struct generation *generation); /* there is a newer one */
void staff__gone(struct pool *pool);               /* a process has ended */

/* generation.c: a generation's life, and what is wrong with it */
/* Takes over the sources. `like`: whose files may fail as they did in it, or NULL. */
struct generation *generation__new(struct pool *pool, struct sources *sources,
                                   const struct last_good *like, struct err *err);
void generation__hold(struct generation *generation);
void generation__let_go(struct generation **generation);
/* Whether this file may fail without keeping the others from running. */
bool generation__may_lack(const struct generation *generation, const char *path);
void generation__exclude(struct generation *generation, const char *path,
                         const char *code, const char *text);
/* The file (NULL: no single one) is why it can't be taken. error: {code, message}. */
void generation__add_fault(struct generation *generation, const char *path,
                           const json_t *error);
/* {path: error} of all files that it runs without; a new reference. */
json_t *generation__left_out(const struct generation *generation);

/* load.c: from sources to the current generation */
void load__begin(struct generation *generation);
void load__manifest(struct worker *worker, const char *body, size_t len);
/* A worker died while it ran the top level of the file with that number. */
void load__file_died(struct worker *worker, uint32_t number, const char *how);
void load__fail(struct generation *generation, const struct err *err);

/* reload.c: which sources are loaded, and what is told of it */
void reload__start(struct pool *pool);
void reload__choose(uv_timer_t *timer);
void reload__taken(struct generation *generation, const struct generation *before);
void reload__dropped(struct generation *generation);

/* dispatch.c */
void dispatch__pump(struct pool *pool);
void dispatch__done(struct worker *worker, const char *body, size_t len);
void dispatch__close_flight(struct worker *worker, uint32_t cell);
void dispatch__end(struct worker *worker, uint32_t cell, struct queue_end *end);

/* watch.c */
void watch__start(struct pool *pool);
void watch__spoken_to(struct worker *worker);
/* A job that has not begun goes back to the queue. Returns whether it did. */
bool watch__take_back(struct worker *worker, uint32_t cell);

/* cancel.c: listens to the store for jobs that are to end */
void cancel__start(struct pool *pool);

/* blame.c */
void blame__gone(struct worker *worker, const char *how);

/* request.c */
void request__serve(struct worker *worker, const char *body, size_t len);

#endif
