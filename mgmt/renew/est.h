/*
 * est: the texts of EST, Enrollment over Secure Transport (RFC 7030, clarified by RFC 8951).
 *
 * Why: what comes from a server is decoded here, apart from when and over what it came.
 * Owner: pure over the caller's bytes. Never: takes a certificate for another key than was asked
 * for; more than EST_CERTS_MAX of them.
 */
#ifndef PENSTOCK_MGMT_RENEW_EST_H
#define PENSTOCK_MGMT_RENEW_EST_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/vault.h"

#define EST_BYTES_MAX (1024 * 1024)
#define EST_CERTS_MAX 16
#define EST_CHAIN_MAX 8

/* A request (PKCS#10, DER) as the body of a POST: base64 in lines. NULL: out of memory. */
char *est_request(const uint8_t *csr, size_t n);
/*
 * The certificates of an answer: base64 (with or without line ends) of a certs-only PKCS#7
 * (RFC 7030 4.1.3). NULL with *e.
 */
STACK_OF(X509) * est_certs(const uint8_t *body, size_t n, struct err *e);
/*
 * The certificate of this key (SubjectPublicKeyInfo, DER) among those issued, and behind it its
 * issuers out of both heaps, without the root, as PEM (free()). NULL with *e.
 */
char *est_chain(STACK_OF(X509) * issued, STACK_OF(X509) * authorities, const uint8_t *spki,
                size_t n_spki, struct err *e);

/* What a request has to say so that it asks for the same names (RFC 7030 4.2.2). */
struct est_names {
    struct vault_names names;
    unsigned char *text[VAULT_SUBJECT_MAX + VAULT_SANS_MAX]; /* that names point into */
    unsigned n;
};
/* 0, or -EINVAL with *e: a kind of name that no request of ours can have. */
int est_names_of(X509 *x, struct est_names *out, struct err *e);
void est_names_free(struct est_names *n);

#endif
