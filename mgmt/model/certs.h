/*
 * certs: certificate files of the configuration.
 *
 * Why: PEM or DER, several in a file, in the wrong order, expired, of the wrong kind: said in an
 * operator's words, before any process sees them. Owner: pure over the caller's bytes, and `now`
 * where time matters. Never: takes a file with a private key in it.
 */
#ifndef PENSTOCK_MGMT_MODEL_CERTS_H
#define PENSTOCK_MGMT_MODEL_CERTS_H

#include <openssl/x509.h>
#include <stdbool.h>
#include "dataplane/base/err.h"

#define CERTS_FILE_MAX  256         /* certificates in one file */
#define CERTS_CHAIN_MAX 8           /* of our own chain: what a Penstock peer looks at */
#define CERTS_CHAIN_DER (32 * 1024) /* bytes */

/* Every certificate in the file, in its order. NULL with *e. */
STACK_OF(X509) * certs_read(const uint8_t *data, size_t n, const char *where, struct err *e);
/* Put a chain in order (leaf first, each the issuer of the one before). 0, or -EINVAL with *e. */
int certs_order(STACK_OF(X509) * chain, const char *where, struct err *e);
/* Our own chain, in order: key types, sizes, dates, what the leaf may be used for. 0 or -EINVAL. */
int certs_check_own(STACK_OF(X509) * chain, int64_t now, const char *where, struct err *e);
/* A CA that can be trusted: its kind and key. 0 or -EINVAL with *e. */
int certs_check_anchor(X509 *x, const char *where, struct err *e);
/*
 * Does our leaf's extended key usage allow its use? 1: yes; 0: it has none, which strict peers
 * refuse; -1: it names other uses only.
 */
int certs_purpose(X509 *leaf, bool server);

/* Seconds since 1970, INT64_MIN if unreadable; text (may be NULL) gets it in ISO 8601. */
int64_t certs_time(const ASN1_TIME *t, char text[32]);
/* A number for each type of key that a server can hold beside others, -1 for any other key. */
int certs_key_type(EVP_PKEY *key);
/* The subject for messages: its common name, else the whole. */
const char *certs_subject(const X509_NAME *name, char out[128]);
bool certs_are_pem(const uint8_t *data, size_t n);

#endif
