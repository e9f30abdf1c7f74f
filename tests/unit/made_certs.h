/* made_certs: certificates and revocation lists made in memory, and files that exist only here. */
#ifndef PENSTOCK_TEST_MADE_CERTS_H
#define PENSTOCK_TEST_MADE_CERTS_H

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "mgmt/model/compile.h"

struct made {
    X509 *x;
    EVP_PKEY *key;
};

struct made_how {
    bool ca;
    const char *key;      /* "P-256" unless given; "P-384", "ED25519", "RSA1024", "RSA2048" */
    const char *eku;      /* NULL: none */
    const char *usage;    /* NULL: what fits */
    long from_s, until_s; /* from now; 0, 0: a day ago to a year ahead */
};

static inline EVP_PKEY *made_key(const char *kind)
{
    if (!kind)
        kind = "P-256";
    if (!strncmp(kind, "RSA", 3))
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(kind + 3));
    if (!strncmp(kind, "P-", 2))
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
    return EVP_PKEY_Q_keygen(NULL, NULL, kind);
}

static inline void made_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
}

/* A certificate of `name`, by issuer or (NULL) by itself. */
static inline struct made made_cert(const char *name, const struct made *issuer,
                                    struct made_how how)
{
    struct made m = {X509_new(), made_key(how.key)};
    const struct made *by = issuer ? issuer : &m;
    uint8_t serial[8];
    BIGNUM *bn;

    if (!how.from_s && !how.until_s) {
        how.from_s = -86400;
        how.until_s = 365 * 86400;
    }
    X509_set_version(m.x, X509_VERSION_3);
    RAND_bytes(serial, sizeof serial);
    serial[0] = 0x42;
    bn = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(m.x));
    BN_free(bn);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(m.x), "CN", MBSTRING_UTF8,
                               (const uint8_t *)name, -1, -1, 0);
    X509_set_issuer_name(m.x, X509_get_subject_name(by->x));
    X509_gmtime_adj(X509_getm_notBefore(m.x), how.from_s);
    X509_gmtime_adj(X509_getm_notAfter(m.x), how.until_s);
    X509_set_pubkey(m.x, m.key);
    made_ext(m.x, by->x, NID_basic_constraints, how.ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    made_ext(m.x, by->x, NID_key_usage,
             how.usage ? how.usage
             : how.ca  ? "critical,keyCertSign,cRLSign"
                       : "critical,digitalSignature");
    made_ext(m.x, by->x, NID_subject_key_identifier, "hash");
    if (issuer)
        made_ext(m.x, by->x, NID_authority_key_identifier, "keyid");
    if (how.eku)
        made_ext(m.x, by->x, NID_ext_key_usage, how.eku);
    X509_sign(m.x, by->key, EVP_PKEY_is_a(by->key, "ED25519") ? NULL : EVP_sha256());
    return m;
}

static inline void made_free(struct made *m)
{
    X509_free(m->x);
    EVP_PKEY_free(m->key);
}

struct made_list {
    long from_s, until_s; /* from now; 0, 0: a day ago to a month ahead */
    bool no_number, no_next, delta, partial, v1, general_time, critical_number;
};

