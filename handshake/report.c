#include "handshake/report.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"

#define ALERT_OFFSET 1000 /* OpenSSL's reason for an alert received: 1000 + the alert */

static const struct {
    int openssl;
    enum reason reason;
} reasons[] = {
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, REASON_NO_CERTIFICATE},
    {SSL_R_NO_SHARED_CIPHER, REASON_TLS_SUITE},
    {SSL_R_NO_SUITABLE_KEY_SHARE, REASON_TLS_SUITE},
    {SSL_R_NO_SUITABLE_GROUPS, REASON_TLS_SUITE},
    {SSL_R_NO_SHARED_GROUPS, REASON_TLS_SUITE},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, REASON_TLS_SUITE},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, REASON_TLS_SUITE},
    {SSL_R_WRONG_SIGNATURE_TYPE, REASON_TLS_SUITE},
    {SSL_R_WRONG_CURVE, REASON_TLS_SUITE},
    {SSL_R_UNSUPPORTED_PROTOCOL, REASON_TLS_VERSION},
    {SSL_R_VERSION_TOO_LOW, REASON_TLS_VERSION},
    {SSL_R_VERSION_TOO_HIGH, REASON_TLS_VERSION},
    {SSL_R_NO_PROTOCOLS_AVAILABLE, REASON_TLS_VERSION},
    {SSL_R_WRONG_SSL_VERSION, REASON_TLS_VERSION},
    {SSL_R_NO_APPLICATION_PROTOCOL, REASON_ALPN},
    {SSL_R_BAD_SIGNATURE, REASON_CERTIFICATE_VERIFY},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, REASON_CHAIN_LIMIT},
};

static enum reason reason_of(unsigned long err)
{
    for (size_t i = 0; ERR_GET_LIB(err) == ERR_LIB_SSL && i < ARRAY_LEN(reasons); i++)
        if (reasons[i].openssl == ERR_GET_REASON(err))
            return reasons[i].reason;
    return REASON_TLS_PROTOCOL;
}

/* The first error is the cause, unless it is a provider's and TLS says later what it meant. */
static unsigned long take_cause(void)
{
    unsigned long cause = ERR_get_error(), err;

    while ((err = ERR_get_error()))
        if (ERR_GET_LIB(cause) != ERR_LIB_SSL && reason_of(err) != REASON_TLS_PROTOCOL)
            cause = err;
    return cause;
}

static void report_alert(const struct conn *c, int alert, struct conn_failure *f)
{
    f->reason = c->id.leg == LEG_INNER ? REASON_REFUSED_BY_SERVER : REASON_PEER_ALERT;
    snprintf(f->text, sizeof f->text, "the peer sent alert %d (%s)", alert,
             SSL_alert_desc_string_long(alert));
}

void report_failure(const struct conn *c, bool key_lost, struct conn_failure *f)
{
    unsigned long err = take_cause();
    int reason = ERR_GET_REASON(err);

    if (c->judged && !c->verdict.allow) {
        f->reason = c->verdict.n_reasons ? c->verdict.reasons[0].reason : REASON_INTERNAL;
        snprintf(f->text, sizeof f->text, "%s", c->verdict.reasons[0].text);
    } else if (key_lost) {
        f->reason = REASON_KEY_LOST;
        snprintf(f->text, sizeof f->text, "the keyring did not sign for this link's identity");
    } else if (ERR_GET_LIB(err) == ERR_LIB_SSL && reason > ALERT_OFFSET) {
        report_alert(c, reason - ALERT_OFFSET, f);
    } else {
        f->reason = reason_of(err);
        snprintf(f->text, sizeof f->text, "%s",
                 err ? ERR_reason_error_string(err) : "the handshake failed");
    }
}

static const struct {
    int type, digest;
    const char *name;
} schemes[] = {
    {NID_X9_62_id_ecPublicKey, NID_sha256, "ecdsa_secp256r1_sha256"},
    {NID_X9_62_id_ecPublicKey, NID_sha384, "ecdsa_secp384r1_sha384"},
    {NID_X9_62_id_ecPublicKey, NID_sha512, "ecdsa_secp521r1_sha512"},
    {NID_rsassaPss, NID_sha256, "rsa_pss_sha256"},
    {NID_rsassaPss, NID_sha384, "rsa_pss_sha384"},
    {NID_rsassaPss, NID_sha512, "rsa_pss_sha512"},
    {NID_rsaEncryption, NID_sha256, "rsa_pkcs1_sha256"},
    {NID_rsaEncryption, NID_sha384, "rsa_pkcs1_sha384"},
    {NID_rsaEncryption, NID_sha512, "rsa_pkcs1_sha512"},
    {NID_ED25519, NID_undef, "ed25519"},
};

static void scheme_name(SSL *ssl, char *out, size_t n)
{
    int type = NID_undef, digest = NID_undef;

    SSL_get_peer_signature_type_nid(ssl, &type);
    SSL_get_peer_signature_nid(ssl, &digest);
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (schemes[i].type == type && (schemes[i].digest == digest || type == NID_ED25519)) {
            snprintf(out, n, "%s", schemes[i].name);
            return;
        }
    snprintf(out, n, "%s", type != NID_undef ? OBJ_nid2sn(type) : "");
}

void report_negotiated(SSL *ssl, struct negotiated *n)
{
    const unsigned char *alpn;
    unsigned n_alpn;
    const char *group;

    memset(n, 0, sizeof *n);
    n->version = (uint16_t)SSL_version(ssl);
    n->suite = (uint16_t)SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl));
    group = SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl));
    snprintf(n->group, sizeof n->group, "%s", group ? group : "");
    scheme_name(ssl, n->sig_scheme, sizeof n->sig_scheme);
    SSL_get0_alpn_selected(ssl, &alpn, &n_alpn);
    if (n_alpn < sizeof n->alpn)
        memcpy(n->alpn, alpn ? alpn : (const unsigned char *)"", alpn ? n_alpn : 0);
}
