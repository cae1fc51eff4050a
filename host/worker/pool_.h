/* The inside of the pool, shared by its files. */
#ifndef CANDY_WORKER_POOL_INSIDE_H
#define CANDY_WORKER_POOL_INSIDE_H

#include "base/trace.h"
#include "worker/pool.h"
#include "worker/process.h"

/* A job in the hands of a worker. Its place in worker.flights is its cell's number. */
struct flight {
  bool open, revoked;
  struct store_job job;      /* the numbers, type and trace; other strings are gone */
  char trace[TRACE_LEN + 1]; /* where that of the job is, when it was given one */
  const struct catalog_task *task;
  int depth;         /* of events: see queue/event.h */
  int64_t rested_ns; /* how long it waited while another job stood still */
};

enum worker_state {
  WORKER_DOWN,    /* no process; perhaps one is due to start */
  WORKER_LOADING, /* running the files' top level */
  WORKER_READY,
  WORKER_LEAVING, /* draining; gets nothing new */
};

/* A seat for a worker; processes come and go on it. There are twice as many seats as
 * workers: one that leaves keeps its seat until its last job has ended, while its
 * successor runs on another. */
struct worker {
  struct pool *pool;
  char name[32];
  enum worker_state state;
  struct process *process;
  unsigned incarnation; /* of the process: answers for an earlier one are dropped */
  uv_timer_t restart;
  int deaths; /* in a row, without a culprit */

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
  POOL_LOADING,  /* the first worker finds out what the files declare */
  POOL_APPLYING, /* tables and types go to the store */
  POOL_RUNNING,
  POOL_STOPPING,
};

struct pool {
  uv_loop_t *loop;
  struct pool_config config;
  struct queue *queue;
  enum pool_state state;

  struct sources sources;
  int bundle;
  json_t *excluded;   /* {path: {code, message}}: files that kill or were refused */
  json_t *manifest;   /* of the first worker */
  unsigned manifests; /* how many there were */
  bool reloading;     /* the first worker was killed to load again */
  uint32_t suspect;   /* 1 + the number of a file that a worker died in while loading */
  struct catalog *catalog;
  size_t schema_at; /* of the manifest's schemas, while they are applied */

  struct worker *seats;
  int n_seats;
  int64_t looked_ns;   /* when watch.c last looked */
  int64_t forgiven_ns; /* the end of the last time in which the host was stopped itself */
  uv_timer_t watch;
  uv_timer_t grace;
  uv_timer_t retry; /* a claim that failed */
  int handles;

  bool checking; /* the store, because a script asked for it: one at a time */
  bool claiming, maybe_ready, stopped;
  int64_t last_claim_ms, restarts;
};

/* pool.c */
void pool__log(struct pool *pool, enum pool_level level, json_t *fields, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));
/* INIT; `excluded` is {path: ...} of the files to leave out. */
void pool__send_init(struct process *process, const struct pool_config *config,
                     const char *worker, json_t *excluded);
void pool__restart_loading(struct pool *pool);
void pool__exclude(struct pool *pool, const char *path, const char *code,
                   const char *text);

/* worker.c: a seat and its process */
void worker__init(struct worker *worker, struct pool *pool, int number);
void worker__close(struct worker *worker, uv_close_cb closed);
void worker__start(struct worker *worker);
void worker__leave(struct worker *worker);

/* generation.c: from a manifest to a running pool */
void generation__manifest(struct worker *worker, const char *body, size_t len);

/* dispatch.c */
void dispatch__pump(struct pool *pool);
void dispatch__done(struct worker *worker, const char *body, size_t len);
void dispatch__close_flight(struct worker *worker, uint32_t cell);
void dispatch__end(struct worker *worker, uint32_t cell, struct queue_end *end);

/* watch.c */
void watch__start(struct pool *pool);
void watch__spoken_to(struct worker *worker);

/* blame.c */
void blame__gone(struct worker *worker, const char *how);

/* request.c */
void request__serve(struct worker *worker, const char *body, size_t len);

#endif
