/* Secrets, and texts that are sealed and opened with a key that no worker has. */
#include "worker/request_.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define NAME_LONGEST 200

static bool is_name(const char *name)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  size_t len = strlen(name);
  return len > 0 && len <= NAME_LONGEST && strspn(name, letters) == len;
}

static int get_secret(struct request *r, struct buf *value, struct err *err)
{
  const struct pool_config *c = &r->pool->config;
  const char *name = jx_str(r->body, "name", "");
  if (!is_name(name))
    return err_set(err, "bad_request", "a secret has a name of A-Z, 0-9 and _");
  if (c->vault.secret(c->arg, name, value, err) < 0)
    return -1;
  json_t *valid = json_stringn(value->data, value->len);
  json_decref(valid);
  if (!valid)
    return err_set(err, "secret_not_text", "the secret %s is no text in UTF-8", name);
  if (c->vault.hide)
    c->vault.hide(c->arg, value->data);
  return 0;
}

static void answer_text(struct request *r, const char *name, const struct buf *text)
{
  struct buf b = {0};
  buf_printf(&b, "{\"%s\":", name);
  buf_json_string(&b, text->data, text->len);
  buf_putc(&b, '}');
  request__answer_text(r, b.data, b.len);
  buf_fini(&b);
}

void request__secret(struct request *r)
{
  struct buf value = {0};
  struct err err;
  buf_puts(&value, "");
  if (get_secret(r, &value, &err) < 0)
    request__refuse(r, &err);
  else
    answer_text(r, "value", &value);
  buf_fini(&value);
}

/* Texts travel as base64url, since what is sealed may be any bytes. */
static void convert(struct request *r,
                    int (*with)(void *arg, const char *text, const char *context,
                                struct buf *out, struct err *err))
{
  struct buf out = {0};
  struct err err;
  buf_puts(&out, "");
  if (with(r->pool->config.arg, jx_str(r->body, "text", ""),
           jx_str(r->body, "context", ""), &out, &err) < 0)
    request__refuse(r, &err);
  else
    answer_text(r, "text", &out);
  buf_fini(&out);
}

void request__seal(struct request *r)
{
  convert(r, r->pool->config.vault.seal);
}

void request__open(struct request *r)
{
  convert(r, r->pool->config.vault.open);
}
