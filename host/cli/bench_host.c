/* The private host of `candy bench`: see bench_host.h. Whatever ends this process ends
 * the host too: signals are handed on to it, and the kernel tells it when we are killed.
 */
#include "cli/bench_host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/embed.h"
#include "base/json.h"
#include "cli/client.h"
#include "loop/remove.h"

#define READY_MS 30000 /* from its start to its line on standard output */
#define STOP_MS  20000 /* then it is killed */
#define JOB_MS   600000
#define CALL_S   60
#define LOOK_MS  2 /* between two looks at what is waited for */

EMBED(bench_script, CANDY_SOURCE "/cli/bench.lua");

/* ---- signals ---- */

static volatile sig_atomic_t told; /* the host that a signal is handed on to */
static volatile sig_atomic_t interrupted;

static void hand_on(int number)
{
  (void)number;
  interrupted = 1;
  if (told)
    kill(told, SIGTERM);
}

static void watch_signals(void)
{
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction action = {.sa_handler = hand_on};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    sigaction(numbers[i], &action, NULL);
}

static int fail_interrupted(struct err *err)
{
  return err_set(err, "interrupted", "interrupted: nothing was measured to its end");
}

/* ---- the folder ---- */

static int write_script(const char *folder, struct err *err)
{
  char *scripts = mem_printf("%s/scripts", folder);
  char *path = mem_printf("%s/bench.lua", scripts);
  FILE *file = mkdir(scripts, 0700) == 0 ? fopen(path, "we") : NULL;
  size_t size = (size_t)(bench_script_end - bench_script_start);
  bool ok = file && fwrite(bench_script_start, 1, size, file) == size;
  if (file && fclose(file) != 0)
    ok = false;
  if (!ok)
    err_set(err, "temporary", "cannot write %s: %s", path, strerror(errno));
  free(path);
  free(scripts);
  return ok ? 0 : -1;
}

int bench_host_init(struct bench_host *host, struct err *err)
{
  const char *named = getenv("TMPDIR");
  *host = (struct bench_host){0};
  watch_signals();
  char *folder = mem_printf("%s/candy-bench-XXXXXX", named && *named ? named : "/tmp");
  if (!mkdtemp(folder)) {
    err_set(err, "temporary",
            "cannot make the folder %s: %s; name another place in TMPDIR", folder,
            strerror(errno));
    free(folder);
    return -1;
  }
  host->folder = folder;
  host->data = mem_printf("%s/data", folder);
  return write_script(folder, err);
}

void bench_host_fini(struct bench_host *host)
{
  bench_host_stop(host);
  if (host->folder)
    remove_tree(host->folder);
  free(host->folder);
  free(host->data);
  *host = (struct bench_host){0};
}

/* ---- starting ---- */

struct launch {
  char **argv, **env; /* made before the fork: nothing is allocated behind it */
  char *said;         /* where its standard error goes */
  int out;            /* what it prints goes here */
  pid_t parent;
};

static char **own_environment(const char *folder, int slots)
{
  size_t n = 0, count = 0;
  while (environ[count])
    count++;
  char **env = mem_alloc((count + 4) * sizeof *env);
  for (size_t i = 0; i < count; i++)
    if (strncmp(environ[i], "CANDY_", 6) != 0 && strncmp(environ[i], "PORT=", 5) != 0)
      env[n++] = mem_strdup(environ[i]);
  env[n++] = mem_printf("CANDY_LOG_FOLDER=%s/logs", folder);
  env[n++] = mem_strdup("CANDY_STOP_GRACE=100ms");
  if (slots)
    env[n++] = mem_printf("CANDY_WORKER_SLOTS=%d", slots);
  return env;
}

static char **own_arguments(const struct bench_host *host, int workers)
{
  char **argv = mem_alloc(14 * sizeof *argv);
  size_t n = 0;
  argv[n++] = mem_strdup("candy");
  argv[n++] = mem_strdup("run");
  argv[n++] = mem_strdup("--listen=127.0.0.1");
  argv[n++] = mem_strdup("--port=0");
  argv[n++] = mem_printf("--data=%s", host->data);
  argv[n++] = mem_printf("--scripts=%s/scripts", host->folder);
  if (workers)
    argv[n++] = mem_printf("--workers=%d", workers);
  return argv;
}

static void free_list(char **list)
{
  for (size_t i = 0; list[i]; i++)
    free(list[i]);
  free(list);
}

