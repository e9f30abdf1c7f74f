/*
 * certs CA-CHAIN CA-KEY COUNT DIR URI: COUNT client certificates in DIR, as NAME.key and
 * NAME.chain.pem (with the chain of their issuer); the URI gets a number behind it: .../client/17.
 * They have one key between them, in one file with many names, which is read once.
 *
 * Why: "every peer is new" takes as many certificates as handshakes, and the openssl command takes
 * 10 ms for each. P-256 throughout, the extensions that a strict gateway asks for, valid for a
 * week. Never: anything but measurements; the keys lie in files.
 */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/check.h"

#define MAX_COUNT 65536
#define WEEK_S    (7L * 24 * 3600)
#define HOUR_S    3600L

struct issuer {
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* cert and what stands above it, the root apart */
};

static int read_issuer(struct issuer *i, const char *chain, const char *key)
{
    FILE *f = fopen(chain, "r");
    X509 *x;

    i->chain = sk_X509_new_null();
    check(i->chain);
    while (f && (x = PEM_read_X509(f, NULL, NULL, NULL))) {
        if (X509_self_signed(x, 0) == 1)
            X509_free(x);
        else
            check(sk_X509_push(i->chain, x) > 0);
    }
    if (f)
        fclose(f);
    f = fopen(key, "r");
    i->key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f)
        fclose(f);
    ERR_clear_error(); /* the end of the file is one */
    i->cert = sk_X509_value(i->chain, 0);
    return i->cert && i->key && X509_check_private_key(i->cert, i->key) == 1 ? 0 : -EINVAL;
}

static void free_issuer(struct issuer *i)
{
    sk_X509_pop_free(i->chain, X509_free);
    EVP_PKEY_free(i->key);
}

static int extend(X509 *x, X509V3_CTX *ctx, const char *name, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf(NULL, ctx, name, value);
    int ok = e && X509_add_ext(x, e, -1) == 1;

    X509_EXTENSION_free(e);
    return ok ? 0 : -EINVAL;
}

static int extensions(X509 *x, const struct issuer *i, const char *uri)
{
    static const char *const fixed[][2] = {{"basicConstraints", "critical,CA:FALSE"},
                                           {"keyUsage", "critical,digitalSignature"},
                                           {"subjectKeyIdentifier", "hash"},
                                           {"authorityKeyIdentifier", "keyid"},
                                           {"extendedKeyUsage", "clientAuth"}};
    X509V3_CTX ctx;
    char san[300];

    X509V3_set_ctx(&ctx, i->cert, x, NULL, NULL, 0);
    for (size_t k = 0; k < ARRAY_LEN(fixed); k++)
        if (extend(x, &ctx, fixed[k][0], fixed[k][1]))
            return -EINVAL;
    snprintf(san, sizeof(san), "URI:%.200s", uri);
    return extend(x, &ctx, "subjectAltName", san);
}

static int set_serial(X509 *x)
{
    uint8_t bytes[16];
    BIGNUM *n;
    int ok;

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return -EIO;
    bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and of one length */
    n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return ok ? 0 : -ENOMEM;
}

static X509 *make(const struct issuer *i, EVP_PKEY *key, const char *name, const char *uri)
{
    X509 *x = X509_new();
    X509_NAME *subject = X509_NAME_new();

    check(x && subject);
    if (X509_set_version(x, X509_VERSION_3) != 1 || set_serial(x) ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
                                   0) != 1 ||
        X509_set_subject_name(x, subject) != 1 ||
        X509_set_issuer_name(x, X509_get_subject_name(i->cert)) != 1 ||
        !X509_gmtime_adj(X509_getm_notBefore(x), -HOUR_S) ||
        !X509_gmtime_adj(X509_getm_notAfter(x), WEEK_S) || X509_set_pubkey(x, key) != 1 ||
        extensions(x, i, uri) || !X509_sign(x, i->key, EVP_sha256())) {
        X509_free(x);
        x = NULL;
    }
    X509_NAME_free(subject);
    return x;
}

static int write_key(const char *path, EVP_PKEY *key)
{
    mode_t mask = umask(077);
    FILE *f = fopen(path, "w");
    int ok = f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;

    umask(mask);
    if (f && fclose(f))
        ok = 0;
    return ok ? 0 : -EIO;
}

static int write_chain(const char *path, X509 *leaf, const struct issuer *i)
{
    FILE *f = fopen(path, "w");
    int ok = f && PEM_write_X509(f, leaf) == 1;

    for (int k = 0; ok && k < sk_X509_num(i->chain); k++)
        ok = PEM_write_X509(f, sk_X509_value(i->chain, k)) == 1;
    if (f && fclose(f))
        ok = 0;
    return ok ? 0 : -EIO;
}

struct batch {
    const char *dir, *uri;
    EVP_PKEY *key;
    char key_path[512];
};

static int make_one(const struct issuer *i, const struct batch *b, long number)
{
    char name[32], path[512], uri[220];
    X509 *x;
    int rc;

    snprintf(name, sizeof(name), "client-%06ld", number);
    snprintf(uri, sizeof(uri), "%.180s/%ld", b->uri, number);
    x = make(i, b->key, name, uri);
    if (!x)
        return -EINVAL;
    snprintf(path, sizeof(path), "%.400s/%s.chain.pem", b->dir, name);
    rc = write_chain(path, x, i);
    snprintf(path, sizeof(path), "%.400s/%s.key", b->dir, name);
    if (!rc && link(b->key_path, path))
        rc = -errno;
    X509_free(x);
    return rc;
}

static int make_all(const struct issuer *i, struct batch *b, long count)
{
    int rc;

    b->key = EVP_EC_gen("P-256");
    snprintf(b->key_path, sizeof(b->key_path), "%.400s/common", b->dir);
    rc = b->key ? write_key(b->key_path, b->key) : -ENOMEM;
    for (long n = 1; !rc && n <= count; n++)
        rc = make_one(i, b, n);
    unlink(b->key_path);
    EVP_PKEY_free(b->key);
    return rc;
}

int main(int argc, char *argv[])
{
    struct issuer i = {0};
    long count = argc == 6 ? strtol(argv[3], NULL, 10) : 0;
    struct batch b = {0};
    int rc;

    if (count < 1 || count > MAX_COUNT) {
        fprintf(stderr, "usage: certs CA-CHAIN CA-KEY COUNT DIR URI (at most %d)\n", MAX_COUNT);
        return 2;
    }
    b.dir = argv[4];
    b.uri = argv[5];
    rc = read_issuer(&i, argv[1], argv[2]);
    if (rc) {
        fprintf(stderr, "certs: %s: no issuer's chain with its key in %s\n", argv[1], argv[2]);
    } else {
        rc = make_all(&i, &b, count);
        if (rc)
            fprintf(stderr, "certs: %s: %s\n", b.dir, strerror(-rc));
    }
    free_issuer(&i);
    return rc ? 1 : 0;
}
