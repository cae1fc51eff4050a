/* One process for all conf files: see evaluate.h.
 *
 * The files are its descriptors 3 and up. It answers with a line of JSON on standard
 * output for each, in their order, or with one line "PATH:LINE: what is wrong" on
 * standard error for the first that fails: so the file that it is at is the one whose
 * answer has not come. It gets an empty environment and no other descriptor, and dies
 * with us, with its deadline, or by its own limits.
 */
#include "worker/evaluate.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "worker/image.h"

#define DEADLINE_S 5
#define OUTPUT_MAX (1U << 20)
#define REAP_MS    2 /* between two looks whether a process that fell silent has ended */

enum { ANSWER, COMPLAINT, PIPES };

enum { FIRST_SOURCE = 3 }; /* the descriptor of the first file in the process */

struct run {
  /* Those that are there: what each is called, its descriptor, and where its JSON goes.
   */
  char *paths[EVALUATE_FILES];
  int sources[EVALUATE_FILES];
  json_t **out[EVALUATE_FILES];
  size_t n, answered;
  pid_t pid;
  int fds[PIPES]; /* -1 once at their end */
  struct buf said[PIPES];
  int64_t deadline; /* clock_mono_ns */
};

/* The file that the process is at. */
static const char *current(const struct run *run)
{
  return run->paths[run->answered < run->n ? run->answered : run->n - 1];
}

static int fail(struct err *err, const char *path, const char *what)
{
  return err_set(err, "evaluate_failed", "%s: cannot evaluate it: %s: %s", path, what,
                 strerror(errno));
}

/* ---- the files ---- */

/* O_NONBLOCK: a pipe in the place of the file must not hold us up. */
static int open_source(const char *path, struct err *err)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 && errno == ENOENT)
    return err_set(err, "not_found", "%s: there is no such file", path);
  if (fd < 0)
    return err_set(err, "bad_conf", "%s: cannot open it: %s", path, strerror(errno));
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
    return fd;
  close(fd);
  return err_set(err, "bad_conf", "%s: is no regular file", path);
}

/* A file that is not there is none to evaluate. */
static int open_sources(struct run *run, const char *const *paths, size_t n, json_t **out,
                        struct err *err)
{
  for (size_t i = 0; i < n; i++)
    out[i] = NULL;
  for (size_t i = 0; i < n; i++) {
    int fd = open_source(paths[i], err);
    if (fd < 0 && strcmp(err->code, "not_found") == 0)
      continue;
    if (fd < 0)
      return -1;
    run->paths[run->n] = mem_strdup(paths[i]);
    run->sources[run->n] = fd;
    run->out[run->n++] = &out[i];
  }
  return 0;
}

/* ---- the child's side ---- */

static void limit(int resource, rlim_t most)
{
  struct rlimit r = {most, most};
  setrlimit(resource, &r);
}

/* fds[i] becomes descriptor i. First above all of these places, since it may stand in
 * one of them. */
static void take_places(int *fds, int n)
{
  for (int i = 0; i < n; i++)
    if ((fds[i] = fcntl(fds[i], F_DUPFD, n)) < 0)
      _exit(126);
  for (int i = 0; i < n; i++)
    if (dup2(fds[i], i) < 0)
      _exit(126);
  close_range((unsigned)n, ~0U, 0);
}

/* We may be a thread of a host that handles signals: those must not reach its handlers in
 * the child, which would pass them on to the host. */
static void restore_signals(void)
{
  sigset_t none;
  for (int number = 1; number < NSIG; number++)
    signal(number, SIG_DFL); /* fails for the few that cannot be handled */
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Between fork and exec. The limits are the last resort, should our own deadline never
 * come because we are stopped. */
static void become_worker(const char *program, const struct run *run, int parent,
                          const int said[PIPES])
{
  static char name[] = "candy-worker", mode[] = "conf", locale[] = "LANG=C.UTF-8";
  char *args[2 + EVALUATE_FILES + 1] = {name, mode};
  char *environment[] = {locale, NULL};
  int fds[FIRST_SOURCE + EVALUATE_FILES] = {STDIN_FILENO, said[ANSWER], said[COMPLAINT]};
  memcpy(args + 2, run->paths, run->n * sizeof *args);
  memcpy(fds + FIRST_SOURCE, run->sources, run->n * sizeof *fds);
  fds[STDIN_FILENO] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  take_places(fds, FIRST_SOURCE + (int)run->n);
  restore_signals();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent)
    _exit(126);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, DEADLINE_S + 1);
  execve(program, args, environment);
  _exit(127);
}

/* ---- our side ---- */

/* With all signals held back from before the fork until the child has no handlers. */
static pid_t fork_worker(const char *program, const struct run *run,
                         const int said[PIPES])
{
  sigset_t all, before;
  int parent = getpid();
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  if (pid == 0)
    become_worker(program, run, parent, said);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return pid;
}

static int start(struct run *run, const char *program, struct err *err)
{
  int said[PIPES] = {-1, -1};
  for (int i = 0; i < PIPES; i++) {
    int pipe[2];
    if (pipe2(pipe, O_CLOEXEC) < 0) {
      fail(err, current(run), "pipe");
      goto done;
    }
    run->fds[i] = pipe[0];
    said[i] = pipe[1];
  }
  run->pid = fork_worker(program, run, said);
  if (run->pid < 0)
    fail(err, current(run), "fork");
done:
  for (int i = 0; i < PIPES; i++)
    if (said[i] >= 0)
      close(said[i]);
  return run->pid > 0 ? 0 : -1;
}

