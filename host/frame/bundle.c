/* Entries of a bundle, put and got: see bundle.h. */
#include "frame/bundle.h"

void bundle_put(struct buf *b, const struct bundle_file *file)
{
  wire_put_u32(b, file->load);
  wire_put_text(b, file->name.data, file->name.len);
  wire_put_text(b, file->path.data, file->path.len);
  wire_put_text(b, file->source.data, file->source.len);
}

bool bundle_next(const char **at, const char *end, struct bundle_file *file)
{
  struct wire_reader r = {*at, end, false};
  if (*at >= end)
    return false;
  file->load = wire_u32(&r) != 0;
  file->name = wire_text(&r);
  file->path = wire_text(&r);
  file->source = wire_text(&r);
  *at = r.at;
  return !r.bad;
}
