#include "mgmt/ctl/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "mgmt/ctl/check.h"
#include "mgmt/ctl/command_parts.h"
#include "mgmt/ctl/table.h"

#define PATH_ROOM COMMAND_PATH_ROOM
#define PEM_ROOM  (1024 * 1024)
#define TRIES     3
#define CRL_ROOM  (8 * 1024 * 1024)

/* 0: there is an answer; or 3, and it was said that there is none. */
static int reach(const struct options *o, const struct http_ask *q, struct http_answer *a)
{
    int rc = http_request(&o->gateway, q, a);

    for (int i = 0; !rc && a->again && a->status >= 400 && i < TRIES; i++) {
        http_free(a); /* another change was under way: nothing has been done */
        sleep(1);
        rc = http_request(&o->gateway, q, a);
    }
    if (rc) {
        fprintf(stderr, "penstockctl: no answer from the gateway (%s)\n", a->why);
        if (!o->gateway.url)
            fprintf(stderr, "penstockctl: is penstockd running with --state %s?\n", o->state);
        return 3;
    }
    return 0;
}

/* Says what the gateway has against it. 1. */
static int refused(const struct options *o, struct http_answer *a)
{
    const char *detail, *pointer, *remedy;

    if (o->json && a->json) {
        json_dumpf(a->json, stdout, JSON_INDENT(1));
        printf("\n");
    } else {
        detail = json_string_value(json_object_get(a->json, "detail"));
        pointer = json_string_value(json_object_get(a->json, "pointer"));
        remedy = json_string_value(json_object_get(a->json, "remedy"));
        fprintf(stderr, "penstockctl: %s%s%s%s%s\n", pointer ? pointer : "", pointer ? ": " : "",
                detail ? detail : "refused", remedy && *remedy ? "; " : "", remedy ? remedy : "");
    }
    http_free(a);
    return 1;
}

int command_ask(const struct options *o, const struct http_ask *q, struct http_answer *a)
{
    int rc = reach(o, q, a);

    if (rc)
        return rc;
    return a->status >= 200 && a->status < 300 ? 0 : refused(o, a);
}

static void show(const struct options *o, const struct command *c, const struct http_answer *a)
{
    if (!a->json) {
        if (a->text)
            fputs(a->text, stdout);
    } else if (o->json || !c->show) {
        json_dumpf(a->json, stdout, JSON_INDENT(o->json ? 1 : 2) | JSON_SORT_KEYS);
        printf("\n");
    } else {
        c->show(a->json, o->wide);
    }
}

int command_finish(const struct options *o, const struct command *c, const struct http_ask *q)
{
    struct http_answer a;
    int rc = command_ask(o, q, &a);

    if (rc)
        return rc;
    show(o, c, &a);
    http_free(&a);
    return 0;
}

/* GET the row's path; %s in it are the arguments. */
static int run_read(const struct options *o, const struct command *c)
{
    char path[PATH_ROOM];
    struct http_ask q = {.method = "GET", .path = path};

    snprintf(path, sizeof path, "%s%s%.128s", c->path, o->n_args ? "/" : "",
             o->n_args ? o->args[0] : "");
    return command_finish(o, c, &q);
}

static int run_end(const struct options *o, const struct command *c)
{
    char path[PATH_ROOM];
    struct http_ask q = {.method = "DELETE", .path = path};
    struct http_answer a;
    int rc;

    (void)c;
    snprintf(path, sizeof path, "/api/v1/sessions/%.128s", o->args[0]);
    rc = command_ask(o, &q, &a);
    if (!rc)
        http_free(&a);
    return rc;
}

json_t *command_read_json(const char *file)
{
    json_error_t why;
    json_t *document = json_load_file(file, JSON_REJECT_DUPLICATES, &why);

    if (!document)
        fprintf(stderr, "penstockctl: %s: line %d, column %d: %s\n", file, why.line, why.column,
                why.text);
    return document;
}

/* The document's tag, as it is now: what the change is of. 0, or an exit status. */
static int read_tag(const struct options *o, const char *path, struct http_ask *q,
                    struct http_answer *now)
{
    struct http_ask get = {.method = "GET", .path = path};
    int rc = reach(o, &get, now);

    if (rc)
        return rc;
    if (now->status != 200 && now->status != 404)
        return refused(o, now);
    q->none_match = now->status == 404 ? "*" : NULL;
    q->if_match = now->status == 404 ? NULL : now->tag;
    return 0;
}

