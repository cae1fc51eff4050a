/* One end of the socketpair: framing, streams with credit, and who may overtake whom
 * (see channel.h). What is received is taken apart in channel_in.c.
 *
 * Sending: small messages are laid as frames into `data`, control frames into `control`;
 * large messages wait in `streams` and are cut into frames only as fast as the socket
 * and the receiver's credit take them. One sendmsg writes the rest of the frame that is
 * under way, then all control frames, then data: that is how control overtakes without
 * ever splitting a frame.
 */
#include "frame/channel_.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void ready(uv_poll_t *poll, int status, int events);

static void listen_for(struct channel *c, int events)
{
  if (c->listening == events || c->ended)
    return;
  c->listening = events;
  uv_poll_start(&c->poll, events, ready);
}

/* ---- life ---- */

struct channel *channel_new(uv_loop_t *loop, int fd, const struct channel_events *events,
                            void *arg)
{
  struct channel *c = mem_alloc(sizeof *c);
  c->fd = fd;
  c->events = events;
  c->arg = arg;
  c->handles = 2;
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  uv_poll_init(loop, &c->poll, fd);
  uv_prepare_init(loop, &c->turn);
  c->poll.data = c->turn.data = c;
  listen_for(c, UV_READABLE);
  return c;
}

static void release(uv_handle_t *handle)
{
  struct channel *c = handle->data;
  if (--c->handles > 0)
    return;
  close(c->fd);
  while (c->streams) {
    struct channel_stream *s = c->streams;
    c->streams = s->next;
    buf_fini(&s->body);
    free(s);
  }
  channel__in_fini(c);
  buf_fini(&c->control);
  buf_fini(&c->data);
  free(c);
}

static void stop(struct channel *c)
{
  c->ended = true;
  uv_poll_stop(&c->poll);
  uv_prepare_stop(&c->turn);
}

void channel_free(struct channel **channel)
{
  struct channel *c = *channel;
  *channel = NULL;
  if (!c)
    return;
  stop(c);
  uv_close((uv_handle_t *)&c->poll, release);
  uv_close((uv_handle_t *)&c->turn, release);
}

void channel__end(struct channel *c, const char *why)
{
  if (c->ended)
    return;
  stop(c);
  c->events->closed(c->arg, why);
}

/* ---- laying frames ---- */

static void lay(struct buf *b, enum message_kind kind, unsigned flags, uint32_t stream,
                const char *body, size_t len)
{
  struct channel_head head = {(uint32_t)len, (uint8_t)kind, (uint8_t)flags, 0, stream};
  buf_append(b, &head, sizeof head);
  buf_append(b, body, len);
}

static void add_stream(struct channel *c, enum message_kind kind, const char *body,
                       size_t len)
{
  struct channel_stream *s = mem_alloc(sizeof *s), **end = &c->streams;
  s->kind = kind;
  s->credit = CHANNEL_CREDIT;
  s->number = ++c->last_stream ? c->last_stream : ++c->last_stream;
  buf_append(&s->body, body, len);
  while (*end)
    end = &(*end)->next;
  *end = s;
  c->streaming += len;
}

/* Cuts the next frame off a stream that may send. Returns false when it may not. */
static bool cut_frame(struct channel *c, struct channel_stream *s)
{
  size_t left = s->body.len - s->sent;
  size_t len = left < CHANNEL_BODY ? left : CHANNEL_BODY;
  if (s->credit < len)
    return false;
  lay(&c->data, s->kind, left > len ? CHANNEL_MORE : 0, s->number, s->body.data + s->sent,
      len);
  s->sent += len;
  s->credit -= len;
  c->streaming -= len;
  return true;
}

static void cut_streams(struct channel *c)
{
  struct channel_stream **at = &c->streams;
  while (*at && c->data.len - c->data_sent < CHANNEL_FRAME) {
    struct channel_stream *s = *at;
    bool cut = cut_frame(c, s);
    if (s->sent < s->body.len) {
      at = cut ? at : &s->next;
      continue;
    }
    *at = s->next;
    buf_fini(&s->body);
    free(s);
  }
}

