/*
 * command: what penstockctl can do, as a table.
 *
 * Why: help, the shell's completion and the dispatch say the same. Owner: const.
 * Exit codes: 0 done, 1 refused or failed, 2 wrong usage (or a bad configuration, for `check`), 3
 * no gateway.
 */
#ifndef PENSTOCK_MGMT_CTL_COMMAND_H
#define PENSTOCK_MGMT_CTL_COMMAND_H

#include <stdbool.h>
#include "mgmt/ctl/http.h"

#define COMMAND_ARGS_MAX 3

struct options {
    struct http_gateway gateway;
    const char *state, *config, *confirm, *side, *time;
    const char *passphrase, *subject, *san, *token, *name, *out, *roles, *server_spki;
    unsigned char pin[32]; /* server_spki as bytes */
    const char *command, *args[COMMAND_ARGS_MAX];
    unsigned n_args;
    bool json, wide, dry_run, administrators;
};

struct command {
    const char *name, *usage, *what;
    unsigned min_args, max_args;
    int (*run)(const struct options *o, const struct command *c);
    /* For plain reads: what is asked for and how it is shown to people (NULL: as JSON). */
    const char *path;
    void (*show)(const json_t *body, bool wide);
};

const struct command *commands_all(unsigned *n);
/* The exit code. */
int command_run(const struct options *o);

#endif
