/* Changing a job that waits: its row, which nothing else ever touches, and its place. Who
 * did it, and what there was before, is kept (candy_audit). */
#include "store/sqlite.h"

#include "base/json.h"
#include "base/redact.h"

#include <stdlib.h>

#define AUDIT_VALUE 16384 /* bytes of a payload that the audit keeps */

/* ---- the audit ---- */

int sqlite__audit(struct sqlite_writer *w, const char *by, const char *action,
                  int64_t job, const char *detail, struct err *err)
{
  char *hidden = redact_json_text(detail);
  int64_t n = sqlite__run(&w->conn, SQL_AUDIT_ADD,
                          ARGS(arg_int(w->now), arg_text(by ? by : "?"), arg_text(action),
                               arg_id(job), arg_text(hidden ? hidden : detail)),
                          err);
  free(hidden);
  if (n < 0)
    return -1;
  return sqlite__run(&w->conn, SQL_AUDIT_TRIM, NO_ARGS, err) < 0 ? -1 : 0;
}

static json_t *payload_json(const char *text, size_t len)
{
  json_t *value = len <= AUDIT_VALUE ? jx_parse(text, len, NULL) : NULL;
  return value ? value : json_pack("{s:I}", "bytes", (json_int_t)len);
}

static json_t *time_or_null(int64_t ms)
{
  return ms ? json_integer(ms) : json_null();
}

static json_t *tags_json(const char *text)
{
  json_t *tags = text ? jx_parse(text, strlen(text), NULL) : NULL;
  return tags ? tags : json_array();
}

static void put_change(json_t *detail, const char *field, json_t *old, json_t *now)
{
  json_object_set_new(json_object_get(detail, "old"), field, old);
  json_object_set_new(json_object_get(detail, "new"), field, now);
}

/* ---- what there was ---- */

/* Columns of edit_get. */
enum { PAYLOAD, PRIORITY, RUN_AT, TAGS, QUEUE };

/* {"old":{...},"new":{...}} of what is changed; NULL with err is a failure. */
static char *compare(struct sqlite_writer *w, const struct store_edit *e, int64_t run_at,
                     struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  sqlite3_stmt *s = sqlite__start(c, SQL_EDIT_GET, ARGS(arg_int(e->id)));
  if (sqlite__next(c, s, err) <= 0)
    return NULL;
  json_t *d = json_pack("{s:{}, s:{}}", "old", "new");
  if (e->payload)
    put_change(
        d, "payload",
        payload_json(sqlite__text(s, PAYLOAD), (size_t)sqlite3_column_bytes(s, PAYLOAD)),
        payload_json(e->payload, e->payload_len));
  if (e->sets_priority)
    put_change(d, "priority", json_integer(sqlite3_column_int(s, PRIORITY)),
               json_integer(e->priority));
  if (e->sets_time)
    put_change(d, "run_at", time_or_null(sqlite3_column_int64(s, RUN_AT)),
               time_or_null(run_at));
  if (e->sets_tags)
    put_change(d, "tags", tags_json(sqlite__text(s, TAGS)), tags_json(e->tags));
  if (e->queue)
    put_change(d, "queue", json_string(sqlite__text(s, QUEUE)), json_string(e->queue));
  sqlite__stop(s);
  char *text = jx_dump(d, NULL);
  json_decref(d);
  return text;
}

/* ---- the change ---- */

static int64_t time_of(const struct sqlite_writer *w, const struct store_edit *e)
{
  int64_t by_delay = e->delay_ms > 0 ? w->now + e->delay_ms : 0;
  return by_delay > e->run_at ? by_delay : e->run_at;
}

static int set_tags(struct sqlite_writer *w, const struct store_edit *e, struct err *err)
{
  struct sqlite_conn *c = &w->conn;
  if (sqlite__run(c, SQL_FORGET_TAGS, ARGS(arg_int(e->id), arg_int(e->id)), err) < 0)
    return -1;
  if (!e->tags)
    return 0;
  return sqlite__run(c, SQL_TAGS_ADD, ARGS(arg_int(e->id), arg_text(e->tags)), err) < 0
             ? -1
             : 0;
}

