/* Looking at the log: pages of lines by filter and search, with the lines around them.
 *
 * First the ids of a page are found, then the lines are put together. A search asks the
 * index for what is in it, and looks itself through the lines behind the mark, so many at
 * a time: a page then ends early, and the next one goes on. Pages that go forward (the
 * tail) look at everything themselves.
 */
#include "store/sqlite.h"
#include "store/sqlite_log_search.h"
#include "store/view.h"

#include <stdlib.h>

#define LIMIT_MAX   1000
#define CONTEXT_MAX 20
#define SCAN_ROWS   20000 /* looked through for one page */
#define PAGE_BYTES  ((size_t)4 << 20)

struct page {
  struct sqlite_conn *c;
  struct store_log_list *op;
  char *types;              /* JSON */
  struct log_search search; /* n is 0 without one */
  int64_t above, below;     /* the ids that are looked at lie between */
  int64_t *ids;             /* one more than the limit: it tells of the next page */
  size_t n, limit;
  int64_t looked; /* the last one, when the scan ended early; 0: it did not */
};

/* ---- statements for a filter ---- */

static char *clauses(const struct store_log_filter *f)
{
  struct buf b = {0};

  const struct {
    bool on;
    const char *clause;
  } all[] = {
      {f->levels != 0, "{log_by_level} "},
      {f->levels != 0 && !(f->levels & 3), "{log_by_trouble} "},
      {f->job != 0, "{log_by_job} "},
      {f->trace != NULL, "{log_by_trace} "},
      {f->worker != NULL, "{log_by_worker} "},
      {f->n_types > 0, "{log_by_types} "},
      {f->since != 0, "{log_by_since} "},
      {f->until != 0, "{log_by_until} "},
  };

  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
    if (all[i].on)
      buf_puts(&b, all[i].clause);
  return buf_take(&b);
}

/* NULL with err is a failure. To be finalized. */
static sqlite3_stmt *prepare(const struct page *p, const char *name, int64_t window,
                             struct err *err)
{
  const struct store_log_filter *f = &p->op->filter;
  char *where = clauses(f), *sql = sqlite__sql_compose(name, where);
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(p->c->db, sql, -1, &s, NULL) == SQLITE_OK) {
    sqlite__bind_named(s, ":levels", arg_int(f->levels));
    sqlite__bind_named(s, ":job", arg_int(f->job));
    sqlite__bind_named(s, ":trace", arg_text(f->trace));
    sqlite__bind_named(s, ":worker", arg_text(f->worker));
    sqlite__bind_named(s, ":types", arg_text(p->types));
    sqlite__bind_named(s, ":since", arg_int(f->since));
    sqlite__bind_named(s, ":until", arg_int(f->until));
    sqlite__bind_named(s, ":match", arg_text(p->search.match));
    sqlite__bind_named(s, ":above", arg_int(p->above));
    sqlite__bind_named(s, ":below", arg_int(p->below));
    sqlite__bind_named(s, ":window", arg_int(window));
  } else {
    sqlite__conn_failed(p->c, err);
  }
  free(sql);
  free(where);
  return s;
}

static int narrow_by_time(struct page *p, struct err *err)
{
  const struct store_log_filter *f = &p->op->filter;
  int64_t first = 0, last = INT64_MAX;
  if (f->since && sqlite__log_at(p->c, f->since - CLOCK_SLACK_MS, &first, err) < 0)
    return -1;
  if (f->until && sqlite__log_at(p->c, f->until + CLOCK_SLACK_MS, &last, err) < 0)
    return -1;
  if (first - 1 > p->above)
    p->above = first - 1;
  if (last < p->below)
    p->below = last;
  return 0;
}

/* ---- finding ids ---- */

static bool is_full(const struct page *p)
{
  return p->n > p->limit;
}

/* Looks through lines in the order of `name`, as many as one page may. */
static int scan(struct page *p, const char *name, struct err *err)
{
  int64_t rows = p->search.n ? SCAN_ROWS : (int64_t)p->limit + 1, seen = 0, id = 0;
  sqlite3_stmt *s = prepare(p, name, rows, err);
  int rc = s ? sqlite__next(p->c, s, err) : -1;
  for (; rc > 0 && !is_full(p); rc = is_full(p) ? 0 : sqlite__next(p->c, s, err)) {
    id = sqlite3_column_int64(s, 0);
    seen++;
    if (!p->search.n ||
        log_search_fits(&p->search, sqlite__text(s, 1), sqlite__text(s, 2)))
      p->ids[p->n++] = id;
  }
  if (seen == rows && !is_full(p))
    p->looked = id;
  sqlite3_finalize(s);
  return rc < 0 ? -1 : 0;
}

