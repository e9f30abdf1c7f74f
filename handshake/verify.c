#include "handshake/verify.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/parts.h"

/* The X509_V_ERR whose TLS alert says the right thing (RFC 8446 6.2). */
static const struct {
    enum reason reason;
    int error;
} errors[] = {
    {REASON_CHAIN_LIMIT, X509_V_ERR_CERT_REJECTED}, /* bad_certificate */
    {REASON_UNKNOWN_CA, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
    {REASON_SIGNATURE, X509_V_ERR_CERT_REJECTED},
    {REASON_CHAIN, X509_V_ERR_CERT_REJECTED},
    {REASON_KEY_TYPE, X509_V_ERR_INVALID_PURPOSE}, /* unsupported_certificate */
    {REASON_EXPIRED, X509_V_ERR_CERT_HAS_EXPIRED},
    {REASON_NOT_YET_VALID, X509_V_ERR_CERT_NOT_YET_VALID}, /* bad_certificate */
    {REASON_LEAF_IS_CA, X509_V_ERR_CERT_REJECTED},
    {REASON_EKU, X509_V_ERR_INVALID_PURPOSE},
    {REASON_NAME_INVALID, X509_V_ERR_CERT_REJECTED},
    {REASON_NAME_MISMATCH, X509_V_ERR_HOSTNAME_MISMATCH}, /* bad_certificate */
    {REASON_REVOKED, X509_V_ERR_CERT_REVOKED},
    {REASON_CRL_MISSING, X509_V_ERR_PERMITTED_VIOLATION}, /* certificate_unknown */
    {REASON_CRL_STALE, X509_V_ERR_PERMITTED_VIOLATION},
    {REASON_CRL_INVALID, X509_V_ERR_PERMITTED_VIOLATION},
    {REASON_NO_RULE, X509_V_ERR_PERMITTED_VIOLATION},
};

int reason_x509_error(enum reason r)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].reason == r)
            return errors[i].error;
    return X509_V_ERR_UNSPECIFIED;
}

bool deny(struct verdict *v, enum reason reason, const char *fmt, ...)
{
    va_list ap;

    if (v->n_reasons == VERDICT_REASONS)
        return false;
    v->reasons[v->n_reasons].reason = reason;
    v->reasons[v->n_reasons].x509_error = reason_x509_error(reason);
    va_start(ap, fmt);
    vsnprintf(v->reasons[v->n_reasons].text, sizeof v->reasons[0].text, fmt, ap);
    va_end(ap);
    v->n_reasons++;
    return false;
}

void verify(const struct verify_side *side, STACK_OF(X509) * presented, int64_t now,
            struct verdict *v, STACK_OF(X509) * *path_out)
{
    STACK_OF(X509) *path = NULL;
    bool path_good, status_good, rule_good;

    memset(v, 0, sizeof *v);
    if (sk_X509_num(presented) < 1) {
        deny(v, REASON_NO_CERTIFICATE, "no certificate was presented");
        return;
    }
    v->not_after = asn1_time(X509_get0_notAfter(sk_X509_value(presented, 0)));
    path_good = path_verify(side, presented, v, &path);
    status_good = path_good && status_verify(side, path, now, v);
    rule_good = path_good && rules_allow(side->tls, path, v);
    v->allow = path_good && status_good && rule_good && v->n_reasons == 0; /* the one place */
    if (v->allow && path_out) {
        *path_out = path;
        path = NULL;
    }
    if (!v->allow && v->n_reasons == 0)
        deny(v, REASON_INTERNAL, "refused without a reason");
    sk_X509_pop_free(path, X509_free);
    ERR_clear_error();
}

STACK_OF(X509) * chain_parse(const uint8_t *chain, size_t n, enum reason *why)
{
    STACK_OF(X509) *out = sk_X509_new_null();
    struct buf b;

    *why = n > CHAIN_DER_MAX ? REASON_CHAIN_LIMIT : REASON_INTERNAL;
    buf_init_read(&b, chain, n);
    while (out && n <= CHAIN_DER_MAX && buf_left(&b) > 0) {
        size_t len;
        const uint8_t *der = buf_get_blob(&b, CHAIN_DER_MAX, &len);
        const unsigned char *at = der;
        X509 *x = der ? d2i_X509(NULL, &at, (long)len) : NULL;

        if (sk_X509_num(out) >= CHAIN_CERTS_MAX)
            *why = REASON_CHAIN_LIMIT;
        if (!x || at != der + len || sk_X509_num(out) >= CHAIN_CERTS_MAX || !sk_X509_push(out, x)) {
            X509_free(x);
            sk_X509_pop_free(out, X509_free);
            ERR_clear_error();
            return NULL;
        }
    }
    if (!out || sk_X509_num(out) == 0 || !buf_done(&b)) {
        sk_X509_pop_free(out, X509_free);
        return NULL;
    }
    return out;
}
