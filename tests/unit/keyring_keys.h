/* keyring_keys: keys of every kind, and key files, made for tests. */
#ifndef PENSTOCK_TEST_KEYRING_KEYS_H
#define PENSTOCK_TEST_KEYRING_KEYS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "dataplane/wire/chan.h"
#include "dataplane/wire/policy.h"
#include "handshake/keyring/sign.h"

/* A new key; NULL where this OpenSSL has no such kind. */
static inline EVP_PKEY *make_key(enum key_kind kind)
{
    static const struct {
        const char *algorithm, *group;
    } rows[KEY_KINDS] = {
        [KEY_P256] = {"EC", "P-256"},        [KEY_P384] = {"EC", "P-384"},
        [KEY_ED25519] = {"ED25519", NULL},   [KEY_MLDSA44] = {"ML-DSA-44", NULL},
        [KEY_MLDSA65] = {"ML-DSA-65", NULL}, [KEY_MLDSA87] = {"ML-DSA-87", NULL},
    };
    EVP_PKEY *pkey = NULL;

    if (kind == KEY_RSA) {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    } else if (kind == KEY_RSA_PSS) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);

        if (EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) > 0)
            EVP_PKEY_generate(ctx, &pkey);
        EVP_PKEY_CTX_free(ctx);
    } else if (rows[kind].group) {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, rows[kind].algorithm, rows[kind].group);
    } else {
        pkey = EVP_PKEY_Q_keygen(NULL, NULL, rows[kind].algorithm);
    }
    ERR_clear_error();
    return pkey;
}

/* The text that a BIO holds, as a key file's descriptor. */
static inline int file_of(BIO *bio)
{
    char *text;
    long n = BIO_get_mem_data(bio, &text);
    int fd = memfd_seal("test-key", text, (size_t)n);

    BIO_free(bio);
    return fd;
}

static inline int key_file(EVP_PKEY *pkey)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    return file_of(bio);
}

static inline int text_file(const char *text)
{
    return memfd_seal("test-text", text, strlen(text));
}

/* An identity called "gw" with the public half of pkey; free blob.data with OPENSSL_free(). */
static inline struct policy_identity identity_of(EVP_PKEY *pkey, uint8_t uses)
{
    struct policy_identity id = {.name = "gw", .uses = uses};
    unsigned char *der = NULL;

    id.spki.n = (uint32_t)i2d_PUBKEY(pkey, &der);
    id.spki.data = der;
    return id;
}

#endif
