/* links: frame base */
/* A tiny host for one worker: the specs write commands as JSON lines to its standard
 * input and read what the worker says, a line a message, from its standard output.
 *
 *   worker PROGRAM
 *   {"start":{"init":{...},"files":[{"name","path","source","load"}]}}   first; instead
 *       of a path: "path_hex", for bytes that JSON cannot hold
 *   {"job":{"id","type","payload",...,"revoked":true}}   revoked: its cell is, beforehand
 *   {"jobs":{"count","type","payload"}}     one batch, ids 1 to count
 *   {"answer":{"number","ok","body"}}       body: JSON text; or "pushed":
 *       [[id, whether it is a duplicate]...]
 *   {"bench":{"count","window","type","payload"}}   quiet, told at the end
 *   {"revoke":CELL} {"page":true} {"drain":true} {"ping":true} {"close":true}
 *   {"raw":"bytes of a JOB"}
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "frame/bundle.h"
#include "frame/channel.h"
#include "frame/page.h"

#define BENCH_OUTCOMES 5

static struct host {
  uv_loop_t loop;
  uv_pipe_t input;
  uv_process_t child;
  struct channel *channel;
  struct page *page;
  const char *program;
  struct buf line, message, out;
  uint32_t next_cell;
  int64_t bench_left, bench_sent, bench_count, bench_began;
  uint32_t bench_ended[BENCH_OUTCOMES];
  json_t *bench_job;
} host;

static const char *const outcomes[] = {"completed", "failed", "permanent", "snoozed",
                                       "skipped"};

/* ---- saying ---- */

static void say(json_t *line)
{
  size_t len;
  char *text = jx_dump(line, &len);
  fwrite(text, 1, len, stdout);
  putchar('\n');
  fflush(stdout);
  free(text);
  json_decref(line);
}

static json_t *text_or_null(const struct wire_text *text)
{
  return text->data ? jx_string(text->data, text->len) : json_null();
}

static const char *state_of(uint32_t cell)
{
  static const char *const names[] = {"free", "offered", "begun", "revoked", "ended"};
  return names[atomic_load(&host.page->cells[cell].state)];
}

static void say_page(void)
{
  static const char *const busy[] = {"idle", "job", "load"};
  struct page *p = host.page;
  int64_t now = clock_mono_ns();
  say(json_pack("{s:{s:s, s:i, s:b, s:I, s:I, s:I}}", "page", "busy",
                busy[atomic_load(&p->busy)], "current", (int)atomic_load(&p->current),
                "out_of_memory", (int)atomic_load(&p->out_of_memory), "since_ms",
                (json_int_t)((now - atomic_load(&p->since_ns)) / CLOCK_MS), "turned_ms",
                (json_int_t)((now - atomic_load(&p->turned_ns)) / CLOCK_MS), "turned_ns",
                (json_int_t)atomic_load(&p->turned_ns)));
}

/* ---- jobs ---- */

static uint32_t free_cell(void)
{
  for (;;) {
    uint32_t cell = host.next_cell++ % PAGE_CELLS;
    if (atomic_load(&host.page->cells[cell].state) == PAGE_FREE)
      return cell;
  }
}

static struct wire_text member(const json_t *job, const char *name)
{
  const json_t *value = json_object_get(job, name);
  return (struct wire_text){json_string_value(value), json_string_length(value)};
}

static void send_job(const json_t *job, int64_t id)
{
  struct message_job m = {
      .cell = free_cell(),
      .id = jx_int(job, "id", id),
      .lease = jx_int(job, "lease", 1),
      .retry_count = (uint32_t)jx_int(job, "retry_count", 0),
      .max_retries = (uint32_t)jx_int(job, "max_retries", 3),
      .created_at = jx_int(job, "created_at", 1700000000000),
      .type = member(job, "type"),
      .queue = {"default", 7},
      .workspace = {"default", 7},
      .key = member(job, "key"),
      .tags = member(job, "tags"),
      .checkpoint = member(job, "checkpoint"),
      .payload = member(job, "payload"),
  };
  atomic_store(&host.page->cells[m.cell].state,
               jx_bool(job, "revoked", false) ? PAGE_REVOKED : PAGE_OFFERED);
  host.message.len = 0;
  message_put_job(&host.message, &m);
  channel_send(host.channel, MESSAGE_JOB, host.message.data, host.message.len);
}

