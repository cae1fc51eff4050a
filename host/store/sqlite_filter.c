/* Filters as SQL: the text of a query is made of blocks of read.sql, from the tables of
 * the states that are asked for; values are bound by name. */
#include "store/sqlite.h"

#include "base/json.h"

#include <stdlib.h>

#define SORTED_MAX 10000 /* ready jobs that are sorted for one page */

char *sqlite__names_json(const char *const *names, size_t n)
{
  struct buf b = {0};
  if (n == 0)
    return NULL;
  for (size_t i = 0; i < n; i++) {
    buf_putc(&b, i ? ',' : '[');
    buf_json_string(&b, names[i], strlen(names[i]));
  }
  buf_putc(&b, ']');
  return buf_take(&b);
}

static char *ids_json(const int64_t *ids, size_t n)
{
  struct buf b = {0};
  if (n == 0)
    return NULL;
  for (size_t i = 0; i < n; i++)
    buf_printf(&b, "%c%lld", i ? ',' : '[', (long long)ids[i]);
  buf_putc(&b, ']');
  return buf_take(&b);
}

/* "%text%" with what LIKE would take for wildcards escaped. */
static char *pattern(const char *text)
{
  struct buf b = {0};
  if (!text || !*text)
    return NULL;
  buf_putc(&b, '%');
  for (; *text; text++) {
    if (*text == '%' || *text == '_' || *text == '\\')
      buf_putc(&b, '\\');
    buf_putc(&b, *text);
  }
  buf_putc(&b, '%');
  return buf_take(&b);
}

void sqlite__filter_init(struct sqlite_filter *f, const struct store_filter *from,
                         unsigned allowed)
{
  unsigned asked = from->states ? from->states : allowed;
  *f = (struct sqlite_filter){
      .mask = asked & allowed,
      .types = sqlite__names_json(from->types, from->n_types),
      .queues = sqlite__names_json(from->queues, from->n_queues),
      .ids = ids_json(from->ids, from->n_ids),
      .search = pattern(from->search),
      .from = from,
  };
}

void sqlite__filter_fini(struct sqlite_filter *f)
{
  free(f->types);
  free(f->queues);
  free(f->ids);
  free(f->search);
}

void sqlite__bind_named(sqlite3_stmt *s, const char *name, struct sqlite_arg arg)
{
  int at = s ? sqlite3_bind_parameter_index(s, name) : 0;
  if (at > 0)
    sqlite__bind(s, at, &arg);
}

/* Where the jobs of some states are. A source may hold more than these: `fits` decides.
 */
static const struct {
  unsigned states;
  const char *source;
} places[] = {
    {1u << STORE_SCHEDULED | 1u << STORE_RETRYABLE, "{source_scheduled}"},
    {1u << STORE_AVAILABLE, "{source_available}"},
    {1u << STORE_PENDING, "{source_pending}"},
    {1u << STORE_RUNNING, "{source_running}"},
    {1u << STORE_COMPLETED | 1u << STORE_CANCELLED, "{source_done}"},
    {1u << STORE_DEAD, "{source_dead}"},
};

/* Ready jobs are in the order of claims, so a page of them by id sorts them all. Where
 * there are many, the newest of all jobs are looked at instead: most of those wait. */
static bool is_long(struct sqlite_conn *c, const struct sqlite_filter *f)
{
  int64_t n = 0;
  if (!(f->mask & 1u << STORE_AVAILABLE))
    return false;
  return sqlite__number(c, SQL_READY_COUNT, ARGS(arg_int(SORTED_MAX)), 0, &n, NULL) ==
             0 &&
         n == SORTED_MAX;
}

static char *sources(struct sqlite_conn *c, const struct sqlite_filter *f)
{
  struct buf b = {0};
  if (f->mask == 0)
    return mem_strdup("{source_none}");
  if (f->ids)
    return mem_strdup("{source_ids}");
  if (f->from->batch)
    return mem_strdup("{source_batch}");
  if (f->from->parent)
    return mem_strdup("{source_parent}");
  if (f->from->tag)
    return mem_strdup("{source_tag}");
  if (f->mask == ALL_STATES || is_long(c, f))
    return mem_strdup("{source_all}");
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    if (!(places[i].states & f->mask))
      continue;
    if (b.len)
      buf_puts(&b, " union all ");
    buf_puts(&b, places[i].source);
  }
  return buf_take(&b);
}

sqlite3_stmt *sqlite__filter_prepare(struct sqlite_conn *c, const struct sqlite_filter *f,
                                     const char *name, struct err *err)
{
  char *from = sources(c, f);
  char *sql = sqlite__sql_compose(name, from);
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(c->db, sql, -1, &s, NULL) == SQLITE_OK) {
    sqlite__bind_named(s, ":mask", arg_int(f->mask));
    sqlite__bind_named(s, ":types", arg_text(f->types));
    sqlite__bind_named(s, ":queues", arg_text(f->queues));
    sqlite__bind_named(s, ":ids", arg_text(f->ids));
    sqlite__bind_named(s, ":tag", arg_text(f->from->tag));
    sqlite__bind_named(s, ":search", arg_text(f->search));
    sqlite__bind_named(s, ":batch", arg_int(f->from->batch));
    sqlite__bind_named(s, ":parent", arg_int(f->from->parent));
    sqlite__bind_named(s, ":since", arg_int(f->from->since));
    sqlite__bind_named(s, ":until", arg_int(f->from->until));
  } else {
    sqlite__conn_failed(c, err);
  }
  free(sql);
  free(from);
  return s;
}

/* ---- times ---- */

/* By two queries: the last id, and the first row from an id on as (id, time). */
static int find_time(struct sqlite_conn *c, enum sqlite_query last,
                     enum sqlite_query from, int64_t time, int64_t *id, struct err *err)
{
  int64_t low = 1, high = 0;
  if (sqlite__number(c, last, NO_ARGS, 0, &high, err) < 0)
    return -1;
  high++;
  while (low < high) {
    int64_t middle = low + (high - low) / 2;
    sqlite3_stmt *s = sqlite__start(c, from, ARGS(arg_int(middle)));
    int rc = sqlite__next(c, s, err);
    if (rc < 0)
      return -1;
    bool older = rc > 0 && sqlite3_column_int64(s, 1) < time;
    int64_t found = rc > 0 ? sqlite3_column_int64(s, 0) : high;
    sqlite__stop(s);
    if (older)
      low = found + 1;
    else
      high = middle;
  }
  *id = low;
  return 0;
}

int sqlite__job_at(struct sqlite_conn *c, int64_t time, int64_t *id, struct err *err)
{
  return find_time(c, SQL_JOB_LAST, SQL_JOB_FROM, time, id, err);
}

int sqlite__log_at(struct sqlite_conn *c, int64_t time, int64_t *id, struct err *err)
{
  return find_time(c, SQL_LOG_LAST, SQL_LOG_FROM, time, id, err);
}

int sqlite__filter_range(struct sqlite_conn *c, const struct sqlite_filter *f,
                         sqlite3_stmt *s, int64_t above, int64_t below, struct err *err)
{
  int64_t since = f->from->since, until = f->from->until, first = 0, last = INT64_MAX;
  if (since && sqlite__job_at(c, since - CLOCK_SLACK_MS, &first, err) < 0)
    return -1;
  if (until && sqlite__job_at(c, until + CLOCK_SLACK_MS, &last, err) < 0)
    return -1;
  sqlite__bind_named(s, ":above", arg_int(first - 1 > above ? first - 1 : above));
  sqlite__bind_named(s, ":below", arg_int(last < below ? last : below));
  return 0;
}