static int set_row(struct sqlite_writer *w, const struct store_edit *e,
                   const struct sqlite_place *p, int64_t priority, int64_t run_at,
                   struct err *err)
{
  struct sqlite_arg payload =
      e->payload ? arg_bytes(e->payload, e->payload_len) : arg_text(NULL);
  if (sqlite__run(&w->conn, SQL_EDIT_SET,
                  ARGS(arg_int(e->id), payload, arg_int(priority), arg_int(p->queue),
                       arg_id(run_at), arg_int(e->sets_tags), arg_text(e->tags),
                       arg_int(e->sets_time)),
                  err) < 0)
    return -1;
  return e->sets_tags ? set_tags(w, e, err) : 0;
}

/* Behind those that are in its queue by now. */
static int place_behind(struct sqlite_writer *w, struct sqlite_place *p, struct err *err)
{
  p->seq = w->memory.next++;
  return sqlite__place_again(w, p, err);
}

static int put_back_pending(struct sqlite_writer *w, const struct store_edit *e,
                            struct sqlite_waiting *job, int64_t priority, struct err *err)
{
  bool moves = e->queue || e->sets_priority || e->sets_time;
  job->run_at = e->sets_time ? e->run_at : job->run_at;
  job->delay = e->sets_time ? e->delay_ms : job->delay;
  job->place.priority = moves ? priority : job->place.priority;
  if (moves && place_behind(w, &job->place, err) < 0)
    return -1;
  return sqlite__add_pending(w, job, err);
}

/* A job in another queue, of another priority or at another time goes behind those that
 * are there. One that has kept its place in strict order keeps it, and its priority in
 * it, when something else is changed. */
static int put_back(struct sqlite_writer *w, const struct store_edit *e,
                    struct sqlite_waiting *job, int64_t priority, int64_t run_at,
                    struct err *err)
{
  struct sqlite_place *p = &job->place;
  bool moves = e->queue || e->sets_priority;
  if (job->state == STORE_PENDING)
    return put_back_pending(w, e, job, priority, err);
  if (run_at <= w->now && job->state == STORE_AVAILABLE && !moves)
    return sqlite__add_ready(w, p, err);
  if (p->seq && job->state != STORE_AVAILABLE && !moves && !e->sets_time)
    return run_at <= w->now ? sqlite__add_ready(w, p, err)
                            : sqlite__add_scheduled(w, p, job->state, run_at, err);
  p->priority = priority;
  if (run_at <= w->now)
    return place_behind(w, p, err) < 0 ? -1 : sqlite__add_ready(w, p, err);
  if (job->state == STORE_AVAILABLE && sqlite__leave_line(w, p, err) < 0)
    return -1;
  enum store_state state = job->state == STORE_AVAILABLE ? STORE_SCHEDULED : job->state;
  if (moves || e->sets_time)
    p->seq = 0;
  return sqlite__add_scheduled(w, p, state, run_at, err);
}

static int change(struct sqlite_writer *w, struct store_edit *e,
                  struct sqlite_waiting *job, struct err *err)
{
  struct sqlite_place *p = &job->place;
  int64_t run_at = e->sets_time ? time_of(w, e) : job->run_at;
  char *detail = compare(w, e, run_at, err);
  int64_t queue = e->queue
                      ? sqlite__name_id(&w->conn, &w->names, NAME_QUEUE, e->queue, err)
                      : p->queue;
  int64_t priority = e->priority;
  int rc = !detail || queue < 0 ? -1 : 0;
  if (rc == 0 && !e->sets_priority)
    rc = sqlite__own_priority(w, p, &priority, err);
  if (rc == 0 && queue != p->queue)
    rc = sqlite__give_up_slots(w, p, err);
  p->queue = queue;
  if (rc == 0 && (set_row(w, e, p, priority, run_at, err) < 0 ||
                  put_back(w, e, job, priority, run_at, err) < 0 ||
                  sqlite__audit(w, e->by, "edit", e->id, detail, err) < 0))
    rc = -1;
  free(detail);
  return rc;
}

int sqlite__edit(struct sqlite_writer *w, struct store_op *op, struct err *err)
{
  struct store_edit *e = (struct store_edit *)op;
  struct sqlite_waiting job;
  int rc = sqlite__take_waiting(w, e->id, &job, err);
  e->done = rc > 0;
  return rc > 0 ? change(w, e, &job, err) : rc;
}
