/* The policy codec's links: transport side for the data plane, tls sides for the handshake process.
 */
#include <string.h>
#include "dataplane/wire/policy_codec.h"

#define PRESENT   1
#define DATAPLANE POLICY_SLICE_DATAPLANE
#define HANDSHAKE POLICY_SLICE_HANDSHAKE

static void put_strings(struct buf *b, const char *const *s, uint16_t n)
{
    buf_put_u16(b, n);
    for (unsigned i = 0; i < n; i++)
        buf_put_str(b, s[i]);
}

static const char **get_strings(struct policy_reader *r, uint16_t *n)
{
    const char **s;

    *n = buf_get_u16(&r->b);
    s = reader_take(r, *n, sizeof *s);
    for (unsigned i = 0; buf_ok(&r->b) && i < *n; i++)
        s[i] = reader_string(r);
    return s;
}

static void put_rules(struct buf *b, const struct policy_tls *t)
{
    for (unsigned i = 0; i < t->n_rules; i++) {
        const struct policy_rule *rule = &t->rules[i];
        buf_put_u8(b, rule->any);
        buf_put_u16(b, rule->n_conds);
        for (unsigned k = 0; k < rule->n_conds; k++) {
            buf_put_u8(b, rule->conds[k].match);
            put_strings(b, rule->conds[k].values, rule->conds[k].n_values);
        }
    }
}

/* A rule without a condition would allow all: only `any` may have none, and only `any`. */
static void get_rule(struct policy_reader *r, struct policy_rule *rule)
{
    rule->any = reader_upto(r, 1);
    rule->n_conds = buf_get_u16(&r->b);
    if (rule->any != (rule->n_conds == 0))
        r->b.bad = true;
    rule->conds = reader_take(r, rule->n_conds, sizeof *rule->conds);
    for (unsigned k = 0; buf_ok(&r->b) && k < rule->n_conds; k++) {
        struct policy_cond *c = &rule->conds[k];
        c->match = reader_upto(r, MATCH_COUNT - 1);
        c->values = get_strings(r, &c->n_values);
        if (c->n_values == 0)
            r->b.bad = true;
    }
}

static void put_tls(struct buf *b, const struct policy_tls *t, uint8_t slices)
{
    buf_put_u8(b, t ? PRESENT : 0);
    if (!t)
        return;
    buf_put_u8(b, t->alpn_same);
    buf_put_u16(b, t->n_rules);
    if (!(slices & HANDSHAKE)) {
        buf_put_u16(b, t->n_alpn);
        return;
    }
    put_strings(b, t->alpn, t->n_alpn);
    buf_put_u8(b, (uint8_t)t->n_identities);
    for (unsigned i = 0; i < t->n_identities; i++)
        buf_put_u16(b, t->identities[i]);
    buf_put_u16(b, t->trust);
    buf_put_u16(b, t->profile);
    buf_put_str(b, t->server_name);
    put_rules(b, t);
}

static void get_tls_handshake(struct policy_reader *r, const struct policy *p, struct policy_tls *t)
{
    t->alpn = get_strings(r, &t->n_alpn);
    t->n_identities = reader_upto(r, 4);
    for (unsigned i = 0; i < t->n_identities && buf_ok(&r->b); i++) {
        t->identities[i] = buf_get_u16(&r->b);
        if (t->identities[i] >= p->n_identities)
            r->b.bad = true;
    }
    t->trust = buf_get_u16(&r->b);
    t->profile = buf_get_u16(&r->b);
    t->server_name = reader_string(r);
    if (t->trust >= p->n_trusts || t->profile >= p->n_profiles)
        r->b.bad = true;
    t->rules = reader_take(r, t->n_rules, sizeof *t->rules);
    for (unsigned i = 0; buf_ok(&r->b) && i < t->n_rules; i++)
        get_rule(r, &t->rules[i]);
}

static struct policy_tls *get_tls(struct policy_reader *r, const struct policy *p)
{
    struct policy_tls *t;

    if (!reader_upto(r, PRESENT))
        return NULL;
    t = reader_take(r, 1, sizeof *t);
    if (!t)
        return NULL;
    t->server_name = "";
    t->alpn_same = reader_upto(r, 1);
    t->n_rules = buf_get_u16(&r->b);
    if (r->slices & HANDSHAKE)
        get_tls_handshake(r, p, t);
    else
        t->n_alpn = buf_get_u16(&r->b);
    return t;
}

static void put_cidr(struct buf *b, const struct cidr *c)
{
    buf_put_u8(b, c->family == AF_INET6);
    buf_put_u8(b, c->bits);
    buf_put_bytes(b, c->ip, sizeof c->ip);
}

static void get_cidr(struct policy_reader *r, struct cidr *c)
{
    bool v6 = reader_upto(r, 1);
    const uint8_t *ip;

    c->family = v6 ? AF_INET6 : AF_INET;
    c->bits = reader_upto(r, v6 ? 128 : 32);
    ip = buf_get_bytes(&r->b, sizeof c->ip);
    if (ip)
        memcpy(c->ip, ip, sizeof c->ip);
}

