/* The configuration judged as a whole: references, addresses, names. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/addr.h"
#include "dataplane/wire/suite.h"
#include "mgmt/model/lookup.h"
#include "mgmt/model/model_dpdk.h"
#include "mgmt/model/names.h"
#include "mgmt/model/places.h"

/* What the links refer to. */
struct references {
    struct lookup identities, trusts, profiles;
};

struct judge {
    struct references known;
    const struct model_link *link;
    struct err *e;
};

/* A fault of the link, at a place below it. Always -EINVAL. */
__attribute__((format(printf, 4, 5))) static int complain(struct judge *j, const char *rest,
                                                          const char *fix, const char *what, ...)
{
    char where[256], text[512];
    va_list ap;

    snprintf(where, sizeof where, "/links/%s%s", j->link->name, rest);
    va_start(ap, what);
    vsnprintf(text, sizeof text, what, ap);
    va_end(ap);
    return err_set(j->e, -EINVAL, where, fix, "%s", text);
}

static int check_identities(struct judge *j, const struct model_tls *t, const char *side)
{
    char rest[96];

    for (unsigned i = 0; i < t->identities.n; i++) {
        const char *name = t->identities.s[i];

        snprintf(rest, sizeof rest, "/%s/tls/identity", side);
        if (lookup_find(&j->known.identities, name) == LOOKUP_NONE)
            return complain(j, rest, "name an entry of /identities", "no identity is named \"%s\"",
                            name);
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(name, t->identities.s[k]))
                return complain(j, rest, "name each identity once", "\"%s\" is named twice", name);
    }
    return 0;
}

static int check_alpn(struct judge *j, const struct model_tls *t, const char *side)
{
    char rest[96];

    for (unsigned i = 0; i < t->alpn.n; i++)
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(t->alpn.s[i], t->alpn.s[k])) {
                snprintf(rest, sizeof rest, "/%s/tls/alpn/%u", side, i);
                return complain(j, rest, "name each protocol once", "\"%s\" is named twice",
                                t->alpn.s[i]);
            }
    return 0;
}

static int check_tls(struct judge *j, const struct model_tls *t, const char *side)
{
    const char *fault = t->server_name ? name_host(t->server_name) : NULL;
    char rest[96];
    int rc;

    if (!t->present)
        return 0;
    rc = check_identities(j, t, side);
    if (rc)
        return rc;
    snprintf(rest, sizeof rest, "/%s/tls/trust", side);
    if (lookup_find(&j->known.trusts, t->trust) == LOOKUP_NONE)
        return complain(j, rest, "name an entry of /trust", "no trust is named \"%s\"", t->trust);
    snprintf(rest, sizeof rest, "/%s/tls/profile", side);
    if (strcmp(t->profile, MODEL_PROFILE) &&
        lookup_find(&j->known.profiles, t->profile) == LOOKUP_NONE)
        return complain(j, rest, "name an entry of /profiles, or \"default\"",
                        "no profile is named \"%s\"", t->profile);
    if (fault)
        return complain(j, "/forward/tls/server_name", "give a DNS name or an IP address",
                        "\"%s\" %s", t->server_name, fault);
    return check_alpn(j, t, side);
}

static bool is_mapped(const struct addr *a)
{
    struct addr plain = *a;

    addr_unmap(&plain);
    return plain.sa.sa_family != a->sa.sa_family;
}

static int check_listen(struct judge *j)
{
    const struct model_link *l = j->link;
    struct addr a;
    char rest[64];

    for (unsigned i = 0; i < l->addresses.n; i++) {
        const char *text = l->addresses.s[i];

        snprintf(rest, sizeof rest, "/listen/address/%u", i);
        if (addr_parse(&a, text) || !addr_is_ip(&a) || addr_port(&a) == 0)
            return complain(j, rest, "give ADDRESS:PORT or [IPv6]:PORT in numbers",
                            "\"%s\" is no address to listen on", text);
        if (is_mapped(&a))
            return complain(j, rest, "write the address as IPv4",
                            "\"%s\" is an IPv4 address inside an IPv6 one", text);
    }
    for (unsigned i = 0; i < l->server_names.n; i++) {
        const char *fault = name_dns_or_wildcard(l->server_names.s[i]);

        snprintf(rest, sizeof rest, "/listen/server_names/%u", i);
        if (fault)
            return complain(j, rest, "give a DNS name, or *.example.com", "\"%s\" %s",
                            l->server_names.s[i], fault);
    }
    if (l->server_names.n && !l->listen.present)
        return complain(j, "/listen/server_names", "leave it out, or add a tls block",
                        "a plain listener sees no server name");
    return check_tls(j, &l->listen, "listen");
}

