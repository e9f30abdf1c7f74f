/* Name constraints (RFC 5280 4.2.1.10): what OpenSSL's own check of them leaves open. */
#include <string.h>
#include "handshake/names.h"
#include "handshake/parts.h"

#define SUBTREES_MAX 256 /* each is compared with each name below it */

static bool host_good(const char *s, size_t n)
{
    return name_dns_form(s, n) == NAME_PLAIN;
}

/* A host, or after a dot all hosts below it. */
static bool domain_good(const char *s, size_t n)
{
    size_t dot = n > 0 && s[0] == '.';

    return host_good(s + dot, n - dot);
}

/* Four or sixteen bytes of address and as many of a mask of leading ones. */
static bool network_good(const uint8_t *s, size_t n)
{
    bool ended = false;

    for (size_t bit = n * 4; bit < n * 8; bit++) {
        bool one = s[bit / 8] >> (7 - bit % 8) & 1;

        if (one && ended)
            return false;
        ended = !one;
    }
    return n == 8 || n == 32;
}

/* What is wrong with the base of a subtree, or NULL. */
static const char *base_fault(const GENERAL_NAME *g)
{
    const char *s;
    size_t n;

    if (g->type == GEN_IPADD)
        return network_good(ASN1_STRING_get0_data(g->d.iPAddress),
                            (size_t)ASN1_STRING_length(g->d.iPAddress))
                   ? NULL
                   : "an IP address without a mask of leading ones";
    if (g->type != GEN_DNS && g->type != GEN_URI && g->type != GEN_EMAIL)
        return NULL; /* OpenSSL refuses names of a form whose constraints it does not know */
    s = (const char *)ASN1_STRING_get0_data(g->d.ia5);
    n = (size_t)ASN1_STRING_length(g->d.ia5);
    if (g->type == GEN_DNS)
        return n == 0 || host_good(s, n) ? NULL
                                         : "a malformed DNS name (no dot or star goes before it)";
    if (g->type == GEN_URI)
        return domain_good(s, n) ? NULL : "a malformed host of URIs";
    return name_email_good(s, n) || domain_good(s, n) ? NULL
                                                      : "a malformed email address or domain";
}

static const char *subtrees_fault(const STACK_OF(GENERAL_SUBTREE) * list)
{
    const char *fault = NULL;

    for (int i = 0; i < sk_GENERAL_SUBTREE_num(list) && !fault; i++) {
        const GENERAL_SUBTREE *t = sk_GENERAL_SUBTREE_value(list, i);

        fault = t->minimum || t->maximum ? "a subtree of limited depth" : base_fault(t->base);
    }
    return fault;
}

static NAME_CONSTRAINTS *constraints_of(X509 *x)
{
    return X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);
}

bool constraints_check(X509 *x, struct verdict *v)
{
    NAME_CONSTRAINTS *nc;
    const char *fault;
    char label[96];
    int n = 0;

    if (X509_get_ext_by_NID(x, NID_name_constraints, -1) < 0)
        return true;
    nc = constraints_of(x);
    fault = nc ? subtrees_fault(nc->permittedSubtrees) : "nothing that can be read";
    if (nc && sk_GENERAL_SUBTREE_num(nc->permittedSubtrees) > 0)
        n = sk_GENERAL_SUBTREE_num(nc->permittedSubtrees);
    if (nc && sk_GENERAL_SUBTREE_num(nc->excludedSubtrees) > 0)
        n += sk_GENERAL_SUBTREE_num(nc->excludedSubtrees);
    if (!fault && nc)
        fault = subtrees_fault(nc->excludedSubtrees);
    if (!fault && n == 0)
        fault = "no names";
    NAME_CONSTRAINTS_free(nc);
    if (n > SUBTREES_MAX)
        return deny(v, REASON_CHAIN_LIMIT, "%s: %d name constraints; at most %d are looked at",
                    cert_label(x, label), n, SUBTREES_MAX);
    return fault ? deny(v, REASON_CHAIN, "%s: its name constraints have %s", cert_label(x, label),
                        fault)
                 : true;
}

/* Is the host `name` at or below what a subtree of DNS names excludes? */
static bool within(const GENERAL_NAME *g, const char *name, size_t n)
{
    const char *base = (const char *)ASN1_STRING_get0_data(g->d.dNSName);
    size_t n_base = (size_t)ASN1_STRING_length(g->d.dNSName);

    return n >= n_base && !strncasecmp(name + n - n_base, base, n_base) &&
           (n == n_base || n_base == 0 || base[0] == '.' || name[n - n_base - 1] == '.');
}

bool constraints_exclude(STACK_OF(X509) * path, const char *name)
{
    bool found = false;

    for (int i = 1; i < sk_X509_num(path) && !found; i++) {
        NAME_CONSTRAINTS *nc = constraints_of(sk_X509_value(path, i));

        for (int k = 0; nc && k < sk_GENERAL_SUBTREE_num(nc->excludedSubtrees) && !found; k++) {
            const GENERAL_NAME *g = sk_GENERAL_SUBTREE_value(nc->excludedSubtrees, k)->base;

            found = g->type == GEN_DNS && within(g, name, strlen(name));
        }
        NAME_CONSTRAINTS_free(nc);
    }
    return found;
}

static bool has_uri(const STACK_OF(GENERAL_SUBTREE) * list)
{
    bool found = false;

    for (int i = 0; i < sk_GENERAL_SUBTREE_num(list) && !found; i++)
        found = sk_GENERAL_SUBTREE_value(list, i)->base->type == GEN_URI;
    return found;
}

static bool constrains_uris(STACK_OF(X509) * path)
{
    bool found = false;

    for (int i = 1; i < sk_X509_num(path) && !found; i++) {
        NAME_CONSTRAINTS *nc = constraints_of(sk_X509_value(path, i));

        found = nc && (has_uri(nc->permittedSubtrees) || has_uri(nc->excludedSubtrees));
        NAME_CONSTRAINTS_free(nc);
    }
    return found;
}

bool constraints_check_uris(STACK_OF(X509) * path, GENERAL_NAMES *sans, struct verdict *v)
{
    bool good = true;
    char label[96];

    for (int i = 0; i < sk_GENERAL_NAME_num(sans) && good; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(sans, i);

        if (g->type == GEN_URI)
            good = name_uri_has_host((const char *)ASN1_STRING_get0_data(g->d.ia5),
                                     (size_t)ASN1_STRING_length(g->d.ia5));
    }
    if (good || !constrains_uris(path))
        return true;
    return deny(v, REASON_CHAIN, "%s: a URI whose host its issuer's name constraints can not judge",
                cert_label(sk_X509_value(path, 0), label));
}
