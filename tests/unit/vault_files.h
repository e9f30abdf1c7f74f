/* vault_files: key files as operators have them, made with OpenSSL; descriptors as IMPORT takes
 * them. */
#ifndef PENSTOCK_TEST_VAULT_FILES_H
#define PENSTOCK_TEST_VAULT_FILES_H

#include <openssl/pkcs12.h>
#include "tests/unit/keyring_keys.h"

static inline X509 *file_cert(EVP_PKEY *key, const char *cn, X509 *issuer, EVP_PKEY *by)
{
    static long serial;
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);

    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_set_version(x, X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(x), -100);
    X509_gmtime_adj(X509_getm_notAfter(x), 100000);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
    X509_set_pubkey(x, key);
    X509_sign(x, by, EVP_sha256());
    return x;
}

/* A leaf, the CA between and the root. */
struct file_chain {
    EVP_PKEY *key, *ca_key, *root_key;
    X509 *leaf, *ca, *root;
};

static inline struct file_chain file_chain(enum key_kind kind)
{
    struct file_chain c = {make_key(kind), make_key(KEY_P256), make_key(KEY_P256)};

    c.root = file_cert(c.root_key, "root", NULL, c.root_key);
    c.ca = file_cert(c.ca_key, "ca", c.root, c.root_key);
    c.leaf = file_cert(c.key, "leaf", c.ca, c.ca_key);
    return c;
}

static inline void file_chain_free(struct file_chain *c)
{
    EVP_PKEY_free(c->key);
    EVP_PKEY_free(c->ca_key);
    EVP_PKEY_free(c->root_key);
    X509_free(c->leaf);
    X509_free(c->ca);
    X509_free(c->root);
}

/* PKCS#8 under PBES2, or as the PBE number says; iterations 0: OpenSSL's own. */
static inline int file_pkcs8(EVP_PKEY *key, int pbe, const char *passphrase, int iterations)
{
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(key);
    BIO *bio = BIO_new(BIO_s_mem());
    X509_SIG *sealed = PKCS8_encrypt(pbe, pbe == -1 ? EVP_aes_256_cbc() : NULL, passphrase,
                                     (int)strlen(passphrase), NULL, 0, iterations, p8);

    PEM_write_bio_PKCS8(bio, sealed);
    X509_SIG_free(sealed);
    PKCS8_PRIV_KEY_INFO_free(p8);
    return file_of(bio);
}

struct file_p12 {
    int key_pbe, cert_pbe; /* 0: OpenSSL's own, -1: not encrypted */
    int rounds, mac_rounds;
};

static inline int file_pkcs12(const struct file_chain *c, const char *passphrase,
                              const struct file_p12 *how)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    BIO *bio = BIO_new(BIO_s_mem());
    PKCS12 *p12;

    sk_X509_push(others, c->root);
    sk_X509_push(others, c->ca);
    p12 = PKCS12_create(passphrase, "gw", c->key, c->leaf, others, how->key_pbe, how->cert_pbe,
                        how->rounds, how->mac_rounds, 0);
    if (p12)
        i2d_PKCS12_bio(bio, p12);
    PKCS12_free(p12);
    sk_X509_free(others);
    return file_of(bio);
}

#endif
