/* The inside of a channel, shared by channel.c (sending, life) and channel_in.c. */
#ifndef CANDY_FRAME_CHANNEL_INSIDE_H
#define CANDY_FRAME_CHANNEL_INSIDE_H

#include "frame/channel.h"

#define CHANNEL_MORE 1u /* flag: the message goes on in a later frame of its stream */

struct channel_head { /* as it is on the wire; both ends are the same build */
  uint32_t len;
  uint8_t kind, flags;
  uint16_t zero;
  uint32_t stream; /* 0: the message is this one frame */
};

#define CHANNEL_BODY (CHANNEL_FRAME - sizeof(struct channel_head))

/* A large message: on its way out, or being put together. */
struct channel_stream {
  struct channel_stream *next;
  uint32_t number;
  enum message_kind kind;
  struct buf body;
  size_t sent;
  size_t credit; /* bytes that may still leave */
};

struct channel {
  uv_poll_t poll;
  uv_prepare_t turn; /* active while something waits for the end of the turn */
  int fd, handles, listening;
  bool ended;
  bool mute; /* the other side takes nothing any more */
  const struct channel_events *events;
  void *arg;

  struct buf control, data;
  size_t control_sent, data_sent;
  size_t border; /* in data: end of the frame under way, data_sent if there is none */
  struct channel_stream *streams;
  size_t streaming; /* bytes of streams that are not in data yet */
  uint32_t last_stream;

  struct buf in;
  struct channel_stream *parts; /* messages that are not whole yet */
};

void channel__dirty(struct channel *channel);
void channel__end(struct channel *channel, const char *why);
void channel__credit(struct channel *channel, uint32_t stream, uint32_t bytes);
bool channel__read(struct channel *channel); /* false: nothing is left for now */
void channel__in_fini(struct channel *channel);

#endif