_Noreturn static void become_host(const struct bench_host *host, const struct launch *how)
{
  int null = open("/dev/null", O_RDONLY);
  int said = open(how->said, O_WRONLY | O_CREAT | O_APPEND, 0600);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() == how->parent && null >= 0 && said >= 0 && chdir(host->folder) == 0) {
    dup2(null, STDIN_FILENO);
    dup2(how->out, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    execve("/proc/self/exe", how->argv, how->env);
  }
  _exit(127);
}

/* The first line that the host prints comes when it is ready. */
static bool reads_line(int fd)
{
  int64_t till = clock_mono_ns() + READY_MS * CLOCK_MS;
  char bytes[4096];
  while (clock_mono_ns() < till && !interrupted) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ssize_t n = poll(&wait, 1, LOOK_MS) > 0 ? read(fd, bytes, sizeof bytes) : -2;
    if (n > 0 && memchr(bytes, '\n', (size_t)n))
      return true;
    if (n == 0)
      return false;
  }
  return false;
}

/* The last thing that the host said on standard error. */
static int did_not_start(const char *said, struct err *err)
{
  char line[512], last[512] = "it said nothing";
  FILE *file = fopen(said, "re");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = '\0';
    memcpy(last, line, sizeof last);
  }
  if (file)
    fclose(file);
  return err_set(err, "bench", "the host of the bench does not start: %s", last);
}

int bench_host_start(struct bench_host *host, int workers, int slots, struct err *err)
{
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return err_set(err, "bench", "cannot make a pipe: %s", strerror(errno));
  struct launch how = {.argv = own_arguments(host, workers),
                       .env = own_environment(host->folder, slots),
                       .said = mem_printf("%s/stderr", host->folder),
                       .out = ends[1],
                       .parent = getpid()};
  host->pid = fork();
  if (host->pid == 0)
    become_host(host, &how);
  told = host->pid > 0 ? host->pid : 0;
  close(ends[1]);
  int status = 0;
  if (host->pid < 0)
    status = err_set(err, "bench", "cannot start a host: %s", strerror(errno));
  else if (!reads_line(ends[0]))
    status = interrupted ? fail_interrupted(err) : did_not_start(how.said, err);
  close(ends[0]);
  free_list(how.argv);
  free_list(how.env);
  free(how.said);
  return status;
}

void bench_host_stop(struct bench_host *host)
{
  int64_t till = clock_mono_ns() + STOP_MS * CLOCK_MS;
  if (host->pid <= 0)
    return;
  kill(host->pid, SIGTERM);
  while (waitpid(host->pid, NULL, WNOHANG) == 0) {
    if (clock_mono_ns() > till)
      kill(host->pid, SIGKILL);
    poll(NULL, 0, LOOK_MS);
  }
  told = 0;
  host->pid = 0;
}

/* ---- asking ---- */

static json_t *call(const struct client_request *request, struct err *err)
{
  struct client_answer answer;
  if (client_call(request, &answer, err) < 0)
    return NULL;
  json_t *json = jx_parse(answer.body.data, answer.body.len, err);
  if (json && answer.status > 299) {
    err_set(err, "bench", "%s %s: %s", request->method, request->target,
            jx_str(json, "detail", "refused"));
    json_decref(json);
    json = NULL;
  }
  client_answer_fini(&answer);
  return json;
}

/* A host that was told to stop may still answer that it does. */
json_t *bench_host_call(const struct bench_host *host, const char *method,
                        const char *target, const char *body, struct err *err)
{
  struct client_request request = {.data = host->data,
                                   .method = method,
                                   .target = target,
                                   .body = body,
                                   .len = body ? strlen(body) : 0,
                                   .timeout_s = CALL_S};
  json_t *json = call(&request, err);
  if (!json && interrupted)
    fail_interrupted(err);
  return json;
}

json_t *bench_host_wait(const struct bench_host *host, const char *id, struct err *err)
{
  int64_t till = clock_mono_ns() + JOB_MS * CLOCK_MS;
  char target[64];
  json_t *job;
  snprintf(target, sizeof target, "/tasks/%s", id);
  while ((job = bench_host_call(host, "GET", target, NULL, err))) {
    const char *state = jx_str(job, "state", "unknown");
    if (strcmp(state, "completed") == 0)
      return job;
    bool ended = strcmp(state, "dead") == 0 || strcmp(state, "cancelled") == 0;
    if (ended || clock_mono_ns() > till) {
      err_set(err, "bench", "a job of the bench is %s: %s", state,
              jx_str(json_object_get(job, "error"), "message", "no error is known"));
      json_decref(job);
      return NULL;
    }
    json_decref(job);
    poll(NULL, 0, LOOK_MS);
  }
  return NULL;
}