/* Somebody else's change in between is no reason against this one: it is made of what came then. */
int command_change(const struct options *o, const struct command *c, const char *read,
                   struct http_ask *q)
{
    struct http_answer now, a;
    int rc;

    for (int i = 0;; i++) {
        rc = read_tag(o, read, q, &now);
        if (rc)
            return rc;
        rc = reach(o, q, &a);
        http_free(&now);
        if (rc || a.status != 412 || i == TRIES)
            break;
        http_free(&a);
    }
    if (rc)
        return rc;
    if (a.status < 200 || a.status >= 300)
        return refused(o, &a);
    show(o, c, &a);
    http_free(&a);
    return 0;
}

/* 1 as well when the trail is broken: scripts look at the code. */
static int run_verify(const struct options *o, const struct command *c)
{
    struct http_ask q = {.method = "GET", .path = c->path};
    struct http_answer a;
    int rc = command_ask(o, &q, &a);

    if (rc)
        return rc;
    rc = json_is_true(json_object_get(a.json, "whole")) ? 0 : 1;
    show(o, c, &a);
    http_free(&a);
    return rc;
}

char *command_read_file(const char *file, size_t max, size_t *n)
{
    FILE *in = fopen(file, "rb");
    char *data = in ? calloc(1, max + 2) : NULL;

    *n = data ? fread(data, 1, max + 1, in) : 0;
    if (in)
        fclose(in);
    if (*n && *n <= max)
        return data;
    fprintf(stderr, "penstockctl: %s: can not be read, is empty, or has more than %zu bytes\n",
            file, max);
    free(data);
    return NULL;
}

static int run_crl(const struct options *o, const struct command *c)
{
    char trust[PATH_ROOM / 2], path[PATH_ROOM];
    struct http_ask q = {.method = "POST", .path = path};
    char *data = command_read_file(o->args[1], CRL_ROOM, &q.n_raw);
    int rc = 2;

    snprintf(trust, sizeof trust, "/api/v1/trust/%.128s", o->args[0]);
    snprintf(path, sizeof path, "%s/crls", trust);
    command_trial(o, path);
    q.raw = data;
    if (data)
        rc = command_change(o, c, trust, &q);
    free(data);
    return rc;
}

/* The file goes as it is; exit 1 for a chain that would be refused. */
static int run_explain(const struct options *o, const struct command *c)
{
    char path[PATH_ROOM];
    json_t *body = NULL;
    size_t n = 0;
    char *pem = command_read_file(o->args[1], PEM_ROOM, &n);
    struct http_ask q = {.method = "POST", .path = path};
    struct http_answer a;
    int rc = 2;

    (void)c;
    if (pem)
        body = json_pack("{s:s%, s:s}", "chain", pem, n, "side", o->side ? o->side : "listen");
    if (body && o->time)
        json_object_set_new(body, "time", json_string(o->time));
    q.body = body;
    snprintf(path, sizeof path, "/api/v1/links/%.128s/explain", o->args[0]);
    if (body)
        rc = command_ask(o, &q, &a);
    else if (pem)
        fprintf(stderr, "penstockctl: %s: is no PEM text\n", o->args[1]);
    if (body && !rc) {
        const char *verdict = json_string_value(json_object_get(a.json, "verdict"));

        rc = verdict && !strcmp(verdict, "allow") ? 0 : 1;
        show(o, c, &a);
        http_free(&a);
    }
    json_decref(body);
    free(pem);
    return rc;
}

static int run_check(const struct options *o, const struct command *c)
{
    (void)c;
    if (o->config)
        return check_config(o->config);
    fprintf(stderr, "penstockctl: check takes --config FILE\n");
    return 2;
}

