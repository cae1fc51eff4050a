/* Parsing of flags and operands: see args.h. */
#include "cli/args.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cli/command.h"
#include "conf/nearest.h"
#include "conf/setting.h"

/* ---- the flags of a command ---- */

static bool each_of(const struct cli_flag *flags,
                    bool (*each)(void *arg, const struct cli_flag *flag), void *arg)
{
  for (; flags && flags->name; flags++)
    if (each(arg, flags))
      return true;
  return false;
}

static bool takes(const struct cli_command *command, const struct setting *setting)
{
  if (!setting->flag || (command->needs_no_conf && !command->ignores_place))
    return false;
  return command->takes_settings || strcmp(setting->flag, "data") == 0 ||
         strcmp(setting->flag, "env") == 0;
}

bool args_flags(const struct cli_command *command,
                bool (*each)(void *arg, const struct cli_flag *flag), void *arg)
{
  if (each_of(command->flags, each, arg))
    return true;
  for (size_t i = 0; i < setting_count; i++) {
    const struct setting *setting = &setting_table[i];
    struct cli_flag flag = {setting->flag, setting->argument,
                            setting->kind == SETTING_LIST, setting->help};
    if (takes(command, setting) && each(arg, &flag))
      return true;
  }
  return each_of(command_common, each, arg);
}

struct search {
  const char *name;
  struct cli_flag found;
  struct nearest nearest;
};

static bool match(void *arg, const struct cli_flag *flag)
{
  struct search *search = arg;
  nearest_offer(&search->nearest, flag->name);
  if (strcmp(flag->name, search->name) != 0)
    return false;
  search->found = *flag;
  return true;
}

/* ---- parsing ---- */

struct parse {
  struct cli_args *args;
  char **at; /* the next argument; the last one is NULL */
  struct err *err;
};

static void add_word(struct cli_args *args, const char *word)
{
  args->words = mem_grow(args->words, (args->n_words + 1) * sizeof *args->words);
  args->words[args->n_words++] = word;
}

/* A setting may be given again: the last one counts, so that a script's own flags can be
 * followed by its caller's. */
static int add_option(struct parse *parse, const struct cli_flag *flag, const char *value)
{
  struct cli_args *args = parse->args;
  bool overrides = flag->repeatable || setting_by_flag(flag->name);
  if (!overrides && cli_option(args, flag->name))
    return err_set(parse->err, "usage", "--%s is given twice", flag->name);
  args->options = mem_grow(args->options, (args->n_options + 1) * sizeof *args->options);
  args->options[args->n_options++] = (struct conf_flag){flag->name, value};
  return 0;
}

static int unknown_flag(struct parse *parse, const struct search *search)
{
  char hint[2 * NEAREST_MAX];
  return err_set(parse->err, "usage", "`candy %s` has no flag --%s%s",
                 parse->args->command->name, search->name,
                 nearest_hint(&search->nearest, "--", hint));
}

/* `text` is what follows the dashes; an '=' in it is cut. */
static int parse_flag(struct parse *parse, char *text)
{
  char *value = strchr(text, '=');
  if (value)
    *value++ = 0;
  struct search search = {.name = text, .nearest = {.word = text}};
  if (!args_flags(parse->args->command, match, &search))
    return unknown_flag(parse, &search);
  const struct cli_flag *flag = &search.found;
  if (!flag->argument && value)
    return err_set(parse->err, "usage", "--%s takes no value", flag->name);
  if (flag->argument && !value && !*parse->at)
    return err_set(parse->err, "usage", "--%s needs a value: --%s %s", flag->name,
                   flag->name, flag->argument);
  if (flag->argument && !value)
    value = *parse->at++;
  return add_option(parse, flag, value ? value : "");
}

static int parse_short(struct parse *parse, const char *text)
{
  static const struct {
    const char *letter, *name;
  } known[] = {{"-h", "help"}, {"-f", "follow"}};

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    struct search search = {.name = known[i].name, .nearest = {.word = known[i].name}};
    if (strcmp(text, known[i].letter) == 0 &&
        args_flags(parse->args->command, match, &search))
      return add_option(parse, &search.found, "");
  }
  return err_set(parse->err, "usage",
                 "`candy %s` does not know %s; flags have two dashes, and -- stands "
                 "before an operand that begins with one",
                 parse->args->command->name, text);
}

static int parse_all(struct parse *parse)
{
  int status = 0;
  while (status == 0 && *parse->at) {
    char *text = *parse->at++;
    if (strcmp(text, "--") == 0)
      break;
    if (strncmp(text, "--", 2) == 0)
      status = parse_flag(parse, text + 2);
    else if (text[0] == '-' && text[1])
      status = parse_short(parse, text);
    else
      add_word(parse->args, text);
  }
  while (status == 0 && *parse->at)
    add_word(parse->args, *parse->at++);
  return status;
}

/* "--help" alone is still ours. */
static void pass_on(struct cli_args *args, char **words)
{
  const char *first = words[0];
  args->help =
      first && !words[1] && (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0);
  for (; *words; words++)
    add_word(args, *words);
}

static int check_words(const struct cli_args *args, struct err *err)
{
  const struct cli_command *command = args->command;
  const char *gap = *command->operands ? " " : "";
  if (args->n_words < command->least)
    return err_set(err, "usage", "something is missing: candy %s%s%s", command->name, gap,
                   command->operands);
  if (args->n_words > command->most)
    return err_set(err, "usage", "\"%s\" is one too many: candy %s%s%s",
                   args->words[command->most], command->name, gap, command->operands);
  return 0;
}

int args_init(struct cli_args *args, const struct cli_command *command, int argc,
              char **argv, struct err *err)
{
  (void)argc; /* argv ends with NULL */
  *args = (struct cli_args){.command = command};
  struct parse parse = {args, argv, err};
  if (command->passes_on) {
    pass_on(args, argv);
    return 0;
  }
  if (parse_all(&parse) < 0)
    return -1;
  args->json = cli_option(args, "json") != NULL;
  args->help = cli_option(args, "help") != NULL;
  return args->help ? 0 : check_words(args, err);
}

void args_fini(struct cli_args *args)
{
  free(args->options);
  free(args->words);
  *args = (struct cli_args){0};
}

const char *cli_option(const struct cli_args *args, const char *name)
{
  for (size_t i = args->n_options; i-- > 0;)
    if (strcmp(args->options[i].name, name) == 0)
      return args->options[i].value;
  return NULL;
}
