/* The built-in link to penstock-mgmt: who may come in, and as what. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/model/model_parts.h"
#include "mgmt/model/roles.h"

#define SESSIONS 64 /* penstock-mgmt serves no more */

static int parse_roles(const struct node *n, bool filled, unsigned *set)
{
    struct model_strings words = {0};
    int rc = node_required(n, "give [\"viewer\"], operator, pki-admin, admin, auditor or partner");

    if (!rc)
        rc = node_strings(n, true, ROLES_GIVEN, &words);
    if (!rc && words.n == 0)
        rc = node_fail(n, "give at least one role, or leave the entry out", "is empty");
    for (unsigned i = 0; i < words.n && !rc; i++) {
        unsigned role = role_of(words.s[i]);

        if (!(role & (ROLE_ANYBODY | ROLE_PARTNER)) && !(filled && role == ROLE_BOOTSTRAP))
            rc = node_fail(n, "give viewer, operator, pki-admin, admin, auditor or partner",
                           "\"%s\" is no role", words.s[i]);
        *set |= role;
    }
    free(words.s);
    return rc;
}

static int parse_entry(const struct node *n, struct model *m, struct model_tls *t)
{
    static const char *const known[] = {"peer", "roles", NULL};
    struct node peer, roles;
    int rc = node_object(n, known);

    if (rc)
        return rc;
    peer = node_member(n, "peer");
    roles = node_member(n, "roles");
    t->n_rules++;
    rc = node_required(&peer, "give a peer rule: { \"uri\": \"...\" }");
    if (!rc && json_object_get(peer.v, "any"))
        rc = node_fail(&peer, "name who it is", "everybody can not be given a role");
    if (!rc)
        rc = json_is_object(peer.v) ? model_rule(&peer, &t->rules[t->n_rules - 1])
                                    : node_fail(&peer, "give an object: { ... }", "is no object");
    return rc ? rc : parse_roles(&roles, m->filled, &m->roles[t->n_rules - 1]);
}

static int parse_access(const struct node *n, struct model *m, struct model_tls *t)
{
    size_t count = json_array_size(n->v);
    int rc = node_required(n, "give [{ \"peer\": { ... }, \"roles\": [...] }]");

    if (!rc && (!json_is_array(n->v) || count == 0 || count > MODEL_RULES_MAX))
        rc = node_fail(n, "give [{ \"peer\": { ... }, \"roles\": [...] }]",
                       "is no list of 1 to %d entries", MODEL_RULES_MAX);
    if (rc)
        return rc;
    t->rules = calloc(count, sizeof *t->rules);
    m->roles = calloc(count, sizeof *m->roles);
    if (!t->rules || !m->roles)
        return -ENOMEM;
    for (size_t i = 0; i < count && !rc; i++) {
        struct node entry = node_element(n, i);
        rc = parse_entry(&entry, m, t);
    }
    return rc;
}

int model_management(const struct node *n, struct model *m)
{
    static const char *const known[] = {"listen", "access", "limits", "sources", NULL};
    struct model_link *l = &m->links[m->n_links++];
    struct node listen, access, limits, sources, tls, peers;
    bool own_trust;
    int rc = node_object(n, known);

    if (rc)
        return rc;
    l->name = MODEL_MANAGEMENT;
    l->management = true;
    model_link_defaults(l);
    l->proxy = PROXY_V2_TLS;
    l->limits.sessions = SESSIONS;
    listen = node_member(n, "listen");
    access = node_member(n, "access");
    limits = node_member(n, "limits");
    sources = node_member(n, "sources");
    rc = model_listen(&listen, l);
    tls = node_member(&listen, "tls");
    peers = node_member(&tls, "peers");
    own_trust = tls.v || access.v;
    m->automatic = !rc && !l->listen.identities.n && (tls.v || !own_trust);
    if (!rc && own_trust)
        rc = node_required(&tls, "give a tls block, or leave out \"access\" too: then the gateway "
                                 "makes its own authority");
    if (!rc && peers.v)
        rc = node_fail(&peers, "put the rules into /management/access", "does not belong here");
    if (!rc && own_trust)
        rc = parse_access(&access, m, &l->listen);
    if (!rc)
        rc = model_limits(&limits, &l->limits);
    if (!rc)
        rc = node_strings(&sources, true, 1024, &l->sources);
    return !rc && sources.v && l->sources.n == 0
               ? node_fail(&sources, "leave the key out to allow every source",
                           "is empty: it would allow nobody")
               : rc;
}
