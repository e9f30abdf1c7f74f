/*
 * penstockd: starts the gateway and keeps it running, in the foreground.
 */
#include <stdio.h>
#include <unistd.h>

#include "dataplane/base/log.h"
#include "mgmt/launcher/args.h"
#include "mgmt/launcher/launcher.h"

int main(int argc, char **argv)
{
    struct args args;
    char error[256];

    if (args_parse(&args, argc, argv, error, sizeof(error))) {
        dprintf(STDERR_FILENO, "penstockd: %s\n", error);
        return 2;
    }
    if (args.action != ARGS_RUN) {
        fputs(args.action == ARGS_HELP ? args_usage() : args_version(), stdout);
        return 0;
    }
    log_init("launcher", LOG_INFO);
    return launcher_run(&args);
}
