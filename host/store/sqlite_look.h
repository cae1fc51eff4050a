/* The log table, SQL of scripts, filters and reads. See sqlite.h.
 *
 * Functions return 0 or -1 with err, unless they say otherwise.
 */
#ifndef CANDY_STORE_SQLITE_LOOK_H
#define CANDY_STORE_SQLITE_LOOK_H

#include "store/sqlite_writer.h"

/* ---- the log in front of the database: sqlite_wal.c ---- */

#define SQLITE_WAL_PAGES 4000 /* after which it is brought into the database */

/* How long the writer must have rested before a step of writing zeros ahead; 0: none is
 * wanted. */
int64_t sqlite__wal_rest_ns(const struct sqlite_writer *w);
void sqlite__wal_step(struct sqlite_writer *w); /* between turns */

/* ---- the log table: sqlite_logs.c, sqlite_log_index.c ---- */

/* Whether the log table is the one that is written to: `ours` once it must be there. */
int sqlite__logs_check(struct sqlite_conn *c, bool ours, struct err *err);
int sqlite__logs_load(struct sqlite_writer *w, struct err *err);

/* A step over lines ends at so many of them, or at so much text, which takes some 20 ms
 * to cut into words. */
#define LOG_STEP_ROWS  500
#define LOG_STEP_BYTES ((int64_t)256 * 1024)

/* The SQL function log_words. */
void sqlite__log_words_init(struct sqlite_conn *c);

/* How long the writer must have rested before the next step; 0: there is none. */
int64_t sqlite__log_index_rest_ns(const struct sqlite_writer *w);
void sqlite__log_index_step(struct sqlite_writer *w); /* between turns */

/* In a turn: takes the words of lines back, before these are deleted. */
int sqlite__log_unindex(struct sqlite_writer *w, int64_t first, int64_t last,
                        struct err *err);

/* ---- scripts' SQL: sqlite_guard.c, sqlite_functions.c, sqlite_script.c ---- */

void sqlite__functions_init(struct sqlite_conn *c);
void sqlite__guard_init(struct sqlite_conn *c);
void sqlite__guard_enter(struct sqlite_conn *c, enum sqlite_speaker who,
                         int64_t deadline_ns);
void sqlite__guard_leave(struct sqlite_conn *c);

#define SCRIPT_WRITE_MS 250
#define SCRIPT_READ_MS  5000
#define SCHEMA_STEP_MS  5000
#define SCRIPT_VALUE    (8 << 20)     /* bytes of a text or blob */
#define SCRIPT_MEMORY   (64ll << 20)  /* bytes that a statement may take */
#define SCHEMA_MEMORY   (256ll << 20) /* an index is sorted in memory */

/* One statement for its effects; `answer` may be NULL. */
int sqlite__script_exec(struct sqlite_conn *c, const char *sql, const char *params,
                        int64_t deadline_ns, struct buf *answer, struct err *err);
int sqlite__script_query(struct sqlite_conn *c, const char *sql, const char *params,
                         int64_t deadline_ns, struct buf *answer, struct err *err);
/* -1 when rows point to others that are not there, which a commit would refuse. */
int sqlite__script_settled(struct sqlite_conn *c, struct err *err);
int sqlite__script_failed(struct sqlite_conn *c, struct err *err);
void sqlite__scripts_fini(struct sqlite_conn *c);

/* ---- filters: sqlite_filter.c ---- */

#define ALL_STATES ((1u << STORE_STATES) - 1)

struct sqlite_filter {
  unsigned mask;              /* states, of which one must fit */
  char *types, *queues, *ids; /* JSON arrays, or NULL */
  char *search;               /* a pattern for LIKE, or NULL */
  const struct store_filter *from;
};

void sqlite__filter_init(struct sqlite_filter *f, const struct store_filter *from,
                         unsigned allowed);
void sqlite__filter_fini(struct sqlite_filter *f);

/* A statement made of the block `name` ("list", "bulk") for this filter; NULL with err
 * is a failure. To be finalized. */
sqlite3_stmt *sqlite__filter_prepare(struct sqlite_conn *c, const struct sqlite_filter *f,
                                     const char *name, struct err *err);
void sqlite__bind_named(sqlite3_stmt *s, const char *name, struct sqlite_arg arg);

/* Binds the range of ids that are looked at: (above, below), narrowed to the filter's
 * times. */
int sqlite__filter_range(struct sqlite_conn *c, const struct sqlite_filter *f,
                         sqlite3_stmt *s, int64_t above, int64_t below, struct err *err);

/* The first id whose job was created, or whose line was written, at `time` or later, or
 * one past the last: ids and times grow together, but for a clock that was set back,
 * which may have left them out of order by CLOCK_SLACK_MS. */
#define CLOCK_SLACK_MS 3600000
int sqlite__job_at(struct sqlite_conn *c, int64_t time, int64_t *id, struct err *err);
int sqlite__log_at(struct sqlite_conn *c, int64_t time, int64_t *id, struct err *err);

/* Texts as a JSON array, which the caller frees; NULL when there are none. */
char *sqlite__names_json(const char *const *names, size_t n);

/* ---- reads: sqlite_read.c, sqlite_batch_read.c, sqlite_kv.c ---- */

int sqlite__read_job(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_jobs(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_count(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_stats(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_queues(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_audit(struct sqlite_conn *c, struct store_op *op, struct err *err);
/* What was done to one job, as a JSON array. */
int sqlite__put_edits(struct sqlite_conn *c, int64_t id, struct buf *b, struct err *err);
int sqlite__read_batches(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_children(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_kv(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_keys(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_log(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__read_logs(struct sqlite_conn *c, struct store_op *op, struct err *err);

/* sqlite_care.c; the last two run outside of a transaction */
int sqlite__space(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__check(struct sqlite_conn *c, struct store_op *op, struct err *err);
int sqlite__checkpoint(struct sqlite_conn *c, struct store_op *op, struct err *err);

#endif
