/* penstockctl: the operator's command line. See command.h for its exit codes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/ctl/command.h"

static void help(FILE *out)
{
    unsigned n;
    const struct command *c = commands_all(&n);

    fprintf(out, "usage: penstockctl [OPTIONS] COMMAND\n");
    for (unsigned i = 0; i < n; i++)
        if (*c[i].what)
            fprintf(out, "  %-12s %-9s %s\n", c[i].name, c[i].usage, c[i].what);
    fprintf(out,
            "changes take --dry-run: what would change, and whom it would cut\n"
            "options: --state DIR (default /var/lib/penstock), or --url https://HOST:PORT "
            "--ca FILE --cert FILE --key FILE\n"
            "         (in place of --ca: --server-spki HEX, the server's key as the console "
            "shows it);\n"
            "         --json, --wide, --dry-run, --confirm SECONDS, --config FILE, --side "
            "SIDE, --time TIME,\n"
            "         --subject NAMES, --san NAMES, --passphrase-file FILE, --administrators,\n"
            "         --token TOKEN, --name NAME, --out DIR, --roles ROLES, --completion, "
            "--help\n");
}

/* For bash: eval "$(penstockctl --completion)". */
static void completion(void)
{
    unsigned n;
    const struct command *c = commands_all(&n);

    printf("complete -W '--state --url --ca --server-spki --cert --key --json --wide --dry-run "
           "--confirm "
           "--config --side --time --subject --san --passphrase-file "
           "--administrators --token --name --out --roles --help");
    for (unsigned i = 0; i < n; i++)
        printf(" %s", c[i].name);
    printf("' -o default penstockctl\n");
}

static int usage(const char *what)
{
    fprintf(stderr, "penstockctl: %s\n", what);
    help(stderr);
    return 2;
}

static const char **value_of(struct options *o, const char *name)
{
    const struct {
        const char *name;
        const char **value;
    } values[] = {
        {"--state", &o->state},
        {"--config", &o->config},
        {"--confirm", &o->confirm},
        {"--url", &o->gateway.url},
        {"--ca", &o->gateway.ca},
        {"--cert", &o->gateway.cert},
        {"--key", &o->gateway.key},
        {"--side", &o->side},
        {"--time", &o->time},
        {"--subject", &o->subject},
        {"--san", &o->san},
        {"--passphrase-file", &o->passphrase},
        {"--token", &o->token},
        {"--name", &o->name},
        {"--out", &o->out},
        {"--roles", &o->roles},
        {"--server-spki", &o->server_spki},
    };

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (!strcmp(values[i].name, name))
            return values[i].value;
    return NULL;
}

static bool *flag_of(struct options *o, const char *name)
{
    return !strcmp(name, "--json")             ? &o->json
           : !strcmp(name, "--wide")           ? &o->wide
           : !strcmp(name, "--dry-run")        ? &o->dry_run
           : !strcmp(name, "--administrators") ? &o->administrators
                                               : NULL;
}

/* The 64 digits of a SHA-256. */
static bool read_spki(const char *hex, unsigned char out[32])
{
    if (strspn(hex, "0123456789abcdefABCDEF") != 64 || hex[64])
        return false;
    for (int i = 0; i < 32; i++) {
        char byte[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

        out[i] = (unsigned char)strtoul(byte, NULL, 16);
    }
    return true;
}

/* Where it is, and by what both sides know each other. */
static int check_gateway(struct options *o)
{
    if (o->server_spki && (o->gateway.ca || !read_spki(o->server_spki, o->pin)))
        return usage("--server-spki takes 64 hexadecimal digits, and no --ca beside it");
    if (o->server_spki) {
        o->gateway.pin = o->pin;
        o->gateway.n_pin = sizeof o->pin;
    }
    if (o->gateway.url &&
        (strncmp(o->gateway.url, "https://", 8) != 0 || (!o->gateway.ca && !o->gateway.pin) ||
         !o->gateway.cert || !o->gateway.key))
        return usage("--url takes https://HOST:PORT, and with it --ca, --cert and --key");
    return 0;
}

static int parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i], **value = value_of(o, a);
        bool *flag = flag_of(o, a);

        if (value && i + 1 == argc)
            return usage("an option lacks its value");
        if (value)
            *value = argv[++i];
        else if (flag)
            *flag = true;
        else if (a[0] == '-')
            return usage("unknown option");
        else if (!o->command)
            o->command = a;
        else if (o->n_args == COMMAND_ARGS_MAX)
            return usage("too many arguments");
        else
            o->args[o->n_args++] = a;
    }
    if (check_gateway(o))
        return 2;
    return o->command ? 0 : usage("give a command");
}

int main(int argc, char **argv)
{
    struct options o = {.state = "/var/lib/penstock"};
    char socket[1024];
    int rc;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help"))
            help(stdout);
        else if (!strcmp(argv[i], "--completion"))
            completion();
        else
            continue;
        return 0;
    }
    rc = parse(argc, argv, &o);
    if (rc)
        return rc;
    snprintf(socket, sizeof socket, "%s/penstock.sock", o.state);
    o.gateway.socket = socket;
    return command_run(&o);
}
