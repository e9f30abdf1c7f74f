/* Peer rules: which verified certificates a side accepts. A rule's conditions must all hold, any
 * value of each. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/check.h"
#include "handshake/names.h"
#include "handshake/parts.h"

/* Length of one label or segment at s, up to `stop` or n. */
static size_t span(const char *s, size_t n, char stop)
{
    size_t i = 0;

    while (i < n && s[i] != stop)
        i++;
    return i;
}

bool rule_dns_matches(const char *pattern, const char *s, size_t n)
{
    size_t np = strlen(pattern);

    if (name_dns_form(s, n) != NAME_PLAIN)
        return false;
    for (;;) {
        size_t a = span(pattern, np, '.'), b = span(s, n, '.');

        if (!(a == 1 && pattern[0] == '*') && (a != b || strncasecmp(pattern, s, a)))
            return false;
        if (a == np || b == n)
            return a == np && b == n;
        pattern += a + 1;
        np -= a + 1;
        s += b + 1;
        n -= b + 1;
    }
}

bool rule_email_matches(const char *pattern, const char *s, size_t n)
{
    const char *at = strchr(pattern, '@');
    size_t local = at ? (size_t)(at - pattern) : 0;

    return at && strlen(pattern) == n && name_email_good(s, n) && !memcmp(pattern, s, local + 1) &&
           !strncasecmp(at + 1, s + local + 1, n - local - 1);
}

/* A URI that could mean something else after normalisation never meets a wildcard. */
static bool uri_plain(const char *s, size_t n)
{
    const char *path;
    size_t i;

    if (memchr(s, '%', n) || memchr(s, '?', n) || memchr(s, '#', n))
        return false;
    path = memmem(s, n, "://", 3);
    if (!path)
        return true;
    path += 3;
    i = (size_t)(path - s) + span(path, n - (size_t)(path - s), '/');
    while (i < n) {
        size_t len = span(s + i + 1, n - i - 1, '/');
        const char *seg = s + i + 1;
        if (len == 0 || (len == 1 && seg[0] == '.') || (len == 2 && seg[0] == '.' && seg[1] == '.'))
            return false;
        i += len + 1;
    }
    return true;
}

/* Where the authority of "scheme://authority/path" ends; scheme: only its colon. */
static size_t uri_head(const char *s, size_t n)
{
    const char *p = memmem(s, n, "://", 3);

    if (!p)
        return span(s, n, ':');
    return (size_t)(p + 3 - s) + span(p + 3, n - (size_t)(p + 3 - s), '/');
}

static bool path_matches(const char *p, size_t np, const char *s, size_t n)
{
    while (np > 0) {
        size_t a = span(p + 1, np - 1, '/'), b;

        if (a == 2 && p[1] == '*' && p[2] == '*')
            return np == 3 && n > 1;
        if (n == 0)
            return false;
        b = span(s + 1, n - 1, '/');
        if (p[0] != s[0] || (!(a == 1 && p[1] == '*') && (a != b || memcmp(p + 1, s + 1, a))))
            return false;
        p += a + 1;
        np -= a + 1;
        s += b + 1;
        n -= b + 1;
    }
    return n == 0;
}

bool rule_uri_matches(const char *pattern, const char *s, size_t n)
{
    size_t np = strlen(pattern), hp = uri_head(pattern, np), hs = uri_head(s, n);

    if (!name_uri_good(s, n) || hp != hs || strncasecmp(pattern, s, hp))
        return false;
    if (!memchr(pattern + hp, '*', np - hp))
        return np == n && !memcmp(pattern + hp, s + hs, n - hs);
    return uri_plain(s, n) && path_matches(pattern + hp, np - hp, s + hs, n - hs);
}

static bool ip_matches(const char *pattern, const uint8_t *ip, size_t n)
{
    struct cidr c;

    return cidr_parse(&c, pattern) == 0 && cidr_match_ip(&c, ip, n);
}

