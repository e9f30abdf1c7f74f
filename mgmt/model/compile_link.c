/* Links: references become indices, names addresses, shared addresses listeners. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "mgmt/model/certs.h"
#include "mgmt/model/compile_parts.h"
#include "mgmt/model/model_dpdk.h"
#include "mgmt/model/places.h"
#include "mgmt/model/resolve.h"

#define TARGETS_MAX 64

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

/* The tables of the policy are in the model's order; the built-in profile stands before all. */
static uint16_t profile_of(const struct compile_run *r, const char *name)
{
    return strcmp(name, MODEL_PROFILE) ? (uint16_t)(1 + lookup_find(&r->profiles, name)) : 0;
}

static void use_identities(struct compile_run *r, const struct model_tls *m, bool forward,
                           struct policy_tls *t)
{
    struct policy *p = &r->c->policy;
    const struct policy_profile *profile = &p->profiles[t->profile];
    uint8_t uses = forward ? POLICY_USE_CLIENT : POLICY_USE_SERVER;

    uses |= (uint8_t)((profile->tls12 ? POLICY_USE_TLS12 : 0) |
                      (profile->tls13 ? POLICY_USE_TLS13 : 0));
    for (unsigned i = 0; i < m->identities.n; i++) {
        uint16_t id = (uint16_t)lookup_find(&r->identities, m->identities.s[i]);

        t->identities[t->n_identities++] = id;
        p->identities[id].uses |= uses;
    }
}

/* Two certificates of one key type: OpenSSL would keep the last alone. */
static int check_key_types(struct compile_run *r, const struct policy_tls *t, const char *where)
{
    int types[4];

    for (unsigned i = 0; i < t->n_identities; i++) {
        const struct policy_identity *id = &r->c->policy.identities[t->identities[i]];
        const unsigned char *der = id->spki.data;
        EVP_PKEY *key = d2i_PUBKEY(NULL, &der, (long)id->spki.n);

        types[i] = certs_key_type(key);
        EVP_PKEY_free(key);
        for (unsigned k = 0; k < i; k++)
            if (types[k] == types[i])
                return err_set(r->e, -EINVAL, where, "name identities with keys of different types",
                               "\"%s\" has a key of the same type as \"%s\"", id->name,
                               r->c->policy.identities[t->identities[k]].name);
    }
    return 0;
}

static int compile_tls(struct compile_run *r, const struct model_tls *m, bool forward,
                       struct policy_tls **out, const char *link)
{
    const char *side = forward ? "forward" : "listen";
    struct compiled *c = r->c;
    struct policy_tls *t;
    char where[160], *name;

    if (!m->present)
        return 0;
    t = compile_alloc(c, sizeof *t);
    name = compile_string(c, m->server_name ? m->server_name : "");
    if (!t || !name)
        return compile_memory(r->e);
    lower(name);
    t->server_name = name;
    t->trust = (uint16_t)lookup_find(&r->trusts, m->trust);
    t->profile = profile_of(r, m->profile);
    use_identities(r, m, forward, t);
    t->alpn_same = m->alpn_same;
    t->alpn = strings(c, &m->alpn, false);
    t->n_alpn = (uint16_t)m->alpn.n;
    t->rules = rules(c, m);
    t->n_rules = (uint16_t)m->n_rules;
    if (!t->alpn || !t->rules)
        return compile_memory(r->e);
    if (t->n_rules == 0)
        compile_warn(c, "/links/%s/%s/tls/peers: no rules: every peer is refused", link, side);
    if (t->n_identities == 0)
        compile_warn(c, "/links/%s/%s/tls/identity: none: the server is not told who we are", link,
                     side);
    *out = t;
    snprintf(where, sizeof where, "/links/%s/%s/tls/identity", link, side);
    return check_key_types(r, t, where);
}

static int add_target(struct policy_link *l, const struct addr *a, const char *text)
{
    if (l->n_targets == TARGETS_MAX)
        return -E2BIG;
    l->targets[l->n_targets++] = (struct policy_target){.addr = *a, .text = text};
    return 0;
}

/* A host name becomes every address it has now. */
static int resolve(struct compile_run *r, struct policy_link *l, const char *text,
                   const char *where)
{
    struct addr found[RESOLVE_ADDRESSES_MAX];
    uint64_t now_ms = clock_mono_ms();
    int left = now_ms < r->resolve_until_ms ? (int)(r->resolve_until_ms - now_ms) : 0;
    const char *why = "";
    char host[256];
    uint16_t port;
    size_t n = 0;
    int rc = addr_split(text, host, sizeof host, &port);

    if (!rc)
        rc = resolve_host(host, port, left, found, &n, &why);
    if (rc)
        return err_set(r->e, rc, where, "give a name that resolves here, or an address",
                       "\"%s\" does not resolve: %s", text, why);
    for (size_t i = 0; i < n && !rc; i++) {
        if (l->engine == ENGINE_DPDK && !model_dpdk_reaches(&r->model->dpdk, &found[i]))
            return err_set(r->e, -EINVAL, where,
                           "give a port a gateway, or an address in its network",
                           "no port leads to an address of \"%s\"", text);
        rc = add_target(l, &found[i], text);
    }
    return rc ? err_set(r->e, rc, where, "give fewer targets", "more than %d addresses",
                        TARGETS_MAX)
              : 0;
}

