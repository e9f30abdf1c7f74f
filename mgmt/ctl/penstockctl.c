/*
 * penstockctl: the operator's command line.
 * Exit codes: 0 done, 1 refused or failed, 2 wrong usage (or a bad configuration, for `check`), 3
 * no daemon.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/ctl/check.h"
#include "mgmt/ctl/http.h"
#include "mgmt/ctl/table.h"

static const char help[] =
    "usage: penstockctl [--state DIR] COMMAND\n"
    "  status              revision, warnings, links with their counters\n"
    "  sessions            live sessions\n"
    "  stats               ends and refusals by reason\n"
    "  end SESSION         end one session (its id from `sessions --wide`)\n"
    "  check --config FILE judge a configuration file without a daemon\n"
    "options: --state DIR (default /var/lib/penstock), --json, --wide, --help\n";

struct options {
    const char *state, *config, *command, *argument;
    bool json, wide;
};

static const struct {
    const char *name, *path;
    void (*show)(const json_t *body, bool wide);
} reads[] = {
    {"status", "/api/v1/status", table_status},
    {"sessions", "/api/v1/sessions", table_sessions},
    {"stats", "/api/v1/stats", table_stats},
};

static int usage(const char *what)
{
    fprintf(stderr, "penstockctl: %s\n%s", what, help);
    return 2;
}

static int parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        bool value = !strcmp(a, "--state") || !strcmp(a, "--config");

        if (value && i + 1 == argc)
            return usage("an option lacks its value");
        if (!strcmp(a, "--state"))
            o->state = argv[++i];
        else if (!strcmp(a, "--config"))
            o->config = argv[++i];
        else if (!strcmp(a, "--json"))
            o->json = true;
        else if (!strcmp(a, "--wide"))
            o->wide = true;
        else if (a[0] == '-')
            return usage("unknown option");
        else if (!o->command)
            o->command = a;
        else if (!o->argument)
            o->argument = a;
        else
            return usage("too many arguments");
    }
    return o->command ? 0 : usage("give a command");
}

static int request(const struct options *o, const char *method, const char *path,
                   void (*show)(const json_t *, bool))
{
    char socket[1024], why[256];
    json_t *body;
    long status = 0;
    int rc;

    snprintf(socket, sizeof socket, "%s/penstock.sock", o->state);
    if (http_request(socket, method, path, &body, &status, why)) {
        fprintf(
            stderr,
            "penstockctl: no answer from the daemon (%s); is penstockd running with --state %s?\n",
            why, o->state);
        return 3;
    }
    rc = status >= 200 && status < 300 ? 0 : 1;
    if (o->json) {
        json_dumpf(body, stdout, JSON_INDENT(1));
        printf("\n");
    } else if (rc) {
        const char *detail = json_string_value(json_object_get(body, "detail"));
        fprintf(stderr, "penstockctl: %s\n", detail ? detail : "refused");
    } else if (show) {
        show(body, o->wide);
    }
    json_decref(body);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o = {.state = "/var/lib/penstock"};
    char path[128];
    int rc;

    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help")) {
            fputs(help, stdout);
            return 0;
        }
    rc = parse(argc, argv, &o);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++)
        if (!strcmp(o.command, reads[i].name))
            return o.argument ? usage("too many arguments")
                              : request(&o, "GET", reads[i].path, reads[i].show);
    if (!strcmp(o.command, "end")) {
        if (!o.argument || strlen(o.argument) > 64)
            return usage("end takes the id of a session");
        snprintf(path, sizeof path, "/api/v1/sessions/%s", o.argument);
        return request(&o, "DELETE", path, NULL);
    }
    if (!strcmp(o.command, "check"))
        return o.config ? check_config(o.config) : usage("check takes --config FILE");
    return usage("unknown command");
}
