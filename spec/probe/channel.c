/* links: frame base loop */
/* Two ends of a channel in one process, for the spec. The seed on the command line makes
 * messages of random sizes and kinds; each end checks what it gets by a running number
 * and a checksum, and control messages must overtake what waits. Prints a JSON line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "frame/channel.h"

#define MESSAGES 100

struct end {
  struct channel *channel;
  int got, controls, closed;
  int data_before_control; /* data messages that came before the first control message */
  bool bad;
};

static struct end ends[2];
static size_t largest_pending;

static uint32_t checksum(const char *bytes, size_t len)
{
  uint32_t sum = 2166136261u;
  for (size_t i = 0; i < len; i++)
    sum = (sum ^ (unsigned char)bytes[i]) * 16777619u;
  return sum;
}

static void on_message(void *arg, enum message_kind kind, const char *body, size_t len)
{
  struct end *e = arg;
  if (kind == MESSAGE_DRAIN) {
    if (e->controls++ == 0)
      e->data_before_control = e->got;
    return;
  }
  struct wire_reader r = {body, body + len, false};
  uint32_t sum = wire_u32(&r);
  e->bad = e->bad || r.bad || sum != checksum(r.at, (size_t)(r.end - r.at)) || body[len];
  if (++e->got == MESSAGES && ends[0].got >= MESSAGES && ends[1].got >= MESSAGES)
    channel_free(&ends[0].channel);
}

static void on_closed(void *arg, const char *why)
{
  struct end *e = arg;
  (void)why;
  e->closed++;
  channel_free(&e->channel);
}

static const struct channel_events events = {on_message, on_closed, NULL};

static size_t random_size(void)
{
  switch (rand() % 8) {
  case 0:
    return (size_t)(rand() % (3 * 1024 * 1024));
  case 1:
    return CHANNEL_FRAME - 20 + (size_t)(rand() % 40);
  default:
    return (size_t)(rand() % 2000);
  }
}

static void send_random(struct channel *channel)
{
  size_t len = random_size();
  char *bytes = mem_alloc(len);
  struct buf b = {0};
  for (size_t i = 0; i < len; i++)
    bytes[i] = (char)rand();
  wire_put_u32(&b, checksum(bytes, len));
  buf_append(&b, bytes, len);
  channel_send(channel, MESSAGE_JOB, b.data, b.len);
  if (channel_pending(channel) > largest_pending)
    largest_pending = channel_pending(channel);
  buf_fini(&b);
  free(bytes);
}

int main(int argc, char **argv)
{
  int fds[2];
  uv_loop_t loop;
  srand(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
  uv_loop_init(&loop);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
    return 1;
  for (int i = 0; i < 2; i++)
    ends[i].channel = channel_new(&loop, fds[i], &events, &ends[i]);
  for (int n = 0; n < MESSAGES; n++)
    for (int i = 0; i < 2; i++)
      send_random(ends[i].channel);
  channel_send_control(ends[0].channel, MESSAGE_DRAIN, NULL, 0);
  uv_run(&loop, UV_RUN_DEFAULT);
  printf("{\"got\":[%d,%d],\"bad\":%s,\"controls\":%d,\"before_control\":%d,"
         "\"closed\":%d,\"largest_pending\":%zu}\n",
         ends[0].got, ends[1].got, ends[0].bad || ends[1].bad ? "true" : "false",
         ends[1].controls, ends[1].data_before_control, ends[1].closed, largest_pending);
  return uv_loop_close(&loop) == 0 ? 0 : 2;
}
