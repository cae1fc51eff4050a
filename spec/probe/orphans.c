/* links: loop base */
/* Adopts what a script leaves behind, until its standard input ends.
 *
 *   orphans all|marked SCRIPT
 *
 * A child that was there before (sleep 7100) runs beside it. Marked: only what has MARK=1
 * in its environment is ended. Says "ended CODE" when the script has. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loop/orphans.h"

static void on_exit_of(uv_process_t *process, int64_t code, int signal)
{
  (void)signal;
  printf("ended %d\n", (int)code);
  fflush(stdout);
  uv_close((uv_handle_t *)process, NULL);
}

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *bytes)
{
  static char scratch[64];
  (void)handle;
  (void)suggested;
  *bytes = uv_buf_init(scratch, sizeof scratch);
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
  (void)bytes;
  if (n < 0)
    uv_stop(stream->loop);
}

int main(int argc, char **argv)
{
  static char shell[] = "/bin/sh", flag[] = "-c";
  struct orphans orphans;
  uv_pipe_t input;
  uv_process_t process;
  if (argc < 3)
    return 64;
  pid_t before = strcmp(argv[1], "marked") == 0 ? fork() : 0;
  if (before == 0 && strcmp(argv[1], "marked") == 0) {
    execlp("sleep", "sleep", "7100", (char *)NULL);
    _exit(127);
  }
  uv_loop_t *loop = uv_default_loop();
  uv_pipe_init(loop, &input, 0);
  uv_pipe_open(&input, 0);
  uv_read_start((uv_stream_t *)&input, lend, on_input);
  orphans_init(&orphans, loop, before > 0 ? "MARK=1" : NULL, 0);
  char *args[] = {shell, flag, argv[2], NULL};
  uv_process_options_t options = {.file = shell, .args = args, .exit_cb = on_exit_of};
  if (uv_spawn(loop, &process, &options) < 0)
    return 1;
  uv_run(loop, UV_RUN_DEFAULT);
  orphans_fini(&orphans);
  if (before > 0)
    kill(before, SIGKILL);
  return 0;
}
