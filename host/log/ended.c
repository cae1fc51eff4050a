/* What the log says of jobs that ended: every failure, and successes and cancellations up
 * to so many a second of a type; the rest of those is counted, which costs next to
 * nothing, and told in one line a second. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "log/log_.h"

#define ONE_BY_ONE 10 /* a second, of a type and a kind */
#define SECOND_MS  1000
#define CHAINS     256

enum kind { COMPLETED, CANCELLED, KINDS };

static const char *const kinds[] = {"completed", "cancelled"};

struct tally {
  struct tally *next;

  struct count {
    uint64_t since_ms; /* when its second began */
    int told;
    int64_t more;
  } counts[KINDS];

  char type[];
};

static struct {
  uv_loop_t *loop;
  uv_timer_t timer; /* runs while there is something to sum up */
  struct tally *chains[CHAINS];
} ends;

/* ---- lines ---- */

static void put_text(struct buf *b, const char *name, const char *value)
{
  if (!value)
    return;
  buf_printf(b, ",\"%s\":", name);
  buf_json_string(b, value, strlen(value));
}

static void put(struct buf *b)
{
  buf_putc(b, '}');
  log__put(LOG_NO_SINK, NULL, b->data, b->len);
  buf_fini(b);
}

static void say_end(const char *event, enum log_level level, const struct store_job *job,
                    const struct store_finish *end)
{
  struct buf b = {0};
  char made[TRACE_LEN + 1];
  int64_t now = clock_wall_ms();
  buf_printf(&b,
             "{\"event\":\"%s\",\"level\":\"%s\",\"time\":%" PRId64 ",\"job\":\"%" PRId64
             "\",\"attempt\":%d",
             event, log__levels[level], now, job->id, job->retry_count + 1);
  if (end->began_at > 0 && now >= end->began_at)
    buf_printf(&b, ",\"took\":%" PRId64, now - end->began_at);
  put_text(&b, "type", job->type);
  put_text(&b, "worker", end->worker);
  put_text(&b, "workspace", job->workspace);
  trace_of_job(made, job->id);
  put_text(&b, "trace", job->trace ? job->trace : made);
  if (end->reason.len)
    buf_printf(&b, ",\"error\":%s", end->reason.data);
  else if (end->error && end->outcome != STORE_OK)
    buf_printf(&b, ",\"error\":%s", end->error);
  put(&b);
}

static const char *grouped(int64_t n, char text[32])
{
  char digits[32];
  int len = snprintf(digits, sizeof digits, "%" PRId64, n);
  char *to = text;
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0)
      *to++ = ',';
    *to++ = digits[i];
  }
  *to = 0;
  return text;
}

static void say_more(const struct tally *t, enum kind kind)
{
  int64_t more = t->counts[kind].more;
  struct buf b = {0};
  char n[32];
  buf_printf(&b, "{\"event\":\"more\",\"level\":\"info\",\"time\":%" PRId64,
             clock_wall_ms());
  put_text(&b, "type", t->type);
  buf_printf(&b, ",\"%s\":%" PRId64 ",\"message\":", kinds[kind], more);
  char *text = mem_printf("%s: %s more %s in the last second", t->type, grouped(more, n),
                          kinds[kind]);
  buf_json_string(&b, text, strlen(text));
  free(text);
  put(&b);
}

/* ---- those that are summed up ---- */

static struct tally *tally_of(const char *type)
{
  uint32_t h = 2166136261u;
  for (const char *p = type; *p; p++)
    h = (h ^ (unsigned char)*p) * 16777619u;
  struct tally **chain = &ends.chains[h % CHAINS], *t = *chain;
  while (t && strcmp(t->type, type) != 0)
    t = t->next;
  if (!t) {
    size_t len = strlen(type) + 1;
    t = mem_alloc(sizeof *t + len);
    memcpy(t->type, type, len);
    t->next = *chain;
    *chain = t;
  }
  return t;
}

static void sum_up(uv_timer_t *timer)
{
  bool any = false;
  for (int i = 0; i < CHAINS; i++)
    for (struct tally *t = ends.chains[i]; t; t = t->next)
      for (enum kind kind = 0; kind < KINDS; kind++) {
        if (!t->counts[kind].more)
          continue;
        say_more(t, kind);
        t->counts[kind].more = 0;
        any = true;
      }
  if (!any)
    uv_timer_stop(timer);
}

static void count_end(enum kind kind, const struct store_job *job,
                      const struct store_finish *end)
{
  if (!ends.loop || !log__wants(LOG_INFO))
    return;
  struct count *c = &tally_of(job->type)->counts[kind];
  uint64_t now = uv_now(ends.loop);
  if (now - c->since_ms >= SECOND_MS) {
    c->since_ms = now;
    c->told = 0;
  }
  if (c->told < ONE_BY_ONE) {
    c->told++;
    say_end(kinds[kind], LOG_INFO, job, end);
  } else if (c->more++ == 0 && !uv_is_active((uv_handle_t *)&ends.timer)) {
    uv_timer_start(&ends.timer, sum_up, SECOND_MS, SECOND_MS);
  }
}

/* ---- the face of it ---- */

void log_ended(const struct store_job *job, const struct store_finish *end)
{
  if (end->outcome == STORE_OK)
    count_end(COMPLETED, job, end);
  else if (end->became == STORE_CANCELLED) /* whatever its last attempt came to */
    count_end(CANCELLED, job, end);
  else if (end->became == STORE_DEAD)
    say_end("dead", LOG_ERROR, job, end);
  else if (end->outcome == STORE_RETRY && log__wants(LOG_WARN))
    say_end("retry", LOG_WARN, job, end);
  else if (end->outcome == STORE_RESCUE && log__wants(LOG_WARN))
    say_end("rescued", LOG_WARN, job, end);
}

void log__ended_open(uv_loop_t *loop)
{
  ends.loop = loop;
  uv_timer_init(loop, &ends.timer);
  uv_unref((uv_handle_t *)&ends.timer);
}

void log__ended_close(void)
{
  sum_up(&ends.timer);
  ends.loop = NULL;
  uv_close((uv_handle_t *)&ends.timer, NULL);
  for (int i = 0; i < CHAINS; i++)
    while (ends.chains[i]) {
      struct tally *t = ends.chains[i];
      ends.chains[i] = t->next;
      free(t);
    }
}
