/*
 * mac: HMAC as OpenSSL asks for it, for TLS's Finished.
 *
 * Why: see hmac; OpenSSL's own takes longer to find its digest than to compute. Owner: OpenSSL,
 * which makes and frees what it computes with. Never: a digest that no suite here has.
 */
#ifndef PENSTOCK_HANDSHAKE_MAC_H
#define PENSTOCK_HANDSHAKE_MAC_H

#include <openssl/core_dispatch.h>

/* For a provider to list as "HMAC"; hmac_start() comes before its first use. */
extern const OSSL_DISPATCH mac_hmac[];

#endif
