/*
 * eckey: public keys on P-256 and P-384 in the one form that certificates have, without a parser.
 *
 * Why: OpenSSL builds the whole curve anew for each key that it reads, and that takes longer than
 * all the rest of a certificate. Here the curve is copied from a key that was made at start, and
 * the point is put into it, on the curve or not at all. Owner: the process. Never: a form that is
 * not byte for byte the usual one (named curve, uncompressed point): that is the default provider's
 * decoder's to read, as is whatever failed here.
 */
#ifndef PENSTOCK_HANDSHAKE_ECKEY_H
#define PENSTOCK_HANDSHAKE_ECKEY_H

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>

#define ECKEY_PROPERTIES "input=der,structure=SubjectPublicKeyInfo"

/* For a provider to list as decoder of "EC" with these properties, in the default's place. */
extern const OSSL_DISPATCH eckey_decoder[];

/*
 * Once, when the provider that lists it is made: what OpenSSL's core hands it, and the default
 * provider whose keys these are. 0 or -ENOTSUP.
 */
int eckey_start(const OSSL_DISPATCH *core, OSSL_PROVIDER *whole);

#endif
