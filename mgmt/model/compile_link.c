/* Links: references become indices, names addresses, shared addresses listeners. */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include "mgmt/model/compile_parts.h"

#define TARGETS_MAX   64
#define LISTENERS_MAX 16384

static uint16_t find_identity(const struct policy *p, const char *name)
{
    for (uint16_t i = 0; i < p->n_identities; i++)
        if (!strcmp(p->identities[i].name, name))
            return i;
    return POLICY_NONE;
}

static uint16_t find_trust(const struct policy *p, const char *name)
{
    for (uint16_t i = 0; i < p->n_trusts; i++)
        if (!strcmp(p->trusts[i].name, name))
            return i;
    return POLICY_NONE;
}

static uint16_t find_profile(const struct policy *p, const char *name)
{
    for (uint16_t i = 0; i < p->n_profiles; i++)
        if (!strcmp(p->profiles[i].name, name))
            return i;
    return POLICY_NONE;
}

static void lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + 32);
}

static const char **strings(struct compiled *c, const struct model_strings *m, bool lowered)
{
    const char **out = compile_alloc(c, (m->n + 1) * sizeof *out);

    for (unsigned i = 0; out && i < m->n; i++) {
        char *s = compile_string(c, m->s[i]);
        if (!s)
            return NULL;
        if (lowered)
            lower(s);
        out[i] = s;
    }
    return out;
}

static struct policy_rule *rules(struct compiled *c, const struct model_tls *m)
{
    struct policy_rule *out = compile_alloc(c, (m->n_rules + 1) * sizeof *out);

    for (unsigned i = 0; out && i < m->n_rules; i++) {
        out[i] = m->rules[i];
        out[i].conds = compile_alloc(c, (m->rules[i].n_conds + 1u) * sizeof *out[i].conds);
        for (unsigned k = 0; out[i].conds && k < m->rules[i].n_conds; k++) {
            struct model_strings v = {m->rules[i].conds[k].values, m->rules[i].conds[k].n_values};
            out[i].conds[k] = m->rules[i].conds[k];
            out[i].conds[k].values = strings(c, &v, false);
            if (!out[i].conds[k].values)
                return NULL;
        }
        if (!out[i].conds)
            return NULL;
    }
    return out;
}

static int compile_tls(struct compiled *c, const struct model_tls *m, bool forward,
                       struct policy_tls **out, const char *link, struct err *e)
{
    struct policy *p = &c->policy;
    struct policy_tls *t;

    if (!m->present)
        return 0;
    t = compile_alloc(c, sizeof *t);
    if (!t)
        return compile_memory(e);
    t->trust = find_trust(p, m->trust);
    t->profile = find_profile(p, m->profile);
    for (unsigned i = 0; i < m->identities.n; i++) {
        uint16_t id = find_identity(p, m->identities.s[i]);
        t->identities[t->n_identities++] = id;
        p->identities[id].uses |= (uint8_t)((forward ? POLICY_USE_CLIENT : POLICY_USE_SERVER) |
                                            (p->profiles[t->profile].tls12 ? POLICY_USE_TLS12 : 0) |
                                            (p->profiles[t->profile].tls13 ? POLICY_USE_TLS13 : 0));
    }
    t->alpn_same = m->alpn_same;
    t->alpn = strings(c, &m->alpn, false);
    t->n_alpn = (uint16_t)m->alpn.n;
    t->server_name = compile_string(c, m->server_name ? m->server_name : "");
    t->rules = rules(c, m);
    t->n_rules = (uint16_t)m->n_rules;
    if (!t->alpn || !t->server_name || !t->rules)
        return compile_memory(e);
    if (t->n_rules == 0)
        compile_warn(c, "/links/%s/%s/tls/peers: no rules: every peer is refused", link,
                     forward ? "forward" : "listen");
    *out = t;
    return 0;
}

static int add_target(struct policy_link *l, const struct addr *a, const char *text)
{
    if (l->n_targets == TARGETS_MAX)
        return -E2BIG;
    l->targets[l->n_targets++] = (struct policy_target){.addr = *a, .text = text};
    return 0;
}

/* A host name becomes every address it has now. */
static int resolve(struct policy_link *l, const char *text, const char *where, struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *list = NULL;
    char host[256], service[8];
    uint16_t port;
    int rc = addr_split(text, host, sizeof host, &port);

    if (rc)
        return err_set(e, rc, where, "give HOST:PORT", "\"%s\" is no target", text);
    snprintf(service, sizeof service, "%u", port);
    rc = getaddrinfo(host, service, &hints, &list);
    if (rc)
        return err_set(e, -ENOENT, where, "give a name that resolves here, or an address",
                       "\"%s\" does not resolve: %s", host, gai_strerror(rc));
    for (struct addrinfo *a = list; a && !rc; a = a->ai_next) {
        struct addr addr = {.len = a->ai_addrlen};
        if (a->ai_addrlen > sizeof addr.in6)
            continue;
        memcpy(&addr.sa, a->ai_addr, a->ai_addrlen);
        rc = add_target(l, &addr, text);
    }
    freeaddrinfo(list);
    return rc ? err_set(e, rc, where, "give fewer targets", "more than %d addresses", TARGETS_MAX)
              : 0;
}

