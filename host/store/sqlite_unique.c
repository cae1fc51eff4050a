/* Jobs that are the same to their task: which of them there is one of, and what becomes
 * of one more.
 *
 * candy_unique names the newest job of each hash. It is looked up where jobs are added,
 * in the order in which they come, so that nothing can come between the look and the row.
 * What has become of that job is read from where it is: the end of a job has no work
 * here, and its row stays until the job is forgotten.
 */
#include "store/sqlite.h"

struct same {
  int64_t id, former; /* 0: none */
};

struct known { /* what is asked of a job that was there before */
  int64_t id;
  enum store_state state;
  int64_t created_at;
};

static int read_same(struct sqlite_writer *w, const struct store_unique *u,
                     struct same *same, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_UNIQUE_GET, ARGS(arg_blob(u->hash, sizeof u->hash)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  *same = (struct same){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)};
  sqlite__stop(s);
  return 1;
}

/* Returns 0 when the job was forgotten. */
static int read_known(struct sqlite_writer *w, int64_t id, struct known *known,
                      struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_UNIQUE_JOB, ARGS(arg_int(id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  *known = (struct known){id, (enum store_state)sqlite3_column_int(s, 0),
                          sqlite3_column_int64(s, 1)};
  sqlite__stop(s);
  return 1;
}

static bool is_finished(enum store_state state)
{
  return state == STORE_COMPLETED || state == STORE_CANCELLED || state == STORE_DEAD;
}

/* ---- each way; they return 1 when the new job is to be added, 0 when not, or -1 ---- */

static int keep(struct sqlite_writer *w, struct store_new *job, struct same *same,
                struct err *err)
{
  const struct store_unique *u = job->unique;
  struct known known;
  int rc = read_known(w, same->id, &known, err);
  if (rc < 0)
    return -1;
  bool counts = rc > 0 && u->states & 1u << known.state &&
                (u->window_ms == 0 || known.created_at > w->now - u->window_ms);
  if (!counts)
    return 1;
  job->id = known.id;
  return 0;
}

/* When one that waits since created_at is to run, now that there is a newer one. */
static int64_t wait_until(const struct sqlite_writer *w, const struct store_unique *u,
                          int64_t created_at)
{
  int64_t run_at = w->now + u->wait_ms, last = created_at + u->max_wait_ms;
  return u->max_wait_ms && last < run_at ? last : run_at;
}

/* One that came due and has no time left keeps its place. */
static int put_back(struct sqlite_writer *w, const struct sqlite_waiting *job,
                    int64_t run_at, struct err *err)
{
  struct sqlite_place p = job->place;
  if (job->state == STORE_AVAILABLE && run_at <= w->now)
    return sqlite__add_ready(w, &p, err);
  if (job->state == STORE_AVAILABLE && sqlite__leave_line(w, &p, err) < 0)
    return -1;
  if (p.lease == 0)
    p.seq = 0; /* its place is that of the moment when it comes due */
  return sqlite__add_scheduled(w, &p, STORE_SCHEDULED, run_at, err);
}

static int take_over(struct sqlite_writer *w, const struct store_new *job, int64_t id,
                     int64_t run_at, struct err *err)
{
  return sqlite__run(&w->conn, SQL_UNIQUE_PAYLOAD,
                     ARGS(arg_int(id), arg_bytes(job->payload, job->payload_len),
                          arg_int(run_at)),
                     err) < 0
             ? -1
             : 0;
}

/* One that was handed to a worker may have begun with the payload that it has: that one
 * is left as it was. */
static int debounce(struct sqlite_writer *w, struct store_new *job, struct same *same,
                    struct err *err)
{
  struct sqlite_waiting waiting;
  struct known known;
  int rc = read_known(w, same->id, &known, err);
  if (rc <= 0 || (known.state != STORE_SCHEDULED && known.state != STORE_AVAILABLE))
    return rc < 0 ? -1 : 1;
  rc = sqlite__take_waiting(w, known.id, &waiting, err);
  if (rc <= 0)
    return rc < 0 ? -1 : 1;
  if (waiting.place.lease > 0)
    return put_back(w, &waiting, waiting.run_at, err) < 0 ? -1 : 1;
  int64_t run_at = wait_until(w, job->unique, known.created_at);
  if (take_over(w, job, known.id, run_at, err) < 0 ||
      put_back(w, &waiting, run_at, err) < 0)
    return -1;
  job->id = known.id;
  return 0;
}

/* Ends one job, as far as it is meant. Returns 1 when it still runs, else 0, or -1. */
static int end_one(struct sqlite_writer *w, const struct store_unique *u, int64_t id,
                   struct err *err)
{
  struct known known;
  int rc = id ? read_known(w, id, &known, err) : 0;
  if (rc <= 0 || is_finished(known.state))
    return rc < 0 ? -1 : 0;
  bool runs = known.state == STORE_RUNNING;
  if (runs && u->same == STORE_SAME_SUPERSEDE_QUEUED)
    return 1;
  return sqlite__ask_cancel(w, id, STORE_SUPERSEDED, err) < 0 ? -1 : runs;
}

/* Where jobs run one at a time, no more than one of the two runs and needs to be known
 * from here on: what waits has ended. */
static int supersede(struct sqlite_writer *w, struct store_new *job, struct same *same,
                     struct err *err)
{
  int newest = end_one(w, job->unique, same->id, err);
  int former = newest < 0 ? -1 : end_one(w, job->unique, same->former, err);
  if (former < 0)
    return -1;
  same->former = newest ? same->id : former ? same->former : 0;
  return 1;
}

static int (*const ways[])(struct sqlite_writer *, struct store_new *, struct same *,
                           struct err *) = {
    [STORE_SAME_KEEP] = keep,
    [STORE_SAME_DEBOUNCE] = debounce,
    [STORE_SAME_SUPERSEDE] = supersede,
    [STORE_SAME_SUPERSEDE_QUEUED] = supersede,
};

int sqlite__unique(struct sqlite_writer *w, struct store_new *job, struct err *err)
{
  const struct store_unique *u = job->unique;
  struct sqlite_conn *c = &w->conn;
  struct sqlite_arg hash = arg_blob(u->hash, sizeof u->hash);
  struct sqlite_arg id = arg_int(w->memory.next);
  int64_t added = sqlite__run(c, SQL_UNIQUE_ADD, ARGS(hash, id), err);
  if (added != 0)
    return added < 0 ? -1 : 1;
  struct same same = {0};
  if (read_same(w, u, &same, err) < 0)
    return -1;
  int rc = ways[u->same](w, job, &same, err);
  if (rc <= 0)
    return rc;
  return sqlite__run(c, SQL_UNIQUE_SET, ARGS(hash, id, arg_id(same.former)), err) < 0 ? -1
                                                                                      : 1;
}
