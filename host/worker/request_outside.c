/* What a job in a test asks of the world: the test answers in its place (pool_test). */
#include "worker/request_.h"

#include "base/json.h"

void request__outside(struct request *r)
{
  const struct pool_config *c = &r->pool->config;
  struct err err;
  if (c->test) {
    c->test->outside(c->arg, r->verb, r->body, r);
    return;
  }
  err_set(&err, "bad_request", "this host is no test's");
  request__refuse(r, &err);
}

void pool_answer(struct request **ask, json_t *value, const struct err *err)
{
  struct request *r = *ask;
  *ask = NULL;
  if (err)
    request__refuse(r, err);
  else
    request__answer_json(r, value);
}
