/* parts: what the pieces of verify share. Private to verify and the files it is made of. */
#ifndef PENSTOCK_HANDSHAKE_PARTS_H
#define PENSTOCK_HANDSHAKE_PARTS_H

#include <openssl/x509v3.h>
#include "handshake/algs.h"
#include "handshake/trust.h"
#include "handshake/verify.h"

#define CHAIN_CERTS_MAX 8
#define SANS_MAX        100

/* Add a reason; formats the text. Always returns false, for `return deny(...)`. */
bool deny(struct verdict *v, enum reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The path part. *path gets the verified path (leaf first, anchor last), counted for the caller.
 * `now` only chooses among several paths; the dates themselves are judged by the status part.
 */
bool path_verify(const struct verify_side *side, STACK_OF(X509) * presented, int64_t now,
                 struct verdict *v, STACK_OF(X509) * *path);
/* An order for certificates of which the first that fits is taken; ties by content. */
int longest_living_first(const X509 *const *a, const X509 *const *b);
/* What every path is built with: strict, no dates, no CRLs, level 2, depth. */
void path_parameters(X509_STORE_CTX *ctx);
/* The signatures of one path: those above the leaf are computed once (issuers.c). */
struct issuers {
    const struct trust *trust;
    X509_STORE_CTX_verify_fn openssl; /* its own pass over the signatures */
    bool asked;                       /* it was needed */
};
/* Before X509_verify_cert(); `s` must outlive it. */
void issuers_attach(struct issuers *s, const struct trust *t, X509_STORE_CTX *ctx);
/* The path is good, all of it: remember who issued whom above the leaf. */
void issuers_learn(const struct issuers *s, STACK_OF(X509) * path);
/* The status part: dates, revocation. Fills until. */
bool status_verify(const struct verify_side *side, STACK_OF(X509) * path, int64_t now,
                   struct verdict *v);

/* One certificate's own form: key and signature algorithm by list, serial, extensions. */
bool form_check(X509 *x, bool anchor, struct verdict *v);
/* What only a leaf must have and have not. */
bool form_check_leaf(X509 *leaf, enum leg_side side, struct verdict *v);
/* The form of an anchor, when a trust is made: what would spoil every path that ends in it. */
bool form_check_anchor(X509 *x, struct verdict *v);
/* The form of a certificate's name constraints, if it has some. */
bool constraints_check(X509 *x, struct verdict *v);
/* Does an issuer of the path exclude this DNS name? */
bool constraints_exclude(STACK_OF(X509) * path, const char *name);
/* If an issuer constrains URIs: has each of the leaf's a host to be judged by? */
bool constraints_check_uris(STACK_OF(X509) * path, GENERAL_NAMES *sans, struct verdict *v);
/* Names of the leaf: form, number and wildcards. sans may be NULL: there are none. */
bool names_check(X509 *leaf, GENERAL_NAMES *sans, enum leg_side side, struct verdict *v);
/* Does a SAN match the server's name (DNS name or IP literal)? *wild: by a wildcard. */
bool names_match_server(const GENERAL_NAMES *sans, const char *server_name, bool *wild);
/* The leaf's SANs; false when there are some that can not be read. *sans may become NULL. */
bool names_read(X509 *leaf, GENERAL_NAMES **sans);

/* True if the CRL's issuer name, and key identifier where both have one, are this issuer's. */
bool crl_names_issuer(const struct trust_crl *c, X509 *issuer);

/* SHA-256 over `n` bytes at `first` and then the DER of all certificates. 0 or -ENOMEM. */
int chain_digest(STACK_OF(X509) * chain, const void *first, size_t n, uint8_t out[32]);
/* SHA-256 over a certificate. 0 or -EINVAL. */
int cert_digest(X509 *x, uint8_t out[32]);
/* SHA-256 over a certificate's SubjectPublicKeyInfo. 0 or -EINVAL. */
int spki_digest(X509 *x, uint8_t out[32]);
/* A short name of a certificate for texts: its CN, printable. */
const char *cert_label(X509 *x, char out[96]);
int64_t asn1_time(const ASN1_TIME *t); /* seconds since 1970; INT64_MIN when it does not parse */

#endif