static const struct command commands[] = {
    {"status", "", "revision, warnings, links with their counters", 0, 0, run_read,
     "/api/v1/status", table_status},
    {"sessions", "", "live sessions", 0, 0, run_read, "/api/v1/sessions", table_sessions},
    {"peers", "", "who is connected", 0, 0, run_read, "/api/v1/peers", table_peers},
    {"stats", "", "ends and refusals by reason", 0, 0, run_read, "/api/v1/stats", table_stats},
    {"inventory", "", "certificates, lists, protocols and ciphers in use", 0, 0, run_read,
     "/api/v1/inventory", table_inventory},
    {"metrics", "", "the counters as Prometheus reads them", 0, 0, run_read, "/metrics", NULL},
    {"end", "SESSION", "end one session (its id from `sessions --wide`)", 1, 1, run_end, NULL,
     NULL},
    {"config", "", "the running configuration", 0, 0, run_read, "/api/v1/config", NULL},
    {"apply", "FILE", "make a file the running configuration", 1, 1, command_apply, NULL,
     table_change},
    {"links", "", "names in the configuration; likewise identities, trust, profiles", 0, 0,
     command_names, NULL, table_names},
    {"identities", "", "", 0, 0, command_names, NULL, table_names},
    {"trust", "", "", 0, 0, command_names, NULL, table_names},
    {"profiles", "", "", 0, 0, command_names, NULL, table_names},
    {"get", "PATH", "any resource, such as links/x", 1, 1, command_get, NULL, NULL},
    {"put", "PATH FILE", "make or replace one, such as links/x, by a file (JSON)", 2, 2,
     command_put, NULL, table_change},
    {"patch", "PATH FILE", "change parts of one (JSON merge patch)", 2, 2, command_patch, NULL,
     table_change},
    {"delete", "PATH", "remove one", 1, 1, command_delete, NULL, table_change},
    {"revisions", "", "what ran, newest first", 0, 0, run_read, "/api/v1/config/revisions",
     table_revisions},
    {"revision", "N", "one revision, whole", 1, 1, run_read, "/api/v1/config/revisions", NULL},
    {"diff", "FROM TO", "what differs: revisions by number, `running`, `candidate`", 2, 2,
     command_diff, NULL, table_diff},
    {"rollback", "N", "run an earlier revision again", 1, 1, command_rollback, NULL, table_change},
    {"candidate", "[FILE]", "prepare a configuration; without a file: show it", 0, 1,
     command_candidate, NULL, NULL},
    {"discard", "", "drop the candidate", 0, 0, command_discard, NULL, NULL},
    {"commit", "", "run the candidate (--confirm S: it goes back after S seconds unless confirmed)",
     0, 0, command_commit, NULL, table_change},
    {"confirm", "", "keep what was committed", 0, 0, command_confirm, NULL, NULL},
    {"audit", "", "who did what, newest first", 0, 0, run_read, "/api/v1/audit", table_audit},
    {"audit-verify", "", "is the audit trail whole?", 0, 0, run_verify, "/api/v1/audit/verify",
     NULL},
    {"crl", "TRUST FILE", "a new revocation list takes its issuer's place", 2, 2, run_crl, NULL,
     table_change},
    {"explain", "LINK FILE",
     "would this chain (PEM) be let in, and why? (--side forward, --time 2026-01-31T12:00:00Z)", 2,
     2, run_explain, NULL, table_explain},
    {"keys", "", "private keys that the gateway holds", 0, 0, run_read, "/api/v1/keys", table_keys},
    {"make-key", "KIND", "make a key: ec-p256, ec-p384, rsa-3072, ed25519, ml-dsa-65, ...", 1, 1,
     command_make_key, NULL, table_key},
    {"import-key", "FILE", "take in a key: PEM or PKCS#12 (--passphrase-file FILE)", 1, 1,
     command_import_key, NULL, table_key},
    {"csr", "KEY", "a request for a certificate (--subject O=Bank,CN=gw --san dns:gw.example,...)",
     1, 1, command_csr, NULL, NULL},
    {"install", "IDENTITY FILE",
     "give an identity a new certificate chain (PEM) of a key that the gateway holds", 2, 2,
     command_install, NULL, table_change},
    {"remove-key", "KEY", "remove a key that nothing uses", 1, 1, command_remove_key, NULL, NULL},
    {"refusals", "", "refused handshakes of the last hour, newest first", 0, 0, run_read,
     "/api/v1/refusals", table_refusals},
    {"refusal", "ID", "one of them: every reason, and the chain that was presented", 1, 1, run_read,
     "/api/v1/refusals", table_refusal},
    {"events", "[TYPES]", "what happens, as it happens (session.cut,refusal,revision,expiry,...)",
     0, 1, command_events, NULL, NULL},
    {"schedule", "", "lists to be fetched, certificates to be renewed", 0, 0, run_read,
     "/api/v1/schedule", table_schedule},
    {"fetch", "TRUST", "fetch its revocation lists now", 1, 1, command_fetch, NULL, NULL},
    {"renew", "IDENTITY", "renew its certificate now", 1, 1, command_renew, NULL, NULL},
    {"enroll", "URL",
     "become the first administrator (--token TOKEN --name NAME [--out DIR]): makes NAME.key, "
     "NAME.pem, NAME.ca.pem",
     1, 1, command_enroll, NULL, NULL},
    {"bootstrap", "", "the one-time token, if one is open (on the box only)", 0, 0, run_read,
     "/api/v1/bootstrap", table_bootstrap},
    {"recover", "", "open a new one-time token, when access was lost (on the box only)", 0, 0,
     command_recover, NULL, table_bootstrap},
    {"admins", "", "who may manage the gateway", 0, 0, run_read, "/api/v1/administrators",
     table_admins},
    {"add-admin", "NAME CSR", "issue a certificate for one more (--roles viewer,operator)", 2, 2,
     command_add_admin, NULL, NULL},
    {"renew-admin", "NAME CSR", "a new certificate in the place of one's old", 2, 2,
     command_renew_admin, NULL, NULL},
    {"remove-admin", "NAME", "take one's access away", 1, 1, command_remove_admin, NULL, NULL},
    {"close-token", "", "close the one-time token before it was used", 0, 0, command_close_token,
     NULL, NULL},
    {"pair", "", "which of two gateways is active, and do both have one configuration?", 0, 0,
     run_read, "/api/v1/availability/status", table_pair},
    {"adopt", "", "take the partner's configuration in place of what was changed here", 0, 0,
     command_power, "/api/v1/availability/adopt", table_pair},
    {"system", "", "the appliance: its versions, which runs and which starts next", 0, 0, run_read,
     "/api/v1/system", table_system},
    {"update", "FILE", "install a signed update in the other slot", 1, 1, command_update,
     "/api/v1/system/updates", table_version},
    {"activate", "VERSION", "the version that starts next", 1, 1, command_activate,
     "/api/v1/system/activate", table_version},
    {"reboot", "", "start the appliance again", 0, 0, command_power, "/api/v1/system/reboot", NULL},
    {"shutdown", "", "switch the appliance off", 0, 0, command_power, "/api/v1/system/shutdown",
     NULL},
    {"backup", "FILE",
     "all that is configured, and the keys, into an encrypted file (--passphrase-file FILE)", 1, 1,
     command_backup, "/api/v1/backup", NULL},
    {"support", "FILE", "what somebody who helps wants to see, without a secret", 1, 1,
     command_support, "/api/v1/support", NULL},
    {"restore", "FILE",
     "make a backup the running configuration (--administrators: and who may manage it)", 1, 1,
     command_restore, "/api/v1/restore", table_restore},
    {"interfaces", "", "the appliance's interfaces and routes as they are now", 0, 0, run_read,
     "/api/v1/system/interfaces", table_interfaces},
    {"devices", "", "the appliance's network cards: which the DPDK engine has or could have", 0, 0,
     run_read, "/api/v1/system/devices", table_devices},
    {"network", "[FILE]",
     "the appliance's network settings; with a file (JSON): set them (--confirm S: they go back "
     "after S seconds unless confirmed)",
     0, 1, command_network, "/api/v1/system/network", NULL},
    {"confirm-network", "", "keep the network as it was set", 0, 0, command_power,
     "/api/v1/system/network/confirm", NULL},
    {"time", "[FILE]", "servers of the time, and how the clock stands; with a file: set them", 0, 1,
     command_network, "/api/v1/system/time", table_time},
    {"check", "", "judge a configuration file (--config FILE) without a gateway", 0, 0, run_check,
     NULL, NULL},
};

const struct command *commands_all(unsigned *n)
{
    *n = sizeof commands / sizeof commands[0];
    return commands;
}

int command_run(const struct options *o)
{
    for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];

        if (strcmp(c->name, o->command) != 0)
            continue;
        if (o->n_args >= c->min_args && o->n_args <= c->max_args)
            return c->run(o, c);
        fprintf(stderr, "penstockctl: usage: %s%s%s\n", c->name, *c->usage ? " " : "", c->usage);
        return 2;
    }
    fprintf(stderr, "penstockctl: unknown command \"%s\"; --help lists them\n", o->command);
    return 2;
}
