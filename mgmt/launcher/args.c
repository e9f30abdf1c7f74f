#include "mgmt/launcher/args.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/wire/control.h"

enum option {
    OPT_CONFIG,
    OPT_STATE,
    OPT_WORKERS,
    OPT_REKEY,
    OPT_TOKEN_MODULE,
    OPT_TOKEN_FILES,
    OPT_TOKEN_ENV,
    OPT_APPLIANCE,
    OPT_VRRP,
    OPT_HELP,
    OPT_VERSION
};

struct option_row {
    const char *name;
    enum option id;
    bool value;
};

static const struct option_row options[] = {
    {"--config", OPT_CONFIG, true},
    {"--state", OPT_STATE, true},
    {"--workers", OPT_WORKERS, true},
    {"--rekey-records", OPT_REKEY, true},
    {"--token-module", OPT_TOKEN_MODULE, true},
    {"--token-files", OPT_TOKEN_FILES, true},
    {"--token-env", OPT_TOKEN_ENV, true},
    {"--appliance", OPT_APPLIANCE, true},
    {"--vrrp", OPT_VRRP, true},
    {"--help", OPT_HELP, false},
    {"-h", OPT_HELP, false},
    {"--version", OPT_VERSION, false},
};

const char *args_usage(void)
{
    return "usage: penstockd --config FILE --state DIR [--workers N] [--rekey-records N]\n"
           "                 [--token-module FILE]... [--token-files DIR]... [--token-env "
           "NAME=VALUE]...\n"
           "                 [--appliance SOCKET] [--vrrp SOCKET]\n"
           "\n"
           "Run the Penstock gateway in the foreground.\n"
           "\n"
           "  --config FILE  the configuration (JSON); paths in it are relative to it\n"
           "  --state DIR    own directory of this instance, made if missing (0700)\n"
           "  --workers N    worker threads, 1 to 64; default: one for each usable CPU\n"
           "  --rekey-records N  send a KeyUpdate after N records, 1 to 16777216 (the default)\n"
           "  --token-module FILE  only these PKCS#11 modules may be loaded; default: those of "
           "root\n"
           "                 below /usr/lib, /usr/lib64, /usr/local/lib and /opt\n"
           "  --token-files DIR    where their processes may write; default: /var/lib/softhsm\n"
           "  --token-env NAME=VALUE  for their environment (SOFTHSM2_CONF=/etc/...)\n"
           "  --appliance SOCKET   of penstock-system, on the appliance\n"
           "  --vrrp SOCKET        of penstock-vrrp, for a gateway of a pair\n"
           "  --help         print this and exit\n"
           "  --version      print the version and exit\n"
           "\n"
           "SIGHUP reads FILE again; SIGTERM and SIGINT drain and end, a second one ends at once.\n"
           "Exit status: 0 ended on request, 1 failure, 2 bad command line or configuration.\n";
}

const char *args_version(void)
{
    return "penstock 0.1.0\n";
}

unsigned args_cpus(void)
{
    cpu_set_t set;
    int n;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set))
        return 1;
    n = CPU_COUNT(&set);
    if (n < 1)
        return 1;
    return n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

/* The row that `arg` names; *value gets the part behind '=', or NULL. */
static const struct option_row *find(const char *arg, const char **value)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        size_t n = strlen(options[i].name);

        if (strncmp(arg, options[i].name, n))
            continue;
        *value = arg[n] == '=' ? arg + n + 1 : NULL;
        if (!arg[n] || *value)
            return &options[i];
    }
    return NULL;
}

static int take_path(char *out, size_t cap, const char *value, const char *name, char *error,
                     size_t n)
{
    if (!value[0] || strlen(value) >= cap) {
        snprintf(error, n, "%s wants a path of 1 to %zu bytes", name, cap - 1);
        return -EINVAL;
    }
    snprintf(out, cap, "%s", value);
    return 0;
}

static int take_number(unsigned *out, const char *value, const char *name, unsigned max,
                       char *error, size_t n)
{
    char *end = NULL;
    unsigned long v = 0;

    if (value[0] >= '0' && value[0] <= '9')
        v = strtoul(value, &end, 10);
    if (!end || *end || v < 1 || v > max) {
        snprintf(error, n, "%s wants a number from 1 to %u, not \"%.32s\"", name, max, value);
        return -EINVAL;
    }
    *out = (unsigned)v;
    return 0;
}

