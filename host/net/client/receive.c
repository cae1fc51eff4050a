/* What comes: heads and bodies of answers, within their limits; see client.h.
 *
 * A body that waits in full is not read on. Where it is compressed, libcurl that is told
 * so in the middle of a piece keeps all that the piece becomes, out of our sight. So such
 * bodies go on within SLACK, and are paused when libcurl has returned; only a few at a
 * time may go beyond.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "net/client/client_.h"

#define HEADS_MAX    ((size_t)64 * 1024) /* bytes */
#define HEADS_COUNT  300
#define SKIP_MAX     ((uint64_t)64 * 1024) /* of a redirect's body */
#define CROWDED      ((size_t)32 << 20)    /* waits in all: windows get small */
#define FULL         ((size_t)64 << 20)    /* waits in all: slack gets small */
#define SMALL_WINDOW ((size_t)32 * 1024)
#define SLACK        ((size_t)4 << 20)
#define SMALL_SLACK  ((size_t)512 * 1024)
#define HIDDEN_MAX   2 /* transfers of which libcurl may keep megabytes */

size_t receive__waiting(const struct transfer *t)
{
  return t->in.len - t->in_taken;
}

/* ---- heads ---- */

static bool is_name(const char *line, size_t len, const char *name)
{
  return len == strlen(name) && strncasecmp(line, name, len) == 0;
}

static void begin_head(struct transfer *t, const char *line, size_t len)
{
  const char *blank = memchr(line, ' ', len);
  size_t version = blank && len > 5 ? (size_t)(blank - line) - 5 : 0;
  t->in_head = true;
  t->pairs.len = 0;
  t->head.count = 0;
  t->head.status = blank ? atoi(blank + 1) : 0;
  t->encoded = false;
  free(t->location);
  t->location = NULL;
  if (version >= sizeof t->version)
    version = sizeof t->version - 1;
  memcpy(t->version, line + 5, version);
  t->version[version] = 0;
}

/* A line that goes on with the value of the one before (RFC 9112, 5.2). */
static void add_fold(struct transfer *t, const char *text, size_t len)
{
  if (t->head.count == 0)
    return;
  t->pairs.data[t->pairs.len - 1] = ' ';
  buf_append(&t->pairs, text, len);
  buf_putc(&t->pairs, 0);
}

static void trim(const char **text, size_t *len)
{
  while (*len > 0 && strchr(" \t\r\n", (*text)[*len - 1]))
    (*len)--;
  while (*len > 0 && (**text == ' ' || **text == '\t')) {
    (*text)++;
    (*len)--;
  }
}

static void add_header(struct transfer *t, const char *line, size_t len)
{
  const char *colon = memchr(line, ':', len);
  bool folded = *line == ' ' || *line == '\t';
  size_t name = colon ? (size_t)(colon - line) : 0;
  const char *value = folded ? line : line + name + 1;
  size_t value_len = folded ? len : len - name - 1;
  if (!folded && !colon)
    return;
  trim(&value, &value_len);
  if (folded) {
    add_fold(t, value, value_len);
    return;
  }
  buf_append(&t->pairs, line, name);
  buf_putc(&t->pairs, 0);
  buf_append(&t->pairs, value, value_len);
  buf_putc(&t->pairs, 0);
  t->head.count++;
  if (is_name(line, name, "content-encoding"))
    t->encoded = true;
  if (is_name(line, name, "location") && !t->location)
    t->location = mem_copy(value, value_len);
}

bool receive__is_redirect(const struct transfer *t)
{
  switch (t->head.status) {
  case 301:
  case 302:
  case 303:
  case 307:
  case 308:
    return t->location && t->asked.redirects >= 0;
  default:
    return false;
  }
}

static int too_large(struct transfer *t)
{
  return transfer__fail(t, "too_large",
                        "the body is larger than the limit of %llu bytes: raise "
                        "max_bytes, or read it as a stream",
                        (unsigned long long)t->asked.bytes_max);
}

