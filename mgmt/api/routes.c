#include "mgmt/api/routes.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/once.h"
#include "mgmt/manager.h"

#define READ   ROLE_ANYBODY
#define LIVE   (ROLE_OPERATOR | ROLE_ADMIN)
#define CHANGE (ROLE_ADMIN)
#define PKI    (ROLE_PKI_ADMIN | ROLE_ADMIN)
#define TRAIL  (ROLE_AUDITOR | ROLE_ADMIN)

/* What a change takes: judged only, where the query says so. */
#define TRIAL     "dry_run"
#define ANY_QUERY ROUTES_ANY_QUERY

#define RESOURCES(table, who, what)                                                                \
    {"GET", "/api/v1/" table, READ, resources_list, "limit cursor", "every " what},                \
        {"GET", "/api/v1/" table "/{name}", READ, resources_get, "", "one " what},                 \
        {"PUT", "/api/v1/" table "/{name}", who, resources_put, TRIAL, "set one " what},           \
        {"PATCH", "/api/v1/" table "/{name}", who, resources_patch, TRIAL, "change one " what},    \
    {                                                                                              \
        "DELETE", "/api/v1/" table "/{name}", who, resources_delete, TRIAL, "remove one " what     \
    }

static const struct route routes[] = {
    {"GET", "/", READ, front_get, ANY_QUERY, "the status page"},
    {"GET", "/page.css", READ, front_get, ANY_QUERY, "the status page's looks"},
    {"GET", "/page.js", READ, front_get, ANY_QUERY, "the status page's doings"},
    {"GET", "/healthz", READ, live_health, ANY_QUERY, "is the management alive?"},
    {"GET", "/readyz", READ, live_ready, ANY_QUERY,
     "does a revision run and do all workers answer?"},
    {"GET", "/openapi.json", READ, describe_openapi, "", "this interface, described"},
    {"GET", "/api/v1/status", READ, live_status, "", "revision, warnings, links with counters"},
    {"GET", "/api/v1/sessions", READ, live_sessions, "limit cursor link state source target peer",
     "live sessions"},
    {"DELETE", "/api/v1/sessions/{name}", LIVE, live_end_session, "", "end one session"},
    {"GET", "/metrics", READ, metrics_get, ANY_QUERY, "counters for Prometheus"},
    {"GET", "/api/v1/inventory", READ, inventory_get, "",
     "certificates, keys, lists, protocols and ciphers in use"},
    {"GET", "/api/v1/peers", READ, peers_list, "limit cursor link",
     "live peers: sessions by certificate chain"},
    {"GET", "/api/v1/refusals", READ, watch_refusals, "limit cursor link reason",
     "refused handshakes of the last hour, newest first"},
    {"GET", "/api/v1/refusals/{name}", READ, watch_refusal, "",
     "one of them, with the chain that was presented"},
    {"GET", "/api/v1/events", READ, watch_events, "types",
     "what happens, as it happens (server-sent events)"},
    {"GET", "/api/v1/schedule", READ, schedule_get, "",
     "lists to be fetched, certificates to be renewed"},
    {"GET", "/api/v1/stats", READ, live_stats, "", "ends and refusals by reason"},
    RESOURCES("links", CHANGE, "link"),
    {"POST", "/api/v1/links/{name}/explain", READ, explain_post, "", "would this chain be let in?"},
    {"GET", "/api/v1/keys", READ, keyring_list, "", "private keys that are held here"},
    {"POST", "/api/v1/keys", PKI, keyring_post, "", "make a key, or import one (PEM, PKCS#12)"},
    {"GET", "/api/v1/keys/{name}", READ, keyring_get, "", "one key's public half and its uses"},
    {"DELETE", "/api/v1/keys/{name}", PKI, keyring_remove, "", "remove a key that nothing uses"},
    {"POST", "/api/v1/keys/{name}/csr", PKI, keyring_csr, "",
     "a request for a certificate (PKCS#10)"},
    RESOURCES("identities", PKI, "identity"),
    {"POST", "/api/v1/identities/{name}/renew", PKI, schedule_renew, "",
     "renew its certificate now"},
    RESOURCES("trust", PKI, "trust"),
    {"POST", "/api/v1/trust/{name}/fetch", PKI, schedule_fetch, "", "fetch its lists now"},
    {"POST", "/api/v1/trust/{name}/crls", PKI, crl_post, TRIAL, "a new list in its issuer's place"},
    RESOURCES("profiles", CHANGE, "profile"),
    {"GET", "/api/v1/config", READ, config_get, "", "the running configuration"},
    {"PUT", "/api/v1/config", CHANGE, config_put, TRIAL, "replace the configuration"},
    {"PATCH", "/api/v1/config", CHANGE, config_patch, TRIAL, "change parts of the configuration"},
    {"GET", "/api/v1/config/revisions", READ, config_revisions, "limit cursor",
     "revisions, newest first"},
    {"GET", "/api/v1/config/revisions/{name}", READ, config_revision, "", "one revision, whole"},
    {"GET", "/api/v1/config/diff", READ, config_diff, "from to",
     "what differs between two revisions"},
    {"POST", "/api/v1/config/rollback", CHANGE, config_rollback, TRIAL,
     "run an earlier revision again"},
    {"GET", "/api/v1/config/candidate", READ, candidate_get, "",
     "the configuration in preparation"},
    {"PUT", "/api/v1/config/candidate", CHANGE, candidate_put, "", "begin or replace it"},
    {"PATCH", "/api/v1/config/candidate", CHANGE, candidate_patch, "", "change parts of it"},
    {"DELETE", "/api/v1/config/candidate", CHANGE, candidate_delete, "", "drop it"},
    {"POST", "/api/v1/config/commit", CHANGE, candidate_commit, "confirm " TRIAL,
     "run the candidate"},
    {"POST", "/api/v1/config/confirm", CHANGE, candidate_confirm, "", "keep what was committed"},
    {"GET", "/api/v1/support", CHANGE, support_get, "",
     "what somebody who helps wants to see, without a secret"},
    {"POST", "/api/v1/backup", CHANGE, backup_post, "",
     "everything that is configured, and the keys, encrypted (a file)"},
    {"POST", "/api/v1/restore", CHANGE, backup_restore, "administrators " TRIAL,
     "a backup (its body) as the next revision", .uploads = &backup_upload},
    {"POST", "/api/v1/enroll", ROLE_BOOTSTRAP, administrators_enroll, "",
     "become the first administrator, with the one-time token"},
    {"GET", "/api/v1/administrators", READ, administrators_list, "", "who may manage this gateway"},
    {"POST", "/api/v1/administrators", CHANGE, administrators_add, "",
     "issue a certificate for one more"},
    {"GET", "/api/v1/administrators/{name}", READ, administrators_get, "", "one of them"},
    {"POST", "/api/v1/administrators/{name}/certificate", CHANGE, administrators_renew, "",
     "a new certificate for one"},
    {"DELETE", "/api/v1/administrators/{name}", CHANGE, administrators_remove, "",
     "take one's access away"},
    {"GET", "/api/v1/bootstrap", ROLE_LOCAL, bootstrap_get, "",
     "the one-time token, if one is open"},
    {"POST", "/api/v1/bootstrap", ROLE_LOCAL, bootstrap_open, "",
     "a new token, for when access was lost"},
    {"DELETE", "/api/v1/bootstrap", ROLE_LOCAL | ROLE_ADMIN, bootstrap_close, "",
     "close the token"},
    {"GET", "/api/v1/system", READ, system_get, "",
     "the appliance: its versions, which runs and which starts next"},
    {"POST", "/api/v1/system/updates", CHANGE, system_update, "",
     "install a signed update (its body) in the other slot", .uploads = &system_upload},
    {"POST", "/api/v1/system/activate", CHANGE, system_activate, "",
     "which installed version starts next"},
    {"POST", "/api/v1/system/reboot", CHANGE, system_reboot, "", "start the appliance again"},
    {"POST", "/api/v1/system/shutdown", CHANGE, system_shutdown, "", "switch the appliance off"},
    {"GET", "/api/v1/availability", READ, availability_get, "",
     "the pair that this gateway is one of: its settings"},
    {"PUT", "/api/v1/availability", CHANGE, availability_put, TRIAL, "make it one of a pair"},
    {"PATCH", "/api/v1/availability", CHANGE, availability_patch, TRIAL, "change these settings"},
    {"DELETE", "/api/v1/availability", CHANGE, availability_delete, TRIAL, "part from the pair"},
    {"GET", "/api/v1/availability/status", READ, availability_status, "",
     "which of the pair is active, and do both have one configuration?"},
    {"POST", "/api/v1/availability/adopt", CHANGE, availability_adopt, "",
     "take the partner's configuration in place of what was changed here"},
    {"GET", "/api/v1/partner/state", ROLE_PARTNER, partner_state, "seen",
     "for the partner: how this gateway is; waits for what is not yet seen"},
    {"GET", "/api/v1/partner/document", ROLE_PARTNER, partner_document, "",
     "for the partner: the configuration that both have"},
    {"GET", "/api/v1/partner/objects/{name}", ROLE_PARTNER, partner_object, "",
     "for the partner: a certificate or a list that it names"},
    {"GET", "/api/v1/system/network", READ, network_get_settings, "",
     "the appliance's network settings; no interfaces: DHCP on each"},
    {"PUT", "/api/v1/system/network", CHANGE, network_put_settings, "confirm " TRIAL,
     "set them; with confirm they go back after so many seconds"},
    {"POST", "/api/v1/system/network/confirm", CHANGE, network_confirm, "",
     "keep the network as it was set"},
    {"GET", "/api/v1/system/interfaces", READ, network_get_links, "",
     "the appliance's interfaces and routes as they are now"},
    {"GET", "/api/v1/system/devices", READ, devices_get, "",
     "the appliance's network cards: which the DPDK engine has or could have"},
    {"GET", "/api/v1/system/time", READ, network_get_time_settings, "",
     "servers of the time, and how the clock stands"},
    {"PUT", "/api/v1/system/time", CHANGE, network_put_time_settings, TRIAL,
     "set the servers of the time"},
    {"GET", "/api/v1/audit", TRAIL, trail_list, "limit cursor", "the audit trail, newest first"},
    {"GET", "/api/v1/audit/verify", TRAIL, trail_verify, "", "is the audit trail whole?"},
};

