/* Limits: who may go now, and who waits in a line; see client.h.
 *
 * There are two lines, one behind the other: that of the host, where limits are set for
 * it, and that of the client, which bounds what runs at all. Both are in order of
 * arrival; who waits for a host keeps nobody waiting who goes elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/client/client_.h"

/* ---- lines ---- */

static void line_init(struct line *line)
{
  line->first = NULL;
  line->end = &line->first;
}

static void append(struct line *line, struct transfer *t)
{
  t->line = line;
  t->next = NULL;
  t->at = line->end;
  *line->end = t;
  line->end = &t->next;
  t->client->waiting++;
}

static void cut_out(struct transfer *t)
{
  struct line *line = t->line;
  *t->at = t->next;
  if (t->next)
    t->next->at = t->at;
  else
    line->end = t->at;
  t->line = NULL;
  t->client->waiting--;
}

static struct transfer *take(struct line *line)
{
  struct transfer *t = line->first;
  cut_out(t);
  return t;
}

/* ---- limits of a host ---- */

static struct limit *find(const struct client *c, const char *host)
{
  for (struct limit *l = c->limits; l; l = l->next)
    if (strcmp(l->host, host) == 0)
      return l;
  return NULL;
}

/* A limit for "host:port" goes before one for the host. */
static struct limit *limit_of(const struct client *c, const struct url *url)
{
  if (!c->limits)
    return NULL;
  char *place = mem_printf("%s:%u", url->host, url->port);
  struct limit *l = find(c, place);
  free(place);
  return l ? l : find(c, url->host);
}

static void fill(struct limit *l)
{
  int64_t now = clock_mono_ns();
  if (l->per_ns <= 0)
    return;
  l->tokens += (double)(now - l->filled_ns) * l->count / (double)l->per_ns;
  if (l->tokens > l->count)
    l->tokens = l->count;
  l->filled_ns = now;
}

/* Takes one of what the limit gives out. */
static bool admits(struct limit *l)
{
  if (l->concurrency > 0 && l->running >= l->concurrency)
    return false;
  if (l->per_ns > 0) {
    fill(l);
    if (l->tokens < 1)
      return false;
    l->tokens -= 1;
  }
  l->running++;
  return true;
}

/* Milliseconds until the limit may let another one through; -1: that is not for time to
 * tell. */
static int64_t next_token_ms(const struct limit *l)
{
  if (!l->line.first || l->per_ns <= 0 ||
      (l->concurrency > 0 && l->running >= l->concurrency))
    return -1;
  double missing = (1 - l->tokens) * (double)l->per_ns / l->count;
  return (int64_t)(missing / CLOCK_MS) + 1;
}

int client_limit(struct client *c, const char *host, unsigned concurrency, unsigned count,
                 int64_t per_ms, struct err *err)
{
  struct limit *l = find(c, host);
  if (!l && c->limit_count >= CLIENT_LIMITS_MAX)
    return err_set(err, "too_many_limits",
                   "limits are set for %d hosts, and no more are kept",
                   CLIENT_LIMITS_MAX);
  if (!l) {
    l = mem_alloc(sizeof *l);
    l->host = mem_strdup(host);
    line_init(&l->line);
    l->next = c->limits;
    c->limits = l;
    c->limit_count++;
    l->tokens = count;
  }
  bool same = l->concurrency == concurrency && l->count == count &&
              l->per_ns == per_ms * CLOCK_MS;
  if (same)
    return 0; /* each job of a task may say it again: the tokens stay */
  fill(l);
  l->concurrency = concurrency;
  l->count = count;
  l->per_ns = per_ms * CLOCK_MS;
  l->tokens = l->tokens < count ? l->tokens : count;
  l->filled_ns = clock_mono_ns();
  line__advance(c);
  return 0;
}

/* ---- joining and leaving ---- */

static void go(struct transfer *t)
{
  t->counted = true;
  t->client->running++;
  transfer__begin(t);
}

/* Past the limit of its host. */
static void join_client(struct transfer *t)
{
  struct client *c = t->client;
  if (c->running < CLIENT_RUNNING_MAX && !c->line.first)
    go(t);
  else
    append(&c->line, t);
}

static void on_timer(uv_timer_t *timer)
{
  line__advance(timer->data);
}

static void schedule(struct client *c)
{
  int64_t soonest = -1;
  for (struct limit *l = c->limits; l; l = l->next) {
    int64_t ms = next_token_ms(l);
    if (ms >= 0 && (soonest < 0 || ms < soonest))
      soonest = ms;
  }
  if (soonest >= 0)
    uv_timer_start(&c->line_timer, on_timer, (uint64_t)soonest, 0);
}

int line__join(struct transfer *t, struct err *err)
{
  struct client *c = t->client;
  struct limit *l = t->limit = limit_of(c, &t->url);
  t->state = TRANSFER_LINE;
  t->lined_ns = clock_mono_ns();
  if (c->waiting >= CLIENT_LINE_MAX)
    return err_set(err, "too_many_requests",
                   "%d requests wait for their turn already, the most that a worker "
                   "holds: start fewer at a time",
                   CLIENT_LINE_MAX);
  if (l && (l->line.first || !admits(l))) {
    append(&l->line, t);
    schedule(c);
    return 0;
  }
  t->limit_counted = l != NULL;
  join_client(t);
  return 0;
}

void line__leave(struct transfer *t)
{
  struct client *c = t->client;
  struct limit *l = t->limit;
  if (t->line)
    cut_out(t);
  if (t->limit_counted)
    l->running--;
  if (t->counted)
    c->running--;
  c->line_stale |= t->limit_counted || t->counted;
  t->counted = t->limit_counted = false;
  t->limit = NULL;
}

static void advance_host(struct limit *l)
{
  while (l->line.first && admits(l)) {
    struct transfer *t = take(&l->line);
    t->limit_counted = true;
    join_client(t);
  }
}

void line__advance(struct client *c)
{
  do { /* who goes may end at once and make room again */
    c->line_stale = false;
    for (struct limit *l = c->limits; l; l = l->next)
      advance_host(l);
    while (c->line.first && c->running < CLIENT_RUNNING_MAX)
      go(take(&c->line));
  } while (c->line_stale);
  schedule(c);
}

/* ---- life ---- */

static void on_timer_closed(uv_handle_t *handle)
{
  client__closed(handle->data);
}

void line__init(struct client *c)
{
  line_init(&c->line);
  uv_timer_init(c->loop, &c->line_timer);
  c->line_timer.data = c;
  c->handles++;
}

void line__fini(struct client *c)
{
  while (c->limits) {
    struct limit *l = c->limits;
    c->limits = l->next;
    free(l->host);
    free(l);
  }
  uv_close((uv_handle_t *)&c->line_timer, on_timer_closed);
}
