/* candy-worker: the program that runs Lua. It is started by candy, never by hand. */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lua/conf.h"
#include "lua/launch.h"
#include "lua/worker.h"

int main(int argc, char **argv)
{
  prctl(PR_SET_NAME, "candy-worker"); /* else ps shows the number of a descriptor */
  if (argc == 3 && strcmp(argv[1], "run") == 0)
    return run_main(argv[2]);
  if (argc > 2 && strcmp(argv[1], "conf") == 0)
    return conf_main(argv + 2, argc - 2);
  if (argc > 2 && strcmp(argv[1], "launch") == 0)
    _exit(launch_main(argc, argv)); /* at once: its worker waits for that */
  fprintf(stderr, "candy-worker is a part of candy and is started by it: "
                  "candy-worker run HOSTPID | conf NAME... | launch ...\n");
  return 64;
}