/* Does the path fit the pattern? name gets what stands for {name}. */
static bool fits(const char *pattern, const char *path, char name[CALL_NAME_MAX])
{
    const char *open = strchr(pattern, '{');
    size_t head = open ? (size_t)(open - pattern) : strlen(pattern), n;

    if (!open)
        return !strcmp(pattern, path);
    if (strncmp(pattern, path, head) != 0)
        return false;
    n = strcspn(path + head, "/");
    if (n == 0 || n >= CALL_NAME_MAX || strcmp(path + head + n, strchr(open, '}') + 1) != 0)
        return false;
    memcpy(name, path + head, n);
    name[n] = 0;
    return true;
}

static bool same_method(const char *row, const char *method)
{
    return !strcmp(row, method) || (!strcmp(row, "GET") && !strcmp(method, "HEAD"));
}

/* Is the name one word of the list? */
static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (const char *at = list; *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");

        if (word == n && !memcmp(at, name, n))
            return true;
        at += word;
    }
    return false;
}

struct stranger {
    const char *list;
    char name[64]; /* of the first argument that is not in it; "": none */
};

static enum MHD_Result look(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
    struct stranger *s = arg;

    (void)kind;
    (void)value;
    if (listed(s->list, key))
        return MHD_YES;
    snprintf(s->name, sizeof s->name, "%s", *key ? key : "(no name)");
    return MHD_NO;
}

