/* The table of commands: what each is called, takes and says of itself. What they do is
 * in a file each (enqueue.c, jobs.c, ...). */
#include "cli/command.h"

#include <string.h>

const struct cli_flag command_common[] = {
    {"json", NULL, false, "answer with JSON, for programs"},
    {"help", NULL, false, "tell about the command"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag enqueue_flags[] = {
    {"delay", "TIME", false, "run it so much later: 30s, 5m, 2h, 1d"},
    {"run-at", "TIME", false, "run it at 2026-11-22T08:00:00Z, or at milliseconds"},
    {"priority", "N", false, "smaller runs first; 0 by default"},
    {"queue", "NAME", false, "the queue, in place of the task's own"},
    {"tag", "TAG", true, "a tag to find it by; may be repeated"},
    {"key", "KEY", false, "the key that limits and order go by"},
    {"max-retries", "N", false, "how often it may be retried"},
    {"deadline", "TIME", false, "it is to have ended in 30m, or at a time"},
    {"after", "ID", true, "a job that must complete first; may be repeated"},
    {"wait", NULL, false, "wait until it has ended and print its result"},
    {"timeout", "TIME", false, "wait no longer than that"},
    {NULL, NULL, false, NULL},
};

#define FILTERS                                                                          \
  {"state", "STATE", false, "available, running, dead ...; several with commas"},        \
      {"type", "TYPE", false, "the task's name"}, {"queue", "NAME", false, "the queue"}, \
      {"tag", "TAG", false, "a tag"},                                                    \
  {                                                                                      \
    "search", "TEXT", false, "what the job holds"                                        \
  }

static const struct cli_flag jobs_flags[] = {
    FILTERS,
    {"since", "TIME", false, "made in the last 2h, or since 2026-11-22T08:00:00Z"},
    {"limit", "N", false, "how many at most; 50 by default"},
    {"all", NULL, false, "all of them"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag logs_flags[] = {
    {"follow", NULL, false, "go on with what is logged from now on (-f)"},
    {"level", "LEVEL", false, "debug, info, warn, error: it and above; several exactly"},
    {"type", "TYPE", false, "the task's name; several with commas"},
    {"job", "ID", false, "one job"},
    {"trace", "ID", false, "a trace: a job with its children"},
    {"since", "TIME", false, "in the last 2h, or since 2026-11-22T08:00:00Z"},
    {"search", "TEXT", false, "words, \"several in a row\", beginnings as conn*"},
    {"context", "N", false, "so many lines around each hit, up to 20"},
    {"limit", "N", false, "how many at most; 50 by default"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag batches_flags[] = {
    {"limit", "N", false, "how many at most, up to 200; 50 by default"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag bulk_flags[] = {
    FILTERS,
    {"all", NULL, false, "all dead jobs, where no filter is given"},
    {"preview", NULL, false, "count them, and do nothing"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag cancel_flags[] = {
    FILTERS,
    {"all", NULL, false, "all jobs that wait or run, where no filter is given"},
    {"reason", "TEXT", false, "why, for those who look at the jobs"},
    {"preview", NULL, false, "count them, and do nothing"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag pause_flags[] = {
    {"task", NULL, false, "NAME is a task, not a queue"},
    {"reason", "TEXT", false, "why, for those who look at it"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag resume_flags[] = {
    {"task", NULL, false, "NAME is a task, not a queue"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag edit_flags[] = {
    {"payload", "JSON", false, "another payload; @FILE reads it, - from standard input"},
    {"delay", "TIME", false, "run it so much later: 30s, 5m; 0s is now"},
    {"run-at", "TIME", false, "run it at 2026-11-22T08:00:00Z, or at milliseconds"},
    {"priority", "N", false, "smaller runs first"},
    {"queue", "NAME", false, "another queue"},
    {"tag", "TAG", true, "its tags in place of those that it has; may be repeated"},
    {NULL, NULL, false, NULL},
};

static const struct cli_flag bench_flags[] = {
    {"jobs", "N", false, "how many, from 100 to 1000000; 100000 by default"},
    {"workers", "N", false, "how many worker processes; one a core by default"},
    {NULL, NULL, false, NULL},
};

const struct cli_command command_table[] = {
    {.name = "run",
     .operands = "",
     .summary = "start the host",
     .details = "One line on standard output says when it is ready; the log goes to "
                "standard\nerror. SIGTERM or Ctrl-C stop it and let running jobs finish.",
     .takes_settings = true,
     .run = cmd_run},
    {.name = "check",
     .operands = "",
     .summary = "load configuration and scripts and say what is wrong with them",
     .takes_settings = true,
     .run = cmd_check},
    {.name = "enqueue",
     .operands = "TYPE [PAYLOAD | @FILE | -]",
     .summary = "put a job into the queue and print its id",
     .details = "PAYLOAD is JSON; @FILE reads it from a file, - from standard input.",
     .flags = enqueue_flags,
     .least = 1,
     .most = 2,
     .run = cmd_enqueue},
    {.name = "jobs",
     .operands = "",
     .summary = "list jobs",
     .flags = jobs_flags,
     .run = cmd_jobs},
    {.name = "job",
     .operands = "ID",
     .summary = "show one job with all its attempts",
     .least = 1,
     .most = 1,
     .run = cmd_job},
    {.name = "edit",
     .operands = "ID",
     .summary = "change a job that waits",
     .flags = edit_flags,
     .least = 1,
     .most = 1,
     .run = cmd_edit},
    {.name = "cancel",
     .operands = "[ID...]",
     .summary = "end jobs that wait or run",
     .details =
         "By id, or all that the filters choose. One that runs is told, and ended\n"
         "from outside when it goes on for longer than its cancel_grace.",
     .flags = cancel_flags,
     .most = SIZE_MAX,
     .run = cmd_cancel},
    {.name = "retry",
     .operands = "[ID...]",
     .summary = "put dead or cancelled jobs back into the queue",
     .details = "By id, or all that the filters choose; --state is dead where not given.",
     .flags = bulk_flags,
     .most = SIZE_MAX,
     .run = cmd_retry},
    {.name = "purge",
     .operands = "[ID...]",
     .summary = "delete finished jobs for good",
     .details = "By id, or all that the filters choose; --state is dead where not given.",
     .flags = bulk_flags,
     .most = SIZE_MAX,
     .run = cmd_purge},
    {.name = "queues",
     .operands = "",
     .summary = "list the queues, what is in them, and what rests",
     .run = cmd_queues},
    {.name = "pause",
     .operands = "NAME",
     .summary = "let a queue or a task rest; what runs goes on",
     .flags = pause_flags,
     .least = 1,
     .most = 1,
     .run = cmd_pause},
    {.name = "resume",
     .operands = "NAME",
     .summary = "let a queue or a task that rests go on",
     .flags = resume_flags,
     .least = 1,
     .most = 1,
     .run = cmd_resume},
    {.name = "batches",
     .operands = "[ID]",
     .summary = "list batches and how far they are, or show one",
     .flags = batches_flags,
     .most = 1,
     .run = cmd_batches},
    {.name = "logs",
     .operands = "",
     .summary = "show the log, newest lines last, and follow it",
     .details = "With --json each line is a JSON object.",
     .flags = logs_flags,
     .run = cmd_logs},
    {.name = "tasks",
     .operands = "",
     .summary = "list the tasks that scripts declare",
     .run = cmd_tasks},
    {.name = "crons",
     .operands = "",
     .summary = "list when tasks are due, as scripts declare it (not run yet)",
     .run = cmd_crons},
    {.name = "backup",
     .operands = "FILE",
     .summary = "write a copy of the store while the host runs",
     .least = 1,
     .most = 1,
     .run = cmd_backup},
    {.name = "migrate",
     .operands = "",
     .summary = "bring the store's tables up to date",
     .takes_settings = true,
     .run = cmd_migrate},
    {.name = "test",
     .operands = "[ARGUMENT...]",
     .summary = "run the specs of your scripts with busted",
     .details = "All arguments are busted's; without any it runs spec/. Specs find\n"
                "candy.testing, which runs tasks on this program.",
     .most = SIZE_MAX,
     .needs_no_conf = true,
     .passes_on = true,
     .run = cmd_test},
    {.name = "lua-path",
     .operands = "",
     .summary = "print where Lua finds candy.testing, for LUA_PATH",
     .needs_no_conf = true,
     .run = cmd_lua_path},
    {.name = "testing-host",
     .operands = "[log]",
     .summary = "the host behind candy.testing",
     .most = 1,
     .needs_no_conf = true,
     .hidden = true,
     .run = cmd_testing_host},
    {.name = "bench",
     .operands = "",
     .summary = "measure the queue on this machine, on a host of its own",
     .details =
         "A private host on a temporary folder (below TMPDIR, or /tmp) runs no-op "
         "jobs for\na few seconds. Nothing is left behind; no other host is asked.",
     .flags = bench_flags,
     .needs_no_conf = true,
     .run = cmd_bench},
    {.name = "version",
     .operands = "",
     .summary = "print the version",
     .needs_no_conf = true,
     .run = cmd_version},
    {.name = "help",
     .operands = "[COMMAND | settings]",
     .summary = "tell about a command, or list all settings",
     .most = 1,
     .needs_no_conf = true,
     .ignores_place = true,
     .run = cmd_help},
};

const size_t command_count = sizeof command_table / sizeof command_table[0];

const struct cli_command *command_find(const char *name)
{
  for (size_t i = 0; i < command_count; i++)
    if (strcmp(command_table[i].name, name) == 0)
      return &command_table[i];
  return NULL;
}
