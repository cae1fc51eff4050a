/* The sink that is orchestrator.log: lines of JSON. */
#include "log/appender.h"

static struct appender file = {
    .sink = LOG_FILE, .stem = "orchestrator.log", .ending = "", .what = "the log file"};

static void open_file(const struct log_config *config)
{
  appender_open(&file, config);
}

static void take(const struct log_entry *e)
{
  appender_add(&file, e->line.data, e->line.len);
}

static bool settle(void)
{
  return appender_settle(&file);
}

static void rotate(void)
{
  appender_rotate(&file);
}

static void close_file(void)
{
  appender_close(&file);
}

const struct log_sink log__file_sink = {open_file, take, settle, close_file, rotate};
