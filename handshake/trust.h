/*
 * trust: anchors and CRLs of one trust store, parsed once.
 *
 * Why: every link that names the trust shares it; nothing is parsed in a handshake but the peer's
 * own chain. Owner: the revision. Caches here never change an answer. Never: looks at a clock.
 */
#ifndef PENSTOCK_HANDSHAKE_TRUST_H
#define PENSTOCK_HANDSHAKE_TRUST_H

#include <openssl/x509.h>
#include "handshake/verify.h"

#define CRL_CHECKED_MAX 8 /* issuer keys remembered for each CRL */

struct trust_crl {
    const struct crl_view *view;
    X509_CRL *head;       /* parsed without its entries: extensions, signature algorithm */
    const char *unusable; /* why it can never count; NULL: it may */
    struct {
        uint8_t spki_sha256[32];
        bool good;
    } checked[CRL_CHECKED_MAX]; /* signature verdicts by issuer key */
    unsigned n_checked;
};

#define PATH_CACHE 512

struct path_cached { /* one path verdict: depends on nothing but chain, side and server name */
    uint8_t key[32];
    bool used;
    STACK_OF(X509) * path;
};

struct trust {
    const struct policy_trust *policy;
    X509_STORE *store;
    STACK_OF(X509) * anchors;
    struct trust_crl *crls;
    size_t n_crls;
    struct path_cached *cache; /* PATH_CACHE, direct-mapped */
};

#endif
