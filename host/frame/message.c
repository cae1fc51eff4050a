/* The bodies of the frames, put and got field by field: see message.h. */
#include "frame/message.h"

static void put(struct buf *b, const struct wire_text *text)
{
  wire_put_text(b, text->data, text->len);
}

static int whole(const struct wire_reader *r)
{
  return r->bad || r->at != r->end ? -1 : 0;
}

void message_put_job(struct buf *b, const struct message_job *m)
{
  wire_put_u32(b, m->cell);
  wire_put_i64(b, m->id);
  wire_put_i64(b, m->lease);
  wire_put_u32(b, m->retry_count);
  wire_put_u32(b, m->max_retries);
  wire_put_i64(b, m->created_at);
  wire_put_i64(b, m->batch);
  put(b, &m->type);
  put(b, &m->queue);
  put(b, &m->workspace);
  put(b, &m->key);
  put(b, &m->tags);
  put(b, &m->checkpoint);
  put(b, &m->trace);
  put(b, &m->payload);
}

int message_get_job(const char *bytes, size_t len, struct message_job *m)
{
  struct wire_reader r = {bytes, bytes + len, false};
  m->cell = wire_u32(&r);
  m->id = wire_i64(&r);
  m->lease = wire_i64(&r);
  m->retry_count = wire_u32(&r);
  m->max_retries = wire_u32(&r);
  m->created_at = wire_i64(&r);
  m->batch = wire_i64(&r);
  m->type = wire_text(&r);
  m->queue = wire_text(&r);
  m->workspace = wire_text(&r);
  m->key = wire_text(&r);
  m->tags = wire_text(&r);
  m->checkpoint = wire_text(&r);
  m->trace = wire_text(&r);
  m->payload = wire_text(&r);
  return whole(&r);
}

void message_put_done(struct buf *b, const struct message_done *m)
{
  wire_put_u32(b, m->cell);
  wire_put_i64(b, m->id);
  wire_put_i64(b, m->lease);
  wire_put_u32(b, m->outcome);
  wire_put_i64(b, m->delay_ms);
  put(b, &m->body);
  put(b, &m->effects);
}

int message_get_done(const char *bytes, size_t len, struct message_done *m)
{
  struct wire_reader r = {bytes, bytes + len, false};
  m->cell = wire_u32(&r);
  m->id = wire_i64(&r);
  m->lease = wire_i64(&r);
  m->outcome = wire_u32(&r);
  m->delay_ms = wire_i64(&r);
  m->body = wire_text(&r);
  m->effects = wire_text(&r);
  return whole(&r);
}

void message_put_request(struct buf *b, const struct message_request *m)
{
  wire_put_u32(b, m->number);
  wire_put_u32(b, m->cell);
  put(b, &m->verb);
  put(b, &m->body);
}

int message_get_request(const char *bytes, size_t len, struct message_request *m)
{
  struct wire_reader r = {bytes, bytes + len, false};
  m->number = wire_u32(&r);
  m->cell = wire_u32(&r);
  m->verb = wire_text(&r);
  m->body = wire_text(&r);
  return whole(&r);
}

void message_put_new(struct buf *b, const struct message_new *m)
{
  put(b, &m->type);
  put(b, &m->payload);
  put(b, &m->options);
}

int message_next_new(const char **at, const char *end, struct message_new *m)
{
  struct wire_reader r = {*at, end, false};
  if (*at == end)
    return 0;
  m->type = wire_text(&r);
  m->payload = wire_text(&r);
  m->options = wire_text(&r);
  *at = r.at;
  return r.bad || !m->type.data || !m->payload.data ? -1 : 1;
}

void message_put_answer(struct buf *b, const struct message_answer *m)
{
  wire_put_u32(b, m->number);
  wire_put_u32(b, m->ok);
  put(b, &m->body);
}

int message_get_answer(const char *bytes, size_t len, struct message_answer *m)
{
  struct wire_reader r = {bytes, bytes + len, false};
  m->number = wire_u32(&r);
  m->ok = wire_u32(&r);
  m->body = wire_text(&r);
  return whole(&r);
}

void message_put_pushed(struct buf *b, const struct message_pushed *m)
{
  wire_put_i64(b, m->id);
  wire_put_u32(b, m->duplicate);
}

int message_next_pushed(const char **at, const char *end, struct message_pushed *m)
{
  struct wire_reader r = {*at, end, false};
  if (*at == end)
    return 0;
  m->id = wire_i64(&r);
  m->duplicate = wire_u32(&r);
  *at = r.at;
  return r.bad ? -1 : 1;
}

void message_put_cancel(struct buf *b, const struct message_cancel *m)
{
  wire_put_u32(b, m->cell);
  wire_put_i64(b, m->id);
  wire_put_i64(b, m->lease);
  wire_put_i64(b, m->grace_ms);
  put(b, &m->code);
  put(b, &m->message);
}

int message_get_cancel(const char *bytes, size_t len, struct message_cancel *m)
{
  struct wire_reader r = {bytes, bytes + len, false};
  m->cell = wire_u32(&r);
  m->id = wire_i64(&r);
  m->lease = wire_i64(&r);
  m->grace_ms = wire_i64(&r);
  m->code = wire_text(&r);
  m->message = wire_text(&r);
  return whole(&r);
}
