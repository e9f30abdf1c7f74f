/* The status part of verify: dates and revocation, at one moment. */
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/check.h"
#include "handshake/parts.h"

int64_t asn1_time(const ASN1_TIME *t)
{
    struct tm tm;

    if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
        return INT64_MIN;
    return (int64_t)timegm(&tm);
}

static const char *day(int64_t t, char out[32])
{
    time_t s = (time_t)t;
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

static bool check_dates(X509 *x, int64_t now, struct verdict *v)
{
    int64_t from = asn1_time(X509_get0_notBefore(x)), to = asn1_time(X509_get0_notAfter(x));
    char label[96], when[32];

    if (from == INT64_MIN || to == INT64_MIN)
        return deny(v, REASON_CHAIN, "%s: its dates can not be read", cert_label(x, label));
    if (now < from)
        return deny(v, REASON_NOT_YET_VALID, "%s: not valid before %s", cert_label(x, label),
                    day(from, when));
    if (now > to)
        return deny(v, REASON_EXPIRED, "%s: expired at %s", cert_label(x, label), day(to, when));
    if (to < v->until)
        v->until = to;
    return true;
}

/* A CRL's signature by this issuer key, over the bytes of its TBS part; remembered. */
static bool signature_good(struct trust_crl *c, X509 *issuer)
{
    uint8_t spki[32];
    unsigned n = sizeof spki;
    bool good;

    if (X509_pubkey_digest(issuer, EVP_sha256(), spki, &n) != 1)
        return false;
    for (unsigned i = 0; i < c->n_checked; i++)
        if (!memcmp(c->checked[i].spki_sha256, spki, sizeof spki))
            return c->checked[i].good;
    good = X509_CRL_verify(c->head, X509_get0_pubkey(issuer)) == 1;
    if (c->n_checked < CRL_CHECKED_MAX) {
        memcpy(c->checked[c->n_checked].spki_sha256, spki, sizeof spki);
        c->checked[c->n_checked++].good = good;
    }
    return good;
}

static bool signature_strong(X509_CRL *crl)
{
    int nid = X509_CRL_get_signature_nid(crl), digest = NID_undef;

    if (OBJ_find_sigid_algs(nid, &digest, NULL) != 1)
        return false;
    return digest != NID_sha1 && digest != NID_md5 && digest != NID_md5_sha1;
}

/* Why this CRL can not speak for this issuer now, or NULL. *reason says which kind. */
static const char *crl_fault(struct trust_crl *c, X509 *issuer, int64_t now, enum reason *reason)
{
    uint32_t usage = X509_get_key_usage(issuer);

    *reason = REASON_CRL_INVALID;
    if (c->unusable)
        return c->unusable;
    if (usage != UINT32_MAX && !(usage & KU_CRL_SIGN))
        return "its issuer may not sign CRLs";
    if (!signature_strong(c->head))
        return "it is signed with a weak or unknown algorithm";
    if (!signature_good(c, issuer))
        return "its signature is not its issuer's";
    if (now < c->view->this_update)
        return "it is from the future";
    if (now >= c->view->next_update) {
        *reason = REASON_CRL_STALE;
        return "it is past its next update";
    }
    return NULL;
}

static bool issued_by(const struct trust_crl *c, X509 *issuer)
{
    return X509_NAME_cmp(X509_CRL_get_issuer(c->head), X509_get_subject_name(issuer)) == 0;
}

/* RFC 5280 5.2.3: numbers only grow. */
static int number_compare(const struct trust_crl *a, const struct trust_crl *b)
{
    const uint8_t *x = a->view->number, *y = b->view->number;
    size_t nx = a->view->n_number, ny = b->view->n_number;

    while (nx && *x == 0)
        x++, nx--;
    while (ny && *y == 0)
        y++, ny--;
    if (nx != ny)
        return nx < ny ? -1 : 1;
    return nx ? memcmp(x, y, nx) : 0;
}

/* The newest CRL that speaks for the issuer, or NULL with the best reason why not. */
static struct trust_crl *find_crl(const struct trust *t, X509 *issuer, int64_t now,
                                  enum reason *reason, const char **fault)
{
    struct trust_crl *best = NULL;

    *reason = REASON_CRL_MISSING;
    *fault = "no CRL of its issuer is configured";
    for (size_t i = 0; i < t->n_crls; i++) {
        struct trust_crl *c = &t->crls[i];
        enum reason why;
        const char *text;

        if (!issued_by(c, issuer))
            continue;
        text = crl_fault(c, issuer, now, &why);
        if (text) {
            if (*reason != REASON_CRL_STALE) {
                *reason = why;
                *fault = text;
            }
        } else if (!best || number_compare(c, best) > 0) {
            best = c;
        }
    }
    return best;
}

static bool check_revocation(const struct trust *t, X509 *x, X509 *issuer, int64_t now,
                             struct verdict *v)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    enum reason reason;
    const char *fault;
    struct trust_crl *c = find_crl(t, issuer, now, &reason, &fault);
    char label[96], by[96];

    if (!c)
        return deny(v, reason, "%s, issued by %s: the CRL: %s", cert_label(x, label),
                    cert_label(issuer, by), fault);
    if (crl_has(c->view, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial)))
        return deny(v, REASON_REVOKED, "%s: revoked by %s", cert_label(x, label),
                    cert_label(issuer, by));
    if (t->policy->stale_cuts && c->view->next_update < v->until)
        v->until = c->view->next_update;
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