/* A list of n serials: 1000, 1001, ... in an order that is not sorted. */
static inline X509_CRL *made_crl(const struct made *issuer, unsigned n, struct made_list how)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *t = ASN1_TIME_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();

    if (!how.from_s && !how.until_s) {
        how.from_s = -86400;
        how.until_s = 30 * 86400;
    }
    X509_CRL_set_version(crl, how.v1 ? X509_CRL_VERSION_1 : X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x));
    X509_CRL_set1_lastUpdate(crl, X509_gmtime_adj(t, how.from_s));
    for (unsigned i = 0; i < n; i++) {
        X509_REVOKED *r = X509_REVOKED_new();

        ASN1_INTEGER_set(number, (long)(1000 + (i * 7919ul) % n)); /* 7919 is prime */
        X509_REVOKED_set_serialNumber(r, number);
        X509_REVOKED_set_revocationDate(r, t);
        X509_CRL_add0_revoked(crl, r);
    }
    if (!how.no_next)
        X509_CRL_set1_nextUpdate(crl, X509_gmtime_adj(t, how.until_s));
    if (how.general_time) {
        ASN1_TIME *general = ASN1_TIME_to_generalizedtime(t, NULL);

        X509_CRL_set1_nextUpdate(crl, general);
        ASN1_TIME_free(general);
    }
    ASN1_INTEGER_set(number, 7);
    if (!how.no_number)
        X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, how.critical_number, 0);
    if (how.delta)
        X509_CRL_add1_ext_i2d(crl, NID_delta_crl, number, 1, 0);
    if (how.partial) {
        ISSUING_DIST_POINT *idp = ISSUING_DIST_POINT_new();

        idp->onlyuser = 0xff;
        X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, idp, 1, 0);
        ISSUING_DIST_POINT_free(idp);
    }
    X509_CRL_sign(crl, issuer->key, EVP_sha256());
    ASN1_INTEGER_free(number);
    ASN1_TIME_free(t);
    return crl;
}

/* Files that exist only here. */
struct made_file {
    char name[32];
    uint8_t *data;
    size_t n;
    unsigned reads;
};

struct made_files {
    struct made_file f[32];
    unsigned n, keys;
};

static inline void made_put(struct made_files *all, const char *name, const void *data, size_t n)
{
    struct made_file *f = NULL;

    for (unsigned i = 0; i < all->n; i++)
        if (!strcmp(all->f[i].name, name))
            f = &all->f[i];
    if (!f)
        f = &all->f[all->n++];
    free(f->data);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->data = malloc(n ? n : 1);
    memcpy(f->data, data, n);
    f->n = n;
}

static inline void made_put_bio(struct made_files *all, const char *name, BIO *bio)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);

    made_put(all, name, data, (size_t)n);
    BIO_free(bio);
}

/* Certificates as PEM, in this order; up to the first NULL. */
static inline void made_put_pem(struct made_files *all, const char *name, X509 *a, X509 *b, X509 *c)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509(bio, a);
    if (b)
        PEM_write_bio_X509(bio, b);
    if (c)
        PEM_write_bio_X509(bio, c);
    made_put_bio(all, name, bio);
}

static inline void made_put_crl(struct made_files *all, const char *name, X509_CRL *a, X509_CRL *b)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509_CRL(bio, a);
    if (b)
        PEM_write_bio_X509_CRL(bio, b);
    made_put_bio(all, name, bio);
}

static inline int made_read(void *arg, uint8_t kind, const char *path, size_t max, uint8_t **data,
                            size_t *n)
{
    struct made_files *all = arg;

    (void)kind;
    for (unsigned i = 0; i < all->n; i++) {
        struct made_file *f = &all->f[i];

        if (strcmp(f->name, path))
            continue;
        if (f->n > max)
            return -EFBIG;
        f->reads++;
        *data = malloc(f->n ? f->n : 1);
        memcpy(*data, f->data, f->n);
        *n = f->n;
        return 0;
    }
    return -ENOENT;
}

static inline int made_token(void *arg, const struct compile_wish *w, struct compile_key *out,
                             struct err *e)
{
    struct made_files *all = arg;

    if (!w->key)
        return err_set(e, -ENOENT, w->where, "import it", "the key is not held here");
    if (!strcmp(w->key, "none.key") || strstr(w->key, "-----BEGIN"))
        return compile_no_file(w, -EACCES, e);
    out->token = 100 + all->keys++;
    return 0;
}

static inline void made_files_free(struct made_files *all)
{
    for (unsigned i = 0; i < all->n; i++)
        free(all->f[i].data);
    memset(all, 0, sizeof *all);
}

#endif