/* By its name: one of another gateway, too, would take our launcher for root. */
static bool is_local_socket(const char *target)
{
    const char *slash = strrchr(target, '/');

    return !strncmp(target, "unix:", 5) && slash && !strcmp(slash + 1, "penstock.sock");
}

static int check_targets(struct judge *j)
{
    char host[256], rest[64];
    struct addr a;
    uint16_t port;

    for (unsigned i = 0; i < j->link->targets.n; i++) {
        const char *t = j->link->targets.s[i];
        bool numeric = addr_parse(&a, t) == 0;
        bool good = numeric ? !addr_is_ip(&a) || addr_port(&a) > 0
                            : !addr_split(t, host, sizeof host, &port) && !name_dns(host);

        snprintf(rest, sizeof rest, "/forward/to/%u", i);
        if (!good)
            return complain(j, rest, "give HOST:PORT, [IPv6]:PORT or unix:/PATH",
                            "\"%s\" is no target", t);
        if (is_local_socket(t))
            return complain(j, rest, "use the management link to reach a management",
                            "\"%s\" is the local socket of a gateway, where everybody is root", t);
    }
    return 0;
}

/* The outbound address; one target it can reach must be there. */
static int check_source(struct judge *j)
{
    const char *text = j->link->source;
    struct addr source, target;
    bool v6;

    if (!text)
        return 0;
    if (name_is_ip(text)) {
        v6 = strchr(text, ':') != NULL;
    } else {
        if (addr_parse(&source, text) || !addr_is_ip(&source))
            return complain(j, "/forward/source", "give an IP address of this machine",
                            "\"%s\" is no address", text);
        if (addr_port(&source))
            return complain(j, "/forward/source", "leave the port out",
                            "\"%s\" fixes the port: a second session to a target could not be made",
                            text);
        v6 = source.sa.sa_family == AF_INET6;
    }
    for (unsigned i = 0; i < j->link->targets.n; i++) {
        if (!addr_parse(&target, j->link->targets.s[i]) && addr_is_ip(&target) &&
            (target.sa.sa_family == AF_INET6) != v6)
            return complain(j, "/forward/source", "use one IP version for source and targets",
                            "%s can not reach the target %s", text, j->link->targets.s[i]);
    }
    return 0;
}

static int check_sources(struct judge *j)
{
    char rest[64], meant[96], fix[160];

    for (unsigned i = 0; i < j->link->sources.n; i++) {
        const char *fault = name_network(j->link->sources.s[i], meant);

        if (!fault)
            continue;
        snprintf(rest, sizeof rest, "/sources/%u", i);
        snprintf(fix, sizeof fix, meant[0] ? "did you mean %s?" : "give a network: 192.0.2.0/24%s",
                 meant);
        return complain(j, rest, fix, "\"%s\" %s", j->link->sources.s[i], fault);
    }
    return 0;
}

static int check_sides(struct judge *j)
{
    const struct model_link *l = j->link;

    if (!l->listen.present && !l->forward.present)
        return complain(j, "", "add a tls block to listen, forward or both",
                        "both sides are plain");
    if (l->forward.alpn_same && !l->listen.present)
        return complain(j, "/forward/tls/alpn", "give an array of protocol names",
                        "\"same\" needs tls on the listen side");
    if (l->proxy == PROXY_V2_TLS && !l->listen.present)
        return complain(j, "/forward/proxy", "use \"v2\", or add tls to the listen side",
                        "\"v2-tls\" tells of the client's certificate, but the listen side is "
                        "plain");
    if (l->limits.sessions_per_peer && !l->listen.present)
        return complain(j, "/limits/sessions_per_peer", "leave it out, or add tls to listen",
                        "peers are known by their certificates, but the listen side is plain");
    if (l->health.timeout_ms > l->health.interval_ms && l->health.interval_ms)
        return complain(j, "/forward/health/timeout_s", "give at most interval_s",
                        "a check of %g s does not end before the next begins after %g s",
                        l->health.timeout_ms / 1000.0, l->health.interval_ms / 1000.0);
    return 0;
}

