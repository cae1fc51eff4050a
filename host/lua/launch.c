/* The process between a worker and a program: see launch.h. */
#include "lua/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/orphans.h"

#define FILES_OPEN 1024 /* descriptors of a program, as is usual */
#define AT_ONCE    256

struct launch {
  pid_t program;
  int failure; /* the reading end: errno, when the program did not start */
  sigset_t watched, usual;
};

/* ---- the program's side, between fork and exec ---- */

static void limit(int resource, rlim_t most)
{
  struct rlimit r;
  if (getrlimit(resource, &r) == 0 && r.rlim_max < most)
    most = r.rlim_max;
  r.rlim_cur = r.rlim_max = most;
  setrlimit(resource, &r);
}

/* RLIMIT_DATA, not AS: what a program only reserves does no harm, and runtimes reserve
 * much. No new privileges: nothing that we could not kill may come of it. */
static void confine(char **argv)
{
  struct rlimit files;
  limit(RLIMIT_DATA, strtoull(argv[LAUNCH_MEMORY], NULL, 10));
  limit(RLIMIT_FSIZE, strtoull(argv[LAUNCH_FILE_SIZE], NULL, 10));
  limit(RLIMIT_CORE, 0);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > FILES_OPEN) {
    files.rlim_cur = FILES_OPEN;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* `failure` is closed by a successful exec, and so is whatever else is open. */
static void become_program(const struct launch *l, char **argv, pid_t parent, int failure)
{
  setsid();
  confine(argv);
  close(LAUNCH_REPORT);
  close_range(LAUNCH_REPORT + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  sigprocmask(SIG_SETMASK, &l->usual, NULL);
  if (getppid() != parent)
    _exit(127);
  execv(argv[LAUNCH_PATH], argv + LAUNCH_NAME);
  int error = errno;
  ssize_t ignored = write(failure, &error, sizeof error);
  (void)ignored;
  _exit(127);
}

/* ---- our side ---- */

/* The ends of its pipes are the program's alone, or nobody would see them close. */
static void let_go_of_standard(void)
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; fd++)
    if (dup2(null, fd) < 0)
      close(fd);
}

static int start(struct launch *l, char **argv)
{
  pid_t self = getpid();
  int pipe[2];
  if (pipe2(pipe, O_CLOEXEC) < 0)
    return -1;
  l->failure = pipe[0];
  l->program = fork();
  if (l->program == 0)
    become_program(l, argv, self, pipe[1]);
  close(pipe[1]);
  return l->program > 0 ? 0 : -1;
}

/* Reaps what has ended, but not the program: until its group is dead too, its number must
 * not be given to another one. Returns whether the program has ended. */
static bool reap(const struct launch *l)
{
  siginfo_t info;
  for (;;) {
    info.si_pid = 0;
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
      return false;
    if (info.si_pid == l->program)
      return true;
    waitpid(info.si_pid, NULL, WNOHANG);
  }
}

static void watch(const struct launch *l)
{
  while (!reap(l)) {
    int signal = sigwaitinfo(&l->watched, NULL);
    if (signal == SIGQUIT)
      return;
    if (signal == SIGTERM)
      kill(-l->program, SIGTERM);
  }
}

/* Kills all that is below us. Those whose parent died come up to us, so at last there is
 * nothing. Returns the status of the program. */
static int end_all(const struct launch *l)
{
  pid_t below[AT_ONCE], pid;
  int status = 0, of_program = 0;
  kill(-l->program, SIGKILL);
  do {
    size_t n = orphans_children(below, AT_ONCE);
    for (size_t i = 0; i < n; i++)
      kill(below[i], SIGKILL);
    pid = waitpid(-1, &status, 0);
    if (pid == l->program)
      of_program = status;
  } while (pid > 0 || errno == EINTR);
  return of_program;
}

static int report(enum launch_end end, int value)
{
  struct launch_report r = {end, value};
  return write(LAUNCH_REPORT, &r, sizeof r) == sizeof r ? 0 : 1;
}

static int report_status(const struct launch *l, int status)
{
  int error;
  if (read(l->failure, &error, sizeof error) == sizeof error)
    return report(LAUNCH_FAILED, error);
  if (WIFSIGNALED(status))
    return report(LAUNCH_SIGNALED, WTERMSIG(status));
  return report(LAUNCH_EXITED, WEXITSTATUS(status));
}

int launch_main(int argc, char **argv)
{
  struct launch l = {0};
  if (argc <= LAUNCH_NAME)
    return 64;
  sigemptyset(&l.watched);
  sigaddset(&l.watched, SIGCHLD);
  sigaddset(&l.watched, SIGTERM);
  sigaddset(&l.watched, SIGQUIT);
  sigprocmask(SIG_BLOCK, &l.watched, &l.usual);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_PDEATHSIG, SIGQUIT);
  if (getppid() != (pid_t)strtol(argv[LAUNCH_PARENT], NULL, 10))
    return 1;
  if (start(&l, argv) < 0)
    return report(LAUNCH_FAILED, errno);
  let_go_of_standard();
  watch(&l);
  return report_status(&l, end_all(&l));
}