static void fill_bench(void)
{
  while (host.bench_sent < host.bench_count && host.bench_left > 0) {
    send_job(host.bench_job, ++host.bench_sent);
    host.bench_left--;
  }
}

static void start_bench(const json_t *bench)
{
  host.bench_count = jx_int(bench, "count", 1);
  host.bench_left = jx_int(bench, "window", 1000);
  host.bench_sent = 0;
  memset(host.bench_ended, 0, sizeof host.bench_ended);
  host.bench_job = json_deep_copy(bench);
  json_object_del(host.bench_job, "id");
  host.bench_began = clock_mono_ns();
  fill_bench();
}

static void end_bench(void)
{
  json_t *ended = json_object();
  for (int i = 0; i < BENCH_OUTCOMES; i++)
    json_object_set_new(ended, outcomes[i], json_integer(host.bench_ended[i]));
  double seconds = (double)(clock_mono_ns() - host.bench_began) / 1e9;
  say(json_pack("{s:{s:f, s:I, s:o}}", "bench", "seconds", seconds, "per_second",
                (json_int_t)((double)host.bench_count / seconds), "outcomes", ended));
  json_decref(host.bench_job);
  host.bench_job = NULL;
}

/* ---- what the worker says ---- */

static void on_done(const char *body, size_t len)
{
  struct message_done m;
  if (message_get_done(body, len, &m) < 0) {
    say(json_pack("{s:s}", "error", "a DONE that cannot be read"));
    return;
  }
  const char *state = state_of(m.cell);
  atomic_store(&host.page->cells[m.cell].state, PAGE_FREE);
  if (!host.bench_job) {
    say(json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:I, s:o, s:o}", "message", "done",
                  "id", m.id, "lease", m.lease, "cell", (json_int_t)m.cell, "state",
                  state, "outcome", outcomes[m.outcome], "delay_ms", m.delay_ms, "body",
                  text_or_null(&m.body), "effects", text_or_null(&m.effects)));
    return;
  }
  uint64_t ended = 0;
  host.bench_ended[m.outcome]++;
  host.bench_left++;
  for (int i = 0; i < BENCH_OUTCOMES; i++)
    ended += host.bench_ended[i];
  fill_bench();
  if ((int64_t)ended == host.bench_count)
    end_bench();
}

/* The jobs of "enqueue", which are no JSON, as JSON text. */
static json_t *text_of_jobs(const struct wire_text *body)
{
  const char *at = body->data, *end = at + body->len;
  struct message_new m;
  json_t *jobs = json_array();
  int more;
  while ((more = message_next_new(&at, end, &m)) > 0)
    json_array_append_new(
        jobs, json_pack("{s:o, s:o, s:o}", "type", text_or_null(&m.type), "payload",
                        text_or_null(&m.payload), "options", text_or_null(&m.options)));
  if (more < 0)
    json_array_append_new(jobs, json_string("a job that cannot be read"));
  size_t len;
  char *text = jx_dump(jobs, &len);
  json_t *value = jx_string(text, len);
  free(text);
  json_decref(jobs);
  return value;
}

static void on_request(const char *body, size_t len)
{
  struct message_request m;
  if (message_get_request(body, len, &m) < 0) {
    say(json_pack("{s:s}", "error", "a REQUEST that cannot be read"));
    return;
  }
  bool enqueues = m.verb.data && strcmp(m.verb.data, "enqueue") == 0;
  say(json_pack("{s:s, s:I, s:I, s:o, s:o}", "message", "request", "number",
                (json_int_t)m.number, "cell", (json_int_t)m.cell, "verb",
                text_or_null(&m.verb), "body",
                enqueues ? text_of_jobs(&m.body) : text_or_null(&m.body)));
}

