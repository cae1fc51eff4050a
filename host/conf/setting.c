/* The table of settings and the look-ups in it: see setting.h. */
#include "conf/setting.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

#define AT(member)       .offset = offsetof(struct conf, member)
#define LIMITS(from, to) .least = (from), .most = (to)

#define KB (1LL << 10)
#define MB (1LL << 20)
#define GB (1LL << 30)

#define SECOND 1000LL
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

const struct setting setting_table[] = {
    {.name = "env",
     .kind = SETTING_NAME,
     AT(env),
     .fallback = "development",
     .flag = "env",
     .argument = "NAME",
     .not_in_files = true,
     .help = "the environment, which names the overlay of conf/ that is read"},
    {.name = "conf",
     .kind = SETTING_TEXT,
     AT(conf_dir),
     .fallback = "conf",
     .not_in_files = true,
     .help = "the folder that candy.lua and its overlays are in"},
    {.name = "listen",
     .kind = SETTING_ADDRESS,
     AT(listen),
     .fallback = "localhost",
     .flag = "listen",
     .argument = "ADDR",
     .help = "the address that HTTP listens on (localhost: both loopbacks; 0.0.0.0 or :: "
             "for all)"},
    {.name = "port",
     .kind = SETTING_COUNT,
     AT(port),
     .fallback = "3010",
     LIMITS(0, 65535),
     .flag = "port",
     .argument = "N",
     .help = "the port that HTTP listens on; 0 picks a free one"},
    {.name = "data",
     .kind = SETTING_TEXT,
     AT(data),
     .fallback = "data",
     .flag = "data",
     .argument = "DIR",
     .help = "the folder of the store, its lock and control.sock"},
    {.name = "scripts",
     .kind = SETTING_LIST,
     AT(scripts),
     .count = offsetof(struct conf, n_scripts),
     .fallback = "scripts",
     .words = "scripts",
     LIMITS(1, 1000),
     .flag = "scripts",
     .argument = "DIR",
     .help = "the folders that scripts are loaded from"},
    {.name = "store",
     .kind = SETTING_TEXT,
     AT(store),
     .fallback = "sqlite:",
     .flag = "store",
     .argument = "URL",
     .is_secret = true,
     .help = "where jobs live; \"sqlite:\" is a file in the data folder"},
    {.name = "store_relaxed",
     .kind = SETTING_BOOL,
     AT(store_relaxed),
     .fallback = "false",
     .help = "answers before the disk has it: faster, and a power cut may lose jobs"},
    {.name = "workers",
     .kind = SETTING_COUNT,
     AT(workers),
     .fallback = "auto",
     LIMITS(1, 256),
     .words = "auto",
     .flag = "workers",
     .argument = "N",
     .help = "how many worker processes; auto is one a core"},
    {.name = "worker.slots",
     .kind = SETTING_COUNT,
     AT(worker_slots),
     .fallback = "64",
     LIMITS(1, 1024),
     .live = true,
     .help = "how many jobs one worker runs at a time"},
    {.name = "worker.memory",
     .kind = SETTING_SIZE,
     AT(worker_memory),
     .fallback = "256mb",
     LIMITS(16 * MB, 1024 * GB),
     .live = true,
     .help = "how much memory the Lua of one worker may take"},
    {.name = "worker.stall",
     .kind = SETTING_DURATION,
     AT(worker_stall),
     .fallback = "5s",
     LIMITS(200, HOUR),
     .live = true,
     .help = "how long a worker may stand still before it is killed"},
    {.name = "worker.result_max",
     .kind = SETTING_SIZE,
     AT(worker_result_max),
     .fallback = "1mb",
     LIMITS(KB, 16 * MB),
     .live = true,
     .help = "the largest result that a job may return"},
    {.name = "process.allow",
     .kind = SETTING_LIST,
     AT(process_allow),
     .count = offsetof(struct conf, n_process_allow),
     .words = "ffmpeg",
     LIMITS(0, 1000),
     .live = true,
     .help = "the programs that jobs may run: names, or absolute paths"},
    {.name = "process.memory",
     .kind = SETTING_SIZE,
     AT(process_memory),
     .fallback = "1gb",
     LIMITS(8 * MB, 1024 * GB),
     .live = true,
     .help = "how much memory each process of a program may take"},
    {.name = "process.max",
     .kind = SETTING_COUNT,
     AT(process_max),
     .fallback = "32",
     LIMITS(1, 256),
     .live = true,
     .help = "how many programs one worker runs at a time; others wait in line"},
    {.name = "file.job_max",
     .kind = SETTING_SIZE,
     AT(file_job_max),
     .fallback = "1gb",
     LIMITS(KB, 1024 * GB),
     .live = true,
     .help = "how much a job may write to its temporary folder"},
    {.name = "task.timeout",
     .kind = SETTING_DURATION,
     AT(task_timeout),
     .fallback = "5m",
     LIMITS(1, 365 * DAY),
     .live = true,
     .help = "how long an attempt may run, where its task is silent"},
    {.name = "task.max_retries",
     .kind = SETTING_COUNT,
     AT(task_max_retries),
     .fallback = "3",
     LIMITS(0, 1000),
     .live = true,
     .help = "how often a failed job is retried, where its task is silent"},
    {.name = "task.cancel_grace",
     .kind = SETTING_DURATION,
     AT(task_cancel_grace),
     .fallback = "10s",
     LIMITS(0, HOUR),
     .live = true,
     .help = "how long a cancelled job may go on, where its task is silent"},
    {.name = "keep.completed",
     .kind = SETTING_DURATION,
     AT(keep_completed),
     .fallback = "24h",
     LIMITS(SECOND, 36500 * DAY),
     .live = true,
     .help = "how long completed and cancelled jobs stay readable"},
    {.name = "keep.dead",
     .kind = SETTING_DURATION,
     AT(keep_dead),
     .fallback = "30d",
     LIMITS(SECOND, 36500 * DAY),
     .live = true,
     .help = "how long dead jobs stay readable"},
    {.name = "keep.logs",
     .kind = SETTING_DURATION,
     AT(keep_logs),
     .fallback = "30d",
     LIMITS(SECOND, 36500 * DAY),
     .live = true,
     .help = "how long lines of the log table stay"},
    {.name = "keep.logs_max",
     .kind = SETTING_COUNT,
     AT(keep_logs_max),
     .fallback = "1000000",
     LIMITS(1000, 1000000000),
     .live = true,
     .help = "how many lines of the log table stay, the newest ones"},
    {.name = "stop_grace",
     .kind = SETTING_DURATION,
     AT(stop_grace),
     .fallback = "30s",
     LIMITS(0, DAY),
     .help = "how long jobs may go on once the host is asked to stop"},
    {.name = "http.body_max",
     .kind = SETTING_SIZE,
     AT(http_body_max),
     .fallback = "5mb",
     LIMITS(KB, 24 * MB),
     .help = "the largest body that a request may have"},
    {.name = "http.connections_max",
     .kind = SETTING_COUNT,
     AT(http_connections_max),
     .fallback = "10000",
     LIMITS(1, 1000000),
     .help = "how many connections are held open"},
    {.name = "outgoing.proxy",
     .kind = SETTING_TEXT,
     AT(outgoing_proxy),
     .is_secret = true,
     .live = true,
     .help = "the proxy that scripts' HTTP requests go through, such as "
             "http://user:password@host:3128"},
    {.name = "outgoing.no_proxy",
     .kind = SETTING_LIST,
     AT(outgoing_no_proxy),
     .count = offsetof(struct conf, n_outgoing_no_proxy),
     .words = ".example.com",
     LIMITS(0, 256),
     .separator = ',',
     .live = true,
     .help = "the hosts that are reached without the proxy"},
    {.name = "outgoing.private_allow",
     .kind = SETTING_LIST,
     AT(outgoing_private_allow),
     .count = offsetof(struct conf, n_outgoing_private_allow),
     .words = "intranet:8080",
     LIMITS(0, 256),
     .separator = ',',
     .live = true,
     .help = "the private hosts that guarded requests and redirects may reach"},
    {.name = "outgoing.ca_file",
     .kind = SETTING_TEXT,
     AT(outgoing_ca_file),
     .live = true,
     .help = "certificates (PEM) to trust in place of the system's"},
    {.name = "log.level",
     .kind = SETTING_CHOICE,
     AT(log_level),
     .fallback = "info",
     .words = "debug info warn error",
     .live = true,
     .help = "what is logged: this level and above"},
    {.name = "log.folder",
     .kind = SETTING_TEXT,
     AT(log_folder),
     .fallback = "logs",
     .flag = "logs",
     .argument = "DIR",
     .help = "the folder of orchestrator.log and the diary tasks.md"},
    {.name = "log.file_max",
     .kind = SETTING_SIZE,
     AT(log_file_max),
     .fallback = "50mb",
     LIMITS(4 * KB, 1024 * GB),
     .help = "the size at which a file of the log is put aside"},
    {.name = "log.file_age",
     .kind = SETTING_DURATION,
     AT(log_file_age),
     .fallback = "1d",
     LIMITS(SECOND, 36500 * DAY),
     .help = "the age at which orchestrator.log is put aside"},
    {.name = "log.files_kept",
     .kind = SETTING_COUNT,
     AT(log_files_kept),
     .fallback = "10",
     LIMITS(0, 10000),
     .help = "how many files of a kind are kept that were put aside"},
    {.name = "admin_key",
     .kind = SETTING_TEXT,
     AT(admin_key),
     .not_in_files = true,
     .is_secret = true,
     .help = "the admin API key that the first start sets (made up when not given)"},
    {.name = "seal_key",
     .kind = SETTING_TEXT,
     AT(seal_key),
     .not_in_files = true,
     .is_secret = true,
     .help = "32 bytes as base64 that seal what scripts seal (kept in the data folder "
             "when not given)"},
};

