/* Names in certificates: form, wildcards, and the server's name. Only SANs count, never the CN. */
#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "handshake/names.h"
#include "handshake/parts.h"

static bool label_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

/* RFC 1123 and 5280 4.2.1.6: labels of letters, digits and inner hyphens; no trailing dot. */
static bool dns_labels(const char *s, size_t n)
{
    size_t start = 0;

    if (n == 0 || n > 253)
        return false;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && s[i] != '.') {
            if (!label_char((uint8_t)s[i]))
                return false;
            continue;
        }
        if (i == start || i - start > 63 || s[start] == '-' || s[i - 1] == '-')
            return false;
        start = i + 1;
    }
    return true;
}

static bool looks_like_ip(const char *s, size_t n)
{
    char text[64];
    uint8_t ip[16];

    if (n >= sizeof text)
        return false;
    memcpy(text, s, n);
    text[n] = '\0';
    return inet_pton(AF_INET, text, ip) == 1 || inet_pton(AF_INET6, text, ip) == 1;
}

enum name_form name_dns_form(const char *s, size_t n)
{
    if (memchr(s, 0, n) || looks_like_ip(s, n))
        return NAME_BAD;
    if (n > 2 && s[0] == '*' && s[1] == '.')
        return dns_labels(s + 2, n - 2) && memchr(s + 2, '.', n - 2) ? NAME_WILDCARD : NAME_BAD;
    return dns_labels(s, n) ? NAME_PLAIN : NAME_BAD;
}

bool name_email_good(const char *s, size_t n)
{
    const char *at = memchr(s, '@', n);
    size_t local = at ? (size_t)(at - s) : 0;

    if (!at || local == 0 || local > 64 || memchr(at + 1, '@', n - local - 1))
        return false;
    for (size_t i = 0; i < local; i++)
        if (s[i] <= 0x20 || s[i] >= 0x7f || strchr("()<>[]:;,\\\"", s[i]))
            return false;
    return name_dns_form(at + 1, n - local - 1) == NAME_PLAIN;
}

/* RFC 3986 characters only, with a scheme. */
bool name_uri_good(const char *s, size_t n)
{
    const char *colon = memchr(s, ':', n);

    if (!colon || colon == s)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] <= 0x20 || s[i] >= 0x7f || strchr("<>\"{}|\\^`", s[i]))
            return false;
    return true;
}

/* SPIFFE ID 2: trust domain in lower case, a path of plain segments, nothing else. */
bool name_spiffe_good(const char *s, size_t n)
{
    size_t i = 9, segment;

    if (n < 10 || n > 2048)
        return false;
    for (; i < n && s[i] != '/'; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || strchr("-._", s[i])))
            return false;
    if (i == 9)
        return false;
    while (i < n) {
        segment = ++i;
        while (i < n && s[i] != '/') {
            if (!label_char((uint8_t)s[i]) && s[i] != '.' && s[i] != '_')
                return false;
            i++;
        }
        if (i == segment || (i - segment == 1 && s[segment] == '.') ||
            (i - segment == 2 && s[segment] == '.' && s[segment + 1] == '.'))
            return false;
    }
    return true;
}

static const char *check_dns(const char *s, size_t n, enum leg_side side)
{
    enum name_form form = name_dns_form(s, n);

    if (form == NAME_BAD)
        return "a malformed DNS name";
    return form == NAME_WILDCARD && side == LEG_OUTER ? "a wildcard can not name a client" : NULL;
}

static const char *check_uri(const char *s, size_t n, bool *spiffe)
{
    if (!name_uri_good(s, n))
        return "a malformed URI";
    if (n >= 9 && !strncasecmp(s, "spiffe://", 9)) {
        *spiffe = true;
        return !memcmp(s, "spiffe://", 9) && name_spiffe_good(s, n) ? NULL
                                                                    : "a malformed SPIFFE ID";
    }
    return NULL;
}

/* What is wrong with one SAN, or NULL. */
static const char *check_san(const GENERAL_NAME *g, enum leg_side side, int *uris, bool *spiffe)
{
    const char *s;
    size_t n;

    if (g->type == GEN_IPADD) {
        int len = ASN1_STRING_length(g->d.iPAddress);
        return len == 4 || len == 16 ? NULL : "a malformed IP address";
    }
    if (g->type != GEN_DNS && g->type != GEN_URI && g->type != GEN_EMAIL)
        return NULL;
    s = (const char *)ASN1_STRING_get0_data(g->d.ia5);
    n = (size_t)ASN1_STRING_length(g->d.ia5);
    if (g->type == GEN_DNS)
        return check_dns(s, n, side);
    if (g->type == GEN_EMAIL)
        return name_email_good(s, n) ? NULL : "a malformed email address";
    (*uris)++;
    return check_uri(s, n, spiffe);
}

bool names_check(X509 *leaf, enum leg_side side, struct verdict *v)
{
    int critical, uris = 0;
    GENERAL_NAMES *sans = X509_get_ext_d2i(leaf, NID_subject_alt_name, &critical, NULL);
    const char *fault = !sans && critical != -1 ? "its subject alternative name can not be read"
                                                : NULL;
    bool spiffe = false;
    char label[96];

    if (sk_GENERAL_NAME_num(sans) > SANS_MAX) {
        deny(v, REASON_CHAIN_LIMIT, "%s: %d names; at most %d are looked at",
             cert_label(leaf, label), sk_GENERAL_NAME_num(sans), SANS_MAX);
        GENERAL_NAMES_free(sans);
        return false;
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !fault; i++)
        fault = check_san(sk_GENERAL_NAME_value(sans, i), side, &uris, &spiffe);
    if (!fault && spiffe && uris > 1)
        fault = "a SPIFFE certificate has exactly one URI";
    GENERAL_NAMES_free(sans);
    return fault ? deny(v, REASON_NAME_INVALID, "%s: %s", cert_label(leaf, label), fault) : true;
}

bool name_dns_matches(const char *pattern, size_t n_pattern, const char *name)
{
    const char *dot;

    if (name_dns_form(pattern, n_pattern) == NAME_WILDCARD) {
        dot = strchr(name, '.');
        return dot && dot != name && strlen(dot) == n_pattern - 1 &&
               !strncasecmp(dot, pattern + 1, n_pattern - 1);
    }
    return strlen(name) == n_pattern && !strncasecmp(pattern, name, n_pattern);
}

bool names_match_server(X509 *leaf, const char *server_name)
{
    GENERAL_NAMES *sans = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
    uint8_t ip[16];
    int n_ip = inet_pton(AF_INET, server_name, ip) == 1    ? 4
               : inet_pton(AF_INET6, server_name, ip) == 1 ? 16
                                                           : 0;
    bool found = false;

    for (int i = 0; i < sk_GENERAL_NAME_num(sans) && !found; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(sans, i);
        if (n_ip && g->type == GEN_IPADD)
            found = ASN1_STRING_length(g->d.iPAddress) == n_ip &&
                    !memcmp(ASN1_STRING_get0_data(g->d.iPAddress), ip, (size_t)n_ip);
        else if (!n_ip && g->type == GEN_DNS)
            found = name_dns_matches((const char *)ASN1_STRING_get0_data(g->d.dNSName),
                                     (size_t)ASN1_STRING_length(g->d.dNSName), server_name);
    }
    GENERAL_NAMES_free(sans);
    return found && server_name[0];
}
