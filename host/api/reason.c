/* Bodies that may say why something is done, and nothing else: {"reason": "..."}, or none
 * at all. */
#include "api/api_.h"

#include <string.h>

#define REASON_MAX 500

bool api__fits_reason(const json_t *reason)
{
  if (!reason || json_is_null(reason))
    return true;
  size_t len = json_string_length(reason);
  return json_is_string(reason) && len <= REASON_MAX &&
         strlen(json_string_value(reason)) == len;
}

/* A field that is not known is one that was meant, and would have no effect. */
static const char *unknown_field(json_t *body, bool takes_reason)
{
  const char *name;
  json_t *value;
  json_object_foreach(body, name, value)
    if (!takes_reason || strcmp(name, "reason") != 0)
      return name;
  return NULL;
}

static bool refused(struct http_request *req, json_t *body, bool takes_reason)
{
  const char *unknown = unknown_field(body, takes_reason);
  if (!json_is_object(body))
    http_problem(req, 422, "invalid", "the body must be an object%s, or be left out",
                 takes_reason ? " {\"reason\": ...}" : " {}");
  else if (unknown)
    http_problem(req, 422, "invalid", "\"%.100s\" is not known here; %s", unknown,
                 takes_reason ? "the one field is reason" : "there are no fields");
  else if (!api__fits_reason(json_object_get(body, "reason")))
    http_problem(req, 422, "invalid", API_REASON_FAULT);
  else
    return false;
  return true;
}

json_t *api__reason_body(struct http_request *req, bool takes_reason)
{
  struct err err;
  json_t *body = req->body_len ? jx_parse(req->body, req->body_len, &err) : json_object();
  if (!body) {
    http_problem(req, 400, err.code, "%s", err.text);
  } else if (refused(req, body, takes_reason)) {
    json_decref(body);
    body = NULL;
  }
  return body;
}
