/* Locks of jobs, for candy.lock: they belong to the job that asks (queue/locks.h). */
#include "worker/request_.h"

#include <string.h>

#include "base/json.h"

#define NAME_MAX_BYTES 200
#define TIME_MAX_MS    (INT64_C(86400000) * 366 * 100) /* as durations in Lua */

static void answered(void *arg, const struct lock_lease *lease, const struct err *err)
{
  struct request *r = arg;
  if (err)
    request__refuse(r, err);
  else
    request__answer_json(r, json_pack("{s:I, s:I}", "token", (json_int_t)lease->token,
                                      "until", (json_int_t)lease->until));
}

static int64_t time_of(const struct request *r, const char *member, int64_t least)
{
  int64_t ms = jx_int(r->body, member, least);
  if (ms < least)
    return least;
  return ms < TIME_MAX_MS ? ms : TIME_MAX_MS;
}

/* The job's, or NULL when the request is refused. */
static struct flight *read_wish(struct request *r, struct lock_wish *wish)
{
  struct flight *flight = request__flight(r);
  struct err err;
  *wish = (struct lock_wish){.number = (uint32_t)jx_int(r->body, "number", 0),
                             .name = jx_str(r->body, "name", ""),
                             .wait_ms = time_of(r, "wait_ms", 0),
                             .ttl_ms = time_of(r, "ttl_ms", 1)};
  size_t len = strlen(wish->name);
  if (flight && len > 0 && len <= NAME_MAX_BYTES) {
    wish->job = flight->job.id;
    return flight;
  }
  if (flight)
    err_set(&err, "bad_request", "the name of a lock has 1 to %d bytes", NAME_MAX_BYTES);
  else
    err_set(&err, "cancelled", "the job that wanted the lock has ended");
  request__refuse(r, &err);
  return NULL;
}

void request__lock_take(struct request *r)
{
  struct lock_wish wish;
  struct flight *flight = read_wish(r, &wish);
  if (flight)
    locks_take(queue_locks(r->pool->queue), &flight->locks, &wish, answered, r);
}

void request__lock_extend(struct request *r)
{
  struct lock_wish wish;
  struct flight *flight = read_wish(r, &wish);
  if (flight)
    locks_extend(queue_locks(r->pool->queue), flight->locks, &wish, answered, r);
}

void request__lock_leave(struct request *r)
{
  struct lock_wish wish;
  struct flight *flight = read_wish(r, &wish);
  if (flight)
    locks_leave(queue_locks(r->pool->queue), flight->locks, &wish, answered, r);
}