/* Another of up to MODULES_MAX. */
static int take_more(const char **list, unsigned *count, const char *value, bool good,
                     const char *name, const char *wants, char *error, size_t n)
{
    if (!good || *count == MODULES_MAX) {
        snprintf(error, n, "%s wants %s, up to %d times, not \"%.64s\"", name, wants, MODULES_MAX,
                 value);
        return -EINVAL;
    }
    list[(*count)++] = value;
    return 0;
}

static int take(struct args *a, const struct option_row *o, const char *value, char *error,
                size_t n)
{
    switch (o->id) {
    case OPT_CONFIG:
        return take_path(a->config, CONTROL_PATH_MAX, value, o->name, error, n);
    case OPT_STATE:
        return take_path(a->state, sizeof(a->state) - 32, value, o->name, error, n);
    case OPT_WORKERS:
        return take_number(&a->workers, value, o->name, WORKERS_MAX, error, n);
    case OPT_REKEY:
        return take_number(&a->rekey_records, value, o->name, REKEY_MAX, error, n);
    case OPT_TOKEN_MODULE:
        return take_more(a->modules.allowed, &a->modules.n_allowed, value, value[0] == '/', o->name,
                         "an absolute path", error, n);
    case OPT_TOKEN_FILES:
        return take_more(a->modules.files, &a->modules.n_files, value, value[0] == '/', o->name,
                         "an absolute path", error, n);
    case OPT_TOKEN_ENV:
        return take_more(a->modules.variables, &a->modules.n_variables, value,
                         !modules_check_variable(value), o->name, "NAME=VALUE, and no LD_...",
                         error, n);
    case OPT_APPLIANCE:
        return take_path(a->appliance, sizeof(a->appliance), value, o->name, error, n);
    case OPT_VRRP:
        return take_path(a->vrrp, sizeof(a->vrrp), value, o->name, error, n);
    case OPT_HELP:
        a->action = ARGS_HELP;
        return 0;
    case OPT_VERSION:
        a->action = ARGS_VERSION;
        return 0;
    }
    return -EINVAL;
}

static int find_programs(struct args *a, char *error, size_t n)
{
    ssize_t len = readlink("/proc/self/exe", a->programs, sizeof(a->programs) - 1);
    char *slash;

    if (len < 0) {
        snprintf(error, n, "can not read /proc/self/exe (%s); mount /proc", strerror(errno));
        return -EINVAL;
    }
    a->programs[len] = '\0';
    slash = strrchr(a->programs, '/');
    if (slash)
        *slash = '\0';
    return 0;
}

static int parse(struct args *a, int argc, char *const argv[], char *error, size_t n)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct option_row *o = find(argv[i], &value);
        int rc;

        if (!o || (value && !o->value)) {
            snprintf(error, n, "unknown option \"%.64s\"; see penstockd --help", argv[i]);
            return -EINVAL;
        }
        if (o->value && !value && i + 1 < argc)
            value = argv[++i];
        if (o->value && !value) {
            snprintf(error, n, "%s wants a value; see penstockd --help", o->name);
            return -EINVAL;
        }
        rc = take(a, o, value, error, n);
        if (rc || a->action != ARGS_RUN)
            return rc;
    }
    if (!a->config[0] || !a->state[0]) {
        snprintf(error, n, "%s is missing; see penstockd --help",
                 a->config[0] ? "--state DIR" : "--config FILE");
        return -EINVAL;
    }
    return find_programs(a, error, n);
}

int args_parse(struct args *a, int argc, char *const argv[], char *error, size_t n)
{
    struct args *made = calloc(1, sizeof(*made));
    int rc;

    if (!made) {
        snprintf(error, n, "out of memory");
        return -ENOMEM;
    }
    made->workers = args_cpus();
    rc = parse(made, argc, argv, error, n);
    if (!made->modules.n_files)
        made->modules.files[made->modules.n_files++] = "/var/lib/softhsm";
    if (!rc)
        *a = *made;
    free(made);
    return rc;
}
