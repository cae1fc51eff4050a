/* From the text of a line to an entry: everything in it is bounded, is UTF-8 and has
 * been redacted, and there is always something to read. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/redact.h"
#include "base/utf8.h"
#include "log/log_.h"

#define MESSAGE_MAX  ((size_t)16 * 1024)
#define FIELDS_MAX   ((size_t)64 * 1024)
#define FIELDS_DEPTH 32

const char *const log__levels[] = {"debug", "info", "warn", "error"};

/* Indexed by enum log_event: as "event" names them, and as a message begins. */
static const char *const events[] = {"",     "completed", "more",     "retry",
                                     "dead", "rescued",   "cancelled"};
static const char *const begins[] = {"",
                                     "job completed",
                                     "",
                                     "job failed, will be retried: ",
                                     "job is dead: ",
                                     "job lost its worker, goes back: ",
                                     "job cancelled: "};

enum log_level log__level(const char *name, enum log_level fallback)
{
  for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
    if (strcmp(log__levels[i], name) == 0)
      return (enum log_level)i;
  return fallback;
}

/* ---- message ---- */

/* Blanks and controls are nothing, as for the table, which refuses them. */
static bool has_something(const struct buf *text)
{
  for (size_t i = 0; i < text->len; i++)
    if ((unsigned char)text->data[i] > ' ' && text->data[i] != 0x7F)
      return true;
  return false;
}

/* A NUL would end the text early wherever it is read as a string. */
static void put(struct buf *b, const char *text, size_t len)
{
  size_t at = b->len;
  utf8_append(b, text, len, MESSAGE_MAX);
  for (; at < b->len; at++)
    if (b->data[at] == 0)
      b->data[at] = ' ';
}

/* An empty line in a log helps nobody: at least it tells where to look. */
static void put_place(struct log_entry *e)
{
  e->message.len = 0;
  buf_puts(&e->message, "(a line without a message");
  if (e->type)
    buf_printf(&e->message, ", from a job of %s", e->type);
  if (e->worker)
    buf_printf(&e->message, ", from worker %s", e->worker);
  buf_putc(&e->message, ')');
}

/* error is {code, message, ...} */
static void put_cause(struct log_entry *e, const json_t *error)
{
  const json_t *text = json_object_get(error, "message");
  if (json_string_length(text))
    put(&e->cause, json_string_value(text), json_string_length(text));
  else
    buf_puts(&e->cause, "no reason was given");
  redact_text(&e->cause);
}

static void read_message(struct log_entry *e, json_t *root)
{
  const json_t *text = json_object_get(root, "message");
  buf_puts(&e->message, begins[e->event]);
  if (text)
    put(&e->message, json_string_value(text), json_string_length(text));
  redact_text(&e->message);
  if (e->event >= LOG_RETRY) {
    put_cause(e, json_object_get(root, "error"));
    buf_append(&e->message, e->cause.data, e->cause.len);
  }
  if (!has_something(&e->message))
    put_place(e);
}

/* ---- members ---- */

static bool is_known(const char *name)
{
  static const char *const known[] = {"level",   "time",  "message", "job",   "type",
                                      "attempt", "trace", "worker",  "event", "workspace",
                                      "error",   "took",  "fields"};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(known[i], name) == 0)
      return true;
  return false;
}

static void put_fields(struct log_entry *e, json_t *fields)
{
  fields = redact_json(fields, FIELDS_DEPTH);
  if (json_object_size(fields))
    jx_append(&e->fields, fields);
  json_decref(fields);
  if (e->fields.len > FIELDS_MAX) {
    size_t len = e->fields.len;
    e->fields.len = 0;
    buf_printf(&e->fields, "{\"fields_left_out\":\"%zu bytes, the limit is %zu\"}", len,
               FIELDS_MAX);
  }
}

/* What a script gave as fields, and what else the host has to tell. */
static void read_fields(struct log_entry *e, json_t *root)
{
  const char *name;
  json_t *value, *fields = json_object_get(root, "fields");
  const json_t *error = json_object_get(root, "error");
  fields = json_is_object(fields) ? json_incref(fields) : json_object();
  json_object_foreach(root, name, value)
    if (!is_known(name))
      json_object_set(fields, name, value);
  if (error)
    json_object_set_new(fields, "code", json_string(jx_str(error, "code", "error")));
  put_fields(e, fields);
}

static void read_event(struct log_entry *e, const json_t *root)
{
  const char *name = jx_str(root, "event", "");
  for (size_t i = LOG_COMPLETED; i < sizeof events / sizeof events[0]; i++)
    if (strcmp(events[i], name) == 0)
      e->event = (enum log_event)i;
}

static void read_members(struct log_entry *e, json_t *root, const char *worker)
{
  e->time = jx_int(root, "time", clock_wall_ms());
  e->level = log__level(jx_str(root, "level", ""), LOG_INFO);
  e->job = jx_str(root, "job", NULL);
  e->type = jx_str(root, "type", NULL);
  e->trace = jx_str(root, "trace", NULL);
  e->worker = worker ? worker : jx_str(root, "worker", NULL);
  e->workspace = jx_str(root, "workspace", NULL);
  e->attempt = (int)jx_int(root, "attempt", 0);
  e->took_ms = jx_int(root, "took", -1);
  if (!worker) /* workers do not tell how jobs end */
    read_event(e, root);
}

/* ---- life ---- */

void log__entry_init(struct log_entry *e, const char *worker, const char *text,
                     size_t len)
{
  *e = (struct log_entry){.root = jx_parse(text, len, NULL)};
  if (!json_is_object(e->root)) {
    json_decref(e->root);
    e->root = json_pack("{s:s, s:s}", "level", "warn", "message",
                        "a line could not be read, since it is not in JSON");
  }
  read_members(e, e->root, worker);
  read_message(e, e->root);
  read_fields(e, e->root);
  log__for_programs(&e->line, e);
}

void log__entry_fini(struct log_entry *e)
{
  buf_fini(&e->message);
  buf_fini(&e->cause);
  buf_fini(&e->fields);
  buf_fini(&e->line);
  json_decref(e->root);
}
