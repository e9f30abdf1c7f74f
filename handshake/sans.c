/* The subject alternative names of a leaf: which forms are refused, and the server's name. Only
 * SANs count, never the CN. */
#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "handshake/names.h"
#include "handshake/parts.h"

bool names_read(X509 *leaf, GENERAL_NAMES **sans)
{
    int critical;

    *sans = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
    return *sans || critical == -1;
}

static const char *check_dns(const char *s, size_t n, enum leg_side side)
{
    enum name_form form = name_dns_form(s, n);

    if (form == NAME_BAD)
        return "a malformed DNS name";
    return form == NAME_WILDCARD && side == LEG_OUTER ? "a wildcard can not name a client" : NULL;
}

struct uris {
    unsigned count;
    bool spiffe;
};

static const char *check_uri(const char *s, size_t n, struct uris *uris)
{
    uris->count++;
    if (!name_uri_good(s, n))
        return "a malformed URI";
    if (!name_is_spiffe(s, n))
        return NULL;
    uris->spiffe = true;
    return name_spiffe_good(s, n) ? NULL : "a malformed SPIFFE ID";
}

/* What is wrong with one SAN, or NULL. */
static const char *check_san(const GENERAL_NAME *g, enum leg_side side, struct uris *uris)
{
    const char *s;
    int n;

    if (g->type == GEN_IPADD) {
        n = ASN1_STRING_length(g->d.iPAddress);
        return n == 4 || n == 16 ? NULL : "a malformed IP address";
    }
    if (g->type != GEN_DNS && g->type != GEN_URI && g->type != GEN_EMAIL)
        return NULL; /* never matched by anything */
    s = (const char *)ASN1_STRING_get0_data(g->d.ia5);
    n = ASN1_STRING_length(g->d.ia5);
    if (n <= 0)
        return "an empty name";
    if (g->type == GEN_DNS)
        return check_dns(s, (size_t)n, side);
    if (g->type == GEN_EMAIL)
        return name_email_good(s, (size_t)n) ? NULL : "a malformed email address";
    return check_uri(s, (size_t)n, uris);
}

bool names_check(X509 *leaf, GENERAL_NAMES *sans, enum leg_side side, struct verdict *v)
{
    const char *fault = sans && sk_GENERAL_NAME_num(sans) == 0 ? "an empty list of names" : NULL;
    struct uris uris = {0};
    char label[96];

    if (sk_GENERAL_NAME_num(sans) > SANS_MAX)
        return deny(v, REASON_CHAIN_LIMIT, "%s: %d names; at most %d are looked at",
                    cert_label(leaf, label), sk_GENERAL_NAME_num(sans), SANS_MAX);
    for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !fault; i++)
        fault = check_san(sk_GENERAL_NAME_value(sans, i), side, &uris);
    if (!fault && uris.spiffe && uris.count > 1)
        fault = "a SPIFFE ID must be the only URI";
    return fault ? deny(v, REASON_NAME_INVALID, "%s: %s", cert_label(leaf, label), fault) : true;
}

static bool dns_san_matches(const GENERAL_NAME *g, const char *host, bool *wild)
{
    const char *s = (const char *)ASN1_STRING_get0_data(g->d.dNSName);
    size_t n = (size_t)ASN1_STRING_length(g->d.dNSName);

    *wild = n && s[0] == '*';
    return name_dns_matches(s, n, host);
}

bool names_match_server(const GENERAL_NAMES *sans, const char *server_name, bool *wild)
{
    uint8_t ip[16];
    int n_ip = inet_pton(AF_INET, server_name, ip) == 1    ? 4
               : inet_pton(AF_INET6, server_name, ip) == 1 ? 16
                                                           : 0;
    bool by_wildcard = false;

    *wild = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(sans, i);
        bool star;

        if (n_ip && g->type == GEN_IPADD && ASN1_STRING_length(g->d.iPAddress) == n_ip &&
            !memcmp(ASN1_STRING_get0_data(g->d.iPAddress), ip, (size_t)n_ip))
            return true;
        if (!n_ip && g->type == GEN_DNS && dns_san_matches(g, server_name, &star)) {
            if (!star)
                return true;
            by_wildcard = true;
        }
    }
    *wild = by_wildcard;
    return by_wildcard;
}
