/* `candy edit`: another payload, time or place for a job that waits. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cli/ask.h"
#include "cli/job_body.h"

static int send(struct conf *conf, const struct cli_args *args, const struct buf *body)
{
  struct ask ask;
  struct buf target = {0};
  buf_puts(&target, "/tasks/");
  ask_escape(&target, args->words[0]);
  int code = ask_host(&ask, conf, "PATCH", target.data, body);
  if (code == CLI_OK && args->json)
    ask_print(&ask);
  else if (code == CLI_OK)
    printf("job %s changed\n", jx_str(ask.json, "id", "?"));
  ask_fini(&ask);
  buf_fini(&target);
  return code;
}

int cmd_edit(struct conf *conf, const struct cli_args *args)
{
  struct err err = {0};
  struct buf members = {0}, body = {0};
  int code;
  if (job_body_write(&members, args, cli_option(args, "payload"), &err) < 0) {
    code = cli_fail_err(CLI_USAGE, &err);
  } else if (members.len == 0) {
    code = cli_fail(CLI_USAGE, "what is to change? Give --payload, --delay, --run-at, "
                               "--priority, --queue or --tag");
  } else {
    buf_printf(&body, "{%s}", members.data + 1);
    code = send(conf, args, &body);
  }
  buf_fini(&members);
  buf_fini(&body);
  return code;
}
