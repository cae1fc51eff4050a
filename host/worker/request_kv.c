/* Values by key, for candy.kv. */
#include "worker/request_.h"

#include <string.h>

#include "base/json.h"

#define VALUE_MAX ((size_t)1024 * 1024)

static void kv_done(struct store_op *op)
{
  struct request *r = op->arg;
  struct store_kv *kv = &r->u.kv;
  struct buf b = {0};
  const char *name = kv->verb == STORE_KV_LIST ? "items" : "value";
  buf_printf(&b, "{\"found\":%s,\"more\":%s,\"version\":%lld,\"%s\":",
             kv->found ? "true" : "false", kv->more ? "true" : "false",
             (long long)kv->version, name);
  if (kv->answer.len)
    buf_append(&b, kv->answer.data, kv->answer.len);
  else
    buf_puts(&b, "null");
  buf_putc(&b, '}');
  request__answer_op(r, &b);
  buf_fini(&b);
}

static const char *const kv_verbs[] = {[STORE_KV_GET] = "get",
                                       [STORE_KV_LIST] = "list",
                                       [STORE_KV_SET] = "set",
                                       [STORE_KV_ADD] = "add",
                                       [STORE_KV_DELETE] = "delete"};

static int check(const struct request *r, const char *verb, struct err *err)
{
  size_t len = json_string_length(json_object_get(r->body, "value"));
  if (r->u.kv.verb > STORE_KV_DELETE)
    return err_set(err, "bad_request", "kv has no verb \"%.20s\"", verb);
  if (len <= VALUE_MAX)
    return 0;
  return err_set(err, "kv_too_large",
                 "the value of \"%.100s\" has %zu bytes as JSON, and at most %zu are "
                 "kept: keep large data in a table of candy.schema",
                 jx_str(r->body, "key", ""), len, VALUE_MAX);
}

void request__kv(struct request *r)
{
  struct store_kv *k = &r->u.kv;
  struct err err;
  const char *verb = jx_str(r->body, "verb", "");
  while (k->verb <= STORE_KV_DELETE && strcmp(kv_verbs[k->verb], verb) != 0)
    k->verb++;
  if (check(r, verb, &err) < 0) {
    request__refuse(r, &err);
    return;
  }
  k->key = jx_str(r->body, "key", "");
  k->after = jx_str(r->body, "after", NULL);
  k->value = jx_str(r->body, "value", "null");
  k->by = json_number_value(json_object_get(r->body, "by"));
  k->expires_ms = jx_int(r->body, "expires_ms", 0);
  k->if_version = jx_int(r->body, "if_version", -1);
  k->limit = jx_int(r->body, "limit", 100);
  request__submit(r, k->verb <= STORE_KV_LIST ? STORE_KV_READ : STORE_KV_WRITE, kv_done);
}
