/* links: net_client base
 *
 * Outgoing HTTP requests for the specs: reads one JSON object from standard input, prints
 * a line of JSON for each request that ends.
 *
 *   {"settings": {"proxy", "ca_file", "no_proxy": [], "private_allow": []},
 *    "limits": [{"host", "concurrency", "count", "per_ms"}],
 *    "sequence": true        one request after the other
 *    "requests": [{"method", "url", "headers": [[name, value]], "body",
 *                  "upload": bytes, "upload_size", "streamed", "timeout_ms" ...,
 *                  "redirects", "bytes_max", "guard": "all" | "none" | "redirects",
 *                  "discard": true, "stop_reading_at": bytes, "cancel_ms"}]}
 *
 * `http_client address` says of each line of standard input whether it is private.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "net/client/address.h"
#include "net/client/client.h"

struct one {
  struct transfer *transfer;
  const json_t *spec;
  size_t number;
  struct buf body;
  uint64_t bytes, upload_left;
  bool woken, ended, told_full;
  uv_timer_t cancel;
};

static uv_loop_t loop;
static struct client *client;
static struct one *all;
static size_t count, next, left;
static uv_prepare_t prepare;
static uv_idle_t again;
static bool in_sequence;
static int64_t began_ns;

static void wake(void *arg)
{
  struct one *one = arg;
  one->woken = true;
}

static void fail(const char *what, const struct err *err)
{
  fprintf(stderr, "http_client: %s: %s\n", what, err->text);
  exit(2);
}

static long rss_kb(void)
{
  char line[256];
  long kb = 0;
  FILE *f = fopen("/proc/self/status", "r");
  while (f && fgets(line, sizeof line, f))
    if (sscanf(line, "VmHWM: %ld", &kb) == 1)
      break;
  if (f)
    fclose(f);
  return kb;
}

/* ---- what is told ---- */

static json_t *headers_of(const struct transfer_head *head)
{
  json_t *list = json_array();
  const char *at = head->pairs;
  for (size_t i = 0; i < head->count; i++) {
    const char *value = at + strlen(at) + 1;
    json_array_append_new(list, json_pack("[ss]", at, value));
    at = value + strlen(value) + 1;
  }
  return list;
}

static void print(json_t *line)
{
  char *text = json_dumps(line, JSON_COMPACT);
  puts(text ? text : "{}");
  fflush(stdout);
  free(text);
  json_decref(line);
}

static void add_answer(json_t *line, const struct one *one)
{
  const struct transfer_head *head = transfer_head(one->transfer);
  struct transfer_timings timings;
  transfer_timings(one->transfer, &timings);
  json_object_set_new(line, "total_ms", json_integer(timings.total_ms));
  json_object_set_new(line, "line_ms", json_integer(timings.line_ms));
  json_object_set_new(line, "bytes", json_integer((json_int_t)one->bytes));
  if (!head)
    return;
  json_object_set_new(line, "status", json_integer(head->status));
  json_object_set_new(line, "version", json_string(head->version));
  json_object_set_new(line, "url", json_string(head->url));
  json_object_set_new(line, "redirects", json_integer(head->redirects));
  json_object_set_new(line, "headers", headers_of(head));
}

static void tell(struct one *one, const struct err *err)
{
  json_t *line =
      json_pack("{si si si}", "n", (int)one->number + 1, "rss_kb", (int)rss_kb(), "at_ms",
                (int)((clock_mono_ns() - began_ns) / CLOCK_MS));
  if (one->transfer)
    add_answer(line, one);
  if (one->body.len > 0)
    json_object_set_new(line, "body",
                        json_stringn_nocheck(one->body.data, one->body.len));
  if (err)
    json_object_set_new(line, "error",
                        json_pack("{ss ss}", "code", err->code, "text", err->text));
  print(line);
}

/* ---- requests ---- */

static void start_next(void);

static void finish(struct one *one, const struct err *err)
{
  tell(one, err);
  one->ended = true;
  uv_close((uv_handle_t *)&one->cancel, NULL);
  transfer_free(&one->transfer);
  buf_fini(&one->body);
  left--;
  if (in_sequence)
    start_next();
}