/*
 * A misspelt dry_run must not become a change: what the row does not know is refused. False:
 * answered.
 */
static bool query_is_known(struct call *c, const struct route *r)
{
    struct stranger s = {.list = r->query};

    if (strcmp(r->query, ANY_QUERY) != 0)
        MHD_get_connection_values(c->conn, MHD_GET_ARGUMENT_KIND, look, &s);
    if (s.name[0])
        call_problem(c, 400, "Bad Request", "the query has \"%s\"; this request takes %s", s.name,
                     *r->query ? r->query : "no query");
    return !s.name[0];
}

const struct upload *routes_uploads(const struct call *c)
{
    char name[CALL_NAME_MAX];

    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        if (routes[i].uploads && !strcmp(routes[i].method, c->method) &&
            fits(routes[i].path, c->path, name))
            return routes[i].uploads;
    return NULL;
}

/* Between the start of this process and the word of what runs there is nothing to read or to
 * change. */
static bool too_early(struct call *c)
{
    if (c->m->document || strncmp(c->path, "/api/", 5) || !strcmp(c->path, "/api/v1/status"))
        return false;
    call_problem(c, 503, "Service Unavailable",
                 "the management has just started and does not know yet what runs: ask again");
    return true;
}

void routes_dispatch(struct call *c)
{
    bool known = false;

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        const struct route *r = &routes[i];

        if (!fits(r->path, c->path, c->name))
            continue;
        known = true;
        if (!same_method(r->method, c->method))
            continue;
        if (c->who.roles & r->roles) {
            if (!too_early(c) && query_is_known(c, r) && (r->uploads || !once_answered(c)))
                r->answer(c);
        } else {
            call_problem(c, 403, "Forbidden", "%s may not do this", c->who.name);
        }
        return;
    }
    if (known)
        call_problem(c, 405, "Method Not Allowed", "the resource takes %s",
                     routes_allowed(c->path));
    else
        call_problem(c, 404, "Not Found", "there is no such resource");
}

/* One of each set of methods that a path here can have. */
const char *routes_allowed(const char *path)
{
    static const struct {
        const char *methods[5], *text;
    } sets[] = {
        {{"GET", "PUT", "PATCH", "DELETE"}, "GET, HEAD, PUT, PATCH, DELETE"},
        {{"GET", "PUT", "PATCH"}, "GET, HEAD, PUT, PATCH"},
        {{"GET", "PUT"}, "GET, HEAD, PUT"},
        {{"GET", "POST", "DELETE"}, "GET, HEAD, POST, DELETE"},
        {{"GET", "POST"}, "GET, HEAD, POST"},
        {{"GET", "DELETE"}, "GET, HEAD, DELETE"},
        {{"GET"}, "GET, HEAD"},
        {{"POST"}, "POST"},
        {{"DELETE"}, "DELETE"},
    };
    char name[CALL_NAME_MAX];

    for (size_t s = 0; s < ARRAY_LEN(sets); s++) {
        bool all = true;

        for (size_t k = 0; all && sets[s].methods[k]; k++) {
            bool has = false;

            for (size_t i = 0; i < ARRAY_LEN(routes); i++)
                has = has || (!strcmp(routes[i].method, sets[s].methods[k]) &&
                              fits(routes[i].path, path, name));
            all = has;
        }
        if (all)
            return sets[s].text;
    }
    return "";
}

const struct route *routes_all(size_t *n)
{
    *n = ARRAY_LEN(routes);
    return routes;
}