void channel__credit(struct channel *c, uint32_t number, uint32_t bytes)
{
  for (struct channel_stream *s = c->streams; s; s = s->next)
    if (s->number == number)
      s->credit += bytes;
  channel__dirty(c);
}

/* ---- sending ---- */

static void at_turn(uv_prepare_t *turn)
{
  channel_flush(turn->data);
}

void channel__dirty(struct channel *c)
{
  if (!c->ended && !uv_is_active((uv_handle_t *)&c->turn))
    uv_prepare_start(&c->turn, at_turn);
}

void channel_send(struct channel *c, enum message_kind kind, const char *body, size_t len)
{
  if (c->mute)
    return;
  if (len > CHANNEL_BODY)
    add_stream(c, kind, body, len);
  else
    lay(&c->data, kind, 0, 0, body, len);
  channel__dirty(c);
}

void channel_send_control(struct channel *c, enum message_kind kind, const char *body,
                          size_t len)
{
  if (c->mute)
    return;
  lay(&c->control, kind, 0, 0, body, len);
  channel__dirty(c);
}

size_t channel_pending(const struct channel *c)
{
  return c->control.len - c->control_sent + c->data.len - c->data_sent + c->streaming;
}

/* Where the frame ends in which data_sent lies; data_sent itself at a border. */
static void find_border(struct channel *c)
{
  while (c->border < c->data_sent) {
    struct channel_head head;
    memcpy(&head, c->data.data + c->border, sizeof head);
    c->border += sizeof head + head.len;
  }
}

static void empty_when_sent(struct buf *b, size_t *sent)
{
  if (*sent < b->len)
    return;
  b->len = 0;
  *sent = 0;
  if (b->cap > 4 * CHANNEL_FRAME)
    buf_fini(b);
}

static void account(struct channel *c, size_t n)
{
  size_t rest = c->border - c->data_sent; /* of the frame that was under way */
  size_t first = n < rest ? n : rest;
  size_t control = c->control.len - c->control_sent;
  c->data_sent += first;
  n -= first;
  control = n < control ? n : control;
  c->control_sent += control;
  c->data_sent += n - control;
  find_border(c);
  empty_when_sent(&c->control, &c->control_sent);
  empty_when_sent(&c->data, &c->data_sent);
  if (c->data_sent == 0)
    c->border = 0;
}

/* Returns bytes written, 0 when the socket takes no more, -1 when it is gone. */
static ssize_t write_some(struct channel *c)
{
  struct iovec parts[3] = {
      {c->data.data + c->data_sent, c->border - c->data_sent},
      {c->control.data + c->control_sent, c->control.len - c->control_sent},
      {c->data.data + c->border, c->data.len - c->border},
  };
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
  ssize_t n;
  do
    n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
  account(c, (size_t)n);
  return n;
}

static bool has_bytes(const struct channel *c)
{
  return c->data.len > c->data_sent || c->control.len > c->control_sent;
}

void channel_flush(struct channel *c)
{
  uv_prepare_stop(&c->turn);
  if (c->ended || c->mute)
    return;
  ssize_t n = 1;
  bool had = has_bytes(c) || c->streams;
  cut_streams(c);
  while (n > 0 && has_bytes(c)) {
    n = write_some(c);
    cut_streams(c);
  }
  if (n < 0) { /* it has left, but what it said before is still to be read */
    c->mute = true;
    c->data.len = c->data_sent = c->border = 0;
    c->control.len = c->control_sent = 0;
    listen_for(c, UV_READABLE);
    return;
  }
  listen_for(c, has_bytes(c) ? UV_READABLE | UV_WRITABLE : UV_READABLE);
  if (had && channel_pending(c) == 0 && c->events->drained)
    c->events->drained(c->arg);
}

static void ready(uv_poll_t *poll, int status, int events)
{
  struct channel *c = poll->data;
  if (status < 0) { /* the other side died: what it said before is still to be read */
    while (channel__read(c)) {
    }
    channel__end(c, NULL);
    return;
  }
  if (events & UV_READABLE)
    channel__read(c);
  if ((events & UV_WRITABLE) && !c->ended)
    channel_flush(c);
}
