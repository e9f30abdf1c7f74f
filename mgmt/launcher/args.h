/*
 * args: the command line of penstockd.
 *
 * Why: --config and --state are a fixed interface; a mistyped option has to end in one clear line.
 * Owner: plain memory of the caller. Never: touches a file but the links below /proc/self.
 */
#ifndef PENSTOCK_LAUNCHER_ARGS_H
#define PENSTOCK_LAUNCHER_ARGS_H

#include <limits.h>
#include <stddef.h>
#include "mgmt/launcher/modules.h"

#define WORKERS_MAX 64         /* the keyring takes one channel for each */
#define REKEY_MAX   (1u << 24) /* the data plane's own limit, which can only be lowered */

enum args_action { ARGS_RUN, ARGS_HELP, ARGS_VERSION };

struct args {
    enum args_action action;
    unsigned workers;
    unsigned rekey_records; /* for the data plane; 0: its own limit */
    struct modules modules; /* PKCS#11: which may be loaded, and what they get */
    char config[PATH_MAX];
    char state[PATH_MAX];
    char appliance[100];     /* socket of the appliance's helper; "": this is none */
    char vrrp[100];          /* socket of the helper that speaks VRRP; "": there is none */
    char programs[PATH_MAX]; /* directory of the child programs: that of our own executable */
};

/*
 * Read the command line ("--name value" or "--name=value"). 0, or -EINVAL with one line for the
 * operator in error (n bytes). workers defaults to the CPUs of the affinity mask.
 */
int args_parse(struct args *a, int argc, char *const argv[], char *error, size_t n);

/* What --help and --version print, ending with a newline. */
const char *args_usage(void);
const char *args_version(void);

/* CPUs in the affinity mask, at least 1 and at most WORKERS_MAX. */
unsigned args_cpus(void);

#endif
