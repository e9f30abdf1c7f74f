/*
 * trust: anchors and CRLs of one trust store, parsed once.
 *
 * Why: every link that names the trust shares it; nothing is parsed in a handshake but the peer's
 * own chain. Owner: the revision. Caches here never change an answer. Never: looks at a clock.
 */
#ifndef PENSTOCK_HANDSHAKE_TRUST_H
#define PENSTOCK_HANDSHAKE_TRUST_H

#include <openssl/x509.h>
#include "handshake/crlform.h"
#include "handshake/pathcache.h"
#include "handshake/verify.h"

#define CRL_CHECKED_MAX 8 /* issuer keys remembered for each CRL */

struct trust_crl {
    const struct crl_view *view;
    struct crl_form form;
    struct { /* signature verdicts by issuer key, the oldest makes room */
        uint8_t spki_sha256[32];
        bool good;
    } checked[CRL_CHECKED_MAX];
    unsigned n_checked;
};

struct trust {
    const struct policy_trust *policy;
    STACK_OF(X509) * anchors; /* the longest-living first: of equals, OpenSSL takes the first */
    struct trust_crl *crls;   /* sorted by issuer */
    size_t n_crls;
    uint8_t identity[32]; /* SHA-256 over the anchors */
    struct path_cache *cache;
};

/* The CRLs of an issuer's name: the first of *n neighbours. */
struct trust_crl *trust_crls_of(const struct trust *t, X509 *issuer, size_t *n);
/* Did this issuer's key sign the CRL? Worked out once for each key. */
bool trust_crl_signed_by(struct trust_crl *c, X509 *issuer);
bool trust_has_anchor(const struct trust *t, X509 *x);

#endif