/* An index that is damaged is done without: the writer makes another one when it finds
 * out. */
static int do_without_index(struct page *p, size_t n, struct err *err)
{
  if (p->c->rc != SQLITE_CORRUPT_VTAB)
    return -1;
  sqlite__conn_forgive(p->c);
  p->n = n;
  return scan(p, "log_down", err);
}

static int ask_index(struct page *p, struct err *err)
{
  size_t n = p->n;
  sqlite3_stmt *s = prepare(p, "log_found", (int64_t)(p->limit + 1 - p->n), err);
  int rc = s ? sqlite__next(p->c, s, err) : -1;
  for (; rc > 0; rc = sqlite__next(p->c, s, err))
    p->ids[p->n++] = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return rc < 0 ? do_without_index(p, n, err) : 0;
}

static int find_down(struct page *p, struct err *err)
{
  int64_t mark = 0, above = p->above;
  if (!p->search.n)
    return scan(p, "log_down", err);
  if (sqlite__number(p->c, SQL_META_GET, ARGS(arg_text("logs_indexed")), 0, &mark, err) <
      0)
    return -1;
  if (mark > above)
    p->above = mark;
  if (scan(p, "log_down", err) < 0)
    return -1;
  p->above = above;
  if (p->below > mark + 1)
    p->below = mark + 1;
  return p->looked || is_full(p) ? 0 : ask_index(p, err);
}

/* ---- lines ---- */

static struct view_text text_of(sqlite3_stmt *s, int column)
{
  const char *text = sqlite__text(s, column);
  return (struct view_text){text, (size_t)sqlite3_column_bytes(s, column)};
}

/* A row of log_columns, left open. */
static void put_row(struct buf *b, sqlite3_stmt *s, int match)
{
  view_log_begin(b, &(struct view_log){
                        .id = sqlite3_column_int64(s, 0),
                        .time = sqlite3_column_int64(s, 1),
                        .level = sqlite3_column_int(s, 2),
                        .message = text_of(s, 3),
                        .job = sqlite3_column_int64(s, 4),
                        .attempt = sqlite3_column_int(s, 5),
                        .type = text_of(s, 6),
                        .trace = text_of(s, 7),
                        .worker = text_of(s, 8),
                        .workspace = text_of(s, 9),
                        .fields = text_of(s, 10),
                        .match = match,
                    });
}

static void put_comma(struct buf *b)
{
  if (b->data[b->len - 1] != '[')
    buf_putc(b, ',');
}

/* Up to `context` lines between two ids, nearest to the first one, in the order they come
 * or (`turned`) the other way round. The lowest id is noted. */
static int put_near(struct sqlite_conn *c, struct buf *b, enum sqlite_query query,
                    const int64_t between[2], int context, bool turned, int64_t *lowest,
                    struct err *err)
{
  struct buf lines[CONTEXT_MAX] = {0};
  int n = 0;
  sqlite3_stmt *s = sqlite__start(
      c, query, ARGS(arg_int(between[0]), arg_int(between[1]), arg_int(context)));
  int rc = sqlite__next(c, s, err);
  for (; rc > 0; rc = sqlite__next(c, s, err)) {
    int64_t id = sqlite3_column_int64(s, 0);
    if (lowest && id < *lowest)
      *lowest = id;
    put_row(&lines[n], s, lowest ? 0 : -1);
    buf_putc(&lines[n++], '}');
  }
  for (int i = 0; i < n; i++) {
    struct buf *line = &lines[turned ? n - 1 - i : i];
    put_comma(b);
    buf_append(b, line->data, line->len);
    buf_fini(line);
  }
  return rc;
}

static int put_line(struct page *p, int64_t id, struct err *err)
{
  struct buf *b = &p->op->items;
  sqlite3_stmt *s = sqlite__start(p->c, SQL_LOG_ONE, ARGS(arg_int(id)));
  int rc = sqlite__next(p->c, s, err);
  if (rc <= 0)
    return rc;
  put_comma(b);
  put_row(b, s, p->op->context ? 1 : -1);
  buf_putc(b, '}');
  sqlite__stop(s);
  return 0;
}

/* A hit with the lines around it, but for those that are there already (`lowest` is the
 * last one) and those that stand nearer to another hit. */