static int left_ms(const struct run *run)
{
  int64_t left = (run->deadline - clock_mono_ns()) / CLOCK_MS;
  return left > 0 ? (int)left + 1 : 0;
}

static int too_slow(const struct run *run, struct err *err)
{
  return err_set(err, "bad_conf", "%s: stood still for %d s", current(run), DEADLINE_S);
}

/* Takes the answers that are whole. */
static int take_answers(struct run *run, struct err *err)
{
  struct buf *said = &run->said[ANSWER];
  char *end;
  while (run->answered < run->n && said->len &&
         (end = memchr(said->data, '\n', said->len))) {
    size_t len = (size_t)(end - said->data);
    json_t *value = jx_parse(said->data, len, err);
    if (!value)
      return err_wrap(err, "%s: its evaluation answered nonsense", current(run));
    *run->out[run->answered++] = value;
    buf_drop(said, len + 1);
  }
  return 0;
}

static int read_some(struct run *run, int which, struct err *err)
{
  char chunk[16384];
  ssize_t n = read(run->fds[which], chunk, sizeof chunk);
  if (n < 0)
    return errno == EINTR ? 0 : fail(err, current(run), "read");
  if (n == 0) {
    close(run->fds[which]);
    run->fds[which] = -1;
  }
  buf_append(&run->said[which], chunk, (size_t)n);
  if (which == ANSWER && take_answers(run, err) < 0)
    return -1;
  if (run->said[which].len > OUTPUT_MAX)
    return err_set(err, "bad_conf", "%s: what it returns is larger than 1 MB",
                   current(run));
  return 0;
}

/* Until all answers are there, or both pipes are at their end. */
static int listen_to(struct run *run, struct err *err)
{
  while (run->answered < run->n && (run->fds[ANSWER] >= 0 || run->fds[COMPLAINT] >= 0)) {
    struct pollfd polls[PIPES] = {{run->fds[ANSWER], POLLIN, 0},
                                  {run->fds[COMPLAINT], POLLIN, 0}};
    int n = poll(polls, PIPES, left_ms(run));
    if (n == 0)
      return too_slow(run, err);
    if (n < 0 && errno != EINTR)
      return fail(err, current(run), "poll");
    for (int i = 0; n > 0 && i < PIPES; i++)
      if (polls[i].revents && read_some(run, i, err) < 0)
        return -1;
  }
  return 0;
}

static int reap(struct run *run, int *how, struct err *err)
{
  pid_t pid;
  while ((pid = waitpid(run->pid, how, WNOHANG)) == 0) {
    if (left_ms(run) == 0)
      return too_slow(run, err);
    poll(NULL, 0, REAP_MS);
  }
  run->pid = 0;
  return pid > 0 ? 0 : fail(err, current(run), "waitpid");
}

/* Why answers are missing: in the words of the process, which name the place, or ours. */
static int complain(struct run *run, struct err *err)
{
  const struct buf *said = &run->said[COMPLAINT];
  const char *path = current(run);
  int how;
  if (reap(run, &how, err) < 0)
    return -1;
  if (WIFSIGNALED(how)) {
    const char *name = sigabbrev_np(WTERMSIG(how));
    return err_set(err, "bad_conf", "%s: its evaluation crashed: SIG%s", path,
                   name ? name : "?");
  }
  if (said->len == 0)
    return err_set(err, "bad_conf", "%s: its evaluation ended with code %d", path,
                   WEXITSTATUS(how));
  err_set(err, "bad_conf", "%.*s", (int)strcspn(said->data, "\n"), said->data);
  bool names_place = strncmp(err->text, path, strlen(path)) == 0;
  return names_place ? -1 : err_wrap(err, "%s", path);
}

/* What has answered is not waited for any longer. */
static void finish(struct run *run)
{
  if (run->pid > 0) {
    kill(run->pid, SIGKILL);
    waitpid(run->pid, NULL, 0);
  }
  for (int i = 0; i < PIPES; i++) {
    if (run->fds[i] >= 0)
      close(run->fds[i]);
    buf_fini(&run->said[i]);
  }
  for (size_t i = 0; i < run->n; i++) {
    close(run->sources[i]);
    free(run->paths[i]);
  }
}

static int evaluate(struct run *run, const char *program, struct err *err)
{
  char path[64];
  if (!program && worker_image(path, sizeof path, err) < 0)
    return -1;
  run->deadline = clock_mono_ns() + (int64_t)DEADLINE_S * 1000 * CLOCK_MS;
  if (start(run, program ? program : path, err) < 0 || listen_to(run, err) < 0)
    return -1;
  return run->answered == run->n ? 0 : complain(run, err);
}

int evaluate_files(void *arg, const char *const *paths, size_t n, json_t **out,
                   struct err *err)
{
  struct run run = {.fds = {-1, -1}};
  assert(n <= EVALUATE_FILES);
  int status = open_sources(&run, paths, n, out, err);
  if (status == 0 && run.n > 0)
    status = evaluate(&run, arg, err);
  finish(&run);
  for (size_t i = 0; status < 0 && i < n; i++) {
    json_decref(out[i]);
    out[i] = NULL;
  }
  return status;
}
