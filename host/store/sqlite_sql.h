/* The SQL of the SQLite backend by name: what sql/sqlite/ holds, carried inside the
 * program. A query's text may hold {other}, the text of another query.
 */
#ifndef CANDY_STORE_SQLITE_SQL_H
#define CANDY_STORE_SQLITE_SQL_H

/* Each has its block `-- name: ...` in one of the files. */
#define SQLITE_QUERIES(X)                                                                \
  X(BEGIN, begin)                                                                        \
  X(COMMIT, commit)                                                                      \
  X(ROLLBACK, rollback)                                                                  \
  X(SAVEPOINT, savepoint)                                                                \
  X(UNDO, undo)                                                                          \
  X(RELEASE, release)                                                                    \
  X(BEGIN_READ, begin_read)                                                              \
  X(META_GET, meta_get)                                                                  \
  X(META_SET, meta_set)                                                                  \
  X(NAMES, names)                                                                        \
  X(NAME_ADD, name_add)                                                                  \
  X(JOB_ADD, job_add)                                                                    \
  X(TAGS_ADD, tags_add)                                                                  \
  X(READY_ADD, ready_add)                                                                \
  X(PLACE_ADD, place_add)                                                                \
  X(PLACE_DROP, place_drop)                                                              \
  X(SCHEDULED_ADD, scheduled_add)                                                        \
  X(SCHEDULED_NEXT, scheduled_next)                                                      \
  X(SCHEDULED_DUE, scheduled_due)                                                        \
  X(SCHEDULED_TAKE, scheduled_take)                                                      \
  X(READY_QUEUE, ready_queue)                                                            \
  X(READY_COUNT, ready_count)                                                            \
  X(READY_SCAN, ready_scan)                                                              \
  X(READY_TAKE, ready_take)                                                              \
  X(RUNNING_ADD, running_add)                                                            \
  X(BLOCKED_ADD, blocked_add)                                                            \
  X(CHECKPOINT, checkpoint)                                                              \
  X(FENCE, fence)                                                                        \
  X(RUNNING_TAKE, running_take)                                                          \
  X(DONE_ADD, done_add)                                                                  \
  X(DEAD_ADD, dead_add)                                                                  \
  X(FAILURE_ADD, failure_add)                                                            \
  X(PROGRESS_SET, progress_set)                                                          \
  X(RECOVER_READY, recover_ready)                                                        \
  X(RECOVER_PLACES, recover_places)                                                      \
  X(RECOVER_FAILURE, recover_failure)                                                    \
  X(RECOVER_DEAD, recover_dead)                                                          \
  X(RECOVER_LOST, recover_lost)                                                          \
  X(RECOVER_CLEAR, recover_clear)                                                        \
  X(RECOVER_LOCKS, recover_locks)                                                        \
  X(BLOCKED_FIRST, blocked_first)                                                        \
  X(BLOCKED_TAKE, blocked_take)                                                          \
  X(BLOCKED_DROP, blocked_drop)                                                          \
  X(WAITING_READY, waiting_ready)                                                        \
  X(WAITING_BLOCKED, waiting_blocked)                                                    \
  X(WAITING_SCHEDULED, waiting_scheduled)                                                \
  X(STARTS, starts)                                                                      \
  X(START_SET, start_set)                                                                \
  X(STARTS_FORGET, starts_forget)                                                        \
  X(STARTS_EXPIRE, starts_expire)                                                        \
  X(COUNT_RUNNING, count_running)                                                        \
  X(COUNT_READY, count_ready)                                                            \
  X(COUNT_BLOCKED, count_blocked)                                                        \
  X(COUNT_SCHEDULED, count_scheduled)                                                    \
  X(COUNT_CALLED, count_called)                                                          \
  X(BLOCKED_SCOPE, blocked_scope)                                                        \
  X(BLOCKED_EARLY, blocked_early)                                                        \
  X(BLOCKED_GATE, blocked_gate)                                                          \
  X(TURN_GIVE, turn_give)                                                                \
  X(TURN_NOW, turn_now)                                                                  \
  X(TURNS_FORGET, turns_forget)                                                          \
  X(TURNS_COUNT, turns_count)                                                            \
  X(ORIGIN, origin)                                                                      \
  X(JOB_PRIORITY, job_priority)                                                          \
  X(CANCEL_ADD, cancel_add)                                                              \
  X(CANCEL_GET, cancel_get)                                                              \
  X(CANCEL_DROP, cancel_drop)                                                            \
  X(CANCEL_COUNT, cancel_count)                                                          \
  X(CANCEL_RUNNING, cancel_running)                                                      \
  X(DEADLINE_ADD, deadline_add)                                                          \
  X(DEADLINE_NEXT, deadline_next)                                                        \
  X(DEADLINE_DUE, deadline_due)                                                          \
  X(DEADLINE_DROP, deadline_drop)                                                        \
  X(FORGET_DEADLINE, forget_deadline)                                                    \
  X(PAUSE_ADD, pause_add)                                                                \
  X(PAUSE_DROP, pause_drop)                                                              \
  X(PAUSES, pauses)                                                                      \
  X(AUDIT_ADD, audit_add)                                                                \
  X(AUDIT_TRIM, audit_trim)                                                              \
  X(AUDIT_OF_JOB, audit_of_job)                                                          \
  X(AUDIT_LIST, audit_list)                                                              \
  X(EDIT_GET, edit_get)                                                                  \
  X(EDIT_SET, edit_set)                                                                  \
  X(QUEUES, queues)                                                                      \
  X(ENDED_GET, ended_get)                                                                \
  X(CANCELLED_TAKE, cancelled_take)                                                      \
  X(DEAD_TAKE, dead_take)                                                                \
  X(JOB_FROM, job_from)                                                                  \
  X(JOB_LAST, job_last)                                                                  \
  X(DONE_SCAN, done_scan)                                                                \
  X(DEAD_SCAN, dead_scan)                                                                \
  X(FORGET_DONE, forget_done)                                                            \
  X(FORGET_DEAD, forget_dead)                                                            \
  X(FORGET_JOB, forget_job)                                                              \
  X(FORGET_FAILURE, forget_failure)                                                      \
  X(FORGET_PROGRESS, forget_progress)                                                    \
  X(FORGET_TAGS, forget_tags)                                                            \
  X(PENDING_ADD, pending_add)                                                            \
  X(PENDING_LAST, pending_last)                                                          \
  X(PENDING_MET, pending_met)                                                            \
  X(PENDING_TAKE, pending_take)                                                          \
  X(AFTER_STATE, after_state)                                                            \
  X(AFTER_ADD, after_add)                                                                \
  X(AFTER_FIRST, after_first)                                                            \
  X(AFTER_TAKE, after_take)                                                              \
  X(AFTER_DROP, after_drop)                                                              \
  X(AFTER_ANY, after_any)                                                                \
  X(AFTER_DEPS, after_deps)                                                              \
  X(AFTER_OVER, after_over)                                                              \
  X(AFTER_OF, after_of)                                                                  \
  X(JOB_BATCH, job_batch)                                                                \
  X(JOB_TOLD, job_told)                                                                  \
  X(BATCH_ADD, batch_add)                                                                \
  X(BATCH_GET, batch_get)                                                                \
  X(BATCH_SET, batch_set)                                                                \
  X(READY_HELD, ready_held)                                                              \
  X(READY_HOLD, ready_hold)                                                              \
  X(BLOCKED_HOLD, blocked_hold)                                                          \
  X(SCHEDULED_HOLD, scheduled_hold)                                                      \
  X(BATCH_LEFT_ALONE, batch_left_alone)                                                  \
  X(BATCH_CANCEL, batch_cancel)                                                          \
  X(BATCH_DEPTH, batch_depth)                                                            \
  X(BATCH_OF_PARENT, batch_of_parent)                                                    \
  X(BATCH_FANS, batch_fans)                                                              \
  X(BATCH_ALL_ASKED, batch_all_asked)                                                    \
  X(BATCH_GOES_ON, batch_goes_on)                                                        \
  X(BATCH_CANCELLING, batch_cancelling)                                                  \
  X(BATCH_ORPHANS, batch_orphans)                                                        \
  X(BATCH_JOBS, batch_jobs)                                                              \
  X(FOLLOWER_ADD, follower_add)                                                          \
  X(FOLLOWER_GET, follower_get)                                                          \
  X(FOLLOWER_TOLD, follower_told)                                                        \
  X(CHILD_KEPT, child_kept)                                                              \
  X(BATCH_OLD, batch_old)                                                                \
  X(FORGET_BATCH, forget_batch)                                                          \
  X(FORGET_FOLLOWERS, forget_followers)                                                  \
  X(BATCH_VIEW, batch_view)                                                              \
  X(BATCH_PAGE, batch_page)                                                              \
  X(BATCH_FOLLOWERS, batch_followers)                                                    \
  X(FAN_LAST, fan_last)                                                                  \
  X(FAN_DEAD, fan_dead)                                                                  \
  X(FAN_CHILDREN, fan_children)                                                          \
  X(FREE_PAGES, free_pages)                                                              \
  X(PAGES, pages)                                                                        \
  X(PAGE_SIZE, page_size)                                                                \
  X(TABLES, tables)                                                                      \
  X(VACUUM_STEP, vacuum_step)                                                            \
  X(KV_GET, kv_get)                                                                      \
  X(KV_LIST, kv_list)                                                                    \
  X(KV_SET, kv_set)                                                                      \
  X(KV_COUNT, kv_count)                                                                  \
  X(KV_DELETE, kv_delete)                                                                \
  X(KV_EXPIRE, kv_expire)                                                                \
  X(LOCK_LINE, lock_line)                                                                \
  X(LOCK_ADD, lock_add)                                                                  \
  X(LOCK_EXTEND, lock_extend)                                                            \
  X(LOCK_DROP, lock_drop)                                                                \
  X(LOCK_GIVE, lock_give)                                                                \
  X(LOCK_DUE, lock_due)                                                                  \
  X(LOCK_NEXT, lock_next)                                                                \
  X(STEPS, steps)                                                                        \
  X(STEP_ADD, step_add)                                                                  \
  X(HOST_TABLES, host_tables)                                                            \
  X(MISNAMED, misnamed)                                                                  \
  X(KEY_ADD, key_add)                                                                    \
  X(KEYS, keys)                                                                          \
  X(JOB, job)                                                                            \
  X(FAILURES, failures)                                                                  \
  X(STATS, stats)                                                                        \
  X(LANE, lane)                                                                          \
  X(LOG_ADD, log_add)                                                                    \
  X(LOG_LAST, log_last)                                                                  \
  X(LOG_FROM, log_from)                                                                  \
  X(LOG_ONE, log_one)                                                                    \
  X(LOG_BELOW, log_below)                                                                \
  X(LOG_ABOVE, log_above)                                                                \
  X(LOG_INDEX_NEXT, log_index_next)                                                      \
  X(LOG_INDEX, log_index)                                                                \
  X(LOG_UNINDEX, log_unindex)                                                            \
  X(LOG_UNINDEX_ALL, log_unindex_all)                                                    \
  X(LOG_OLDEST, log_oldest)                                                              \
  X(LOG_FORGET, log_forget)                                                              \
  X(UNIQUE_ADD, unique_add)                                                              \
  X(UNIQUE_GET, unique_get)                                                              \
  X(UNIQUE_SET, unique_set)                                                              \
  X(UNIQUE_JOB, unique_job)                                                              \
  X(UNIQUE_PAYLOAD, unique_payload)                                                      \
  X(FORGET_UNIQUE, forget_unique)                                                        \
  X(LOG_SHAPE, log_shape)

enum sqlite_query {

#define X(id, name) SQL_##id,
  SQLITE_QUERIES(X)
#undef X
      SQL_COUNT
};

/* The whole text, every {other} put in its place. Lives as long as the program. */
const char *sqlite__sql(enum sqlite_query query);

/* A text that is made for one use, with `sources` in the place of {sources}. The caller
 * frees it. */
char *sqlite__sql_compose(const char *name, const char *sources);

/* Migrations in their order: the first makes version 1. */
extern const char *const sqlite__migrations[];
extern const int sqlite__migrations_n;

/* Puts another text in the place of a query, for specs that prove that the conformance
 * suite sees a wrong backend. Before the first store is opened. */
void sqlite__override(const char *name, const char *sql);

#endif
