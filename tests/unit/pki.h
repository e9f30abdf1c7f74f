/*
 * pki: certificates and CRLs as a test wants them, wrong ones above all.
 *
 * Why: what verify must refuse can mostly not be had from a well-behaved CA. Everything made lives
 * until the program ends. A failure to build ends the program: it is the test that is broken.
 */
#ifndef PENSTOCK_TEST_PKI_H
#define PENSTOCK_TEST_PKI_H

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include "handshake/verify.h"

#define PKI_NOW INT64_C(1800000000) /* the moment of all tests, in January 2027 */
#define PKI_DAY INT64_C(86400)

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "pki.c:%d: " #cond "\n", __LINE__);                                    \
            ERR_print_errors_fp(stderr);                                                           \
            exit(2);                                                                               \
        }                                                                                          \
    } while (0)

/* Everything stays reachable until the end, so that leak checks look at the code under test. */
void *pki_keep(void *p);

enum pki_key {
    KEY_P256, /* the default */
    KEY_P384,
    KEY_P521,
    KEY_RSA1024,
    KEY_RSA2048,
    KEY_RSA4096,
    KEY_RSA8192, /* a public key only: it signs nothing */
    KEY_RSA_E3,  /* the same, with exponent 3 */
    KEY_ED25519,
    KEY_DSA,      /* a public key only */
    KEY_EXPLICIT, /* P-256 with its parameters written out; a public key only */
    KEY_ML_DSA_65,
    KEY_COUNT
};

struct pki_ext {
    const char *oid;
    bool critical;
    const char *hex; /* the DER inside; "" is empty */
};

/* Zero is a good leaf without names or purpose; pki_spec_ca() a good CA. */
struct pki_spec {
    const char *cn, *org, *unit;
    enum pki_key key;
    EVP_PKEY *same_key; /* instead of a new one */
    bool ca;
    int pathlen;         /* of a CA, plus one; 0: none */
    const char *usage;   /* OpenSSL's words; NULL: what fits, "": none */
    const char *purpose; /* extended key usage; NULL: none */
    const char *sans;    /* "dns:a uri:b email:c ip:1.2.3.4 dir:cn other: raw:x"; `\0` is a NUL */
    const char *constraints;
    const char *serial; /* hex, "-" first for negative; NULL: the next */
    const char *digest; /* NULL: SHA256 */
    bool pss, no_ski, no_aki, plain_constraints /* basic constraints not critical */;
    bool critical_sans, plain_sans; /* neither: critical where there is no subject */
    int version;                    /* 0: 3 */
    int64_t from, to;               /* 0: a day ago, 100 days ahead */
    struct pki_ext extra[4];
};

struct pki_cert {
    X509 *x;
    EVP_PKEY *key;
};

/* issuer NULL: self-signed. */
struct pki_cert pki_issue(const struct pki_cert *issuer, const struct pki_spec *spec);
struct pki_cert pki_ca(const struct pki_cert *issuer, const char *cn);
struct pki_cert pki_leaf(const struct pki_cert *issuer, enum leg_side side, const char *sans);
/* A copy with one byte of its signature changed. */
X509 *pki_spoil(X509 *x);
/* Fields of a certificate's signed part, by their place in a version 3 one. */
enum pki_field {
    FIELD_VERSION,
    FIELD_SERIAL,
    FIELD_ALGORITHM,
    FIELD_ISSUER,
    FIELD_VALIDITY,
    FIELD_SUBJECT,
    FIELD_KEY,
    FIELD_EXTENSIONS,
    FIELD_MORE /* behind the extensions */
};
/* A copy with one field replaced by these bytes ("": left out), signed anew by issuer. NULL: this
 * OpenSSL does not even read it. */
X509 *pki_edit(const struct pki_cert *issuer, X509 *x, enum pki_field at, const char *hex);
EVP_PKEY *pki_new_key(enum pki_key kind);
bool pki_has(enum pki_key kind); /* does this OpenSSL know the type? */

struct pki_crl_spec {
    const char *const *serials; /* hex, NULL-terminated */
    X509 *revoked[8];
    const char *number; /* hex; NULL: 1, "": none */
    int64_t from, to;   /* 0: a day ago, a week ahead; to -1: none */
    const char *digest; /* NULL: SHA256 */
    const EVP_PKEY *by; /* another signer */
    bool no_aki, spoil;
    struct pki_ext extra[2];
    struct pki_ext entry; /* on every entry */
};

X509_CRL *pki_crl(const struct pki_cert *issuer, const struct pki_crl_spec *spec);
enum pki_crl_field {
    CRL_FIELD_VERSION,
    CRL_FIELD_ALGORITHM,
    CRL_FIELD_ISSUER,
    CRL_FIELD_THIS_UPDATE,
    CRL_FIELD_NEXT_UPDATE,
    CRL_FIELD_ENTRIES /* the extensions where there are no entries */
};
/* As pki_edit(). */
X509_CRL *pki_edit_crl(const struct pki_cert *issuer, X509_CRL *crl, enum pki_crl_field at,
                       const char *hex);
/* As mgmt compiles it. */
struct crl_view pki_table(X509_CRL *crl);

/* One question to verify(). Zero is: a client on the listen side, any rule, CRLs wanted. */
struct pki_case {
    X509 *anchors[8];
    X509_CRL *crls[8];
    X509 *chain[12];
    enum leg_side side;
    const char *server_name; /* NULL: gw.test on the forward side */
    bool no_revocation, stale_cuts, no_rules;
    const struct policy_rule *rules; /* NULL: {"any": true} */
    uint16_t n_rules;
    int64_t now; /* 0: PKI_NOW */
};

/*
 * Ask twice, with nothing learnt and with what the first time taught; a difference fails the case.
 * A trust that can not be built gives a denial of REASON_NONE.
 */
struct verdict pki_verify(const struct pki_case *c);
/* The first reason of a refusal; REASON_NONE when it is allowed (and nothing is odd about it). */
enum reason pki_refusal(const struct pki_case *c);
bool pki_allows(const struct pki_case *c);
struct trust *pki_trust(const struct pki_case *c, struct err *e); /* NULL: refused */
STACK_OF(X509) * pki_stack(X509 *const *list, size_t max);

#endif
