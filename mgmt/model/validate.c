/* The configuration judged as a whole: references, addresses, names. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/addr.h"
#include "dataplane/wire/suite.h"
#include "mgmt/model/model.h"

static int complain(struct err *e, const char *link, const char *rest, const char *fix,
                    const char *what)
{
    char where[200];

    snprintf(where, sizeof where, "/links/%s%s", link, rest);
    return err_set(e, -EINVAL, where, fix, "%s", what);
}

static bool has_identity(const struct model *m, const char *name)
{
    for (unsigned i = 0; i < m->n_identities; i++)
        if (!strcmp(m->identities[i].name, name))
            return true;
    return false;
}

static bool has_trust(const struct model *m, const char *name)
{
    for (unsigned i = 0; i < m->n_trusts; i++)
        if (!strcmp(m->trusts[i].name, name))
            return true;
    return false;
}

static bool has_profile(const struct model *m, const char *name)
{
    for (unsigned i = 0; i < m->n_profiles; i++)
        if (!strcmp(m->profiles[i].name, name))
            return true;
    return !strcmp(name, "default");
}

/* A DNS name in lower or upper case; `wild` allows "*." in front. */
static bool host_name(const char *s, bool wild)
{
    size_t n;

    if (wild && s[0] == '*' && s[1] == '.' && strchr(s + 2, '.'))
        s += 2;
    if (strlen(s) > 253 || s[0] == '\0')
        return false;
    for (;;) {
        n = strcspn(s, ".");
        if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-' ||
            strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") < n)
            return false;
        if (!s[n])
            return true;
        s += n + 1;
    }
}

static bool ip_literal(const char *s)
{
    uint8_t ip[16];

    return inet_pton(AF_INET, s, ip) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

static int check_tls(const struct model *m, const struct model_link *l, const struct model_tls *t,
                     const char *side, struct err *e)
{
    char rest[96], what[256];

    if (!t->present)
        return 0;
    for (unsigned i = 0; i < t->identities.n; i++) {
        snprintf(rest, sizeof rest, "/%s/tls/identity", side);
        snprintf(what, sizeof what, "no identity is named \"%s\"", t->identities.s[i]);
        if (!has_identity(m, t->identities.s[i]))
            return complain(e, l->name, rest, "name an entry of /identities", what);
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(t->identities.s[i], t->identities.s[k]))
                return complain(e, l->name, rest, "name each identity once",
                                "an identity is named twice");
    }
    snprintf(rest, sizeof rest, "/%s/tls/trust", side);
    snprintf(what, sizeof what, "no trust is named \"%s\"", t->trust);
    if (!has_trust(m, t->trust))
        return complain(e, l->name, rest, "name an entry of /trust", what);
    snprintf(rest, sizeof rest, "/%s/tls/profile", side);
    snprintf(what, sizeof what, "no profile is named \"%s\"", t->profile);
    if (!has_profile(m, t->profile))
        return complain(e, l->name, rest, "name an entry of /profiles, or \"default\"", what);
    snprintf(rest, sizeof rest, "/%s/tls/server_name", side);
    snprintf(what, sizeof what, "\"%s\" is neither a DNS name nor an IP address",
             t->server_name ? t->server_name : "");
    if (t->server_name && !host_name(t->server_name, false) && !ip_literal(t->server_name))
        return complain(e, l->name, rest, "give a DNS name or an IP address", what);
    return 0;
}

static int check_targets(const struct model_link *l, struct err *e)
{
    struct addr a;
    char host[256], rest[64], what[320];
    uint16_t port;

    for (unsigned i = 0; i < l->targets.n; i++) {
        const char *t = l->targets.s[i];
        bool good = addr_parse(&a, t) == 0
                        ? a.sa.sa_family == AF_UNIX || addr_port(&a) > 0
                        : !addr_split(t, host, sizeof host, &port) && host_name(host, false);
        snprintf(rest, sizeof rest, "/forward/to/%u", i);
        snprintf(what, sizeof what, "\"%.200s\" is no target", t);
        if (!good)
            return complain(e, l->name, rest, "give HOST:PORT, [IPv6]:PORT or unix:/PATH", what);
    }
    if (l->source) {
        if (addr_parse(&a, l->source) && (!ip_literal(l->source)))
            return complain(e, l->name, "/forward/source", "give an IP address, or ADDRESS:PORT",
                            "is no address");
    }
    return 0;
}

static int check_sources(const struct model_link *l, struct err *e)
{
    struct cidr c;
    char rest[64], what[160];

    for (unsigned i = 0; i < l->sources.n; i++) {
        snprintf(rest, sizeof rest, "/sources/%u", i);
        snprintf(what, sizeof what, "\"%.100s\" is no network", l->sources.s[i]);
        if (cidr_parse(&c, l->sources.s[i]))
            return complain(e, l->name, rest,
                            "give a network such as 192.0.2.0/24 with its host bits zero", what);
    }
    return 0;
}