static bool san_matches(const GENERAL_NAME *g, uint8_t match, const char *value)
{
    if (match == MATCH_IP)
        return g->type == GEN_IPADD && ip_matches(value, ASN1_STRING_get0_data(g->d.iPAddress),
                                                  (size_t)ASN1_STRING_length(g->d.iPAddress));
    if (g->type != (match == MATCH_URI ? GEN_URI : match == MATCH_DNS ? GEN_DNS : GEN_EMAIL))
        return false;
    const char *s = (const char *)ASN1_STRING_get0_data(g->d.ia5);
    size_t n = (size_t)ASN1_STRING_length(g->d.ia5);
    return match == MATCH_URI   ? rule_uri_matches(value, s, n)
           : match == MATCH_DNS ? rule_dns_matches(value, s, n)
                                : rule_email_matches(value, s, n);
}

static bool any_san(X509 *leaf, uint8_t match, const char *value)
{
    GENERAL_NAMES *sans = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !found; i++)
        found = san_matches(sk_GENERAL_NAME_value(sans, i), match, value);
    GENERAL_NAMES_free(sans);
    return found;
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

static bool hex_equal(const uint8_t *bytes, unsigned n, const char *hex)
{
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";

    for (unsigned i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return !strcmp(text, hex);
}

static bool digest_is(X509 *x, bool spki, const char *hex)
{
    uint8_t md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    unsigned char *der = NULL;
    int len;
    bool ok;

    if (!spki)
        return X509_digest(x, EVP_sha256(), md, &n) == 1 && hex_equal(md, n, hex);
    len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    ok = len > 0 && EVP_Digest(der, (size_t)len, md, &n, EVP_sha256(), NULL) == 1 &&
         hex_equal(md, n, hex);
    OPENSSL_free(der);
    return ok;
}

static bool serial_is(X509 *leaf, const char *hex)
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(leaf);
    const uint8_t *p = ASN1_STRING_get0_data(s);
    int n = ASN1_STRING_length(s);

    while (n > 1 && *p == 0) {
        p++;
        n--;
    }
    while (hex[0] == '0' && hex[1] == '0' && hex[2])
        hex += 2;
    return n <= 20 && hex_equal(p, (unsigned)n, hex);
}

static bool value_holds(STACK_OF(X509) * path, uint8_t match, const char *value)
{
    X509 *leaf = sk_X509_value(path, 0);

    switch (match) {
    case MATCH_URI:
    case MATCH_DNS:
    case MATCH_EMAIL:
    case MATCH_IP:
        return any_san(leaf, match, value);
    case MATCH_ORGANIZATION:
        return subject_has(leaf, NID_organizationName, value);
    case MATCH_ORGANIZATIONAL_UNIT:
        return subject_has(leaf, NID_organizationalUnitName, value);
    case MATCH_ISSUER_SHA256:
        return sk_X509_num(path) > 1 && digest_is(sk_X509_value(path, 1), false, value);
    case MATCH_SPKI_SHA256:
        return digest_is(leaf, true, value);
    case MATCH_CERT_SHA256:
        return digest_is(leaf, false, value);
    case MATCH_SERIAL:
        return serial_is(leaf, value);
    default:
        return false;
    }
}

static bool cond_holds(STACK_OF(X509) * path, const struct policy_cond *c)
{
    for (unsigned i = 0; i < c->n_values; i++)
        if (value_holds(path, c->match, c->values[i]))
            return true;
    return false;
}

static bool rule_holds(STACK_OF(X509) * path, const struct policy_rule *r)
{
    if (r->any)
        return true;
    for (unsigned i = 0; i < r->n_conds; i++)
        if (!cond_holds(path, &r->conds[i]))
            return false;
    return r->n_conds > 0;
}

bool rules_allow(const struct policy_tls *t, STACK_OF(X509) * path, struct verdict *v)
{
    char name[256];

    for (unsigned i = 0; i < t->n_rules; i++)
        if (rule_holds(path, &t->rules[i])) {
            v->rule = (uint16_t)i;
            return true;
        }
    facts_name(sk_X509_value(path, 0), name);
    return deny(v, REASON_NO_RULE,
                t->n_rules ? "%s: none of the side's peer rules allows it"
                           : "%s: the side has no peer rules, which denies all",
                name);
}
