/* The status part of verify: dates and revocation, at one moment. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/check.h"
#include "handshake/parts.h"

/* RFC 5280 4.1.2.5: to the second, in Zulu time, without fractions. */
static bool time_good(const ASN1_TIME *t)
{
    const uint8_t *s = ASN1_STRING_get0_data(t);
    int n = ASN1_STRING_length(t), digits = 0;

    while (digits < n && s[digits] >= '0' && s[digits] <= '9')
        digits++;
    return digits == n - 1 && s[digits] == 'Z' &&
           n == (ASN1_STRING_type(t) == V_ASN1_UTCTIME ? 13 : 15);
}

int64_t asn1_time(const ASN1_TIME *t)
{
    struct tm tm;

    if (!t || !time_good(t) || ASN1_TIME_to_tm(t, &tm) != 1)
        return INT64_MIN;
    return (int64_t)timegm(&tm);
}

static const char *moment(int64_t t, char out[32])
{
    time_t s = (time_t)t;
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

/* RFC 5280 4.1.2.5: both ends belong to the validity. */
static bool check_dates(X509 *x, int64_t now, struct verdict *v)
{
    int64_t from = asn1_time(X509_get0_notBefore(x)), to = asn1_time(X509_get0_notAfter(x));
    char label[96], when[32];

    if (from == INT64_MIN || to == INT64_MIN)
        return deny(v, REASON_CHAIN, "%s: its dates can not be read", cert_label(x, label));
    if (now < from)
        return deny(v, REASON_NOT_YET_VALID, "%s: not valid before %s", cert_label(x, label),
                    moment(from, when));
    if (now > to)
        return deny(v, REASON_EXPIRED, "%s: expired at %s", cert_label(x, label), moment(to, when));
    if (to < v->until)
        v->until = to;
    return true;
}

static bool same_bytes(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b)
{
    return n_a == n_b && (n_a == 0 || !memcmp(a, b, n_a));
}

bool crl_names_issuer(const struct trust_crl *c, X509 *issuer)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer);

    if (X509_NAME_cmp(c->form.issuer, X509_get_subject_name(issuer)))
        return false;
    return !c->form.key_id || !id ||
           same_bytes(c->form.key_id, c->form.n_key_id, ASN1_STRING_get0_data(id),
                      (size_t)ASN1_STRING_length(id));
}

/* RFC 5280 5.2.3: numbers only grow. */
static int number_compare(const struct crl_form *a, const struct crl_form *b)
{
    if (a->n_number != b->n_number)
        return a->n_number < b->n_number ? -1 : 1;
    return memcmp(a->number, b->number, a->n_number);
}

static bool is_newer(const struct trust_crl *a, const struct trust_crl *b)
{
    int c = number_compare(&a->form, &b->form);

    return c > 0 || (c == 0 && a->form.this_update > b->form.this_update);
}

static bool lists(const struct trust_crl *c, X509 *x)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);

    return crl_has(c->view, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));
}

/* What the CRLs of one issuer say. */
struct finding {
    const struct trust_crl *newest; /* by number, of those that are not from the future */
    bool listed_later;              /* one from the future lists the certificate */
    enum reason reason;             /* why there is no newest */
    const char *fault;
};

/* Why this CRL can not speak for the issuer at any time, or NULL. */
static const char *crl_fault(struct trust_crl *c, X509 *issuer)
{
    if (c->form.fault)
        return c->form.fault;
    if (!(X509_get_key_usage(issuer) & KU_CRL_SIGN)) /* all bits when there is no key usage */
        return "its issuer may not sign CRLs";
    if (!trust_crl_signed_by(c, issuer))
        return "its signature is not its issuer's";
    return NULL;
}

static void look_up(const struct trust *t, X509 *x, X509 *issuer, int64_t now, struct finding *f)
{
    size_t n;
    struct trust_crl *all = trust_crls_of(t, issuer, &n);

    *f = (struct finding){.reason = REASON_CRL_MISSING, .fault = "there is none of its issuer"};
    for (size_t i = 0; i < n; i++) {
        struct trust_crl *c = &all[i];
        const char *fault;

        if (!crl_names_issuer(c, issuer))
            continue;
        fault = crl_fault(c, issuer);
        if (!fault && now >= c->form.this_update) {
            if (!f->newest || is_newer(c, f->newest))
                f->newest = c;
            continue;
        }
        if (!fault)
            f->listed_later |= lists(c, x);
        f->reason = REASON_CRL_INVALID;
        f->fault = fault ? fault : "it is from the future";
    }
}

static bool check_revocation(const struct trust *t, X509 *x, X509 *issuer, int64_t now,
                             struct verdict *v)
{
    char label[96], by[96], when[32];
    const struct trust_crl *c;
    struct finding f;

    look_up(t, x, issuer, now, &f);
    c = f.newest;
    if (f.listed_later || (c && lists(c, x)))
        return deny(v, REASON_REVOKED, "%s: revoked by %s", cert_label(x, label),
                    cert_label(issuer, by));
    if (!c)
        return deny(v, f.reason, "%s, issued by %s: the CRL: %s", cert_label(x, label),
                    cert_label(issuer, by), f.fault);
    if (now >= c->form.next_update)
        return deny(v, REASON_CRL_STALE, "%s, issued by %s: the CRL: its next update was due at %s",
                    cert_label(x, label), cert_label(issuer, by),
                    moment(c->form.next_update, when));
    if (t->policy->stale_cuts && c->form.next_update < v->until)
        v->until = c->form.next_update;
    return true;
}

bool status_verify(const struct verify_side *side, STACK_OF(X509) * path, int64_t now,
                   struct verdict *v)
{
    bool good = true;

    v->until = INT64_MAX;
    for (int i = 0; i < sk_X509_num(path); i++)
        good &= check_dates(sk_X509_value(path, i), now, v);
    for (int i = 0; side->trust->policy->revocation && i + 1 < sk_X509_num(path); i++)
        good &= check_revocation(side->trust, sk_X509_value(path, i), sk_X509_value(path, i + 1),
                                 now, v);
    return good;
}