static int end_head(struct transfer *t)
{
  curl_off_t size = -1;
  bool no_body = strcmp(t->asked.method, "HEAD") == 0;
  t->in_head = false;
  if (t->head.status < 200)
    return 0; /* another head follows */
  t->head_done = true;
  t->head.pairs = t->pairs.data ? t->pairs.data : "";
  t->head.version = t->version;
  t->head.url = t->url.text;
  t->head.redirects = t->hops;
  t->state = TRANSFER_ANSWER;
  t->redirecting = receive__is_redirect(t);
  libcurl.easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
  if (!t->redirecting && !no_body && !t->encoded && t->asked.bytes_max > 0 && size > 0 &&
      (uint64_t)size > t->asked.bytes_max)
    return too_large(t);
  transfer__arm(t);
  t->wake(t->arg);
  return 0;
}

static int take_line(struct transfer *t, const char *line, size_t len)
{
  t->active_ns = clock_mono_ns();
  if (t->first_byte_ns == 0)
    t->first_byte_ns = t->active_ns;
  t->head_bytes += len;
  if (t->head_bytes > HEADS_MAX || t->head.count >= HEADS_COUNT)
    return transfer__fail(t, "bad_response",
                          "the answer has more than %d headers or 64 KB of them",
                          HEADS_COUNT);
  if (t->head_done)
    return 0; /* a trailer */
  if (!t->in_head && len > 5 && memcmp(line, "HTTP/", 5) == 0)
    begin_head(t, line, len);
  else if (len <= 2 && (*line == '\r' || *line == '\n'))
    return end_head(t);
  else
    add_header(t, line, len);
  return 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
  size_t len = size * count;
  return take_line(arg, line, len) < 0 ? 0 : len;
}

/* ---- bodies ---- */

static size_t window(const struct client *c)
{
  return c->buffered > CROWDED ? SMALL_WINDOW : TRANSFER_WINDOW;
}

static void note_overfull(struct transfer *t)
{
  if (t->overfull)
    return;
  t->overfull = true;
  t->next_overfull = t->client->overfull;
  t->client->overfull = t;
}

/* A compressed body goes beyond its window: whether it may. */
static bool stretches(struct transfer *t, size_t len)
{
  size_t slack = t->client->buffered > FULL ? SMALL_SLACK : SLACK;
  note_overfull(t);
  return receive__waiting(t) + len <= TRANSFER_WINDOW + slack;
}

/* libcurl keeps what is left of the piece. */
static size_t pause_hidden(struct transfer *t)
{
  struct client *c = t->client;
  if (!t->hidden && c->hidden >= HIDDEN_MAX) {
    transfer__fail(t, "bad_encoding",
                   "the compressed body grows beyond all measure: a few KB of it became "
                   "more than %zu MB",
                   SLACK >> 20);
    return 0;
  }
  c->hidden += t->hidden ? 0 : 1;
  t->hidden = t->in_paused = true;
  return CURL_WRITEFUNC_PAUSE;
}

void receive__show(struct transfer *t)
{
  t->client->hidden -= t->hidden ? 1 : 0;
  t->hidden = false;
}

static size_t take_body(struct transfer *t, const char *bytes, size_t len)
{
  t->active_ns = clock_mono_ns();
  if (t->redirecting) {
    t->skipped += len;
    return t->skipped > SKIP_MAX ? 0 : len;
  }
  if (t->asked.bytes_max > 0 && t->received + len > t->asked.bytes_max) {
    too_large(t);
    return 0;
  }
  if (receive__waiting(t) > 0 && receive__waiting(t) + len > window(t->client)) {
    if (t->encoded && !stretches(t, len))
      return pause_hidden(t);
    if (!t->encoded) {
      t->in_paused = true;
      return CURL_WRITEFUNC_PAUSE;
    }
  }
  transfer__compact(&t->in, &t->in_taken);
  buf_append(&t->in, bytes, len);
  t->client->buffered += len;
  t->received += len;
  t->wake(t->arg);
  return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
  return take_body(arg, bytes, size * count);
}

void receive__set(struct transfer *t)
{
  libcurl.easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
  libcurl.easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
  libcurl.easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
  libcurl.easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
}

void receive__reset(struct transfer *t)
{
  t->pairs.len = 0;
  t->head.count = 0;
  t->head.status = 0;
  t->head_bytes = 0;
  t->in_head = t->head_done = t->redirecting = t->encoded = false;
  t->skipped = 0;
  free(t->location);
  t->location = NULL;
}
