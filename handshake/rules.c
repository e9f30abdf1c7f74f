#include "handshake/rules.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/check.h"
#include "handshake/names.h"
#include "handshake/parts.h"

int subject_init(struct subject *s, const struct verify_side *side, STACK_OF(X509) * path)
{
    struct subject new = {.leaf = sk_X509_value(path, 0), .issuer = sk_X509_value(path, 1)};
    const char *name = side->side == LEG_INNER ? side->tls->server_name : NULL;
    bool wild;

    if (!new.leaf || !names_read(new.leaf, &new.sans))
        return -EINVAL;
    if (name && name[0] && names_match_server(new.sans, name, &wild) && wild)
        new.server_name = name;
    *s = new;
    return 0;
}

void subject_clear(struct subject *s)
{
    GENERAL_NAMES_free(s->sans);
    memset(s, 0, sizeof *s);
}

static bool ip_matches(const char *pattern, const uint8_t *ip, size_t n)
{
    struct cidr c;

    return cidr_parse(&c, pattern) == 0 && cidr_match_ip(&c, ip, n);
}

/* How a condition on SANs compares, and with which of them. */
static const struct {
    int type;
    bool (*matches)(const char *pattern, const char *s, size_t n);
} san_matchers[MATCH_COUNT] = {
    [MATCH_URI] = {GEN_URI, rule_uri_matches},
    [MATCH_DNS] = {GEN_DNS, rule_dns_matches},
    [MATCH_EMAIL] = {GEN_EMAIL, rule_email_matches},
};

static bool has_san(const struct subject *s, uint8_t match, const char *value)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(s->sans); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(s->sans, i);

        if (g->type == san_matchers[match].type &&
            san_matchers[match].matches(value, (const char *)ASN1_STRING_get0_data(g->d.ia5),
                                        (size_t)ASN1_STRING_length(g->d.ia5)))
            return true;
    }
    return match == MATCH_DNS && s->server_name &&
           rule_dns_matches(value, s->server_name, strlen(s->server_name));
}

static bool has_ip(const struct subject *s, const char *value)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(s->sans); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(s->sans, i);

        if (g->type == GEN_IPADD && ip_matches(value, ASN1_STRING_get0_data(g->d.iPAddress),
                                               (size_t)ASN1_STRING_length(g->d.iPAddress)))
            return true;
    }
    return false;
}

static bool subject_has(X509 *leaf, int nid, const char *value)
{
    X509_NAME *name = X509_get_subject_name(leaf);

    for (int i = X509_NAME_get_index_by_NID(name, nid, -1); i >= 0;
         i = X509_NAME_get_index_by_NID(name, nid, i)) {
        unsigned char *utf8 = NULL;
        int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
        bool same = n >= 0 && strlen(value) == (size_t)n && !memcmp(utf8, value, (size_t)n);

        OPENSSL_free(utf8);
        if (same)
            return true;
    }
    return false;
}

static void hex_text(const uint8_t *bytes, size_t n, char out[65])
{
    for (size_t i = 0; i < n && i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static bool subject_bytes(const struct subject *s, enum subject_hex which, uint8_t out[32],
                          unsigned *n)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(s->leaf);
    X509 *x = which == SUBJECT_ISSUER ? s->issuer : s->leaf;

    *n = 32;
    if (which == SUBJECT_SPKI)
        return spki_digest(s->leaf, out) == 0;
    if (which != SUBJECT_SERIAL)
        return x && cert_digest(x, out) == 0;
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || ASN1_STRING_length(serial) > 32)
        return false;
    *n = (unsigned)ASN1_STRING_length(serial);
    memcpy(out, ASN1_STRING_get0_data(serial), *n);
    return *n > 0;
}

static const char *without_zeros(const char *hex)
{
    while (*hex == '0')
        hex++;
    return hex;
}

static bool hex_is(struct subject *s, enum subject_hex which, const char *value)
{
    uint8_t bytes[32];
    char *have = s->hex[which];
    unsigned n;

    if (!have[0]) {
        if (!subject_bytes(s, which, bytes, &n))
            return false;
        hex_text(bytes, n, have);
    }
    if (which == SUBJECT_SERIAL)
        return *without_zeros(value) && !strcmp(without_zeros(have), without_zeros(value));
    return !strcmp(have, value);
}

static bool value_holds(struct subject *s, uint8_t match, const char *value)
{
    switch (match) {
    case MATCH_URI:
    case MATCH_DNS:
    case MATCH_EMAIL:
        return has_san(s, match, value);
    case MATCH_IP:
        return has_ip(s, value);
    case MATCH_ORGANIZATION:
        return subject_has(s->leaf, NID_organizationName, value);
    case MATCH_ORGANIZATIONAL_UNIT:
        return subject_has(s->leaf, NID_organizationalUnitName, value);
    case MATCH_ISSUER_SHA256:
        return hex_is(s, SUBJECT_ISSUER, value);
    case MATCH_SPKI_SHA256:
        return hex_is(s, SUBJECT_SPKI, value);
    case MATCH_CERT_SHA256:
        return hex_is(s, SUBJECT_CERT, value);
    case MATCH_SERIAL:
        return hex_is(s, SUBJECT_SERIAL, value);
    default:
        return false;
    }
}

static bool cond_holds(struct subject *s, const struct policy_cond *c)
{
    for (unsigned i = 0; i < c->n_values; i++)
        if (c->values[i] && c->values[i][0] && value_holds(s, c->match, c->values[i]))
            return true;
    return false;
}

static bool rule_holds(struct subject *s, const struct policy_rule *r)
{
    if (r->any)
        return r->n_conds == 0; /* with conditions it is no rule that was ever written */
    for (unsigned i = 0; i < r->n_conds; i++)
        if (!cond_holds(s, &r->conds[i]))
            return false;
    return r->n_conds > 0;
}

int rules_match(const struct policy_tls *t, struct subject *s)
{
    for (unsigned i = 0; i < t->n_rules; i++)
        if (rule_holds(s, &t->rules[i]))
            return (int)i;
    return -ENOENT;
}

bool rules_allow(const struct verify_side *side, STACK_OF(X509) * path, struct verdict *v)
{
    struct subject s;
    char name[256];
    int rule = subject_init(&s, side, path);

    if (rule == 0) {
        rule = rules_match(side->tls, &s);
        subject_clear(&s);
    }
    if (rule >= 0) {
        v->rule = (uint16_t)rule;
        return true;
    }
    facts_name(sk_X509_value(path, 0), name);
    return deny(v, REASON_NO_RULE,
                side->tls->n_rules ? "%.200s: none of the side's peer rules allows it"
                                   : "%.200s: the side has no peer rules, which denies all",
                name);
}