static void on_cancel(uv_timer_t *timer)
{
  struct err err;
  err_set(&err, "cancelled", "cancelled");
  finish(timer->data, &err);
}

static void read_body(struct one *one)
{
  const char *bytes;
  size_t len;
  uint64_t stop = (uint64_t)jx_int(one->spec, "stop_reading_at", 0);
  while ((len = transfer_peek(one->transfer, &bytes)) > 0) {
    if (stop > 0 && one->bytes >= stop)
      return;
    one->bytes += len;
    if (!json_is_true(json_object_get(one->spec, "discard")))
      buf_append(&one->body, bytes, len);
    transfer_take(one->transfer, len);
  }
}

static void write_body(struct one *one)
{
  static const char zeros[65536];
  size_t room;
  while (one->upload_left > 0 && (room = transfer_room(one->transfer)) > 0) {
    size_t len = room < sizeof zeros ? room : sizeof zeros;
    if (len > one->upload_left)
      len = (size_t)one->upload_left;
    transfer_write(one->transfer, zeros, len);
    one->upload_left -= len;
    if (one->upload_left == 0)
      transfer_write_end(one->transfer);
  }
}

static void look(struct one *one)
{
  const char *bytes;
  one->woken = false;
  read_body(one);
  write_body(one);
  if (transfer_ended(one->transfer) && transfer_peek(one->transfer, &bytes) == 0)
    finish(one, transfer_error(one->transfer));
}

static void on_again(uv_idle_t *handle)
{
  (void)handle;
}

/* wake() only takes note, so that the transfer is looked at where libcurl does not run.
 */
static void on_prepare(uv_prepare_t *handle)
{
  (void)handle;
  bool more = false;
  for (size_t i = 0; i < count; i++)
    if (all[i].woken && !all[i].ended)
      look(&all[i]);
  for (size_t i = 0; i < count; i++)
    more |= all[i].woken && !all[i].ended;
  if (more)
    uv_idle_start(&again, on_again);
  else
    uv_idle_stop(&again);
  if (left == 0)
    uv_stop(&loop);
}

static enum guard guard_of(const json_t *spec)
{
  const char *word = jx_str(spec, "guard", "redirects");
  return strcmp(word, "all") == 0    ? GUARD_ALL
         : strcmp(word, "none") == 0 ? GUARD_NONE
                                     : GUARD_REDIRECTS;
}

static size_t read_headers(const json_t *spec, struct transfer_header *headers)
{
  size_t i;
  json_t *pair;
  const json_t *list = json_object_get(spec, "headers");
  json_array_foreach(list, i, pair) {
    headers[i].name = json_string_value(json_array_get(pair, 0));
    headers[i].value = json_string_value(json_array_get(pair, 1));
  }
  return json_array_size(list);
}

static void start(struct one *one)
{
  const json_t *s = one->spec;
  struct transfer_header headers[300];
  struct err err;
  const char *body = jx_str(s, "body", NULL);
  int64_t upload = jx_int(s, "upload", -1);
  struct transfer_request request = {
      .method = jx_str(s, "method", "GET"),
      .url = jx_str(s, "url", ""),
      .headers = headers,
      .header_count = read_headers(s, headers),
      .body = body,
      .body_len = body ? strlen(body) : 0,
      .body_streamed = upload >= 0,
      .body_size = jx_int(s, "upload_size", -1),
      .streamed = json_is_true(json_object_get(s, "streamed")),
      .timeout_ms = jx_int(s, "timeout_ms", 20000),
      .connect_ms = jx_int(s, "connect_ms", 10000),
      .first_byte_ms = jx_int(s, "first_byte_ms", 0),
      .idle_ms = jx_int(s, "idle_ms", 0),
      .redirects = (int)jx_int(s, "redirects", 10),
      .downgrade = json_is_true(json_object_get(s, "downgrade")),
      .bytes_max = (uint64_t)jx_int(s, "bytes_max", 10 << 20),
      .guard = guard_of(s),
      .direct = json_is_true(json_object_get(s, "direct")),
      .user = jx_str(s, "user", NULL),
      .password = jx_str(s, "password", NULL),
      .bearer = jx_str(s, "bearer", NULL),
  };
  uv_timer_init(&loop, &one->cancel);
  one->cancel.data = one;
  one->upload_left = upload > 0 ? (uint64_t)upload : 0;
  one->woken = true;
  one->transfer = transfer_start(client, &request, wake, one, &err);
  if (!one->transfer) {
    finish(one, &err);
    return;
  }
  if (jx_int(s, "cancel_ms", -1) >= 0)
    uv_timer_start(&one->cancel, on_cancel, (uint64_t)jx_int(s, "cancel_ms", 0), 0);
  if (upload == 0)
    transfer_write_end(one->transfer);
}

