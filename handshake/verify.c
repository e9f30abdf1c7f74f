#include "handshake/verify.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/parts.h"
#include "handshake/rules.h"

/* Errors by the alert that OpenSSL sends for them (RFC 8446 6.2). */
#define ALERT_HANDSHAKE_FAILURE       X509_V_ERR_APPLICATION_VERIFICATION          /* 40 */
#define ALERT_BAD_CERTIFICATE         X509_V_ERR_CERT_REJECTED                     /* 42 */
#define ALERT_UNSUPPORTED_CERTIFICATE X509_V_ERR_INVALID_PURPOSE                   /* 43 */
#define ALERT_CERTIFICATE_REVOKED     X509_V_ERR_CERT_REVOKED                      /* 44 */
#define ALERT_CERTIFICATE_EXPIRED     X509_V_ERR_CERT_HAS_EXPIRED                  /* 45 */
#define ALERT_CERTIFICATE_UNKNOWN     X509_V_ERR_PERMITTED_VIOLATION               /* 46 */
#define ALERT_UNKNOWN_CA              X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY /* 48 */
#define ALERT_INTERNAL_ERROR          X509_V_ERR_UNSPECIFIED                       /* 80 */

static const struct {
    enum reason reason;
    int error;
} errors[] = {
    {REASON_NO_CERTIFICATE, ALERT_HANDSHAKE_FAILURE},
    {REASON_CHAIN_LIMIT, ALERT_BAD_CERTIFICATE},
    {REASON_UNKNOWN_CA, ALERT_UNKNOWN_CA},
    {REASON_SIGNATURE, ALERT_BAD_CERTIFICATE},
    {REASON_CHAIN, ALERT_BAD_CERTIFICATE},
    {REASON_KEY_TYPE, ALERT_UNSUPPORTED_CERTIFICATE},
    {REASON_EXPIRED, ALERT_CERTIFICATE_EXPIRED},
    {REASON_NOT_YET_VALID, ALERT_CERTIFICATE_EXPIRED}, /* "or is not currently valid" */
    {REASON_LEAF_IS_CA, ALERT_BAD_CERTIFICATE},
    {REASON_EKU, ALERT_UNSUPPORTED_CERTIFICATE},
    {REASON_NAME_INVALID, ALERT_BAD_CERTIFICATE},
    {REASON_NAME_MISMATCH, ALERT_BAD_CERTIFICATE},
    {REASON_REVOKED, ALERT_CERTIFICATE_REVOKED},
    {REASON_CRL_MISSING, ALERT_CERTIFICATE_UNKNOWN},
    {REASON_CRL_STALE, ALERT_CERTIFICATE_UNKNOWN},
    {REASON_CRL_INVALID, ALERT_CERTIFICATE_UNKNOWN},
    {REASON_NO_RULE, ALERT_CERTIFICATE_UNKNOWN}, /* access_denied can not be sent from here */
};

int reason_x509_error(enum reason r)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].reason == r)
            return errors[i].error;
    return ALERT_INTERNAL_ERROR;
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
    path_good = path_verify(side, presented, now, v, &path);
    status_good = path_good && status_verify(side, path, now, v);
    rule_good = path_good && rules_allow(side, path, v);
    v->allow = path_good && status_good && rule_good && v->n_reasons == 0; /* the one place */
    if (v->allow && path_out) {
        *path_out = path;
        path = NULL;
    }
    if (!v->allow) {
        v->until = 0;
        if (v->n_reasons == 0)
            deny(v, REASON_INTERNAL, "refused without a reason");
    }
    sk_X509_pop_free(path, X509_free);
    ERR_clear_error();
}