static void put_addr(struct buf *b, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    buf_put_str(b, a->len ? addr_text(a, text) : "");
}

static void get_addr(struct policy_reader *r, struct addr *a, bool required)
{
    char text[ADDR_TEXT_MAX];

    buf_get_str(&r->b, text, sizeof text);
    if (!buf_ok(&r->b))
        return;
    if ((text[0] || required) && addr_parse(a, text))
        r->b.bad = true;
}

static void put_transport(struct buf *b, const struct policy_link *l)
{
    buf_put_u16(b, l->n_sources);
    for (unsigned i = 0; i < l->n_sources; i++)
        put_cidr(b, &l->sources[i]);
    buf_put_u16(b, l->n_targets);
    for (unsigned i = 0; i < l->n_targets; i++) {
        put_addr(b, &l->targets[i].addr);
        buf_put_str(b, l->targets[i].text);
    }
    buf_put_u8(b, l->proxy);
    put_addr(b, &l->source);
    buf_put_u32(b, l->health.interval_ms);
    buf_put_u32(b, l->health.timeout_ms);
    buf_put_u16(b, l->health.fall);
    buf_put_u16(b, l->health.rise);
    buf_put_u32(b, l->limits.sessions);
    buf_put_u32(b, l->limits.handshakes_per_second);
    buf_put_u32(b, l->limits.handshakes_per_source);
    buf_put_u32(b, l->limits.sessions_per_peer);
    buf_put_u32(b, l->limits.handshake_ms);
    buf_put_u32(b, l->limits.idle_ms);
    buf_put_u32(b, l->limits.life_ms);
    buf_put_u32(b, l->keepalive_s);
    buf_put_u32(b, l->user_timeout_s);
    buf_put_u32(b, l->dial_ms);
}

static void get_limits(struct policy_reader *r, struct policy_link *l)
{
    l->health.interval_ms = buf_get_u32(&r->b);
    l->health.timeout_ms = buf_get_u32(&r->b);
    l->health.fall = buf_get_u16(&r->b);
    l->health.rise = buf_get_u16(&r->b);
    l->limits.sessions = buf_get_u32(&r->b);
    l->limits.handshakes_per_second = buf_get_u32(&r->b);
    l->limits.handshakes_per_source = buf_get_u32(&r->b);
    l->limits.sessions_per_peer = buf_get_u32(&r->b);
    l->limits.handshake_ms = buf_get_u32(&r->b);
    l->limits.idle_ms = buf_get_u32(&r->b);
    l->limits.life_ms = buf_get_u32(&r->b);
    l->keepalive_s = buf_get_u32(&r->b);
    l->user_timeout_s = buf_get_u32(&r->b);
    l->dial_ms = buf_get_u32(&r->b);
}

static void get_transport(struct policy_reader *r, struct policy_link *l)
{
    l->n_sources = buf_get_u16(&r->b);
    l->sources = reader_take(r, l->n_sources, sizeof *l->sources);
    for (unsigned i = 0; buf_ok(&r->b) && i < l->n_sources; i++)
        get_cidr(r, &l->sources[i]);
    l->n_targets = buf_get_u16(&r->b);
    if (l->n_targets == 0)
        r->b.bad = true;
    l->targets = reader_take(r, l->n_targets, sizeof *l->targets);
    for (unsigned i = 0; buf_ok(&r->b) && i < l->n_targets; i++) {
        get_addr(r, &l->targets[i].addr, true);
        l->targets[i].text = reader_string(r);
    }
    l->proxy = reader_upto(r, PROXY_V2_TLS);
    get_addr(r, &l->source, false);
    get_limits(r, l);
}

void policy_put_links(struct buf *b, const struct policy *p, uint8_t slices)
{
    buf_put_u16(b, p->n_links);
    for (unsigned i = 0; i < p->n_links; i++) {
        const struct policy_link *l = &p->links[i];
        buf_put_str(b, l->name);
        buf_put_u8(b, l->engine);
        buf_put_u8(b, l->accept_proxy);
        put_strings(b, l->server_names, l->n_server_names);
        put_tls(b, l->outer, slices);
        put_tls(b, l->inner, slices);
        if (slices & DATAPLANE)
            put_transport(b, l);
    }
}

void policy_get_links(struct policy_reader *r, struct policy *p)
{
    p->n_links = buf_get_u16(&r->b);
    if (p->n_links > POLICY_LINKS_MAX)
        r->b.bad = true;
    p->links = reader_take(r, p->n_links, sizeof *p->links);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_links; i++) {
        struct policy_link *l = &p->links[i];
        buf_get_str(&r->b, l->name, sizeof l->name);
        l->engine = reader_upto(r, ENGINE_DPDK);
        l->accept_proxy = reader_upto(r, 1);
        l->server_names = get_strings(r, &l->n_server_names);
        l->outer = get_tls(r, p);
        l->inner = get_tls(r, p);
        if (!l->outer && !l->inner)
            r->b.bad = true; /* plain on both sides is no link */
        if (r->slices & DATAPLANE)
            get_transport(r, l);
    }
}