static void start_next(void)
{
  if (next < count)
    start(&all[next++]);
}

/* ---- input ---- */

static json_t *read_input(void)
{
  json_error_t error;
  json_t *input = json_loadf(stdin, 0, &error);
  if (!input) {
    fprintf(stderr, "http_client: %s\n", error.text);
    exit(2);
  }
  return input;
}

static size_t texts(const json_t *list, const char *out[16])
{
  size_t i;
  json_t *text;
  json_array_foreach(list, i, text)
    if (i < 16)
      out[i] = json_string_value(text);
  return json_array_size(list);
}

static void open_client(const json_t *input)
{
  const json_t *s = json_object_get(input, "settings"), *list;
  const char *no_proxy[16], *allow[16];
  struct client_settings settings = {
      .proxy = jx_str(s, "proxy", NULL),
      .no_proxy = no_proxy,
      .no_proxy_count = texts(json_object_get(s, "no_proxy"), no_proxy),
      .private_allow = allow,
      .private_allow_count = texts(json_object_get(s, "private_allow"), allow),
      .ca_file = jx_str(s, "ca_file", NULL),
  };
  struct err err;
  size_t i;
  json_t *limit;
  client = client_new(&loop, &settings, &err);
  if (!client)
    fail("settings", &err);
  list = json_object_get(input, "limits");
  json_array_foreach(list, i, limit)
    if (client_limit(
            client, jx_str(limit, "host", ""), (unsigned)jx_int(limit, "concurrency", 0),
            (unsigned)jx_int(limit, "count", 0), jx_int(limit, "per_ms", 0), &err) < 0)
      fail("limits", &err);
}

static void run(const json_t *input)
{
  const json_t *requests = json_object_get(input, "requests");
  in_sequence = json_is_true(json_object_get(input, "sequence"));
  count = left = json_array_size(requests);
  all = mem_alloc(count * sizeof *all);
  for (size_t i = 0; i < count; i++) {
    all[i].number = i;
    all[i].spec = json_array_get(requests, i);
  }
  began_ns = clock_mono_ns();
  start_next();
  while (!in_sequence && next < count)
    start_next();
  if (left > 0)
    uv_run(&loop, UV_RUN_DEFAULT);
}

static int say_addresses(void)
{
  char line[256];
  while (fgets(line, sizeof line, stdin)) {
    struct sockaddr_storage address;
    line[strcspn(line, "\n")] = 0;
    const char *word = address_parse(line, &address) < 0                       ? "none"
                       : address_is_private((const struct sockaddr *)&address) ? "private"
                                                                               : "public";
    printf("%s %s\n", line, word);
  }
  return 0;
}

int main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[1], "address") == 0)
    return say_addresses();
  json_t *input = read_input();
  uv_loop_init(&loop);
  uv_prepare_init(&loop, &prepare);
  uv_prepare_start(&prepare, on_prepare);
  uv_idle_init(&loop, &again);
  open_client(input);
  run(input);
  client_free(&client);
  uv_close((uv_handle_t *)&prepare, NULL);
  uv_close((uv_handle_t *)&again, NULL);
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  free(all);
  json_decref(input);
  return 0;
}
