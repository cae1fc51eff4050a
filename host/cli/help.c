/* `candy help` and `candy version`: see help.h. */
#include "cli/help.h"

#include <string.h>

#include "base/json.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/table.h"
#include "conf/nearest.h"
#include "conf/setting.h"
#include "conf/value.h"

int help_overview(FILE *out)
{
  fputs("Candy, a Lua-scriptable automation host\n\n"
        "  candy COMMAND [FLAG | OPERAND]...\n\n",
        out);
  for (size_t i = 0; i < command_count; i++)
    if (!command_table[i].hidden)
      fprintf(out, "  %-9s %s\n", command_table[i].name, command_table[i].summary);
  fputs("\n`candy help COMMAND` tells what it takes, `candy help settings` what can be "
        "set.\n",
        out);
  return CLI_OK;
}

static bool print_flag(void *arg, const struct cli_flag *flag)
{
  char name[64];
  (void)arg;
  snprintf(name, sizeof name, "--%s %s", flag->name,
           flag->argument ? flag->argument : "");
  printf("  %-20s %s%s\n", name, flag->help,
         flag->repeatable && !strstr(flag->help, "repeated") ? " (may be repeated)" : "");
  return false;
}

int help_command(const struct cli_command *command)
{
  printf("candy %s%s%s%s\n\n  %s\n", command->name, *command->operands ? " " : "",
         command->operands, command->passes_on ? "" : " [FLAG]...", command->summary);
  if (command->details)
    printf("\n%s\n", command->details);
  if (command->passes_on)
    return CLI_OK;
  puts("");
  args_flags(command, print_flag, NULL);
  return CLI_OK;
}

static int help_settings(void)
{
  static const struct table_column columns[] = {
      {"SETTING", NULL}, {"VARIABLE", NULL}, {"DEFAULT", NULL}, {"", NULL}, {"", NULL}};
  struct table *table = table_new(columns, 5);
  for (size_t i = 0; i < setting_count; i++) {
    const struct setting *setting = &setting_table[i];
    char variable[64];
    table_add(table, setting->not_in_files ? "" : setting->name);
    table_add(table, setting_env_name(setting, variable));
    table_add(table, setting->fallback ? setting->fallback : "");
    table_add(table, setting->live ? "live" : "");
    table_add(table, setting->help);
  }
  table_print(table, stdout);
  table_free(&table);
  return CLI_OK;
}

static int unknown_topic(const char *word)
{
  char hint[2 * NEAREST_MAX];
  struct nearest nearest = {.word = word};
  nearest_offer(&nearest, "settings");
  for (size_t i = 0; i < command_count; i++)
    if (!command_table[i].hidden)
      nearest_offer(&nearest, command_table[i].name);
  return cli_fail(CLI_USAGE, "there is no help on \"%s\"%s", word,
                  nearest_hint(&nearest, "candy help ", hint));
}

int cmd_help(struct conf *conf, const struct cli_args *args)
{
  (void)conf;
  if (args->n_words == 0)
    return help_overview(stdout);
  if (strcmp(args->words[0], "settings") == 0)
    return help_settings();
  const struct cli_command *command = command_find(args->words[0]);
  return command ? help_command(command) : unknown_topic(args->words[0]);
}

int cmd_version(struct conf *conf, const struct cli_args *args)
{
  (void)conf;
  puts(args->json ? "{\"version\":\"" CANDY_VERSION "\"}" : "candy " CANDY_VERSION);
  return CLI_OK;
}
