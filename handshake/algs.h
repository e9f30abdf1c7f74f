/*
 * algs: which keys and signature algorithms count, by list.
 *
 * Why: a list of what is allowed can not forget what is forbidden; an 8192-bit RSA key costs time
 * before it costs trust, so keys are looked at before any signature is verified. Owner: pure.
 * Never: SHA-1, MD5, DSA, explicit curves; a default for what is not on the list.
 */
#ifndef PENSTOCK_HANDSHAKE_ALGS_H
#define PENSTOCK_HANDSHAKE_ALGS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALGS_KEYS "RSA 2048 to 4096, P-256, P-384, Ed25519 or ML-DSA"

/* Is the key's type and size on the list? Fills its name ("RSA2048", "EC256") in any case. */
bool key_allowed(EVP_PKEY *key, char name[24]);
/* The same for a certificate's key; a key that can not be read is not. */
bool cert_key_allowed(X509 *x, char name[24]);
/* Is the signature algorithm, parameters included, on the list? */
bool signature_allowed(const X509_ALGOR *alg);
/* True if sig is the key's signature over data by an algorithm and a key of the lists. */
bool signature_good(const X509_ALGOR *alg, EVP_PKEY *key, const uint8_t *data, size_t n,
                    const uint8_t *sig, size_t n_sig);

#endif
