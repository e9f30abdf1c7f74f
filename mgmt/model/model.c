#include "mgmt/model/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/pkcs11.h"
#include "mgmt/model/model_dpdk.h"
#include "mgmt/model/model_log.h"

#define NAME_FIX "use 1 to 63 of A-Z a-z 0-9 . _ -"

int model_name(const struct node *n, const char *name)
{
    size_t len = strlen(name);

    if (len < 1 || len > 63 ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") != len)
        return node_fail(n, NAME_FIX, "the name can not be used");
    return 0;
}

/* Where the certificate is renewed: by EST (RFC 7030). */
static int parse_renew(const struct node *n, struct model_identity *id)
{
    static const char *const known[] = {"est", "trust", "identity", NULL};
    struct node url, trust, with;
    const char *text = NULL;
    int rc = json_is_object(n->v)
                 ? node_object(n, known)
                 : node_fail(n, "give { \"est\": \"https://...\", \"trust\": ... }",
                             "is no object");

    if (rc)
        return rc;
    url = node_member(n, "est");
    trust = node_member(n, "trust");
    with = node_member(n, "identity");
    rc = node_required(&url, "give https://HOST/.well-known/est");
    if (!rc)
        rc = node_string(&url, &text);
    if (!rc && (strncmp(text, "https://", 8) != 0 || !text[8] || text[8] == '/' ||
                !strchr(text + 8, '/') || strlen(text) > 1000 || strpbrk(text, " \t\r\n@?#")))
        rc = node_fail(&url, "give https://HOST[:PORT]/.well-known/est[/LABEL]",
                       "is no address of an EST server");
    if (!rc)
        rc = node_required(&trust, "name the trust that the server's certificate is checked with");
    if (!rc)
        rc = node_string(&trust, &id->renew_trust);
    return !rc && with.v ? node_string(&with, &id->renew_identity) : rc;
}

static int parse_identity(const struct node *n, const char *name, void *out)
{
    static const char *const known[] = {"certificate", "key", "renew", NULL};
    struct model_identity *id = out;
    struct node cert, key, renew;
    struct pkcs11_uri uri = {0};
    int rc = node_object(n, known);

    if (rc)
        return rc;
    id->name = name;
    cert = node_member(n, "certificate");
    key = node_member(n, "key");
    rc = node_required(&cert, "give the file with the certificate chain, leaf first");
    if (!rc)
        rc = node_string(&cert, &id->certificate);
    if (!rc && key.v)
        rc = node_string(&key, &id->key);
    if (!rc && id->key && pkcs11_is(id->key))
        rc = pkcs11_parse(&uri, id->key, key.at, n->e);
    renew = node_member(n, "renew");
    return !rc && renew.v ? parse_renew(&renew, id) : rc;
}

/* Where lists come from by themselves. */
static int parse_fetching(const struct node *n, struct model_trust *t)
{
    struct node urls = node_member(n, "crl_urls"), issuers = node_member(n, "crl_issuers"),
                every = node_member(n, "crl_every_s");
    int rc = node_strings(&urls, false, 64, &t->crl_urls);

    for (unsigned i = 0; i < t->crl_urls.n && !rc; i++) {
        struct node url = node_element(&urls, i);

        if (strlen(t->crl_urls.s[i]) > 2000 || strpbrk(t->crl_urls.s[i], " \t\r\n@") ||
            (strncmp(t->crl_urls.s[i], "http://", 7) != 0 &&
             strncmp(t->crl_urls.s[i], "https://", 8) != 0))
            rc = node_fail(&url, "give http://... or https://..., without a user",
                           "is no address that a list can be fetched from");
    }
    if (!rc)
        rc = node_strings(&issuers, false, 64, &t->crl_issuers);
    return rc ? rc : node_seconds(&every, 60, 86400, &t->crl_every_ms);
}

static int parse_trust(const struct node *n, const char *name, void *out)
{
    static const char *const known[] = {"anchors",  "crls",        "revocation",  "crl_stale",
                                        "crl_urls", "crl_issuers", "crl_every_s", NULL};
    static const char *const revocation[] = {"none", "crl", NULL}, *const stale[] = {"refuse-new",
                                                                                     "cut", NULL};
    struct model_trust *t = out;
    struct node anchors, crls, rev, st;
    uint8_t r = 1, s = 0;
    int rc = node_object(n, known);

    if (rc)
        return rc;
    t->name = name;
    anchors = node_member(n, "anchors");
    crls = node_member(n, "crls");
    rev = node_member(n, "revocation");
    st = node_member(n, "crl_stale");
    rc = node_required(&anchors, "give the files with the CA certificates");
    if (!rc)
        rc = node_strings(&anchors, false, 256, &t->anchors);
    if (!rc && t->anchors.n == 0)
        rc = node_fail(&anchors, "give at least one CA certificate", "is empty");
    if (!rc)
        rc = node_strings(&crls, false, 256, &t->crls);
    if (!rc)
        rc = node_word(&rev, revocation, &r);
    if (!rc)
        rc = node_word(&st, stale, &s);
    t->revocation = r == 1;
    t->stale_cuts = s == 1;
    return rc ? rc : parse_fetching(n, t);
}

static int parse_versions(const struct node *n, struct model_profile *p)
{
    struct model_strings v = {0};
    int rc = node_strings(n, false, 2, &v);

    if (!rc && n->v && v.n == 0)
        rc = node_fail(n, "give [\"1.3\"] or [\"1.2\", \"1.3\"]", "is empty");
    for (unsigned i = 0; i < v.n && !rc; i++) {
        bool *flag = !strcmp(v.s[i], "1.2") ? &p->tls12 : !strcmp(v.s[i], "1.3") ? &p->tls13 : NULL;

        if (flag && !*flag)
            *flag = true;
        else if (flag)
            rc = node_fail(n, "name each version once", "\"%s\" is named twice", v.s[i]);
        else
            rc = node_fail(n, "give [\"1.3\"], or [\"1.2\", \"1.3\"]",
                           "\"%s\" is no TLS version that is offered", v.s[i]);
    }
    if (!n->v)
        p->tls13 = true;
    free(v.s);
    return rc;
}

static int parse_profile(const struct node *n, const char *name, void *out)
{
    static const char *const known[] = {"versions", "suites", "groups", "signature_algorithms",
                                        NULL};
    struct model_profile *p = out;
    struct node versions, suites, groups, sigalgs;
    int rc = node_object(n, known);

    if (rc)
        return rc;
    p->name = name;
    if (!strcmp(name, MODEL_PROFILE))
        return node_fail(n, "choose another name", "the profile \"default\" is built in");
    versions = node_member(n, "versions");
    suites = node_member(n, "suites");
    groups = node_member(n, "groups");
    sigalgs = node_member(n, "signature_algorithms");
    rc = parse_versions(&versions, p);
    if (!rc)
        rc = node_strings(&suites, false, 16, &p->suites);
    if (!rc)
        rc = node_some(&suites, &p->suites, "leave the key out to offer all");
    if (!rc)
        rc = node_strings(&groups, false, 16, &p->groups);
    if (!rc)
        rc = node_some(&groups, &p->groups, "leave the key out to take the default's");
    if (!rc)
        rc = node_strings(&sigalgs, false, 32, &p->sigalgs);
    return rc ? rc : node_some(&sigalgs, &p->sigalgs, "leave the key out to take the default's");
}

/* A table of named things: {"name": {...}, ...}. */
static int parse_table(const struct node *root, const char *key, size_t size, unsigned max,
                       unsigned *count, void **out,
                       int (*parse)(const struct node *n, const char *name, void *out))
{
    struct node table = node_member(root, key);
    const char *name;
    json_t *v;
    uint8_t *rows;
    int rc = node_object(&table, NULL);

    if (rc || !table.v)
        return rc;
    if (json_object_size(table.v) > max)
        return node_fail(&table, "give fewer", "has %zu entries; at most %u are allowed",
                         json_object_size(table.v), max);
    rows = calloc(json_object_size(table.v) + 1, size); /* one to spare, for the built-in link */
    if (!rows)
        return -ENOMEM;
    *out = rows;
    json_object_foreach(table.v, name, v)
    {
        struct node n = node_member(&table, name);
        rc = model_name(&n, name);
        if (!rc && !json_is_object(v))
            rc = node_fail(&n, "give an object: { ... }", "is no object");
        (*count)++;
        if (!rc)
            rc = parse(&n, name, rows + (*count - 1) * size);
        if (rc)
            return rc;
    }
    return 0;
}

static int parse_root(struct model *m, struct err *e)
{
    static const char *const known[] = {"identities",
                                        "trust",
                                        "profiles",
                                        "links",
                                        "drain_s",
                                        "busy_poll_us",
                                        "dpdk",
                                        "log",
                                        MODEL_MANAGEMENT,
                                        MODEL_AVAILABILITY,
                                        NULL};
    struct node root = {.v = m->root, .e = e}, drain, busy_poll, dpdk, links, management, pair, log;
    int rc = node_object(&root, known);

    if (rc)
        return rc;
    drain = node_member(&root, "drain_s");
    busy_poll = node_member(&root, "busy_poll_us");
    links = node_member(&root, "links");
    m->drain_ms = 10000;
    rc = node_seconds(&drain, 0, 3600, &m->drain_ms);
    dpdk = node_member(&root, "dpdk");
    if (!rc)
        rc = model_dpdk(&dpdk, &m->dpdk);
    log = node_member(&root, "log");
    if (!rc)
        rc = model_log(&log);
    if (!rc)
        rc = node_number(&busy_poll, 0, POLICY_BUSY_POLL_US_MAX, &m->busy_poll_us);
    if (!rc)
        rc = parse_table(&root, "identities", sizeof *m->identities, 4096, &m->n_identities,
                         (void **)&m->identities, parse_identity);
    if (!rc)
        rc = parse_table(&root, "trust", sizeof *m->trusts, 1024, &m->n_trusts, (void **)&m->trusts,
                         parse_trust);
    if (!rc)
        rc = parse_table(&root, "profiles", sizeof *m->profiles, 256, &m->n_profiles,
                         (void **)&m->profiles, parse_profile);
    pair = node_member(&root, MODEL_AVAILABILITY);
    if (!rc)
        rc = model_availability(&pair, &m->availability);
    management = node_member(&root, MODEL_MANAGEMENT);
    if (!rc && !management.v) /* a gateway that is managed gets its links later */
        rc = node_required(&links, "give at least one link");
    if (!rc)
        rc = parse_table(&root, "links", sizeof *m->links, POLICY_LINKS_MAX, &m->n_links,
                         (void **)&m->links, model_link);
    for (unsigned i = 0; i < m->n_links && !rc && !m->filled; i++) {
        struct node link = node_member(&links, m->links[i].name),
                    key = node_member(&link, "internal");

        if (m->links[i].internal)
            rc = node_fail(&key, "leave it out", "is for links that the gateway adds by itself");
    }
    if (!rc && !management.v && m->n_links == 0)
        rc = node_fail(&links, "give at least one link", "is empty");
    if (!rc && !m->links)
        m->links = calloc(1, sizeof *m->links);
    if (!rc && !m->links)
        rc = -ENOMEM;
    return !rc && management.v ? model_management(&management, m) : rc;
}

static int read_root(struct model *m, struct err *e)
{
    int rc = parse_root(m, e);

    if (rc == -ENOMEM)
        err_set(e, rc, "/", "free memory", "out of memory");
    if (rc) {
        node_clean(e);
        model_fini(m);
    }
    return rc;
}

int model_parse(struct model *m, const char *text, size_t n, struct err *e)
{
    json_error_t je;
    char where[64];

    memset(m, 0, sizeof *m);
    if (n > MODEL_TEXT_MAX)
        return err_set(e, -EFBIG, "/", "make it smaller", "the configuration is larger than 8 MiB");
    m->root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &je);
    if (!m->root) {
        snprintf(where, sizeof where, "line %d, column %d", je.line, je.column);
        err_set(e, -EINVAL, where, "give one JSON object (RFC 8259)", "%s", je.text);
        node_clean(e);
        return -EINVAL;
    }
    return read_root(m, e);
}

