/* Batches and the children of a job, as people and scripts look at them. */
#include "store/sqlite.h"

#include "store/view.h"

#include <stdlib.h>

#define LIST_MAX 1000
#define PART_BYTES                                                                       \
  (1u << 20) /* of an answer with children; it ends behind the one                       \
                that goes beyond */

static struct view_text text_of(sqlite3_stmt *s, int column)
{
  const char *text = sqlite__text(s, column);
  return (struct view_text){text, (size_t)sqlite3_column_bytes(s, column)};
}

/* In the order of `batch_columns` in graph.sql. */
static struct view_batch read_batch(sqlite3_stmt *s)
{
  return (struct view_batch){
      .id = sqlite3_column_int64(s, 0),
      .name = text_of(s, 1),
      .parent = sqlite3_column_int64(s, 2),
      .total = sqlite3_column_int64(s, 3),
      .completed = sqlite3_column_int64(s, 4),
      .dead = sqlite3_column_int64(s, 5),
      .cancelled = sqlite3_column_int64(s, 6),
      .at_most = sqlite3_column_int64(s, 7),
      .cancelling = sqlite3_column_int(s, 8),
      .created_at = sqlite3_column_int64(s, 9),
      .finished_at = sqlite3_column_int64(s, 10),
      .workspace = text_of(s, 11),
  };
}

static int put_followers(struct sqlite_conn *c, int64_t batch, struct buf *b,
                         struct err *err)
{
  static const char *const events[STORE_BATCH_EVENTS] = {
      [STORE_BATCH_SUCCESS] = "on_success",
      [STORE_BATCH_COMPLETE] = "on_complete",
      [STORE_BATCH_DEATH] = "on_death"};
  sqlite3_stmt *s = sqlite__start(c, SQL_BATCH_FOLLOWERS, ARGS(arg_int(batch)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    struct view_text type = text_of(s, 2);
    buf_printf(b, "%s\"%s\":{\"type\":", b->len ? "," : "",
               events[sqlite3_column_int(s, 0) % STORE_BATCH_EVENTS]);
    buf_json_string(b, type.data, type.len);
    if (sqlite3_column_int64(s, 1))
      buf_printf(b, ",\"id\":\"%lld\"}", (long long)sqlite3_column_int64(s, 1));
    else
      buf_puts(b, ",\"id\":null}");
  }
  return rc;
}

static int put_batch(struct sqlite_conn *c, sqlite3_stmt *s, struct buf *b,
                     struct err *err)
{
  struct view_batch batch = read_batch(s);
  struct buf followers = {0};
  int rc = put_followers(c, batch.id, &followers, err);
  batch.followers = (struct view_text){followers.data, followers.len};
  view_batch(b, &batch);
  buf_fini(&followers);
  return rc;
}

static int read_one(struct sqlite_conn *c, struct store_batches *op, struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_BATCH_VIEW, ARGS(arg_int(op->id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  rc = put_batch(c, s, &op->items, err);
  sqlite__stop(s);
  return rc;
}

/* One row more than asked for tells whether there is another page. */
static int read_page(struct sqlite_conn *c, struct store_batches *op, struct err *err)
{
  int64_t limit = op->limit < 1 ? 1 : op->limit > LIST_MAX ? LIST_MAX : op->limit;
  int64_t n = 0, last = 0, before = op->before ? op->before : INT64_MAX;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_BATCH_PAGE, ARGS(arg_int(before), arg_int(limit + 1)));
  int rc = sqlite__next(c, s, err);
  buf_putc(&op->items, '[');
  for (; rc > 0 && n < limit; rc = sqlite__next(c, s, err), n++) {
    if (n)
      buf_putc(&op->items, ',');
    last = sqlite3_column_int64(s, 0);
    if (put_batch(c, s, &op->items, err) < 0) {
      rc = -1;
      break;
    }
  }
  buf_putc(&op->items, ']');
  op->next = rc > 0 ? last : 0;
  sqlite__stop(s);
  return rc < 0 ? -1 : 0;
}

int sqlite__read_batches(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_batches *batches = (struct store_batches *)op;
  batches->items = (struct buf){0};
  batches->next = 0;
  return batches->id ? read_one(c, batches, err) : read_page(c, batches, err);
}

/* ---- children ---- */

/* Returns 1 and the batch of the last fan-out, 0 when there was none, or -1. */
static int find_fan(struct sqlite_conn *c, struct store_children *op, int64_t *batch,
                    struct err *err)
{
  sqlite3_stmt *s = sqlite__start(c, SQL_FAN_LAST, ARGS(arg_int(op->id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  *batch = sqlite3_column_int64(s, 0);
  op->found = true;
  op->failed = sqlite3_column_int(s, 1);
  sqlite__stop(s);
  return 1;
}

static int put_children(struct sqlite_conn *c, struct store_children *op, int64_t batch,
                        struct err *err)
{
  int64_t n = 0, last = 0;
  sqlite3_stmt *s =
      sqlite__start(c, SQL_FAN_CHILDREN, ARGS(arg_int(batch), arg_int(op->after)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0 && op->items.len < PART_BYTES; rc = sqlite__next(c, s, err), n++) {
    if (n)
      buf_putc(&op->items, ',');
    last = sqlite3_column_int64(s, 0);
    view_child(&op->items,
               &(struct view_child){.id = last,
                                    .type = text_of(s, 1),
                                    .state = (enum store_state)sqlite3_column_int(s, 2),
                                    .result = text_of(s, 3),
                                    .error = text_of(s, 4)});
  }
  op->next = rc > 0 || n == LIST_MAX ? last : 0;
  sqlite__stop(s);
  return rc < 0 ? -1 : 0;
}

int sqlite__read_children(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_children *children = (struct store_children *)op;
  int64_t batch = 0;
  children->items = (struct buf){0};
  children->found = children->failed = false;
  children->next = children->first_dead = 0;
  int rc = find_fan(c, children, &batch, err);
  if (rc < 0)
    return -1;
  buf_putc(&children->items, '[');
  if (rc > 0)
    rc = put_children(c, children, batch, err);
  buf_putc(&children->items, ']');
  if (rc == 0 && children->failed)
    rc = sqlite__number(c, SQL_FAN_DEAD, ARGS(arg_int(batch)), 0, &children->first_dead,
                        err);
  return rc;
}
