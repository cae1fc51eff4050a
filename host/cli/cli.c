/* From argv to a command: find it, take its arguments apart, load the settings, run it.
 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/text.h"
#include "conf/nearest.h"
#include "conf/setting.h"
#include "worker/evaluate.h"

int cli_fail(int code, const char *fmt, ...)
{
  char text[1024];
  struct buf line = {0};
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  text_clean(&line, text);
  fprintf(stderr, "candy: %s\n", line.data);
  buf_fini(&line);
  return code;
}

int cli_fail_err(int code, const struct err *err)
{
  return cli_fail(code, "%s", err->text);
}

static int unknown_command(const char *word)
{
  char hint[2 * NEAREST_MAX];
  struct nearest nearest = {.word = word};
  if (word[0] == '-')
    return cli_fail(CLI_USAGE, "a command comes first: candy COMMAND %s ...", word);
  for (size_t i = 0; i < command_count; i++)
    if (!command_table[i].hidden)
      nearest_offer(&nearest, command_table[i].name);
  return cli_fail(CLI_USAGE, "there is no command \"%s\"%s; `candy help` lists them all",
                  word, nearest_hint(&nearest, "candy ", hint));
}

struct conf *cli_load_conf(const struct cli_args *args, struct err *err)
{
  struct conf_flag *flags = mem_alloc(args->n_options * sizeof *flags);
  struct conf_input input = {
      .flags = flags, .environment = environ, .evaluate = evaluate_files};
  for (size_t i = 0; i < args->n_options; i++)
    if (setting_by_flag(args->options[i].name))
      flags[input.n_flags++] = args->options[i];
  struct conf *conf = conf_load(&input, err);
  free(flags);
  return conf;
}

static int run_with_conf(const struct cli_args *args)
{
  struct err err = {0};
  struct conf *conf = cli_load_conf(args, &err);
  if (!conf)
    return cli_fail_err(strcmp(err.code, "usage") == 0 ? CLI_USAGE : CLI_FAILED, &err);
  int code = args->command->run(conf, args);
  conf_free(&conf);
  return code;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
  struct err err = {0};
  struct cli_args args;
  int code = CLI_USAGE;
  if (args_init(&args, command, argc, argv, &err) < 0)
    cli_fail(code, "%s; `candy help %s` tells more", err.text, command->name);
  else if (args.help)
    code = help_command(command);
  else if (command->needs_no_conf)
    code = command->run(NULL, &args);
  else
    code = run_with_conf(&args);
  args_fini(&args);
  return code;
}

/* A full disk or a closed pipe behind standard output is a failure of the command. */
static int flushed(int code)
{
  if (fflush(stdout) == 0 && !ferror(stdout))
    return code;
  int failed =
      cli_fail(CLI_FAILED, "cannot write to standard output: %s", strerror(errno));
  return code == CLI_OK ? failed : code;
}

/* A descriptor of ours must never become someone's standard output. */
static void open_standard(void)
{
  int fd;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close(fd);
}

int cli_main(int argc, char **argv)
{
  open_standard();
  setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters */
  if (argc < 2)
    return help_overview(stderr), CLI_USAGE;
  const char *word = argv[1];
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
    word = "help";
  else if (strcmp(word, "--version") == 0)
    word = "version";
  const struct cli_command *command = command_find(word);
  if (!command)
    return unknown_command(word);
  return flushed(run(command, argc - 2, argv + 2));
}
