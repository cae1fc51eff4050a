/* Messages over a socketpair, in both directions at once.
 *
 * On the wire a message is one frame of up to 256 KiB, or several with the same stream
 * number; a stream beyond the first CHANNEL_CREDIT bytes waits until the other side has
 * taken some in. Control messages overtake everything that has not left yet. Reading
 * never waits for writing: what cannot leave now is kept, and channel_pending tells how
 * much, so that producers can wait.
 *
 * frame: u32 body length, u8 kind, u8 flags, u16 zero, u32 stream, body
 */
#ifndef CANDY_FRAME_CHANNEL_H
#define CANDY_FRAME_CHANNEL_H

#include "frame/message.h"
#include <uv.h>

#define CHANNEL_FRAME   ((size_t)256 * 1024) /* the largest frame, header included */
#define CHANNEL_CREDIT  ((size_t)1024 * 1024)
#define CHANNEL_MESSAGE ((size_t)32 * 1024 * 1024) /* the largest message */

struct channel;

struct channel_events {
  /* A whole message; the body is valid during the call and NUL-terminated. */
  void (*message)(void *arg, enum message_kind kind, const char *body, size_t len);
  /* The other side has left (why is NULL), or broke the protocol. Called once, last. */
  void (*closed)(void *arg, const char *why);
  /* Everything that waited has left. */
  void (*drained)(void *arg);
};

/* Takes over fd (a connected stream socket, made non-blocking). */
struct channel *channel_new(uv_loop_t *loop, int fd, const struct channel_events *events,
                            void *arg);
void channel_free(struct channel **channel); /* safe inside the events */

void channel_send(struct channel *channel, enum message_kind kind, const char *body,
                  size_t len);
void channel_send_control(struct channel *channel, enum message_kind kind,
                          const char *body, size_t len);
size_t channel_pending(const struct channel *channel); /* bytes that have not left */

/* Writes now what can be written, in place of at the end of the loop's turn. */
void channel_flush(struct channel *channel);

#endif
