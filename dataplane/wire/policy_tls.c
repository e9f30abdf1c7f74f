/* The policy codec's tls blocks: all of them for the handshake process, their outline for the data
 * plane. */
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/codec.h"
#include "dataplane/wire/facts.h"
#include "dataplane/wire/policy_codec.h"

#define ALPN_MAX        (sizeof((struct negotiated *)0)->alpn - 1)
#define SERVER_NAME_MAX (sizeof((struct negotiated *)0)->server_name - 1)
#define IDENTITIES_MAX  ARRAY_LEN(((struct policy_tls *)0)->identities)
#define TLS_WIRE        3 /* bytes of the shortest block, rule and condition */
#define RULE_WIRE       3
#define COND_WIRE       6

static void put_strings(struct buf *b, const char *const *s, uint16_t n)
{
    buf_put_u16(b, n);
    for (unsigned i = 0; i < n; i++)
        buf_put_str(b, s[i]);
}

static void put_rule(struct buf *b, const struct policy_rule *rule)
{
    buf_put_u8(b, rule->any);
    buf_put_u16(b, rule->n_conds);
    for (unsigned i = 0; i < rule->n_conds; i++) {
        buf_put_u8(b, rule->conds[i].match);
        put_strings(b, rule->conds[i].values, rule->conds[i].n_values);
    }
}

/* A rule without a condition would allow all: only `any` may have none, and only `any` has none. */
static void get_rule(struct policy_reader *r, struct policy_rule *rule)
{
    rule->any = codec_get_bool(&r->b);
    rule->n_conds = buf_get_u16(&r->b);
    if (rule->any != (rule->n_conds == 0))
        r->b.bad = true;
    rule->conds = reader_take(r, rule->n_conds, sizeof *rule->conds, COND_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < rule->n_conds; i++) {
        struct policy_cond *c = &rule->conds[i];
        c->match = codec_get_upto(&r->b, MATCH_COUNT - 1);
        c->values = reader_strings(r, &c->n_values, UINT16_MAX);
        if (c->n_values == 0)
            r->b.bad = true;
    }
}

static void put_handshake(struct buf *b, const struct policy_tls *t)
{
    if (t->n_identities > IDENTITIES_MAX) {
        b->bad = true;
        return;
    }
    put_strings(b, t->alpn, t->n_alpn);
    buf_put_u8(b, (uint8_t)t->n_identities);
    for (unsigned i = 0; i < t->n_identities; i++)
        buf_put_u16(b, t->identities[i]);
    buf_put_u16(b, t->trust);
    buf_put_u16(b, t->profile);
    buf_put_str(b, t->server_name);
    for (unsigned i = 0; i < t->n_rules; i++)
        put_rule(b, &t->rules[i]);
}

static void get_handshake(struct policy_reader *r, const struct policy *p, struct policy_tls *t)
{
    t->alpn = reader_strings(r, &t->n_alpn, ALPN_MAX);
    t->n_identities = codec_get_upto(&r->b, IDENTITIES_MAX);
    for (unsigned i = 0; i < t->n_identities; i++)
        t->identities[i] = reader_index(r, p->n_identities);
    t->trust = reader_index(r, p->n_trusts);
    t->profile = reader_index(r, p->n_profiles);
    t->server_name = reader_string(r);
    if (strlen(t->server_name) > SERVER_NAME_MAX)
        r->b.bad = true;
    t->rules = reader_take(r, t->n_rules, sizeof *t->rules, RULE_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < t->n_rules; i++)
        get_rule(r, &t->rules[i]);
}

void policy_put_tls(struct buf *b, const struct policy_tls *t, uint8_t slices)
{
    buf_put_u8(b, t != NULL);
    if (!t)
        return;
    buf_put_u8(b, t->alpn_same);
    buf_put_u16(b, t->n_rules);
    if (slices & POLICY_SLICE_HANDSHAKE)
        put_handshake(b, t);
    else
        buf_put_u16(b, t->n_alpn);
}

struct policy_tls *policy_get_tls(struct policy_reader *r, const struct policy *p)
{
    struct policy_tls *t;

    if (!codec_get_bool(&r->b))
        return NULL;
    t = reader_take(r, 1, sizeof *t, TLS_WIRE);
    if (!t)
        return NULL;
    t->server_name = "";
    t->alpn_same = codec_get_bool(&r->b);
    t->n_rules = buf_get_u16(&r->b);
    if (r->slices & POLICY_SLICE_HANDSHAKE)
        get_handshake(r, p, t);
    else
        t->n_alpn = buf_get_u16(&r->b);
    return t;
}