static int check_link(struct judge *j)
{
    int rc = check_listen(j);

    if (!rc)
        rc = check_targets(j);
    if (!rc)
        rc = check_tls(j, &j->link->forward, "forward");
    if (!rc)
        rc = check_source(j);
    if (!rc)
        rc = check_sources(j);
    return rc ? rc : check_sides(j);
}

/* Who may come in there is decided by CAs that decide nothing else. */
static int check_own_trust(const struct model *m, struct err *e)
{
    const struct model_link *own = m->n_links ? &m->links[m->n_links - 1] : NULL;

    for (unsigned i = 0; own && own->management && i + 1 < m->n_links; i++) {
        const struct model_link *l = &m->links[i];

        if ((l->listen.present && !strcmp(l->listen.trust, own->listen.trust)) ||
            (l->forward.present && !strcmp(l->forward.trust, own->listen.trust)))
            return err_set(e, -EINVAL, "/management/listen/tls/trust",
                           "give the management a trust of its own",
                           "\"%s\" is the trust of link \"%s\" too", own->listen.trust, l->name);
    }
    return 0;
}

static int check_profile(const struct model_profile *p, struct err *e)
{
    char where[160];

    for (unsigned i = 0; i < p->suites.n; i++) {
        const struct suite *s = suite_by_name(p->suites.s[i]);

        snprintf(where, sizeof where, "/profiles/%s/suites/%u", p->name, i);
        if (!s || strcmp(s->name, p->suites.s[i]))
            return err_set(e, -EINVAL, where,
                           "give IANA names such as TLS_AES_256_GCM_SHA384; only AEAD suites with "
                           "ECDHE are offered",
                           "\"%s\" is no suite that is offered", p->suites.s[i]);
        if (s->version == TLS12 ? !p->tls12 : !p->tls13)
            return err_set(e, -EINVAL, where, "add the version, or take the suite out",
                           "%s belongs to TLS %s, which versions does not name", s->name,
                           s->version == TLS12 ? "1.2" : "1.3");
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(p->suites.s[i], p->suites.s[k]))
                return err_set(e, -EINVAL, where, "name each suite once", "%s is named twice",
                               s->name);
    }
    return 0;
}

static int refer(struct references *r, const struct model *m)
{
    int rc = lookup_init(&r->identities, m->identities, m->n_identities, sizeof *m->identities);

    if (!rc)
        rc = lookup_init(&r->trusts, m->trusts, m->n_trusts, sizeof *m->trusts);
    if (!rc)
        rc = lookup_init(&r->profiles, m->profiles, m->n_profiles, sizeof *m->profiles);
    return rc;
}

int model_validate(const struct model *m, struct err *e)
{
    struct judge j = {.e = e};
    int rc = refer(&j.known, m);

    if (rc)
        err_set(e, rc, "/", "free memory", "out of memory");
    for (unsigned i = 0; i < m->n_profiles && !rc; i++)
        rc = check_profile(&m->profiles[i], e);
    for (unsigned i = 0; i < m->n_links && !rc; i++) {
        j.link = &m->links[i];
        rc = check_link(&j);
        if (!rc)
            rc = model_dpdk_judge(&m->dpdk, j.link, e);
    }
    if (!rc)
        rc = check_own_trust(m, e);
    if (!rc)
        rc = places_judge(m, e);
    lookup_fini(&j.known.identities);
    lookup_fini(&j.known.trusts);
    lookup_fini(&j.known.profiles);
    if (rc)
        node_clean(e);
    return rc;
}