int model_filled(struct model *m, json_t *document, struct err *e)
{
    memset(m, 0, sizeof *m);
    m->root = document;
    m->filled = true;
    return read_root(m, e);
}

static void tls_fini(struct model_tls *t)
{
    free(t->identities.s);
    free(t->alpn.s);
    for (unsigned i = 0; i < t->n_rules; i++) {
        for (unsigned k = 0; k < t->rules[i].n_conds; k++)
            free(t->rules[i].conds[k].values);
        free(t->rules[i].conds);
    }
    free(t->rules);
}

void model_fini(struct model *m)
{
    for (unsigned i = 0; i < m->n_trusts; i++) {
        free(m->trusts[i].anchors.s);
        free(m->trusts[i].crls.s);
        free(m->trusts[i].crl_urls.s);
        free(m->trusts[i].crl_issuers.s);
    }
    for (unsigned i = 0; i < m->n_profiles; i++) {
        free(m->profiles[i].suites.s);
        free(m->profiles[i].groups.s);
        free(m->profiles[i].sigalgs.s);
    }
    for (unsigned i = 0; i < m->n_links; i++) {
        struct model_link *l = &m->links[i];
        free(l->addresses.s);
        free(l->server_names.s);
        free(l->sources.s);
        free(l->targets.s);
        tls_fini(&l->listen);
        tls_fini(&l->forward);
    }
    free(m->identities);
    free(m->trusts);
    free(m->profiles);
    free(m->links);
    free(m->roles);
    free(m->dpdk.ports);
    json_decref(m->root);
    memset(m, 0, sizeof *m);
}