static int check_link(const struct model *m, const struct model_link *l, struct err *e)
{
    struct addr a;
    char rest[64], what[320];
    int rc;

    for (unsigned i = 0; i < l->addresses.n; i++) {
        snprintf(rest, sizeof rest, "/listen/address/%u", i);
        snprintf(what, sizeof what, "\"%.200s\" is no address to listen on", l->addresses.s[i]);
        if (addr_parse(&a, l->addresses.s[i]) || a.sa.sa_family == AF_UNIX || addr_port(&a) == 0)
            return complain(e, l->name, rest, "give ADDRESS:PORT or [IPv6]:PORT in numbers", what);
    }
    for (unsigned i = 0; i < l->server_names.n; i++) {
        snprintf(rest, sizeof rest, "/listen/server_names/%u", i);
        snprintf(what, sizeof what, "\"%.200s\" is no server name", l->server_names.s[i]);
        if (!host_name(l->server_names.s[i], true))
            return complain(e, l->name, rest, "give a DNS name, or *.example.com", what);
    }
    if (l->server_names.n && !l->listen.present)
        return complain(e, l->name, "/listen/server_names", "leave it out, or add a tls block",
                        "a plain listener sees no server name");
    rc = check_tls(m, l, &l->listen, "listen", e);
    if (!rc)
        rc = check_targets(l, e);
    if (!rc)
        rc = check_tls(m, l, &l->forward, "forward", e);
    if (!rc)
        rc = check_sources(l, e);
    if (rc)
        return rc;
    if (!l->listen.present && !l->forward.present)
        return complain(e, l->name, "", "add a tls block to listen, forward or both",
                        "both sides are plain");
    if (l->forward.alpn_same && !l->listen.present)
        return complain(e, l->name, "/forward/tls/alpn", "give an array of protocol names",
                        "\"same\" needs tls on the listen side");
    return 0;
}

static bool same_names(const struct model_link *a, const struct model_link *b, const char **which)
{
    *which = "any name";
    if (a->server_names.n == 0 && b->server_names.n == 0)
        return true;
    for (unsigned i = 0; i < a->server_names.n; i++)
        for (unsigned k = 0; k < b->server_names.n; k++)
            if (!strcasecmp(a->server_names.s[i], b->server_names.s[k])) {
                *which = a->server_names.s[i];
                return true;
            }
    return false;
}

static bool wildcard_ip(const struct addr *a)
{
    static const uint8_t zeros[16];

    return a->sa.sa_family == AF_INET ? a->in4.sin_addr.s_addr == 0
                                      : !memcmp(&a->in6.sin6_addr, zeros, 16);
}

/* Two addresses of different links (or of one): the same is shared by name, a wildcard over another
 * is not. */
static int check_pair(const struct model_link *a, const char *ta, const struct model_link *b,
                      const char *tb, unsigned i, struct err *e)
{
    struct addr x, y;
    char rest[64], what[320];
    const char *which;

    snprintf(rest, sizeof rest, "/listen/address/%u", i);
    if (addr_parse(&x, ta) || addr_parse(&y, tb) || x.sa.sa_family != y.sa.sa_family ||
        addr_port(&x) != addr_port(&y))
        return 0;
    if (!addr_equal(&x, &y)) {
        snprintf(what, sizeof what, "overlaps with %.64s of link %s", tb, b->name);
        return wildcard_ip(&x) || wildcard_ip(&y)
                   ? complain(e, a->name, rest, "use addresses that do not overlap", what)
                   : 0;
    }
    if (a == b)
        return complain(e, a->name, rest, "give each address once", "is given twice");
    snprintf(what, sizeof what, "link %s has the same address", b->name);
    if (!a->listen.present || !b->listen.present)
        return complain(e, a->name, rest, "only links with tls can share an address", what);
    if (a->accept_proxy != b->accept_proxy)
        return complain(e, a->name, "/accept_proxy", "set it alike on every link of the address",
                        what);
    if (same_names(a, b, &which)) {
        snprintf(what, sizeof what, "link %s has the same address and takes %.100s too", b->name,
                 which);
        return complain(e, a->name, a->server_names.n ? "/listen/server_names" : rest,
                        "give the links different server_names", what);
    }
    return 0;
}

static int check_addresses(const struct model *m, unsigned at, struct err *e)
{
    const struct model_link *a = &m->links[at];

    for (unsigned i = 0; i < a->addresses.n; i++)
        for (unsigned k = 0; k <= at; k++)
            for (unsigned j = 0; j < (k == at ? i : m->links[k].addresses.n); j++) {
                int rc = check_pair(a, a->addresses.s[i], &m->links[k], m->links[k].addresses.s[j],
                                    i, e);
                if (rc)
                    return rc;
            }
    return 0;
}

static int check_profile(const struct model_profile *p, struct err *e)
{
    bool any13 = p->suites.n == 0, any12 = false;
    char where[160];

    for (unsigned i = 0; i < p->suites.n; i++) {
        const struct suite *s = suite_by_name(p->suites.s[i]);

        snprintf(where, sizeof where, "/profiles/%s/suites/%u", p->name, i);
        if (!s || strcmp(s->name, p->suites.s[i]))
            return err_set(e, -EINVAL, where,
                           "give IANA names such as TLS_AES_256_GCM_SHA384; only AEAD suites with "
                           "ECDHE are offered",
                           "\"%s\" is no suite that is offered", p->suites.s[i]);
        if (s->version == TLS12 && !p->tls12)
            return err_set(e, -EINVAL, where, "add \"1.2\" to versions, or take the suite out",
                           "%s belongs to TLS 1.2", s->name);
        any13 |= s->version == TLS13;
        any12 |= s->version == TLS12;
    }
    snprintf(where, sizeof where, "/profiles/%s/suites", p->name);
    if (p->tls13 && !any13 && !(p->tls12 && any12))
        return err_set(e, -EINVAL, where, "add a TLS 1.3 suite",
                       "no suite of the offered versions");
    return 0;
}

int model_validate(const struct model *m, struct err *e)
{
    int rc = 0;

    for (unsigned i = 0; i < m->n_profiles && !rc; i++)
        rc = check_profile(&m->profiles[i], e);
    for (unsigned i = 0; i < m->n_links && !rc; i++) {
        rc = check_link(m, &m->links[i], e);
        if (!rc)
            rc = check_addresses(m, i, e);
    }
    return rc;
}