static int put_hit(struct page *p, size_t i, int64_t *lowest, struct err *err)
{
  int64_t id = p->ids[i], next = i + 1 < p->n ? p->ids[i + 1] : 0;
  const int64_t up[2] = {id, *lowest}, down[2] = {id, next};
  int context = p->op->context;
  struct buf *b = &p->op->items;
  if (context && put_near(p->c, b, SQL_LOG_ABOVE, up, context, true, lowest, err) < 0)
    return -1;
  if (put_line(p, id, err) < 0)
    return -1;
  *lowest = id;
  if (context && put_near(p->c, b, SQL_LOG_BELOW, down, context, false, lowest, err) < 0)
    return -1;
  return 0;
}

static int put_page(struct page *p, struct err *err)
{
  struct store_log_list *op = p->op;
  int64_t lowest = op->before ? op->before : INT64_MAX;
  size_t i = 0, most = op->bytes ? op->bytes : PAGE_BYTES;
  buf_putc(&op->items, '[');
  for (; i < p->n && i < p->limit && op->items.len < most; i++)
    if (put_hit(p, i, &lowest, err) < 0)
      return -1;
  buf_putc(&op->items, ']');
  op->more = i < p->n || p->looked != 0;
  if (op->more)
    op->next = i < p->n ? p->ids[i - 1] : p->looked;
  return 0;
}

/* ---- the operations ---- */

static int clamp(int64_t value, int least, int most)
{
  if (value < least)
    return least;
  return value > most ? most : (int)value;
}

static int page_init(struct page *p, struct sqlite_conn *c, struct store_log_list *op,
                     struct err *err)
{
  const struct store_log_filter *f = &op->filter;
  *p = (struct page){.c = c, .op = op, .below = INT64_MAX};
  p->limit = (size_t)clamp(op->limit, 1, LIMIT_MAX);
  p->ids = mem_alloc((p->limit + 1) * sizeof *p->ids);
  p->types = sqlite__names_json(f->types, f->n_types);
  op->context = op->forward ? 0 : clamp(op->context, 0, CONTEXT_MAX);
  op->items = (struct buf){0};
  op->next = 0;
  op->more = false;
  if (f->search && log_search_init(&p->search, c->db, f->search, err) < 0)
    return -1;
  if (op->forward)
    p->above = op->after;
  else if (op->before)
    p->below = op->before;
  return narrow_by_time(p, err);
}

static void page_fini(struct page *p)
{
  log_search_fini(&p->search);
  free(p->types);
  free(p->ids);
}

static int read_forward(struct page *p, struct err *err)
{
  struct store_log_list *op = p->op;
  int64_t last = 0;
  if (sqlite__number(p->c, SQL_LOG_LAST, NO_ARGS, 0, &last, err) < 0)
    return -1;
  if (op->after >= 0 && scan(p, "log_up", err) < 0)
    return -1;
  if (put_page(p, err) < 0)
    return -1;
  if (!op->more)
    op->next = last; /* before `after` only when this is another database than it was */
  return 0;
}

int sqlite__read_logs(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct page p;
  struct store_log_list *list = (struct store_log_list *)op;
  int rc = page_init(&p, c, list, err);
  if (rc == 0 && list->forward)
    rc = read_forward(&p, err);
  else if (rc == 0 && (rc = find_down(&p, err)) == 0)
    rc = put_page(&p, err);
  page_fini(&p);
  return rc;
}

static int put_around(struct sqlite_conn *c, struct store_log_get *get, struct err *err)
{
  const int64_t down[2] = {get->id, 0}, up[2] = {get->id, INT64_MAX};
  struct buf *b = &get->json;
  buf_puts(b, ",\"before\":[");
  if (put_near(c, b, SQL_LOG_BELOW, down, get->context, true, NULL, err) < 0)
    return -1;
  buf_puts(b, "],\"after\":[");
  if (put_near(c, b, SQL_LOG_ABOVE, up, get->context, false, NULL, err) < 0)
    return -1;
  buf_putc(b, ']');
  return 0;
}

int sqlite__read_log(struct sqlite_conn *c, struct store_op *op, struct err *err)
{
  struct store_log_get *get = (struct store_log_get *)op;
  get->json = (struct buf){0};
  get->context = clamp(get->context, 0, CONTEXT_MAX);
  sqlite3_stmt *s = sqlite__start(c, SQL_LOG_ONE, ARGS(arg_int(get->id)));
  int rc = sqlite__next(c, s, err);
  if (rc <= 0)
    return rc;
  put_row(&get->json, s, -1);
  sqlite__stop(s);
  if (get->context && put_around(c, get, err) < 0)
    return -1;
  buf_putc(&get->json, '}');
  return 0;
}
