/* The receiving half of a channel: bytes to frames, frames to whole messages. Each frame
 * of a stream gives its sender credit for as many bytes again. */
#include "frame/channel_.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE ((size_t)128 * 1024)
#define READS_MAX 8 /* a turn: others on the loop want theirs too */

static void give_credit(struct channel *c, uint32_t stream, size_t bytes)
{
  struct buf b = {0};
  wire_put_u32(&b, stream);
  wire_put_u32(&b, (uint32_t)bytes);
  channel_send_control(c, MESSAGE_CREDIT, b.data, b.len);
  buf_fini(&b);
}

static void take_credit(struct channel *c, const char *body, size_t len)
{
  struct wire_reader r = {body, body + len, false};
  uint32_t stream = wire_u32(&r);
  uint32_t bytes = wire_u32(&r);
  channel__credit(c, stream, bytes);
}

static struct channel_stream **find_part(struct channel *c, const struct channel_head *h)
{
  struct channel_stream **at = &c->parts;
  while (*at && (*at)->number != h->stream)
    at = &(*at)->next;
  if (*at)
    return at;
  *at = mem_alloc(sizeof **at);
  (*at)->number = h->stream;
  (*at)->kind = h->kind;
  return at;
}

static void add_part(struct channel *c, const struct channel_head *h, const char *body)
{
  struct channel_stream **at = find_part(c, h), *s = *at;
  if (s->body.len + h->len > CHANNEL_MESSAGE) {
    channel__end(c, "a message is larger than 32 MiB");
    return;
  }
  buf_append(&s->body, body, h->len);
  if (h->flags & CHANNEL_MORE) {
    give_credit(c, h->stream, h->len);
    return;
  }
  *at = s->next;
  c->events->message(c->arg, s->kind, s->body.data, s->body.len);
  buf_fini(&s->body);
  free(s);
}

/* The byte behind the body belongs to the next frame: lent out as a NUL for the call. */
static void deliver(struct channel *c, const struct channel_head *h, char *body)
{
  char next = body[h->len];
  body[h->len] = 0;
  if (h->kind == MESSAGE_CREDIT)
    take_credit(c, body, h->len);
  else if (h->stream)
    add_part(c, h, body);
  else
    c->events->message(c->arg, h->kind, body, h->len);
  body[h->len] = next;
}

static void take_frames(struct channel *c)
{
  size_t at = 0;
  struct channel_head head;
  while (!c->ended && c->in.len - at >= sizeof head) {
    memcpy(&head, c->in.data + at, sizeof head);
    if (head.len > CHANNEL_BODY || head.zero != 0) {
      channel__end(c, "bytes that are no frame");
      return;
    }
    if (c->in.len - at < sizeof head + head.len)
      break;
    deliver(c, &head, c->in.data + at + sizeof head);
    at += sizeof head + head.len;
  }
  buf_drop(&c->in, at);
}

bool channel__read(struct channel *c)
{
  for (int i = 0; i < READS_MAX && !c->ended; i++) {
    buf_reserve(&c->in, READ_SIZE);
    ssize_t n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return false;
    if (n <= 0) {
      channel__end(c, n == 0 || errno == ECONNRESET ? NULL : strerror(errno));
      return false;
    }
    c->in.len += (size_t)n;
    take_frames(c);
    if ((size_t)n < READ_SIZE)
      return false;
  }
  return !c->ended;
}

void channel__in_fini(struct channel *c)
{
  while (c->parts) {
    struct channel_stream *s = c->parts;
    c->parts = s->next;
    buf_fini(&s->body);
    free(s);
  }
  buf_fini(&c->in);
}
