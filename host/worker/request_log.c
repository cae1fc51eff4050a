/* The log table, for candy.log.search. */
#include "worker/request_.h"

#include <stdlib.h>

#include "base/json.h"

static void found(struct store_op *op)
{
  struct request *r = op->arg;
  const struct store_log_list *l = &r->u.logs;
  struct buf b = {0};
  buf_puts(&b, "{\"items\":");
  if (l->items.len)
    buf_append(&b, l->items.data, l->items.len);
  else
    buf_puts(&b, "[]");
  buf_printf(&b, ",\"next\":%lld}", (long long)l->next);
  free((void *)(uintptr_t)l->filter.types);
  request__answer_op(r, &b);
  buf_fini(&b);
}

/* The list is freed in `found`; its texts are the body's. */
static void read_types(const struct request *r, struct store_log_filter *f)
{
  const json_t *list = json_object_get(r->body, "types");
  const char **types = mem_alloc((json_array_size(list) + 1) * sizeof *types);
  size_t i;
  json_t *type;
  json_array_foreach(list, i, type)
    types[i] = jx_text(type, "");
  f->types = types;
  f->n_types = json_array_size(list);
}

void request__logs(struct request *r)
{
  struct store_log_list *l = &r->u.logs;
  const json_t *after = json_object_get(r->body, "after");
  l->filter = (struct store_log_filter){
      .levels = (unsigned)jx_int(r->body, "levels", 0),
      .job = jx_int(r->body, "job", 0),
      .trace = jx_str(r->body, "trace", NULL),
      .search = jx_str(r->body, "q", NULL),
      .since = jx_int(r->body, "since", 0),
      .until = jx_int(r->body, "until", 0),
  };
  read_types(r, &l->filter);
  l->forward = json_is_integer(after);
  l->after = json_integer_value(after);
  l->before = jx_int(r->body, "before", 0);
  l->limit = jx_int(r->body, "limit", 100);
  request__submit(r, STORE_LOGS, found);
}