static void on_message(void *arg, enum message_kind kind, const char *body, size_t len)
{
  (void)arg;
  if (kind == MESSAGE_DONE)
    on_done(body, len);
  else if (kind == MESSAGE_REQUEST)
    on_request(body, len);
  else
    say(json_pack("{s:s, s:o}", "message",
                  kind == MESSAGE_MANIFEST  ? "manifest"
                  : kind == MESSAGE_LOG     ? "log"
                  : kind == MESSAGE_REPLACE ? "replace"
                                            : "unknown",
                  "body", jx_string(body, len)));
}

static void on_closed(void *arg, const char *why)
{
  (void)arg;
  say(json_pack("{s:s}", "closed", why ? why : "it has left"));
}

static void on_exit_of(uv_process_t *child, int64_t status, int number)
{
  (void)child;
  channel_free(&host.channel);
  say(json_pack("{s:{s:I, s:i}, s:b}", "exit", "code", (json_int_t)status, "signal",
                number, "out_of_memory", (int)atomic_load(&host.page->out_of_memory)));
  exit(0);
}

/* ---- start ---- */

static int share(const char *name, const void *bytes, size_t len)
{
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (ftruncate(fd, (off_t)len) < 0 || (bytes && pwrite(fd, bytes, len, 0) < 0))
    perror("probe worker");
  return fd;
}