static int compile_targets(struct compile_run *r, const struct model_link *m, struct policy_link *l)
{
    char where[160];

    l->targets = compile_alloc(r->c, TARGETS_MAX * sizeof *l->targets);
    if (!l->targets)
        return compile_memory(r->e);
    l->management = m->management;
    l->internal = m->internal;
    if (m->management) /* no address: the launcher makes the connection */
        l->targets[l->n_targets++] = (struct policy_target){.text = MODEL_MANAGEMENT};
    for (unsigned i = 0; i < m->targets.n; i++) {
        const char *text = compile_string(r->c, m->targets.s[i]);
        struct addr a;
        int rc;

        if (!text)
            return compile_memory(r->e);
        snprintf(where, sizeof where, "/links/%s/forward/to/%u", m->name, i);
        if (addr_parse(&a, text))
            rc = resolve(r, l, text, where);
        else
            rc = add_target(l, &a, text) ? err_set(r->e, -E2BIG, where, "give fewer targets",
                                                   "more than %d addresses", TARGETS_MAX)
                                         : 0;
        if (rc)
            return rc;
    }
    return 0;
}

static int compile_transport(struct compile_run *r, const struct model_link *m,
                             struct policy_link *l)
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
    l->sources = compile_alloc(r->c, (m->sources.n + 1) * sizeof *l->sources);
    if (!l->sources)
        return compile_memory(r->e);
    if (m->accept_proxy && m->sources.n == 0)
        compile_warn(r->c, "/links/%s/accept_proxy: without sources every host may claim to be any",
                     m->name);
    for (unsigned i = 0; i < m->sources.n; i++)
        cidr_parse(&l->sources[l->n_sources++], m->sources.s[i]);
    if (m->source && addr_parse(&l->source, m->source)) {
        bool v6 = strchr(m->source, ':') != NULL;
        snprintf(text, sizeof text, "%s%.64s%s", v6 ? "[" : "", m->source, v6 ? "]:0" : ":0");
        addr_parse(&l->source, text); /* an address alone: any port */
    }
    return compile_targets(r, m, l);
}

/* Addresses lie sorted: each run of equal ones is a listener, its links in document order. */
static int compile_listeners(struct compile_run *r, const struct places *all)
{
    struct policy *p = &r->c->policy;

    p->listeners = compile_alloc(r->c, (PLACES_ADDRESSES_MAX + 1) * sizeof *p->listeners);
    if (!p->listeners)
        return compile_memory(r->e);
    for (unsigned i = 0, end; i < all->n; i = end) {
        struct policy_listener *l = &p->listeners[p->n_listeners];
        const struct model_link *first = &r->model->links[all->rows[i].link];

        end = places_same_address(all, i);
        l->addr = all->rows[i].addr;
        l->tls = first->listen.present;
        l->accept_proxy = first->accept_proxy;
        l->dpdk = first->engine == ENGINE_DPDK;
        l->floating = model_availability_has(&r->model->availability, &l->addr);
        l->links = compile_alloc(r->c, (end - i) * sizeof *l->links);
        if (!l->links)
            return compile_memory(r->e);
        for (unsigned k = i; k < end; k++)
            l->links[l->n_links++] = (uint16_t)all->rows[k].link;
        p->n_listeners++;
    }
    return 0;
}

static int compile_link(struct compile_run *r, const struct model_link *m, struct policy_link *l)
{
    int rc;

    snprintf(l->name, sizeof l->name, "%s", m->name);
    l->server_names = strings(r->c, &m->server_names, true);
    l->n_server_names = (uint16_t)m->server_names.n;
    if (!l->server_names)
        return compile_memory(r->e);
    rc = compile_tls(r, &m->listen, false, &l->outer, m->name);
    if (!rc)
        rc = compile_tls(r, &m->forward, true, &l->inner, m->name);
    return rc ? rc : compile_transport(r, m, l);
}

int compile_links(struct compile_run *r)
{
    struct policy *p = &r->c->policy;
    struct places all = {0};
    int rc = 0;

    p->links = compile_alloc(r->c, (r->model->n_links + 1) * sizeof *p->links);
    if (!p->links || places_init(&all, r->model))
        return compile_memory(r->e);
    for (unsigned i = 0; i < r->model->n_links && !rc; i++, p->n_links++)
        rc = compile_link(r, &r->model->links[i], &p->links[i]);
    if (!rc)
        rc = compile_listeners(r, &all);
    places_fini(&all);
    return rc;
}
