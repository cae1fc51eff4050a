/* GET /logs as server-sent events: lines as they are written.
 *
 * A tail reads the log table behind the last line that it has sent, whenever the store
 * says that lines were written: so it misses nothing, and resumes anywhere. A burst of
 * writes is one look, and a tail looks again only when its client has read most of what
 * it was sent: however large lines are and however slowly they are read, little of them
 * waits in memory. A client that does not read at all is the server's to close.
 */
#include "api/log_filter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_span.h"

#define TAILS_MAX  100
#define PAGE       100
#define BURST_MS   25  /* from the first line of a burst to the look at it */
#define STUCK_MS   100 /* from one look at a client that has enough unread to the next */
#define SILENCE_MS 15000 /* then a comment, so that nothing between takes it for dead */
#define PENDING    ((size_t)64 << 10) /* unread bytes, from which on no more are fetched */

struct tail {
  struct api *api;
  struct http_request *req;   /* until the first look tells that it makes sense */
  struct http_stream *stream; /* after that, until it ends */
  struct log_filter filter;
  struct store_watch watch;
  struct store_log_list op;
  uv_timer_t timer;
  int64_t after;
  bool more;    /* there may be lines that were not looked at */
  bool reading; /* op is with the store */
  bool closed;  /* the timer is */
};

static void act(uv_timer_t *timer);

static bool has_enough(const struct tail *t)
{
  return http_stream_pending(t->stream) >= PENDING;
}

static uint64_t rest_ms(const struct tail *t)
{
  if (!t->more)
    return SILENCE_MS;
  return has_enough(t) ? STUCK_MS : BURST_MS;
}

static void arm(struct tail *t)
{
  if (t->stream && !t->reading)
    uv_timer_start(&t->timer, act, rest_ms(t), 0);
}

static void logged(void *arg)
{
  struct tail *t = arg;
  if (t->more)
    return;
  t->more = true;
  arm(t);
}

/* ---- the end ---- */

static void free_when_done(struct tail *t)
{
  if (!t->closed || t->reading)
    return;
  log_filter_fini(&t->filter);
  free(t);
}

static void timer_closed(uv_handle_t *handle)
{
  struct tail *t = handle->data;
  t->closed = true;
  free_when_done(t);
}

/* Its answer has ended. */
static void end(struct tail *t)
{
  t->api->tails--;
  store_unwatch(t->api->parts.store, &t->watch);
  uv_close((uv_handle_t *)&t->timer, timer_closed);
}

static void closed(void *arg)
{
  struct tail *t = arg;
  t->stream = NULL;
  end(t);
}

/* ---- events ---- */

/* `data` has to be one line. In JSON, line ends are white space. */
static void put_event(struct buf *b, struct json_span line)
{
  struct json_span id = {0};
  json_span_member(line, "id", &id);
  buf_puts(b, "id: ");
  buf_append(b, id.at + 1, id.len - 2);
  buf_puts(b, "\nevent: log\ndata: ");
  size_t from = b->len;
  buf_append(b, line.at, line.len);
  for (; from < b->len; from++)
    if (b->data[from] == '\n' || b->data[from] == '\r')
      b->data[from] = ' ';
  buf_puts(b, "\n\n");
}

static void send_lines(struct tail *t)
{
  struct buf b = {0};
  const char *at = NULL;
  struct json_span lines = json_span_trim(t->op.items.data), line;
  while (json_span_next(lines, &at, &line))
    put_event(&b, line);
  if (b.len == 0 && t->after < 0) /* where to resume, before there was any line */
    buf_printf(&b, "id: %" PRId64 "\n\n", t->op.next);
  t->after = t->op.next;
  t->more = t->more || t->op.more;
  http_stream_write(t->stream, b.data, b.len);
  buf_fini(&b);
}

/* The first look tells whether the request makes sense: then the answer begins. */
static void begin(struct tail *t, const struct err *err)
{
  struct http_request *req = t->req;
  t->req = NULL;
  if (err) {
    api__store_problem(req, err);
  } else {
    http_set_header(req, "X-Accel-Buffering", "no"); /* to proxies: pass on at once */
    t->stream = http_stream_begin(req, 200, "text/event-stream", closed, t);
  }
  if (t->stream)
    http_stream_write(t->stream, "retry: 1000\n\n", 13);
  else
    end(t);
}

static void looked(struct store_op *op)
{
  struct tail *t = op->arg;
  t->reading = false;
  if (t->req)
    begin(t, op->err);
  if (t->stream && op->status == 0) {
    send_lines(t);
  } else if (t->stream) { /* the client comes back, and is told what is wrong */
    http_stream_end(&t->stream);
    end(t);
  }
  store_op_fini(op);
  arm(t);
  free_when_done(t);
}

static void look(struct tail *t)
{
  t->more = false;
  t->reading = true;
  t->op = (struct store_log_list){.op = {.kind = STORE_LOGS, .done = looked, .arg = t},
                                  .filter = t->filter.filter,
                                  .forward = true,
                                  .after = t->after,
                                  .limit = PAGE,
                                  .bytes = PENDING};
  store_submit(t->api->parts.store, &t->op.op);
}

static void act(uv_timer_t *timer)
{
  struct tail *t = timer->data;
  if (!t->more)
    http_stream_write(t->stream, ":\n\n", 3);
  else if (!has_enough(t))
    look(t);
  arm(t);
}

/* ---- begin ---- */

/* Where it goes on: behind a line, or (-1) at the end. -2 is a mistake. */
static int64_t read_after(const struct http_request *req)
{
  const char *after = http_header(req, "Last-Event-ID");
  if (!after || !*after)
    after = http_query(req, "after");
  if (!after)
    return -1;
  int64_t id = api_id(after);
  return id < 0 ? -2 : id;
}

static void start(struct tail *t)
{
  struct api *a = t->api;
  a->tails++;
  t->after = read_after(t->req);
  t->watch = (struct store_watch){.logged = logged, .arg = t};
  store_watch(a->parts.store, &t->watch);
  uv_timer_init(a->parts.loop, &t->timer);
  t->timer.data = t;
  look(t);
}

void api__tail(struct api *a, struct http_request *req)
{
  static const char *const others[] = {"tail", "after", NULL};
  struct tail *t = mem_alloc(sizeof *t);
  t->api = a;
  log_filter_init(&t->filter, req, others);
  if (t->filter.base.problems) {
    http_problem_with(req, 422, "invalid", json_incref(t->filter.base.problems),
                      "the filter does not fit");
  } else if (read_after(req) < -1) {
    http_problem(req, 422, "invalid",
                 "Last-Event-ID (or after) must be the id of a line in the log");
  } else if (a->tails >= TAILS_MAX) {
    http_set_header(req, "Retry-After", "5");
    http_problem(req, 503, "too_many_tails",
                 "%d clients follow the log already, and no more are taken", TAILS_MAX);
  } else {
    t->req = req;
    start(t);
    return;
  }
  log_filter_fini(&t->filter);
  free(t);
}
