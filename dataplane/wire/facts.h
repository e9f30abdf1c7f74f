/*
 * facts: what is known of a verified peer, and what a handshake agreed on.
 *
 * Why: the data plane logs, counts, forwards (PROXY TLVs) and re-judges peers without ever parsing
 * a certificate; the handshake process extracts what is needed once. Owner: plain data. Strings are
 * UTF-8 from the certificate: quote before logging.
 */
#ifndef PENSTOCK_WIRE_FACTS_H
#define PENSTOCK_WIRE_FACTS_H

#include <stdint.h>
#include "dataplane/base/buf.h"

#define CHAIN_DER_MAX (32 * 1024) /* bytes of a peer's chain, leaf first */

struct peer_facts {
    uint8_t chain_sha256[32]; /* over the concatenated DER, leaf first */
    uint8_t cert_sha256[32];  /* the leaf */
    uint8_t spki_sha256[32];
    char name[256];       /* first URI, else DNS, else email, else IP SAN, else the CN */
    char common_name[65]; /* "" when there is none */
    char serial[43];      /* lower-case hex */
    char key_alg[24];     /* "EC256", "EC384", "RSA2048", "Ed25519", "ML-DSA-65" */
    char sig_alg[48];     /* the leaf's signature: "ecdsa-with-SHA256" */
    int64_t not_after;    /* the leaf's, seconds since 1970 */
    int64_t until;        /* the verdict holds until then: least of notAfter over the path, and
                             of CRL nextUpdate where the trust says crl_stale "cut" */
    uint16_t rule;        /* index of the peer rule that allowed it */
};

struct negotiated {
    uint16_t version;      /* TLS12, TLS13 */
    uint16_t suite;        /* IANA */
    char group[32];        /* "X25519", "secp256r1"... */
    char sig_scheme[32];   /* what the peer signed with: "ecdsa_secp256r1_sha256" */
    char alpn[64];         /* "" : none */
    char server_name[256]; /* SNI, lower case; "" : none */
};

void peer_facts_put(struct buf *b, const struct peer_facts *f);
void peer_facts_get(struct buf *b, struct peer_facts *f);
void negotiated_put(struct buf *b, const struct negotiated *n);
void negotiated_get(struct buf *b, struct negotiated *n);

#endif