static int compile_targets(struct compiled *c, const struct model_link *m, struct policy_link *l,
                           struct err *e)
{
    char where[128];

    l->targets = compile_alloc(c, TARGETS_MAX * sizeof *l->targets);
    if (!l->targets)
        return compile_memory(e);
    for (unsigned i = 0; i < m->targets.n; i++) {
        const char *text = compile_string(c, m->targets.s[i]);
        struct addr a;
        int rc;

        if (!text)
            return compile_memory(e);
        snprintf(where, sizeof where, "/links/%s/forward/to/%u", m->name, i);
        if (addr_parse(&a, text) == 0)
            rc = add_target(l, &a, text)
                     ? err_set(e, -E2BIG, where, "give fewer", "too many targets")
                     : 0;
        else
            rc = resolve(l, text, where, e);
        if (rc)
            return rc;
    }
    return 0;
}

static int compile_transport(struct compiled *c, const struct model_link *m, struct policy_link *l,
                             struct err *e)
{
    char text[96];

    l->engine = m->engine;
    l->proxy = m->proxy;
    l->accept_proxy = m->accept_proxy;
    l->health = m->health;
    l->limits = m->limits;
    l->keepalive_s = m->keepalive_s;
    l->user_timeout_s = m->user_timeout_s;
    l->dial_ms = m->dial_ms;
    l->sources = compile_alloc(c, (m->sources.n + 1) * sizeof *l->sources);
    if (!l->sources)
        return compile_memory(e);
    for (unsigned i = 0; i < m->sources.n; i++)
        cidr_parse(&l->sources[l->n_sources++], m->sources.s[i]);
    if (m->source && addr_parse(&l->source, m->source)) {
        bool v6 = strchr(m->source, ':') != NULL;
        snprintf(text, sizeof text, "%s%.64s%s", v6 ? "[" : "", m->source, v6 ? "]:0" : ":0");
        addr_parse(&l->source, text); /* an address alone: any port */
    }
    return compile_targets(c, m, l, e);
}

static struct policy_listener *listener_for(struct policy *p, const struct addr *a)
{
    for (unsigned i = 0; i < p->n_listeners; i++)
        if (addr_equal(&p->listeners[i].addr, a))
            return &p->listeners[i];
    if (p->n_listeners == LISTENERS_MAX)
        return NULL;
    p->listeners[p->n_listeners].addr = *a;
    return &p->listeners[p->n_listeners++];
}

static int add_listeners(struct compiled *c, const struct model_link *m, uint16_t index,
                         struct err *e)
{
    struct policy *p = &c->policy;

    for (unsigned i = 0; i < m->addresses.n; i++) {
        struct policy_listener *l;
        struct addr a;
        uint16_t *links;

        addr_parse(&a, m->addresses.s[i]);
        l = listener_for(p, &a);
        links = l ? compile_alloc(c, (l->n_links + 1u) * sizeof *links) : NULL;
        if (!links)
            return compile_memory(e);
        if (l->n_links)
            memcpy(links, l->links, l->n_links * sizeof *links);
        links[l->n_links++] = index;
        l->links = links;
        l->tls = m->listen.present;
        l->accept_proxy = m->accept_proxy;
    }
    return 0;
}

static int compile_link(struct compiled *c, const struct model_link *m, uint16_t index,
                        struct err *e)
{
    struct policy_link *l = &c->policy.links[index];
    int rc;

    snprintf(l->name, sizeof l->name, "%s", m->name);
    l->server_names = strings(c, &m->server_names, true);
    l->n_server_names = (uint16_t)m->server_names.n;
    if (!l->server_names)
        return compile_memory(e);
    rc = compile_tls(c, &m->listen, false, &l->outer, m->name, e);
    if (!rc)
        rc = compile_tls(c, &m->forward, true, &l->inner, m->name, e);
    if (!rc)
        rc = compile_transport(c, m, l, e);
    return rc ? rc : add_listeners(c, m, index, e);
}

int compile_links(struct compiled *c, const struct model *m, struct err *e)
{
    struct policy *p = &c->policy;
    int rc = 0;

    p->links = compile_alloc(c, (m->n_links + 1) * sizeof *p->links);
    p->listeners = compile_alloc(c, LISTENERS_MAX * sizeof *p->listeners);
    if (!p->links || !p->listeners)
        return compile_memory(e);
    for (unsigned i = 0; i < m->n_links && !rc; i++, p->n_links++)
        rc = compile_link(c, &m->links[i], (uint16_t)i, e);
    return rc;
}