const size_t setting_count = sizeof setting_table / sizeof setting_table[0];

static char in_variable(char c)
{
  if (c == '.')
    return '_';
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

const char *setting_env_name(const struct setting *setting, char text[64])
{
  snprintf(text, 64, SETTING_ENV_PREFIX "%s", setting->name);
  for (char *p = text; *p; p++)
    *p = in_variable(*p);
  return text;
}

const struct setting *setting_by_name(const char *name)
{
  for (size_t i = 0; i < setting_count; i++)
    if (strcmp(setting_table[i].name, name) == 0)
      return &setting_table[i];
  return NULL;
}

const struct setting *setting_by_env(const char *name)
{
  char known[64];
  for (size_t i = 0; i < setting_count; i++)
    if (strcmp(setting_env_name(&setting_table[i], known), name) == 0)
      return &setting_table[i];
  return NULL;
}

const struct setting *setting_by_flag(const char *name)
{
  for (size_t i = 0; i < setting_count; i++)
    if (setting_table[i].flag && strcmp(setting_table[i].flag, name) == 0)
      return &setting_table[i];
  return NULL;
}

bool setting_is_group(const char *name)
{
  size_t len = strlen(name);
  for (size_t i = 0; i < setting_count; i++)
    if (strncmp(setting_table[i].name, name, len) == 0 &&
        setting_table[i].name[len] == '.')
      return true;
  return false;
}