/* Replaces the path of a file by the bytes of its path_hex, if it has one. */
static void read_path(const json_t *file, struct wire_text *path, struct buf *bytes)
{
  const char *hex = jx_str(file, "path_hex", NULL);
  bytes->len = 0;
  for (unsigned byte; hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
    buf_putc(bytes, (char)byte);
  if (hex)
    *path = (struct wire_text){bytes->data, bytes->len};
}

static int make_bundle(const json_t *files)
{
  struct buf bundle = {0}, bytes = {0};
  size_t i;
  json_t *file;
  json_array_foreach(files, i, file) {
    struct bundle_file entry = {jx_bool(file, "load", true), member(file, "name"),
                                member(file, "path"), member(file, "source")};
    read_path(file, &entry.path, &bytes);
    bundle_put(&bundle, &entry);
  }
  int fd = share("bundle", bundle.data, bundle.len);
  buf_fini(&bundle);
  buf_fini(&bytes);
  return fd;
}

static void spawn(int socket, int page, int bundle)
{
  char run[] = "run", name[] = "candy-worker", pid[16];
  snprintf(pid, sizeof pid, "%d", (int)getpid());
  char *args[] = {name, run, pid, NULL};
  uv_stdio_container_t stdio[6] = {{.flags = UV_IGNORE}, {.flags = UV_IGNORE}};
  const int fds[] = {2, socket, page, bundle};
  for (int i = 0; i < 4; i++) {
    stdio[i + 2].flags = UV_INHERIT_FD;
    stdio[i + 2].data.fd = fds[i];
  }
  uv_process_options_t options = {.file = host.program,
                                  .args = args,
                                  .stdio = stdio,
                                  .stdio_count = 6,
                                  .exit_cb = on_exit_of};
  int status = uv_spawn(&host.loop, &host.child, &options);
  if (status < 0) {
    fprintf(stderr, "probe worker: %s: %s\n", host.program, uv_strerror(status));
    exit(1);
  }
}

static void start(const json_t *command)
{
  static const struct channel_events events = {on_message, on_closed, NULL};
  int sockets[2];
  int page = share("page", NULL, sizeof *host.page);
  int bundle = make_bundle(json_object_get(command, "files"));
  host.page = mmap(NULL, sizeof *host.page, PROT_READ | PROT_WRITE, MAP_SHARED, page, 0);
  host.page->version = PAGE_VERSION;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
    perror("probe worker");
  spawn(sockets[1], page, bundle);
  close(sockets[1]);
  close(page);
  close(bundle);
  host.channel = channel_new(&host.loop, sockets[0], &events, NULL);
  host.out.len = 0;
  jx_append(&host.out, json_object_get(command, "init"));
  channel_send(host.channel, MESSAGE_INIT, host.out.data, host.out.len);
  say(json_pack("{s:i}", "pid", host.child.pid));
}

/* ---- commands ---- */

static void send_one_job(const json_t *job)
{
  send_job(job, 1);
}

static void send_jobs(const json_t *batch)
{
  for (int64_t i = 1; i <= jx_int(batch, "count", 1); i++)
    send_job(batch, i);
}

static void put_pushed(struct buf *b, const json_t *pushed)
{
  size_t i;
  json_t *one;
  json_array_foreach(pushed, i, one) {
    struct message_pushed m = {json_integer_value(json_array_get(one, 0)),
                               json_is_true(json_array_get(one, 1))};
    message_put_pushed(b, &m);
  }
}

static void send_answer(const json_t *answer)
{
  struct buf ids = {0};
  struct message_answer m = {.number = (uint32_t)jx_int(answer, "number", 0),
                             .ok = jx_bool(answer, "ok", true),
                             .body = member(answer, "body")};
  put_pushed(&ids, json_object_get(answer, "pushed"));
  if (ids.len)
    m.body = (struct wire_text){ids.data, ids.len};
  host.message.len = 0;
  message_put_answer(&host.message, &m);
  channel_send(host.channel, MESSAGE_ANSWER, host.message.data, host.message.len);
  buf_fini(&ids);
}

static void revoke_cell(const json_t *cell)
{
  uint32_t offered = PAGE_OFFERED;
  bool done = atomic_compare_exchange_strong(
      &host.page->cells[json_integer_value(cell)].state, &offered, PAGE_REVOKED);
  say(json_pack("{s:b}", "revoked", (int)done));
}

static void page_command(const json_t *value)
{
  (void)value;
  say_page();
}

static void drain(const json_t *value)
{
  (void)value;
  channel_send_control(host.channel, MESSAGE_DRAIN, "", 0);
}

static void ping(const json_t *value)
{
  (void)value;
  channel_send_control(host.channel, MESSAGE_PING, "", 0);
}

static void close_channel(const json_t *value)
{
  (void)value;
  channel_free(&host.channel);
}

static void send_raw(const json_t *value)
{
  channel_send(host.channel, MESSAGE_JOB, json_string_value(value),
               json_string_length(value));
}

static const struct {
  const char *name;
  void (*run)(const json_t *value);
} commands[] = {
    {"start", start},         {"job", send_one_job},  {"jobs", send_jobs},
    {"answer", send_answer},  {"bench", start_bench}, {"revoke", revoke_cell},
    {"page", page_command},   {"drain", drain},       {"ping", ping},
    {"close", close_channel}, {"raw", send_raw},
};

static void run_command(const char *text, size_t len)
{
  struct err err;
  json_t *command = jx_parse(text, len, &err);
  if (!command) {
    fprintf(stderr, "probe worker: %s\n", err.text);
    exit(1);
  }
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    const json_t *value = json_object_get(command, commands[i].name);
    if (value)
      commands[i].run(value);
  }
  json_decref(command);
}

static void allocate(uv_handle_t *handle, size_t size, uv_buf_t *room)
{
  (void)handle;
  buf_reserve(&host.line, size);
  *room = uv_buf_init(host.line.data + host.line.len, (unsigned)size);
}

static void on_input(uv_stream_t *input, ssize_t n, const uv_buf_t *room)
{
  char *end;
  (void)room;
  if (n < 0) {
    uv_read_stop(input);
    if (host.child.pid)
      kill(host.child.pid, SIGKILL);
    exit(0);
  }
  host.line.len += (size_t)n;
  while ((end = memchr(host.line.data, '\n', host.line.len))) {
    size_t len = (size_t)(end - host.line.data);
    run_command(host.line.data, len);
    buf_drop(&host.line, len + 1);
  }
}

int main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "worker PROGRAM\n");
    return 64;
  }
  host.program = argv[1];
  uv_loop_init(&host.loop);
  uv_pipe_init(&host.loop, &host.input, 0);
  uv_pipe_open(&host.input, 0);
  uv_read_start((uv_stream_t *)&host.input, allocate, on_input);
  uv_run(&host.loop, UV_RUN_DEFAULT);
  return 0;
}
